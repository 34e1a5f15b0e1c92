"""A customer's activity: how many events, the first and last time, the last channel."""

from __future__ import annotations

from collections.abc import Iterable

from cjo_stream.core.event import Event
from cjo_stream.core.state import Customer
from cjo_stream.core.text import short
from cjo_stream.core.timeline import EventEntry, TimelineEntry, events_of
from cjo_stream.core.turn import Turn

TAG_DIGITS = 8
"""Digits of an anchor's hash kept with an event id: enough to distinguish a customer's members."""


def seen_before(customer: Customer, event: Event, turn: Turn) -> bool:
    """Return whether an event with this id came within the time that ids are remembered."""
    if not event.own_id:
        return False
    came = customer.seen.get(_name(event))
    return came is not None and _at(came) > turn.clock - turn.program.dedupe_ms


def remember_id(customer: Customer, event: Event, turn: Turn) -> bool:
    """Return whether an event is new, not one of `seen_before`; if it is, note its own id.

    Ids that are too old, or beyond the bound, are forgotten.
    """
    if not event.own_id:
        return True
    name = _name(event)
    came = customer.seen.get(name)
    if came is not None:
        if _at(came) > turn.clock - turn.program.dedupe_ms:
            return False
        del customer.seen[name]
    anchor = event.identifiers[0].hash if event.identifiers else ""
    customer.seen[name] = turn.clock, anchor[:TAG_DIGITS]
    _forget_ids(customer, turn)
    return True


def join_activity(into: Customer, other: Customer) -> None:
    """Add the other customer's events."""
    into.events += other.events
    if other.first_seen is not None:
        firsts = (into.first_seen, other.first_seen)
        into.first_seen = min(first for first in firsts if first is not None)
    if other.last_seen is not None and (
        into.last_seen is None or other.last_seen > into.last_seen
    ):
        into.last_seen, into.last_channel = other.last_seen, other.last_channel


def join_ids(into: Customer, other: Customer, turn: Turn) -> None:
    """Add the other customer's event ids; for an id of both keep the later arrival."""
    for name, came in other.seen.items():
        into.seen[name] = max(came, into.seen.get(name, came), key=_at)
    into.seen = dict(sorted(into.seen.items(), key=lambda pair: _at(pair[1])))
    _forget_ids(into, turn)


def part_ids(customer: Customer, fresh: Customer, anchors: Iterable[str]) -> None:
    """Move the ids of events with these anchors; an id without a known anchor stays."""
    tags = {anchor[:TAG_DIGITS] for anchor in anchors}
    for name, came in list(customer.seen.items()):
        if not isinstance(came, int) and came[1] in tags:
            fresh.seen[name] = customer.seen.pop(name)


def part_activity(
    customer: Customer,
    fresh: Customer,
    leaving: Iterable[TimelineEntry],
    staying: Iterable[TimelineEntry],
) -> None:
    """Count the events whose timeline entries leave to `fresh`, and no longer to `customer`."""
    gone, kept = events_of(leaving), events_of(staying)
    is_whole = len(gone) + len(kept) == customer.events
    for event in gone:
        count_event(fresh, event)
    if is_whole:
        customer.events = 0
        customer.first_seen = customer.last_seen = customer.last_channel = None
        for event in kept:
            count_event(customer, event)
    else:
        customer.events -= len(gone)


def count_event(customer: Customer, event: Event | EventEntry) -> None:
    """Count an event."""
    customer.events += 1
    if customer.first_seen is None or event.time < customer.first_seen:
        customer.first_seen = event.time
    if customer.last_seen is None or event.time >= customer.last_seen:
        customer.last_seen = event.time
        customer.last_channel = event.channel


def _at(came: int | tuple[int, str]) -> int:
    """Return when an id came; an earlier release stored the time alone."""
    return came if isinstance(came, int) else came[0]


def _name(event: Event) -> str:
    """Return the name by which an id is remembered: with its channel; a long one as a digest."""
    return short(f"{event.channel} {event.id}")


def _forget_ids(customer: Customer, turn: Turn) -> None:
    seen = customer.seen
    since = turn.clock - turn.program.dedupe_ms
    while seen:
        oldest = next(iter(seen))
        is_new = _at(seen[oldest]) > since
        if len(seen) <= turn.bounds.seen and is_new:
            break
        if is_new:
            turn.count("cjo_state_bounds_total", "seen")
        del seen[oldest]
