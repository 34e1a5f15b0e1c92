"""Two customers become one: the greater id asks the smaller, and is frozen until the answer.

      x (greater)                         y (smaller)
      Link ── x is root and at rest ──▶
      frozen: pending                     Propose ── limits hold ──▶ reserved
      Accept: redirect to y   ◀────────── Accept
      Absorb, in parts ─────────────────▶ joined; Linked to the source
      at rest again           ◀────────── Reject: limit, cannot_link, busy, stale

While frozen, a customer queues all changes of membership (`change`); events and journeys go on.
Lanes deliver each message once and in order between two tasks, so no handler expects repeats.
"""

from __future__ import annotations

import msgspec

from cjo_stream.core.edge import Edge, Member
from cjo_stream.core.identity.field import Joining, join
from cjo_stream.core.identity.forward import pass_on
from cjo_stream.core.identity.member.apart import are_apart
from cjo_stream.core.identity.member.evidence import add_evidence
from cjo_stream.core.identity.member.membership import (
    breaks_limit,
    has_member,
    join_members,
    record_change,
)
from cjo_stream.core.identity.parcel import Parcel, pack, unpack
from cjo_stream.core.identity.refusal import answer, full_for, record_refused, refuse
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.journey.instance import count_live
from cjo_stream.core.journey.rollout import catch_up
from cjo_stream.core.message import (
    Absorb,
    Accept,
    Granted,
    Link,
    Linked,
    Propose,
    Queued,
    Refusal,
    Reject,
    customer_key,
    identifier_key,
)
from cjo_stream.core.profile.former import forget_former
from cjo_stream.core.profile.publication import withdraw_profile
from cjo_stream.core.record import Address, Trigger
from cjo_stream.core.state import Customer, Membership, Reservation
from cjo_stream.core.turn import Turn


def propose(customer: Customer, message: Link, turn: Turn) -> None:
    """Freeze, and send a proposal to the smaller customer; keep an edge within the customer."""
    edge = message.edge
    if not has_member(customer.members, message.mine):
        refuse(edge, "stale", turn)
    elif message.to != customer.id:
        membership = customer.membership = customer.membership or Membership()
        membership.pending = edge
        members = {h: msgspec.structs.replace(m) for h, m in customer.members.items()}
        apart = dict(customer.apart)
        propose = Propose(customer.id, members, apart, message.theirs, edge)
        turn.send(customer_key(message.to), propose)
    elif not has_member(customer.members, message.theirs):
        refuse(edge, "stale", turn)
    else:
        add_evidence(customer, (), edge, turn)
        turn.send(identifier_key(edge.source.hash), Linked(edge))


def judge(customer: Customer, message: Propose, turn: Turn) -> None:
    """Reserve and accept, or reject."""
    edge = message.edge
    if not has_member(customer.members, message.theirs):
        answer(message, "stale", turn)
        return
    reason = _against(customer.members, customer.apart, message, turn)
    if reason is not None:
        record_refused(customer, edge, reason, turn)
        reject = Reject(reason, full_for(customer, edge, reason, turn))
        turn.send(customer_key(message.by), reject)
        return
    membership = customer.membership = customer.membership or Membership()
    membership.reserved[message.by] = Reservation(message.members, message.apart)
    for side in (customer.members, message.members):
        for hash_ in (edge.source.hash, edge.other.hash):
            if hash_ in side:
                side[hash_].linked_at = turn.clock
    turn.send(customer_key(message.by), Accept(customer.id))
    if not edge.command_id:
        turn.send(identifier_key(edge.source.hash), Granted(edge))


def on_accept(key: str, state: Customer, message: Accept, turn: Turn) -> Customer:
    """Be absorbed: send the state to the customer that reserved room, and leave a redirect."""
    edge, queue = _pending(state)
    count_live(state, turn, by=-1)
    withdraw_profile(state, turn)
    state.membership = None
    pieces = pack(Parcel(state, turn.timelines.read(key, state.noted)), turn.bounds.piece_bytes)
    turn.timelines.replace(key, state.noted, [])
    for part, piece in enumerate(pieces):
        absorb = Absorb(state.id, piece, part, len(pieces), edge)
        turn.send(customer_key(message.by), absorb)
    for queued in queue:
        pass_on(queued, message.by, turn)
    return Customer(id=state.id, redirect=message.by)


def give_up(customer: Customer, message: Reject, turn: Turn) -> None:
    """Withdraw the proposal, and answer the edge's source."""
    edge, _ = _pending(customer)
    assert customer.membership is not None
    customer.membership.pending = None
    full = message.full_until or full_for(customer, edge, message.reason, turn)
    refuse(edge, message.reason, turn, full)


def absorb(key: str, customer: Customer, message: Absorb, turn: Turn) -> bool:
    """Keep a piece of another customer's state; after the last, join it and return True."""
    assert customer.membership is not None
    reserved = customer.membership.reserved
    reservation = reserved[message.absorbed]
    reservation.pieces.append(message.piece)
    if message.part + 1 < message.parts:
        return False
    del reserved[message.absorbed]
    _join(key, customer, reservation, message.edge, turn)
    return True


def _join(key: str, customer: Customer, reservation: Reservation, edge: Edge, turn: Turn) -> None:
    parcel = unpack(reservation.pieces)
    other = parcel.customer
    catch_up(other, turn)
    joined = [Address(m.type, m.value) for m in other.members.values()]
    for hash_ in (edge.source.hash, edge.other.hash):
        if hash_ in other.members and hash_ in reservation.members:
            other.members[hash_].linked_at = reservation.members[hash_].linked_at
    if other.is_recorded:  # else it has had no event, and only its membership is joined
        forget_former(customer, turn.program)
        forget_former(other, turn.program)
    absorbed = [other.id, *other.aliases] if other.is_recorded else []
    cascade = Cascade(customer, turn, None)
    cascade.trigger = Trigger("event", edge.event_id, edge.event_type)
    join(Joining(key, customer, parcel, edge, cascade, turn))
    cascade.close()
    record_change(
        customer,
        "merged" if other.is_recorded else "linked",
        turn,
        absorbed=absorbed,
        identifiers=joined,
        event_id=edge.event_id,
    )
    turn.send(identifier_key(edge.source.hash), Linked(edge))


def _against(
    members: dict[str, Member], apart: dict[str, int], message: Propose, turn: Turn
) -> Refusal | None:
    """Return why these members and the proposing customer's must stay apart, or None."""
    edge = message.edge
    if not edge.command_id and are_apart(apart, message.apart):
        return "cannot_link"
    union = dict(members)
    join_members(union, message.members)
    ends = (edge.source.hash, edge.other.hash)
    return "limit" if breaks_limit(union, ends, turn) else None


def _pending(customer: Customer) -> tuple[Edge, list[Queued]]:
    """Return the edge of a frozen customer's proposal, and its queue."""
    assert customer.membership is not None
    assert customer.membership.pending is not None
    return customer.membership.pending, customer.membership.queue
