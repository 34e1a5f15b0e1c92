"""The identifiers a customer holds: those seen on its events, within each type's limit."""

from __future__ import annotations

from typing import Literal

from cjo_stream.core.event import Event
from cjo_stream.core.record import Address, IdentityChange
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn


def record_identifiers(customer: Customer, event: Event, turn: Turn) -> None:
    """Note the event's identifiers on its customer, and tell of new ones."""
    kind: Literal["created", "linked"] = "linked" if customer.identifiers else "created"
    for identifier in event.identifiers:
        values = customer.identifiers.setdefault(identifier.type, {})
        span = values.get(identifier.value)
        if span is None:
            if not _admitted(values, identifier.type, turn):
                turn.count("cjo_identity_changes_total", "refused")
                continue
            values[identifier.value] = [turn.clock, event.time]
            _tell(customer, kind, Address(identifier.type, identifier.value), event, turn)
            kind = "linked"
            continue
        if event.time >= span[1]:
            span[1] = event.time
            values[identifier.value] = values.pop(identifier.value)


def address_of(customer: Customer, type_: str) -> Address | None:
    """Return the customer's identifier of a type that was seen last, or None."""
    values = customer.identifiers.get(type_)
    if not values:
        return None
    # `>=` over the order of sight: of several seen at the same time, the one that came last.
    best, best_at = "", -(1 << 63)
    for value, (_, last) in values.items():
        if last >= best_at:
            best, best_at = value, last
    return Address(type_, best)


def _admitted(values: dict[str, list[int]], type_: str, turn: Turn) -> bool:
    declared = turn.program.identifiers[type_]
    if declared.per_ms is None:
        return len(values) < declared.limit
    since = turn.clock - declared.per_ms
    return sum(linked > since for linked, _ in values.values()) < declared.limit


def _tell(
    customer: Customer,
    kind: Literal["created", "linked"],
    address: Address,
    event: Event,
    turn: Turn,
) -> None:
    turn.count("cjo_identity_changes_total", kind)
    turn.emit(
        IdentityChange(
            kind=kind,
            customer_id=customer.id,
            identifiers=[address],
            event_id=event.id,
            time=turn.clock,
        )
    )
