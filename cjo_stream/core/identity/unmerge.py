"""Taking a link back: identifiers connected only by it leave, and become a customer of their own.

    root                                fresh customer              its identifiers
    evidence without the link
    components; the own seed's stays
    Seed, in parts ───────────────────▶ opens with the state
    at rest again           ◀────────── Seeded
                                        Reseed ────────────────────▶ new epoch, new pointer
    events, Locate, the last    ◀───────────────────────────────────
    passed on ────────────────────────▶ events
                                        Rebind, is_final ──────────▶ sends straight to the new one

Messages still on their way to the root for a member that left (`moved`) are passed on: events, and
operators' orders. The root changes no membership until Seeded, so that they arrive after the
state. The instances, timeline entries, facts, consents, cases and commands anchored on a member
leave with it. The timeline holds the values that traits took from events, so the traits of both
sides are rebuilt from it; values older than the timeline stay with the root.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cjo_stream.core.answer import Leaving, LeavingInstance, Unlinked
from cjo_stream.core.edge import (
    Evidence,
    Incarnation,
    next_given_epoch,
)
from cjo_stream.core.identity.field import Parting, part
from cjo_stream.core.identity.member.apart import keep_apart
from cjo_stream.core.identity.member.evidence import components
from cjo_stream.core.identity.member.membership import record_change
from cjo_stream.core.identity.parcel import Parcel, pack, unpack
from cjo_stream.core.journey.instance import count_live
from cjo_stream.core.journey.rollout import catch_up
from cjo_stream.core.message import (
    Left,
    Reseed,
    Seed,
    Seeded,
    Unlink,
    customer_id,
    customer_key,
    identifier_key,
    seed_of,
)
from cjo_stream.core.profile.former import forget_former
from cjo_stream.core.profile.publication import mark_profile
from cjo_stream.core.program.topology import name_of_slot
from cjo_stream.core.record import Address, Reply
from cjo_stream.core.state import Customer, Membership
from cjo_stream.core.timeline import TimelineEntry, without
from cjo_stream.core.turn import Turn


class Split(msgspec.Struct):
    """The links to take back, and `leaving`, the components (hashes) that then leave."""

    links: list[Evidence]
    leaving: list[list[str]]


def unlink(customer: Customer, message: Unlink, turn: Turn) -> None:
    """Take links back, or only answer what that would do."""
    key = customer_key(customer.id)
    forget_former(customer, turn.program)
    split = _split(customer, message, turn)
    answer = Unlinked(
        customer_id=customer.id,
        done=message.confirmed,
        links=[(_named(customer, e.a), _named(customer, e.b)) for e in split.links],
        leaving=[_leaving(customer, hashes) for hashes in split.leaving],
    )
    if message.confirmed and split.links:
        _take_back(key, customer, split, answer, turn)
    turn.emit(Reply(command_id=message.command_id, body=answer))


def on_seed(key: str, state: Customer | None, message: Seed, turn: Turn) -> Customer:
    """Begin with the state from an unmerge, and send the members' identifiers their Reseed."""
    membership = state.membership if state is not None else Membership(is_seeded=False)
    assert membership is not None
    membership.pieces.append(message.piece)
    if message.part + 1 < message.parts:
        return Customer(id=key[1:], membership=membership)
    parcel = unpack(membership.pieces)
    fresh = parcel.customer
    fresh.noted = len(parcel.timeline)
    turn.timelines.replace(key, 0, parcel.timeline)
    catch_up(fresh, turn)
    count_live(fresh, turn, by=1)
    for hash_, member in fresh.members.items():
        old = Incarnation(member.type, member.value, hash_, message.epochs[hash_])
        turn.send(identifier_key(hash_), Reseed(old, member.epoch, fresh.id))
    # First the one that the id is made from: where it goes, goes what was recorded under the id.
    members = sorted(fresh.members.items(), key=lambda of: of[0] != seed_of(fresh.id))
    addresses = [Address(m.type, m.value) for _, m in members]
    record_change(fresh, "unmerged", turn, identifiers=addresses, reason=f"from {message.source}")
    mark_profile(fresh, turn)
    turn.send(customer_key(message.source), Seeded(fresh.id))
    return fresh


def _split(customer: Customer, message: Unlink, turn: Turn) -> Split:
    """Return the links to take back, and the components that leave without them."""
    one, other = message.one, message.other
    links = [
        e
        for e in customer.evidence
        if one in (e.a, e.b) and (other is None or other in (e.a, e.b))
    ]
    rest = [e for e in customer.evidence if e not in links]
    parts = components(customer.members, rest)
    ends = {end for e in links for end in (e.a, e.b)}
    seed = _strongest(customer, customer.members, turn)  # the one in the id, while it is a member
    leaving = [one for one in parts if seed not in one and not ends.isdisjoint(one)]
    return Split(links, leaving)


def _take_back(key: str, customer: Customer, split: Split, answer: Unlinked, turn: Turn) -> None:
    customer.evidence = [e for e in customer.evidence if e not in split.links]
    timeline = turn.timelines.read(key, customer.noted)
    parcels: list[Parcel] = []
    epochs: list[dict[str, int]] = []
    for number, hashes in enumerate(split.leaving):
        epochs.append({hash_: customer.members[hash_].epoch for hash_ in hashes})
        parcel, timeline = _part(customer, hashes, timeline, turn)
        parcels.append(parcel)
        answer.leaving[number].customer_id = parcel.customer.id
    for link in split.links:
        keep_apart(link, [customer, *(parcel.customer for parcel in parcels)], turn)
    for parcel, old in zip(parcels, epochs, strict=True):
        count_live(parcel.customer, turn, by=-1)
        pieces = pack(parcel, turn.bounds.piece_bytes)
        membership = customer.membership = customer.membership or Membership()
        membership.seeding.append(parcel.customer.id)
        for place, piece in enumerate(pieces):
            seed = Seed(customer.id, piece, place, len(pieces), old)
            turn.send(customer_key(parcel.customer.id), seed)
    gone = [hash_ for hashes in split.leaving for hash_ in hashes]
    for hash_ in customer.members if gone else ():
        turn.send(identifier_key(hash_), Left(gone))
    if parcels:
        turn.timelines.replace(key, customer.noted, timeline)
        customer.noted = len(timeline)


def _part(
    customer: Customer, hashes: list[str], timeline: list[TimelineEntry], turn: Turn
) -> tuple[Parcel, list[TimelineEntry]]:
    """Move a component out of `customer`; return its parcel, and the entries that stay."""
    anchors = frozenset(hashes)
    seed = _strongest(customer, hashes, turn)
    rank = turn.program.identifier_type(customer.members[seed].type).rank
    epoch = next_given_epoch(customer.members[seed].epoch)
    fresh = Customer(id=customer_id(rank, seed, epoch))
    leaving = [entry for entry in timeline if entry.anchor in anchors]
    staying = [entry for entry in timeline if entry.anchor not in anchors]
    part(Parting(customer, fresh, hashes, anchors, leaving, staying, turn))
    return Parcel(fresh, without(leaving, customer.members)), without(staying, anchors)


def _strongest(customer: Customer, hashes: Iterable[str], turn: Turn) -> str:
    """Return the hash of the strongest of some members; empty if there are none."""

    def strength(hash_: str) -> tuple[int, str]:
        return turn.program.identifier_type(customer.members[hash_].type).rank, hash_

    return min(hashes, key=strength, default="")


def _named(customer: Customer, hash_: str) -> str:
    member = customer.members[hash_]
    return f"{member.type}:{member.value}"


def _leaving(customer: Customer, hashes: list[str]) -> Leaving:
    """Return the state that would leave with a component."""
    return Leaving(
        identifiers=sorted(_named(customer, hash_) for hash_ in hashes),
        instances=[
            LeavingInstance(i.journey, i.key, i.state)
            for i in customer.instances
            if i.anchor in hashes and i.state is not None
        ],
        facts=sorted(
            name_of_slot(slot) for slot, held in customer.facts.items() if held.anchor in hashes
        ),
        commands=sum(command.anchor in hashes for command in customer.commands),
    )
