"""A customer's membership changes one step at a time: links, proposals, departures, orders.

    at rest                    the change is applied at once
    frozen, reserving, seeding it waits in a bounded queue; a link or a proposal without room there
                               is answered `busy`, and is requested again
    at rest again              queued changes are applied, up to the next one that takes time

Proposals are also accepted one at a time, in their order. The absorbed customer is joined as soon
as its state has arrived, so the events that follow that state find it joined.
"""

from __future__ import annotations

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.edge import Incarnation
from cjo_stream.core.identity import merge
from cjo_stream.core.identity.absent import after_erasure
from cjo_stream.core.identity.erasure import erase
from cjo_stream.core.identity.forward import is_order_passed_on
from cjo_stream.core.identity.member.evidence import without
from cjo_stream.core.identity.member.membership import born, has_member, record_change
from cjo_stream.core.identity.refusal import answer
from cjo_stream.core.identity.unmerge import unlink
from cjo_stream.core.message import (
    Absorb,
    Drop,
    Erase,
    Left,
    Link,
    Propose,
    Queued,
    Reject,
    Seeded,
    Unlink,
    customer_key,
    identifier_key,
)
from cjo_stream.core.profile.publication import mark_profile
from cjo_stream.core.record import Address
from cjo_stream.core.standing import CHANGING, Standing, standing_of
from cjo_stream.core.state import Customer, Membership
from cjo_stream.core.turn import Turn

PLACE_CHARACTERS = 100
"""Size of a member besides its value, and of a mark of customers that stay apart."""


# --- messages that request a change


def on_first(key: str, state: None, message: Link | Propose | Drop, turn: Turn) -> Customer:
    """Apply a change to a new customer; its member is the identifier that the message names.

    If that identifier leaves, the customer stays, without members, for messages that come late.
    """
    del state
    return on_change(key, born(key[1:], _named(message)), message, turn)


def on_change(_: str, state: Customer, message: Queued, turn: Turn) -> Customer:
    """Apply a change to a customer at rest."""
    _change(state, message, turn)
    return _drain(state, turn)


def on_change_in_queue(_: str, state: Customer, message: Queued, turn: Turn) -> Customer:
    """Queue a change until the one under way is done."""
    assert state.membership is not None
    queue = state.membership.queue
    is_full = len(queue) >= turn.bounds.queue or not _has_room(queue, message, turn.bounds)
    if is_full and isinstance(message, Link | Propose):
        turn.count("cjo_state_bounds_total", "queue")
        answer(message, "busy", turn)
    else:
        queue.append(message)
    return state


# --- messages that end the change under way


def on_reject(_: str, state: Customer, message: Reject, turn: Turn) -> Customer:
    """Withdraw the proposal and return to rest."""
    merge.give_up(state, message, turn)
    return _drain(state, turn)


def on_absorb(key: str, state: Customer, message: Absorb, turn: Turn) -> Customer:
    """Keep a piece of another customer's state; after the last, join it and return to rest."""
    if not merge.absorb(key, state, message, turn):
        return state
    return _drain(state, turn)


def on_seeded(_: str, state: Customer, message: Seeded, turn: Turn) -> Customer:
    """Return to rest once all customers parted from this one have their state."""
    if state.membership is not None and message.part in state.membership.seeding:
        state.membership.seeding.remove(message.part)
    return _drain(state, turn)


def _drain(customer: Customer, turn: Turn) -> Customer:
    """Apply queued changes while the customer is at rest."""
    while (
        customer.membership is not None
        and customer.membership.queue
        and standing_of(customer) not in CHANGING
    ):
        _change(customer, customer.membership.queue.pop(0), turn)
    if customer.membership == Membership():
        customer.membership = None
    return customer


def _change(customer: Customer, message: Queued, turn: Turn) -> None:
    if isinstance(message, Link):
        merge.propose(customer, message, turn)
    elif isinstance(message, Propose):
        merge.judge(customer, message, turn)
    elif isinstance(message, Drop):
        _leave(customer, message, turn)
    elif is_order_passed_on(customer, message, turn):
        pass
    elif isinstance(message, Unlink):
        unlink(customer, message, turn)
    else:
        _erase(customer, message, turn)


def _leave(customer: Customer, message: Drop, turn: Turn) -> None:
    """Remove a member; then send on the Denied that came with it, if any."""
    left = message.incarnation
    if has_member(customer.members, left):
        member = customer.members.pop(left.hash)
        customer.evidence = without(customer.evidence, left.hash, turn.clock)
        for hash_ in customer.members:
            turn.send(identifier_key(hash_), Left([left.hash]))
        mark_profile(customer, turn)
        if message.reason == "shared" and customer.is_recorded:
            address = Address(member.type, member.value)
            record_change(customer, "detached", turn, identifiers=[address], reason=message.reason)
    if message.denied is not None:
        turn.send(customer_key(message.denied_to), message.denied)


def _erase(customer: Customer, message: Erase, turn: Turn) -> None:
    queue = customer.membership.queue if customer.membership is not None else []
    erase(customer, message, turn)
    if standing_of(customer) is Standing.ERASED:
        for queued in queue:
            after_erasure(customer, queued, turn)


def _named(message: Link | Propose | Drop) -> Incarnation:
    """Return the identifier that is the receiver's member, as the sender knows it."""
    if isinstance(message, Link):
        return message.mine
    return message.theirs if isinstance(message, Propose) else message.incarnation


def _has_room(queue: list[Queued], message: Queued, bounds: Bounds) -> bool:
    """Return whether a message fits into the queue, by the characters of its names."""
    return _weight(message) + sum(map(_weight, queue)) <= bounds.queue_characters


def _weight(message: Queued) -> int:
    """Return the approximate number of characters in a link or a proposal."""
    if isinstance(message, Link):
        return len(message.edge.source.value) + len(message.edge.other.value)
    if not isinstance(message, Propose):
        return 0
    members = sum(PLACE_CHARACTERS + len(member.value) for member in message.members.values())
    return members + PLACE_CHARACTERS * len(message.apart)
