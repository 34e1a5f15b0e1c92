"""A refused edge: the answer to its source, and the record."""

from __future__ import annotations

from cjo_stream.core.edge import Edge, Incarnation
from cjo_stream.core.identity.forward import moved_to
from cjo_stream.core.identity.member.membership import full_until, has_member, record_change
from cjo_stream.core.message import (
    Denied,
    Link,
    LinkRequest,
    Propose,
    Refusal,
    Refused,
    Reject,
    customer_key,
    identifier_key,
)
from cjo_stream.core.record import Address
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn


def on_denied(_: str, state: Customer, message: Denied, turn: Turn) -> Customer:
    """Record an edge that an identifier refused: only customers emit identity records."""
    edge = message.edge
    if message.reason == "limit" and edge.other.hash in state.members:
        turn.changed = False
        turn.send(identifier_key(edge.other.hash), LinkRequest(edge, state.id))
        return state
    if moved_to(state, edge.source.hash, edge.source.epoch) is None:
        record_refused(state, edge, message.reason, turn)
    answer_denied(message, turn)
    return state


def answer_denied(message: Denied, turn: Turn) -> None:
    """Answer the source of a denied edge, unless the source itself denied it, for a limit."""
    if message.reason != "limit":
        refuse(message.edge, message.reason, turn)


def answer(message: Link | Propose, reason: Refusal, turn: Turn) -> None:
    """Refuse a link, or reject a proposal."""
    if isinstance(message, Link):
        refuse(message.edge, reason, turn)
    else:
        turn.send(customer_key(message.by), Reject(reason))


def refuse(edge: Edge, reason: Refusal, turn: Turn, full: int | None = None) -> None:
    """Answer the source of an edge that the edge is refused."""
    turn.send(identifier_key(edge.source.hash), Refused(edge, reason, full))


def record_refused(customer: Customer, edge: Edge, reason: Refusal, turn: Turn) -> None:
    """Emit the identity record of a refused edge."""
    named = [_address(edge.source), _address(edge.other)]
    record_change(
        customer, "refused", turn, identifiers=named, event_id=edge.event_id, reason=reason
    )


def full_for(customer: Customer, edge: Edge, reason: Refusal, turn: Turn) -> int | None:
    """Return until when there is no room for another value of the type of the edge's other end.

    None if this is not known: only the customer of the edge's source knows it, and not if both
    ends are of one type, because a link counts for both ends.
    """
    if reason != "limit" or edge.source.type == edge.other.type:
        return None
    if not has_member(customer.members, edge.source):
        return None
    return full_until(customer.members, edge.other.type, turn.program, turn.clock)


def _address(incarnation: Incarnation) -> Address:
    return Address(incarnation.type, incarnation.value)
