"""Messages for a customer that was never met, or that was erased.

An identifier that still points to an erased customer is sent a Forget; its first later event
begins a new customer.
"""

from __future__ import annotations

from cjo_stream.core.answer import Nobody
from cjo_stream.core.edge import Incarnation
from cjo_stream.core.identity.forward import (
    is_event_passed_on,
    is_locate_passed_on,
    is_order_passed_on,
)
from cjo_stream.core.identity.refusal import answer, answer_denied, record_refused
from cjo_stream.core.message import (
    Arrive,
    Deliver,
    Denied,
    Drop,
    Forget,
    Link,
    Locate,
    Order,
    Propose,
    Queued,
    Rebind,
    Show,
    customer_key,
    identifier_key,
)
from cjo_stream.core.record import Reply
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn

# --- never met


def on_order_for_nobody(_: str, state: None, message: Order, turn: Turn) -> None:
    """Answer an operator that there is no such customer: no event has come for it."""
    turn.changed = False
    _answer_nobody(message.command_id, turn)
    return state


def on_locate_for_nobody(key: str, state: None, message: Locate, turn: Turn) -> None:
    """Answer a final Locate: all events sent before it have passed here."""
    turn.changed = False
    if message.is_final:
        answer_locate(key, message, turn)
    return state


def on_denied_for_nobody(key: str, state: None, message: Denied, turn: Turn) -> None:
    """Record a denied edge; nothing else is known of its customer."""
    turn.changed = False
    record_refused(Customer(id=key[1:]), message.edge, message.reason, turn)
    answer_denied(message, turn)
    return state


# --- erased


def on_deliver_for_erased(_: str, state: Customer, message: Deliver, turn: Turn) -> Customer:
    """Drop an event up to the erasure; for a later one, let its identifier begin anew."""
    if is_event_passed_on(state, message, turn):
        return state
    turn.changed = False
    event = message.event
    assert state.erased_at is not None
    if event.time <= state.erased_at or not event.identifiers:
        turn.count("cjo_events_total", event.channel or "", "erased")
        return state
    anchor = event.identifiers[0]
    here = Incarnation(anchor.type, anchor.value, anchor.hash, message.epoch)
    _bounce(here, state.erased_at, turn)
    turn.send(identifier_key(anchor.hash), Arrive(event))
    return state


def on_locate_for_erased(key: str, state: Customer, message: Locate, turn: Turn) -> Customer:
    """Pass a Locate on, or answer a final one; the erasure has sent identifiers their Forget."""
    turn.changed = False
    if not is_locate_passed_on(state, message, turn) and message.is_final:
        answer_locate(key, message, turn)
    return state


def on_denied_for_erased(_: str, state: Customer, message: Denied, turn: Turn) -> Customer:
    """Answer the edge's source, without a record."""
    turn.changed = False
    answer_denied(message, turn)
    return state


def on_order_for_erased(_: str, state: Customer, message: Show, turn: Turn) -> Customer:
    """Pass an operator's order on, or answer that there is no such customer."""
    turn.changed = False
    after_erasure(state, message, turn)
    return state


def on_change_for_erased(_: str, state: Customer, message: Queued, turn: Turn) -> Customer:
    """Answer a message that would change the membership."""
    turn.changed = False
    after_erasure(state, message, turn)
    return state


def after_erasure(customer: Customer, message: Queued | Show, turn: Turn) -> None:
    """Answer a message; an identifier that still points here is sent a Forget."""
    if isinstance(message, Link | Propose):
        here = message.mine if isinstance(message, Link) else message.theirs
        if f"{here.hash}@{here.epoch}" not in customer.moved:
            assert customer.erased_at is not None
            _bounce(here, customer.erased_at, turn)
        answer(message, "stale", turn)
    elif isinstance(message, Drop):
        if message.denied is not None:
            turn.send(customer_key(message.denied_to), message.denied)
    elif not is_order_passed_on(customer, message, turn):
        _answer_nobody(message.command_id, turn)


def answer_locate(key: str, message: Locate, turn: Turn) -> None:
    """Answer an identifier that the customer at `key` is its own."""
    rebind = Rebind(key[1:], message.epoch, is_located=True, is_final=message.is_final)
    turn.send(identifier_key(message.hash), rebind)


def _bounce(incarnation: Incarnation, erased_at: int, turn: Turn) -> None:
    """Send an identifier that still points to an erased customer a Forget."""
    rank = turn.program.identifier_type(incarnation.type).rank
    turn.send(identifier_key(incarnation.hash), Forget(incarnation.epoch, erased_at, rank))


def _answer_nobody(command_id: str, turn: Turn) -> None:
    turn.emit(Reply(command_id=command_id, body=Nobody()))
