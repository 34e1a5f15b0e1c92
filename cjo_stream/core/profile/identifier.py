"""A customer's identifiers as values: all by type, and the address for a channel."""

from __future__ import annotations

from cjo_stream.core.event import Event
from cjo_stream.core.record import Address
from cjo_stream.core.state import Customer


def note_members(customer: Customer, event: Event) -> None:
    """Note the members that an event names, the one named last at the end."""
    members = customer.members
    for identifier in event.identifiers:
        member = members.get(identifier.hash)
        if member is not None and (member.seen_at is None or event.time >= member.seen_at):
            member.seen_at = event.time
            if len(members) > 1:
                members[identifier.hash] = members.pop(identifier.hash)


def address_of(customer: Customer, type_: str) -> Address | None:
    """Return the customer's identifier of a type that was last seen, or None."""
    # Members are in order of arrival; `>=` takes the last to arrive of those seen at one time.
    best, best_at = None, -(1 << 63)
    for member in customer.members.values():
        if member.type == type_:
            at = member.seen_at if member.seen_at is not None else -(1 << 63)
            if at >= best_at:
                best, best_at = member, at
    return Address(type_, best.value) if best is not None else None


def values_of(customer: Customer) -> dict[str, list[str]]:
    """Return the customer's values by type, both sorted."""
    values: dict[str, list[str]] = {}
    for type_, value in sorted([(one.type, one.value) for one in customer.members.values()]):
        values.setdefault(type_, []).append(value)
    return values
