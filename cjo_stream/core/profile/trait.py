"""Traits: values over all events, or over a sliding window of 24 buckets aligned to the epoch.

The state of a trait depends on its kind; in a window, it is a dict of bucket number -> such state.
It is kept under the trait's slot, which is different for each definition that the trait has had:
a trait with a changed definition begins anew.

    count, sum, min, max    a number
    first, last             [value, event time]
    distinct                a list in the order in which values were first seen

`_KINDS` has one row for each kind.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from operator import itemgetter
from typing import Any, Final, NamedTuple

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Scope
from cjo_stream.core.expression.value import fault, same
from cjo_stream.core.profile.former import forget_former
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Trait
from cjo_stream.core.size import has_room
from cjo_stream.core.state import Customer
from cjo_stream.core.timeline import EventEntry, TimelineEntry, events_of
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import TraitKind

BUCKETS = 24
_NUMBERS = (int, float)


def update(customer: Customer, trait: Trait, event: Event, scope: Scope, turn: Turn) -> Any:
    """Count `event`, of a type in the trait's `on`; return the value taken from it, or MISSING."""
    if trait.when is not None and not trait.when.holds(scope):
        return MISSING
    value: Any = 1
    if trait.value is not None:
        value = trait.value.evaluate(scope)
        if value is MISSING:
            return MISSING
        if _KINDS[trait.kind].is_numeric and type(value) not in _NUMBERS:
            fault(scope, value)
            return MISSING
    if _let_count(customer, trait, value, event.time, scope.now, turn.bounds):
        return value
    forget_former(customer, turn.program)
    if _let_count(customer, trait, value, event.time, scope.now, turn.bounds):
        return value
    turn.count("cjo_state_bounds_total", "traits")
    return MISSING


def read(customer: Customer, trait: Trait, now: int) -> Any:
    """Return the trait's value at `now`, or MISSING."""
    kind, kept = _KINDS[trait.kind], customer.traits.get(trait.slot)
    if trait.per_ms is not None and kept is not None:
        oldest = now * BUCKETS // trait.per_ms - BUCKETS
        parts = [kept[bucket] for bucket in sorted(kept) if bucket >= oldest]
        kept = parts[0] if len(parts) == 1 else kind.join(trait, parts)
    if kept is None:
        return list(kind.empty) if type(kind.empty) is list else kind.empty
    return kept if kind.shown is None else kind.shown(kept)


def known_traits(customer: Customer, program: Program, now: int) -> dict[str, Any]:
    """Return the values of the traits that have one, by name; they are not to be changed."""
    found = {}
    for name, trait in program.traits.items():
        is_kept = trait.slot in customer.traits
        value = read(customer, trait, now) if is_kept else _KINDS[trait.kind].empty
        if value is not MISSING:
            found[name] = value
    return found


def join_traits(into: Customer, other: Customer, turn: Turn) -> None:
    """Join the other customer's traits, each by its kind's rule.

    For `distinct`, the list of the customer seen first comes first. A trait whose joined state has
    no room stays as it was.
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
    join = _KINDS[trait.kind].join
    if trait.per_ms is None:
        return join(trait, [one, two])
    return {
        bucket: join(trait, [part[bucket] for part in (one, two) if bucket in part])
        for bucket in sorted({*one, *two})
    }


def part_traits(
    customer: Customer,
    fresh: Customer,
    leaving: Iterable[TimelineEntry],
    staying: Iterable[TimelineEntry],
    turn: Turn,
) -> None:
    """Rebuild the traits of both from the values in the events' timeline entries.

    If the timeline does not reach back to the first event, older values stay with `customer`:
    the leaving values are subtracted from counts and sums, the other kinds stay as they are.
    Values taken by former definitions are dropped.
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
            if trait is not None and _KINDS[trait.kind].is_difference and slot in customer.traits:
                _let_count(customer, trait, -value, event.time, event.time, turn.bounds)


def _rebuild(customer: Customer, events: Iterable[EventEntry], turn: Turn) -> None:
    for event in events:
        for slot, value in event.traits.items():
            trait = turn.program.traits_in.get(slot)
            if trait is not None:
                _let_count(customer, trait, value, event.time, event.time, turn.bounds)


def _let_count(
    customer: Customer, trait: Trait, value: Any, time: int, now: int, bounds: Bounds
) -> bool:
    """Count a value; return False if there is no room for it."""
    kind, slot = _KINDS[trait.kind], trait.slot
    kept = customer.traits.get(slot)
    if trait.per_ms is None:
        taken = kind.fold(trait, kept, value, time)
        if (
            kind.keeps_values
            and taken is not kept
            and not _has_room(customer, slot, taken, bounds)
        ):
            return False
        customer.traits[slot] = taken
        return True
    buckets = kept if kept is not None else {}
    number = time * BUCKETS // trait.per_ms
    oldest = max(time, now) * BUCKETS // trait.per_ms - BUCKETS
    if number >= oldest:
        before = buckets.get(number)
        taken = kind.fold(trait, before, value, time)
        may_be_large = kind.keeps_values and taken is not before
        if may_be_large and not _has_room(customer, slot, {**buckets, number: taken}, bounds):
            buckets = customer.traits[slot] = {b: v for b, v in buckets.items() if b >= oldest}
            if not _has_room(customer, slot, {**buckets, number: taken}, bounds):
                return False
        buckets[number] = taken
    if len(buckets) > BUCKETS + 1:
        buckets = {b: v for b, v in buckets.items() if b >= oldest}
    customer.traits[slot] = buckets
    return True


def _has_room(customer: Customer, slot: str, kept: Any, bounds: Bounds) -> bool:
    others = (other for held, other in customer.traits.items() if held != slot)
    return has_room(kept, others, bounds.traits_bytes, bounds.traits_small_bytes)


# --- the kinds


def _add(_: Trait, kept: Any, value: Any, time: int) -> Any:
    del time
    if kept is None:
        return value
    total = kept + value
    if type(total) is float:
        return total if math.isfinite(total) else kept
    return total if -(2**63) < total < 2**63 else float(total)


def _least(_: Trait, kept: Any, value: Any, time: int) -> Any:
    del time
    return value if kept is None else min(kept, value)


def _greatest(_: Trait, kept: Any, value: Any, time: int) -> Any:
    del time
    return value if kept is None else max(kept, value)


def _first(_: Trait, kept: Any, value: Any, time: int) -> Any:
    return [value, time] if kept is None or time < kept[1] else kept


def _last(_: Trait, kept: Any, value: Any, time: int) -> Any:
    return [value, time] if kept is None or time >= kept[1] else kept


def _with_distinct(trait: Trait, kept: Any, value: Any, time: int) -> Any:
    del time
    found = kept or []
    known = value in found if type(value) is str else any(same(value, v) for v in found)
    return found if known else [*found, value][-trait.keep :]


def _join_numbers(trait: Trait, parts: list[Any]) -> Any:
    fold, kept = _KINDS[trait.kind].fold, None
    for number in parts:
        kept = fold(trait, kept, number, 0)
    return kept


def _join_timed(trait: Trait, parts: list[Any]) -> Any:
    fold, kept = _KINDS[trait.kind].fold, None
    for value, time in parts:
        kept = fold(trait, kept, value, time)
    return kept


def _join_distinct(trait: Trait, parts: list[Any]) -> list[Any] | None:
    """Return the result of folding the values one by one, in time linear in their number."""
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
    """Return a key that two values share exactly if they are the `same`."""
    kind = type(value)
    if kind is list:
        return "list", tuple(map(_mark, value))
    if kind is dict:
        return "dict", frozenset((name, _mark(inner)) for name, inner in value.items())
    return value if kind is str else (kind is bool, value)


class _Kind(NamedTuple):
    """The operations of one kind of trait.

    `fold` adds a value with its event time to the state, which is None at first. `join` unites
    states that were kept apart. The trait's value is `empty` while there is no state, else
    `shown(state)` (None: the state itself). `is_numeric`: only numbers count. `keeps_values`: the
    state holds values unchanged, so it may be large. `is_difference`: folding its negative takes a
    value back.
    """

    fold: Callable[[Trait, Any, Any, int], Any]
    join: Callable[[Trait, list[Any]], Any] = _join_numbers
    empty: Any = MISSING
    shown: Callable[[Any], Any] | None = None
    is_numeric: bool = False
    keeps_values: bool = False
    is_difference: bool = False


_KINDS: Final = {
    TraitKind.COUNT: _Kind(_add, empty=0, is_difference=True),
    TraitKind.SUM: _Kind(_add, empty=0, is_numeric=True, is_difference=True),
    TraitKind.MIN: _Kind(_least, is_numeric=True),
    TraitKind.MAX: _Kind(_greatest, is_numeric=True),
    TraitKind.FIRST: _Kind(_first, _join_timed, shown=itemgetter(0), keeps_values=True),
    TraitKind.LAST: _Kind(_last, _join_timed, shown=itemgetter(0), keeps_values=True),
    TraitKind.DISTINCT: _Kind(_with_distinct, _join_distinct, empty=[], keeps_values=True),
}
