"""How two customers become one: the greater id asks the smaller, frozen until it is answered.

      x (greater)                         y (smaller)
      Link ── x is root and at rest ──▶
      frozen: pending                     Propose ── limits hold ──▶ reserved
      Accept: redirect to y   ◀────────── Accept
      Absorb, in parts ─────────────────▶ joined; Linked to who asked
      at rest again           ◀────────── Reject: limit, cannot_link, busy, stale

While pending a customer admits no change of membership; events and journeys go on. What comes
meanwhile waits in a bounded queue: what asks there in vain is told `busy` and asks again.
Lanes deliver each message once and in order between two tasks, so none is defended against twice.
"""

from __future__ import annotations

import msgspec

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.edge import Edge, Evidence, Incarnation, Member
from cjo_stream.core.identity.erasure import answer_nobody, bounce, erase
from cjo_stream.core.identity.evidence import spare_evidence, without
from cjo_stream.core.identity.identifier import send_link
from cjo_stream.core.identity.join import join
from cjo_stream.core.identity.membership import (
    born,
    breaks_limit,
    full_until,
    has_member,
    join_members,
    tell,
    tell_created,
)
from cjo_stream.core.identity.origin import join_origins
from cjo_stream.core.identity.parcel import Parcel, pack, unpack
from cjo_stream.core.identity.unmerge import forget_oldest, is_passed_on, moved_to, unlink
from cjo_stream.core.journey.instance import count_live
from cjo_stream.core.message import (
    Absorb,
    Accept,
    Denied,
    Drop,
    Erase,
    Granted,
    Left,
    Link,
    Linked,
    LinkRequest,
    Propose,
    Queued,
    Refusal,
    Refused,
    Reject,
    Seeded,
    Unlink,
    customer_key,
    identifier_key,
)
from cjo_stream.core.profile.publication import mark_profile, withdraw_profile
from cjo_stream.core.record import Address
from cjo_stream.core.state import Customer, Membership, Reservation
from cjo_stream.core.turn import Turn

PLACE_CHARACTERS = 100
"""What a member takes besides its value; a mark of who stays apart, too."""


def on_link(key: str, state: Customer | None, message: Link, turn: Turn) -> Customer:
    """An edge was seen between this customer and a smaller one, or within it."""
    customer = state if state is not None else born(key[1:], message.mine)
    return _receive(customer, message, turn)


def on_propose(key: str, state: Customer | None, message: Propose, turn: Turn) -> Customer:
    """A greater customer would be absorbed."""
    customer = state if state is not None else born(key[1:], message.theirs)
    return _receive(customer, message, turn)


def on_denied(key: str, state: Customer | None, message: Denied, turn: Turn) -> Customer | None:
    """Tell of an edge that an identifier refused: a customer's records come from one place."""
    edge = message.edge
    if state is None or state.redirect or state.erased_at is not None:
        turn.changed = False
    if state is not None and state.redirect:
        turn.send(customer_key(state.redirect), message)
        return state
    if message.reason == "limit" and state is not None and edge.other.hash in state.members:
        turn.changed = False
        turn.send(identifier_key(edge.other.hash), LinkRequest(edge, state.id))
        return state
    source = edge.source
    if state is None:
        _tell_refused(Customer(id=key[1:]), edge, message.reason, turn)
    elif state.erased_at is None and moved_to(state, source.hash, source.epoch) is None:
        _tell_refused(state, edge, message.reason, turn)
    if message.reason != "limit":
        _refuse(edge, message.reason, turn)
    return state


def on_drop(key: str, state: Customer | None, message: Drop, turn: Turn) -> Customer:
    """An identifier has left.

    Where nobody had come yet, nobody stays: so that what comes late for it finds no member.
    """
    customer = state if state is not None else born(key[1:], message.incarnation)
    return _receive(customer, message, turn)


def on_unlink(_: str, state: Customer | None, message: Unlink, turn: Turn) -> Customer | None:
    """An operator takes a link back."""
    return _receive_order(state, message, turn)


def on_erase(_: str, state: Customer | None, message: Erase, turn: Turn) -> Customer | None:
    """An operator erases the customer."""
    return _receive_order(state, message, turn)


def on_accept(key: str, state: Customer | None, message: Accept, turn: Turn) -> Customer:
    """Be absorbed: leave a redirect, send the state after the others' reservation."""
    assert state is not None
    assert state.membership is not None
    edge = state.membership.pending
    assert edge is not None, "an answer to a proposal that was not made"
    queue = state.membership.queue
    count_live(state, turn, by=-1)
    withdraw_profile(state, turn)
    state.membership = None
    pieces = pack(Parcel(state, turn.timelines.read(key, state.noted)), turn.bounds.piece_bytes)
    turn.timelines.replace(key, state.noted, [])
    for part, piece in enumerate(pieces):
        absorb = Absorb(state.id, piece, part, len(pieces), edge)
        turn.send(customer_key(message.by), absorb)
    redirect = Customer(id=state.id, redirect=message.by)
    for queued in queue:
        _redirect(redirect, queued, turn)
    return redirect


def on_reject(_: str, state: Customer | None, message: Reject, turn: Turn) -> Customer:
    """Go on as before; tell the edge's source."""
    assert state is not None
    assert state.membership is not None
    edge = state.membership.pending
    assert edge is not None, "an answer to a proposal that was not made"
    state.membership.pending = None
    full = message.full_until or _full_for(state, edge, message.reason, turn)
    _refuse(edge, message.reason, turn, full)
    return _drain(state, turn)


def on_absorb(key: str, state: Customer | None, message: Absorb, turn: Turn) -> Customer:
    """Take a piece of another customer's state; with the last, join it."""
    assert state is not None
    assert state.membership is not None, "a state that no room was reserved for"
    reserved = state.membership.reserved
    reservation = reserved[message.absorbed]
    reservation.pieces.append(message.piece)
    if message.part + 1 < message.parts:
        return state
    del reserved[message.absorbed]
    _absorb(key, state, reservation, message.edge, turn)
    return _drain(state, turn)


# --- a message at a root at rest, or not


def on_seeded(_: str, state: Customer | None, message: Seeded, turn: Turn) -> Customer:
    """Go on: whoever was parted from this customer has their state."""
    assert state is not None
    if state.membership is not None and message.part in state.membership.seeding:
        state.membership.seeding.remove(message.part)
    return _drain(state, turn)


def _receive_order(
    customer: Customer | None, message: Unlink | Erase, turn: Turn
) -> Customer | None:
    """Answer where an identifier points to a customer of whom no event has come."""
    if customer is None:
        answer_nobody(message.command_id, turn)
        return None
    return _receive(customer, message, turn)


def _receive(customer: Customer, message: Queued, turn: Turn) -> Customer:
    if customer.redirect:
        turn.changed = False
        _redirect(customer, message, turn)
        return customer
    if customer.erased_at is not None:
        turn.changed = False
        _after_erasure(customer, message, turn)
        return customer
    membership = customer.membership
    if membership is not None and (membership.queue or _is_under_way(membership)):
        _enqueue(membership, message, turn)
        return customer
    _take(customer, message, turn)
    return _drain(customer, turn)


def _is_under_way(membership: Membership) -> bool:
    """Return whether a change of membership is under way; the next waits until it is done.

    Of proposals, too, one is let in at a time: who was let in is joined as soon as their state is
    there, so that their events, which follow it, find it; and in the order of the proposals,
    whoever is nearer.
    """
    return bool(membership.pending is not None or membership.reserved or membership.seeding)


def _enqueue(membership: Membership, message: Queued, turn: Turn) -> None:
    queue = membership.queue
    is_full = len(queue) >= turn.bounds.queue or not _has_room(queue, message, turn.bounds)
    if is_full and isinstance(message, Link | Propose):
        turn.count("cjo_state_bounds_total", "queue")
        _answer(message, "busy", turn)
        return
    queue.append(message)


def _has_room(queue: list[Queued], message: Queued, bounds: Bounds) -> bool:
    """Return whether what a message names fits beside what those in the queue name."""
    return _weight(message) + sum(map(_weight, queue)) <= bounds.queue_characters


def _weight(message: Queued) -> int:
    """Return about how many characters a link or a proposal takes."""
    if isinstance(message, Link):
        return len(message.edge.source.value) + len(message.edge.other.value)
    if not isinstance(message, Propose):
        return 0
    members = sum(PLACE_CHARACTERS + len(member.value) for member in message.members.values())
    return members + PLACE_CHARACTERS * len(message.apart)


def _drain(customer: Customer, turn: Turn) -> Customer:
    """Take what waits, as far as it need not wait any more."""
    membership = customer.membership
    while (
        membership is not None
        and membership.queue
        and not _is_under_way(membership)
        and customer.erased_at is None
    ):
        _take(customer, membership.queue.pop(0), turn)
    if membership is not None and membership == Membership():
        customer.membership = None
    return customer


def _take(customer: Customer, message: Queued, turn: Turn) -> None:
    """Let a message have its effect."""
    if isinstance(message, Link):
        _begin(customer, message, turn)
    elif isinstance(message, Propose):
        _judge(customer, message, turn)
    elif isinstance(message, Drop):
        _drop(customer, message, turn)
    elif is_passed_on(customer, message, turn):
        pass
    elif isinstance(message, Unlink):
        unlink(customer, message, turn)
    else:
        _erase(customer, message, turn)


def _begin(customer: Customer, message: Link, turn: Turn) -> None:
    """Freeze and propose; an edge within the customer is evidence."""
    edge = message.edge
    if not has_member(customer.members, message.mine):
        _refuse(edge, "stale", turn)
    elif message.to != customer.id:
        membership = customer.membership = customer.membership or Membership()
        membership.pending = edge
        members = {h: msgspec.structs.replace(m) for h, m in customer.members.items()}
        apart = dict(customer.apart)
        propose = Propose(customer.id, members, apart, message.theirs, edge)
        turn.send(customer_key(message.to), propose)
    elif not has_member(customer.members, message.theirs):
        _refuse(edge, "stale", turn)
    else:
        _add_evidence(customer, edge, turn)
        turn.send(identifier_key(edge.source.hash), Linked(edge))


def _judge(customer: Customer, message: Propose, turn: Turn) -> None:
    """Reserve and accept, or reject."""
    edge = message.edge
    if not has_member(customer.members, message.theirs):
        _answer(message, "stale", turn)
        return
    reason = _against(customer.members, customer.apart, message, turn)
    if reason is not None:
        _tell_refused(customer, edge, reason, turn)
        reject = Reject(reason, _full_for(customer, edge, reason, turn))
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


def _tell_refused(customer: Customer, edge: Edge, reason: Refusal, turn: Turn) -> None:
    named = [_address(edge.source), _address(edge.other)]
    tell(customer, "refused", turn, identifiers=named, event_id=edge.event_id, reason=reason)


def _full_for(customer: Customer, edge: Edge, reason: Refusal, turn: Turn) -> int | None:
    """Return until when there is no room for the like of the edge's other end.

    Only the customer who has its source knows. A link counts for both ends, so of a source of the
    same type that cannot be told.
    """
    if reason != "limit" or edge.source.type == edge.other.type:
        return None
    if not has_member(customer.members, edge.source):
        return None
    return full_until(customer.members, edge.other.type, turn.program, turn.clock)


def _against(
    members: dict[str, Member], apart: dict[str, int], message: Propose, turn: Turn
) -> Refusal | None:
    """Return what stands against these members and the proposing customer's being one."""
    edge = message.edge
    if not edge.command_id and _are_apart(apart, message.apart):
        return "cannot_link"
    union = dict(members)
    join_members(union, message.members)
    ends = (edge.source.hash, edge.other.hash)
    return "limit" if breaks_limit(union, ends, turn) else None


def _absorb(
    key: str, customer: Customer, reservation: Reservation, edge: Edge, turn: Turn
) -> None:
    parcel = unpack(reservation.pieces)
    other = parcel.customer
    tell_created(customer, edge.event_id, turn)
    joined = [Address(m.type, m.value) for m in other.members.values()]
    for hash_ in (edge.source.hash, edge.other.hash):
        if hash_ in other.members and hash_ in reservation.members:
            other.members[hash_].linked_at = reservation.members[hash_].linked_at
    if edge.command_id:
        _forgive(customer.apart, other.apart)
    if other.is_told:  # else no event was theirs: there is nothing to join
        join(key, customer, parcel, edge, turn)
    join_members(customer.members, other.members)
    customer.evidence += other.evidence
    _add_evidence(customer, edge, turn)
    customer.apart.update(other.apart)
    turn.drop_oldest(customer.apart, turn.bounds.apart, "apart")
    customer.moved.update(other.moved)
    customer.parted.update(other.parted)
    if customer.parted:
        # What has come back is no longer elsewhere.
        back = {customer.id, *customer.aliases, other.id, *other.aliases}
        customer.parted = {id_: to for id_, to in customer.parted.items() if to not in back}
    forget_oldest(customer, turn)
    customer.origins = join_origins(customer.origins, other.origins, turn)
    if other.is_told:
        absorbed = [other.id, *other.aliases]
        aliases = [*customer.aliases, *absorbed]
        customer.aliases = turn.newest(aliases, turn.bounds.aliases, "aliases")
        tell(
            customer,
            "merged",
            turn,
            absorbed=absorbed,
            identifiers=joined,
            event_id=edge.event_id,
        )
    else:
        tell(customer, "linked", turn, identifiers=joined, event_id=edge.event_id)
    mark_profile(customer, turn)
    turn.send(identifier_key(edge.source.hash), Linked(edge))


def _drop(customer: Customer, message: Drop, turn: Turn) -> None:
    _leave(customer, message, turn)
    if message.denied is not None:
        turn.send(customer_key(message.denied_to), message.denied)


def _leave(customer: Customer, message: Drop, turn: Turn) -> None:
    left = message.incarnation
    if not has_member(customer.members, left):
        return
    member = customer.members.pop(left.hash)
    customer.evidence = without(customer.evidence, left.hash, turn.clock)
    for hash_ in customer.members:
        turn.send(identifier_key(hash_), Left([left.hash]))
    mark_profile(customer, turn)
    if message.reason == "shared" and customer.is_told:
        address = Address(member.type, member.value)
        tell(customer, "detached", turn, identifiers=[address], reason=message.reason)


def _erase(customer: Customer, message: Erase, turn: Turn) -> None:
    queue = customer.membership.queue if customer.membership is not None else []
    erase(customer, message, turn)
    if customer.erased_at is not None:
        for queued in queue:
            _after_erasure(customer, queued, turn)


# --- a message at a customer who is none any more


def _redirect(customer: Customer, message: Queued, turn: Turn) -> None:
    if isinstance(message, Link):
        pair = (customer.redirect, message.to)
        source, other = pair if message.of_source else pair[::-1]
        send_link(message.edge, source, other, turn)
    else:
        turn.send(customer_key(customer.redirect), message)


def _after_erasure(customer: Customer, message: Queued, turn: Turn) -> None:
    """Nobody is here: the identifier that still points here learns it, or has left before."""
    if isinstance(message, Link | Propose):
        here = message.mine if isinstance(message, Link) else message.theirs
        if f"{here.hash}@{here.epoch}" not in customer.moved:
            assert customer.erased_at is not None
            bounce(here, customer.erased_at, turn)
        _answer(message, "stale", turn)
    elif isinstance(message, Drop):
        if message.denied is not None:
            turn.send(customer_key(message.denied_to), message.denied)
    elif not is_passed_on(customer, message, turn):
        answer_nobody(message.command_id, turn)


# --- answers, evidence, sets


def _answer(message: Link | Propose, reason: Refusal, turn: Turn) -> None:
    if isinstance(message, Link):
        _refuse(message.edge, reason, turn)
    else:
        turn.send(customer_key(message.by), Reject(reason))


def _refuse(edge: Edge, reason: Refusal, turn: Turn, full: int | None = None) -> None:
    turn.send(identifier_key(edge.source.hash), Refused(edge, reason, full))


def _add_evidence(customer: Customer, edge: Edge, turn: Turn) -> None:
    """Keep an accepted link; beyond the bound the oldest goes that no member hangs on."""
    one, other = edge.source.hash, edge.other.hash
    if any({e.a, e.b} == {one, other} for e in customer.evidence):
        return
    customer.evidence.append(Evidence(one, other, turn.clock))
    while len(customer.evidence) > turn.bounds.evidence:
        spare = spare_evidence(customer.members, customer.evidence)
        if spare is None:
            break
        turn.count("cjo_state_bounds_total", "evidence")
        customer.evidence.remove(spare)


def _are_apart(one: dict[str, int], other: dict[str, int]) -> bool:
    return any(name in other and other[name] != side for name, side in one.items())


def _forgive(one: dict[str, int], other: dict[str, int]) -> None:
    for name in [name for name, side in one.items() if other.get(name, side) != side]:
        del one[name], other[name]


def _address(incarnation: Incarnation) -> Address:
    return Address(incarnation.type, incarnation.value)
