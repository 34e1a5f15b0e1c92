"""Taking a link back: what hangs together without it leaves as a customer of its own.

    root                                fresh customer              its identifiers
    evidence without the link
    components; the own seed's stays
    Seed, in parts ───────────────────▶ opens with the state
    at rest again           ◀────────── Seeded
                                        Reseed ────────────────────▶ new epoch, new pointer
    events, Locate, the last    ◀───────────────────────────────────
    passed on ────────────────────────▶ events
                                        Rebind, is_final ──────────▶ sends straight to the new one

What is still on its way to the root for a member that left (`moved`) is passed on, events and
operators' orders alike. Until Seeded the root changes no membership, so that what it passes on
goes behind the state. With a member
go the instances, timeline entries, facts, consents, cases and commands anchored on it. What the
traits took of events is noted in the timeline, so both sides' are rebuilt from it; what is older
than the timeline stays with the root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from cjo_stream.core.command.history import part_commands
from cjo_stream.core.command.window import part_windows
from cjo_stream.core.decision.waiting import part_waiting
from cjo_stream.core.edge import (
    Evidence,
    Incarnation,
    Member,
    next_given_epoch,
)
from cjo_stream.core.identity.evidence import components
from cjo_stream.core.identity.membership import tell
from cjo_stream.core.identity.origin import origins_of_part
from cjo_stream.core.identity.parcel import Parcel, pack, unpack
from cjo_stream.core.journey.history import part_histories
from cjo_stream.core.journey.instance import count_live
from cjo_stream.core.journey.join import part_instances
from cjo_stream.core.message import (
    Left,
    Order,
    Reseed,
    Seed,
    Seeded,
    Unlink,
    customer_id,
    customer_key,
    identifier_key,
    seed_of,
)
from cjo_stream.core.profile.activity import part_ids, part_sights
from cjo_stream.core.profile.case import part_cases
from cjo_stream.core.profile.consent import part_consent
from cjo_stream.core.profile.fact import part_facts
from cjo_stream.core.profile.former import forget_former
from cjo_stream.core.profile.publication import mark_profile
from cjo_stream.core.profile.trait import part_traits
from cjo_stream.core.program import name_of_slot
from cjo_stream.core.record import Address, Reply
from cjo_stream.core.state import Customer, Membership
from cjo_stream.core.timeline import Entry, without
from cjo_stream.core.turn import Turn


class Split(msgspec.Struct):
    """What taking links back would do: `leaving` are the components (hashes) that go."""

    links: list[Evidence]
    leaving: list[list[str]]


def unlink(customer: Customer, message: Unlink, turn: Turn) -> None:
    """Take links back, or only say what that would do."""
    key = customer_key(customer.id)
    forget_former(customer, turn.program)
    split = _split(customer, message, turn)
    report: dict[str, Any] = {
        "found": True,
        "customer_id": customer.id,
        "done": message.confirmed,
        "links": [[_named(customer, e.a), _named(customer, e.b)] for e in split.links],
        "leaving": [_show(customer, hashes) for hashes in split.leaving],
    }
    if message.confirmed and split.links:
        _take_back(key, customer, split, report, turn)
    turn.emit(Reply(command_id=message.command_id, body=report))


def on_seed(key: str, state: Customer | None, message: Seed, turn: Turn) -> Customer:
    """Open with the state an unmerge gave, and tell the identifiers whose they are now."""
    membership = state.membership if state is not None else Membership(is_seeded=False)
    assert membership is not None
    assert not membership.is_seeded, "a customer is seeded once"
    membership.pieces.append(message.piece)
    if message.part + 1 < message.parts:
        return Customer(id=key[1:], membership=membership)
    parcel = unpack(membership.pieces)
    fresh = parcel.customer
    fresh.noted = len(parcel.timeline)
    turn.timelines.replace(key, 0, parcel.timeline)
    count_live(fresh, turn, by=1)
    for hash_, member in fresh.members.items():
        old = Incarnation(member.type, member.value, hash_, message.epochs[hash_])
        turn.send(identifier_key(hash_), Reseed(old, member.epoch, fresh.id))
    addresses = [Address(m.type, m.value) for m in fresh.members.values()]
    tell(fresh, "unmerged", turn, identifiers=addresses, reason=f"from {message.source}")
    mark_profile(fresh, turn)
    turn.send(customer_key(message.source), Seeded(fresh.id))
    return fresh


def moved_to(customer: Customer, hash_: str, epoch: int) -> tuple[str, int] | None:
    """Return to whom an unmerge gave this incarnation, and its epoch there; None: to nobody."""
    to = customer.moved.get(f"{hash_}@{epoch}")
    return (to, next_given_epoch(epoch)) if to is not None else None


def is_passed_on(customer: Customer, order: Order, turn: Turn) -> bool:
    """Return whether an order is none for this root, and see to it.

    It goes on to whom an unmerge gave the identifier by which it came. Where that has left and
    nobody knows whither, the operator is told to ask again: nothing is done to another customer.
    """
    if order.by is None:
        return False
    hash_, epoch = order.by
    moved = moved_to(customer, hash_, epoch)
    if moved is not None:
        order = msgspec.structs.replace(order, by=(hash_, moved[1]))
        turn.send(customer_key(moved[0]), order)
        return True
    held = [customer.members]
    if customer.membership is not None:
        held += [reserved.members for reserved in customer.membership.reserved.values()]
    is_here = any(hash_ in members and members[hash_].epoch == epoch for members in held)
    if is_here or customer.erased_at is not None:
        return False
    turn.emit(Reply(command_id=order.command_id, body={"found": False, "changed": True}))
    return True


def forget_oldest(customer: Customer, turn: Turn) -> None:
    """Keep of those who left, and of their commands, as many as there is room for, the newest."""
    turn.drop_oldest(customer.moved, turn.bounds.remembered, "moved")
    turn.drop_oldest(customer.parted, turn.bounds.remembered, "parted")


def _split(customer: Customer, message: Unlink, turn: Turn) -> Split:
    """Return the links asked for, and the components that leave once they are gone."""
    one, other = message.one, message.other
    links = [
        e
        for e in customer.evidence
        if one in (e.a, e.b) and (other is None or other in (e.a, e.b))
    ]
    rest = [e for e in customer.evidence if e not in links]
    parts = components(customer.members, rest)
    ends = {end for e in links for end in (e.a, e.b)}
    seed = _strongest(customer, customer.members, turn)  # that of the id, while it is a member
    leaving = [part for part in parts if seed not in part and not ends.isdisjoint(part)]
    return Split(links, leaving)


def _take_back(
    key: str, customer: Customer, split: Split, report: dict[str, Any], turn: Turn
) -> None:
    customer.evidence = [e for e in customer.evidence if e not in split.links]
    timeline = turn.timelines.read(key, customer.noted)
    parcels: list[Parcel] = []
    epochs: list[dict[str, int]] = []
    for number, hashes in enumerate(split.leaving):
        epochs.append({hash_: customer.members[hash_].epoch for hash_ in hashes})
        parcel, timeline = _part(customer, hashes, timeline, turn)
        parcels.append(parcel)
        report["leaving"][number]["customer_id"] = parcel.customer.id
    for link in split.links:
        _keep_apart(link, [customer, *(parcel.customer for parcel in parcels)], turn)
    for parcel, old in zip(parcels, epochs, strict=True):
        count_live(parcel.customer, turn, by=-1)
        pieces = pack(parcel, turn.bounds.piece_bytes)
        membership = customer.membership = customer.membership or Membership()
        membership.seeding.append(parcel.customer.id)
        for part, piece in enumerate(pieces):
            seed = Seed(customer.id, piece, part, len(pieces), old)
            turn.send(customer_key(parcel.customer.id), seed)
    gone = [hash_ for hashes in split.leaving for hash_ in hashes]
    for hash_ in customer.members if gone else ():
        turn.send(identifier_key(hash_), Left(gone))
    if parcels:
        turn.timelines.replace(key, customer.noted, timeline)
        customer.noted = len(timeline)
        mark_profile(customer, turn)


def _part(
    customer: Customer, hashes: list[str], timeline: list[Entry], turn: Turn
) -> tuple[Parcel, list[Entry]]:
    """Move a component out of `customer`; return it with its entries, and the entries left."""
    anchors = frozenset(hashes)
    seed = _strongest(customer, hashes, turn)
    rank = turn.program.identifier_type(customer.members[seed].type).rank
    epoch = next_given_epoch(customer.members[seed].epoch)
    fresh = Customer(id=customer_id(rank, seed, epoch), is_told=True)
    fresh.cases_era = customer.cases_era
    fresh.apart = dict(customer.apart)
    fresh.origins = origins_of_part(customer, turn)
    fresh.aliases = [id_ for id_ in customer.aliases if seed_of(id_) in anchors]
    customer.aliases = [id_ for id_ in customer.aliases if seed_of(id_) not in anchors]
    for hash_ in hashes:
        old = customer.members.pop(hash_)
        customer.moved[f"{hash_}@{old.epoch}"] = fresh.id
        given = next_given_epoch(old.epoch)
        fresh.members[hash_] = Member(old.type, old.value, given, old.linked_at, old.seen_at)
    fresh.evidence = [e for e in customer.evidence if e.a in anchors]
    customer.evidence = [e for e in customer.evidence if e.a not in anchors]
    leaving = [entry for entry in timeline if entry.anchor in anchors]
    staying = [entry for entry in timeline if entry.anchor not in anchors]
    part_traits(customer, fresh, leaving, staying, turn)
    part_sights(customer, fresh, leaving, staying)
    part_ids(customer, fresh, anchors)
    part_facts(customer, fresh, anchors)
    part_consent(customer, fresh, anchors)
    part_cases(customer, fresh, anchors)
    part_instances(customer, fresh, anchors)
    part_histories(customer, fresh, anchors)
    fresh.holdouts, fresh.mixed = dict(customer.holdouts), list(customer.mixed)
    part_commands(customer, fresh, anchors)
    part_waiting(customer, fresh, anchors)
    part_windows(customer, fresh, anchors)
    customer.parted.update(dict.fromkeys((c.id for c in fresh.commands), fresh.id))
    forget_oldest(customer, turn)
    return Parcel(fresh, without(leaving, customer.members)), without(staying, anchors)


def _keep_apart(link: Evidence, customers: list[Customer], turn: Turn) -> None:
    """Let the customers of a link's two ends never be linked again."""
    one = next((c for c in customers if link.a in c.members), None)
    other = next((c for c in customers if link.b in c.members), None)
    if one is not None and other is not None and one is not other:
        # A digest: neither side keeps whom the other is.
        text = f"{link.a}:{link.b}:{turn.clock}"
        name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        one.apart[name], other.apart[name] = 0, 1
        for side in (one, other):
            turn.drop_oldest(side.apart, turn.bounds.apart, "apart")


def _strongest(customer: Customer, hashes: Iterable[str], turn: Turn) -> str:
    """Return the strongest of some members; empty where there are none."""

    def strength(hash_: str) -> tuple[int, str]:
        return turn.program.identifier_type(customer.members[hash_].type).rank, hash_

    return min(hashes, key=strength, default="")


def _named(customer: Customer, hash_: str) -> str:
    member = customer.members[hash_]
    return f"{member.type}:{member.value}"


def _show(customer: Customer, hashes: list[str]) -> dict[str, Any]:
    """Return what a component would take with it."""
    return {
        "identifiers": sorted(_named(customer, hash_) for hash_ in hashes),
        "instances": [
            {"journey": i.journey, "key": i.key, "state": i.state}
            for i in customer.instances
            if i.anchor in hashes and i.state is not None
        ],
        "facts": sorted(
            name_of_slot(slot) for slot, held in customer.facts.items() if held[2] in hashes
        ),
        "commands": sum(command.anchor in hashes for command in customer.commands),
    }
