"""Traits: values kept over events, ever or in a sliding window of 24 buckets aligned to the epoch.

What is kept, by kind; in a window, a dict of bucket number -> that. It stands under the trait's
slot, which is another one for each definition that the trait has had: so what is kept under a slot
was made by one definition, and a trait that is defined otherwise begins with the change.

    count, sum, min, max    a number
    first, last             [value, event time]
    distinct                a list in order of first sight
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Any

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Scope
from cjo_stream.core.expression.value import same
from cjo_stream.core.profile.former import forget_former
from cjo_stream.core.program import Trait
from cjo_stream.core.size import has_room
from cjo_stream.core.state import Customer
from cjo_stream.core.timeline import EventEntry, TimelineEntry, events_of
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import TraitKind

BUCKETS = 24
_NUMBERS = (int, float)
_NUMERIC = frozenset({TraitKind.SUM, TraitKind.MIN, TraitKind.MAX})
_ZERO = frozenset({TraitKind.COUNT, TraitKind.SUM})
_VALUES = frozenset({TraitKind.FIRST, TraitKind.LAST, TraitKind.DISTINCT})
"""The kinds that keep values as they come; the others keep a number."""


def update(customer: Customer, trait: Trait, event: Event, scope: Scope, turn: Turn) -> Any:
    """Let `event`, on which the trait listens, count; return what was taken of it, or MISSING."""
    if trait.when is not None and not trait.when.holds(scope):
        return MISSING
    value: Any = 1
    if trait.value is not None:
        value = trait.value.evaluate(scope)
        if value is MISSING or (trait.kind in _NUMERIC and type(value) not in _NUMBERS):
            return MISSING
    if _take(customer, trait, value, event.time, scope.now, turn.bounds):
        return value
    forget_former(customer, turn.program)
    if _take(customer, trait, value, event.time, scope.now, turn.bounds):
        return value
    turn.count("cjo_state_bounds_total", "traits")
    return MISSING


def read(customer: Customer, trait: Trait, now: int) -> Any:
    """Return the trait's value at `now`, or MISSING."""
    kept = customer.traits.get(trait.slot)
    if trait.per_ms is not None and kept is not None:
        oldest = now * BUCKETS // trait.per_ms - BUCKETS
        kept = _join(trait, [v for b, v in sorted(kept.items()) if b >= oldest])
    if kept is None:
        if trait.kind in _ZERO:
            return 0
        return [] if trait.kind is TraitKind.DISTINCT else MISSING
    return kept[0] if trait.kind in (TraitKind.FIRST, TraitKind.LAST) else kept


def join_traits(into: Customer, other: Customer, turn: Turn) -> None:
    """Join the other customer's traits, each by its own rule.

    Of the lists of `distinct`, the one of the customer seen first stands first. What has
    no room joined stays as it was.
    """
    is_later = (into.first_seen or 0) > (other.first_seen or 0)
    for slot, kept in other.traits.items():
        trait, mine = turn.program.traits_in.get(slot), into.traits.get(slot)
        if trait is None:
            continue  # of a former definition
        if mine is None:
            joined = kept
        else:
            one, two = (kept, mine) if is_later else (mine, kept)
            joined = _joined(trait, one, two)
        if trait.per_ms is not None and not _has_room(into, slot, joined, turn.bounds):
            oldest = turn.clock * BUCKETS // trait.per_ms - BUCKETS
            joined = {b: v for b, v in joined.items() if b >= oldest}
        if _has_room(into, slot, joined, turn.bounds):
            into.traits[slot] = joined
        else:
            turn.count("cjo_state_bounds_total", "traits")


def _joined(trait: Trait, one: Any, two: Any) -> Any:
    if trait.per_ms is None:
        return _join(trait, [one, two])
    return {
        bucket: _join(trait, [part[bucket] for part in (one, two) if bucket in part])
        for bucket in sorted({*one, *two})
    }


def part_traits(
    customer: Customer,
    fresh: Customer,
    leaving: Iterable[TimelineEntry],
    staying: Iterable[TimelineEntry],
    turn: Turn,
) -> None:
    """Rebuild the traits of both from what each event's entry says was taken of it.

    Where the timeline does not reach back to the first event, what is older stays with
    `customer`: counts and sums less what leaves, the other kinds as they are. What former
    definitions took of an event is dropped.
    """
    gone, kept = events_of(leaving), events_of(staying)
    _rebuild(fresh, gone, turn)
    if len(gone) + len(kept) == customer.events:
        customer.traits = {}
        _rebuild(customer, kept, turn)
        return
    for event in gone:
        for slot, value in event.traits.items():
            trait = turn.program.traits_in.get(slot)
            if trait is not None and trait.kind in _ZERO and slot in customer.traits:
                _take(customer, trait, -value, event.time, event.time, turn.bounds)


def _rebuild(customer: Customer, events: Iterable[EventEntry], turn: Turn) -> None:
    for event in events:
        for slot, value in event.traits.items():
            trait = turn.program.traits_in.get(slot)
            if trait is not None:
                _take(customer, trait, value, event.time, event.time, turn.bounds)


def _take(
    customer: Customer, trait: Trait, value: Any, time: int, now: int, bounds: Bounds
) -> bool:
    """Let a value count; return False where it finds no room."""
    slot, kept = trait.slot, customer.traits.get(trait.slot)
    if trait.per_ms is None:
        taken = _fold(trait, kept, value, time)
        if _may_be_large(trait, taken, kept) and not _has_room(customer, slot, taken, bounds):
            return False
        customer.traits[slot] = taken
        return True
    buckets = kept if kept is not None else {}
    number = time * BUCKETS // trait.per_ms
    oldest = max(time, now) * BUCKETS // trait.per_ms - BUCKETS
    if number >= oldest:
        before = buckets.get(number)
        taken = _fold(trait, before, value, time)
        if _may_be_large(trait, taken, before) and not _has_room(
            customer, slot, {**buckets, number: taken}, bounds
        ):
            buckets = customer.traits[slot] = {b: v for b, v in buckets.items() if b >= oldest}
            if not _has_room(customer, slot, {**buckets, number: taken}, bounds):
                return False
        buckets[number] = taken
    if len(buckets) > BUCKETS + 1:
        buckets = {b: v for b, v in buckets.items() if b >= oldest}
    customer.traits[slot] = buckets
    return True


def _may_be_large(trait: Trait, taken: Any, before: Any) -> bool:
    """Return whether what is kept now may take more bytes than before."""
    return trait.kind in _VALUES and taken is not before


def _has_room(customer: Customer, slot: str, kept: Any, bounds: Bounds) -> bool:
    others = (other for held, other in customer.traits.items() if held != slot)
    return has_room(kept, others, bounds.traits_bytes, bounds.traits_small_bytes)


def _fold(trait: Trait, kept: Any, value: Any, time: int) -> Any:
    kind = trait.kind
    if kind is TraitKind.DISTINCT:
        found = kept or []
        known = value in found if type(value) is str else any(same(value, v) for v in found)
        return found if known else [*found, value][-trait.keep :]
    if kind is TraitKind.FIRST:
        return [value, time] if kept is None or time < kept[1] else kept
    if kind is TraitKind.LAST:
        return [value, time] if kept is None or time >= kept[1] else kept
    if kept is None:
        return value
    if kind is TraitKind.MIN:
        return min(kept, value)
    if kind is TraitKind.MAX:
        return max(kept, value)
    total = kept + value
    if type(total) is float:
        return total if math.isfinite(total) else kept
    return total if -(2**63) < total < 2**63 else float(total)


def _join(trait: Trait, parts: list[Any]) -> Any:
    if trait.kind is TraitKind.DISTINCT:
        return _distinct(trait, parts)
    kept: Any = None
    for part in parts:
        if trait.kind in (TraitKind.FIRST, TraitKind.LAST):
            kept = _fold(trait, kept, part[0], part[1])
        else:
            kept = _fold(trait, kept, part, 0)
    return kept


def _distinct(trait: Trait, parts: Iterable[list[Any]]) -> list[Any] | None:
    """Return what folding one value after the other gives, in time that is linear in them."""
    found: OrderedDict[Hashable, Any] = OrderedDict()
    for part in parts:
        for value in part:
            mark = _mark(value)
            if mark not in found:
                found[mark] = value
                if len(found) > trait.keep:
                    found.popitem(last=False)
    return list(found.values()) or None


def _mark(value: Any) -> Hashable:
    """Return what two values share that are the `same`, and no others."""
    kind = type(value)
    if kind is list:
        return "list", tuple(map(_mark, value))
    if kind is dict:
        return "dict", frozenset((name, _mark(inner)) for name, inner in value.items())
    return value if kind is str else (kind is bool, value)
