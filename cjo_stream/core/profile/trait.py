"""Traits: values kept over events, ever or in a sliding window of 24 buckets aligned to the epoch.

What is kept, by kind; in a window, a dict of bucket number -> that:

    count, sum, min, max    a number
    first, last             [value, event time]
    distinct                a list in order of first sight
"""

from __future__ import annotations

import math
from typing import Any

from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Scope
from cjo_stream.core.expression.value import same
from cjo_stream.core.program import Trait, TraitKind
from cjo_stream.core.state import Customer

BUCKETS = 24
_NUMBERS = (int, float)
_NUMERIC = frozenset({TraitKind.SUM, TraitKind.MIN, TraitKind.MAX})
_ZERO = frozenset({TraitKind.COUNT, TraitKind.SUM})


def update(customer: Customer, trait: Trait, event: Event, scope: Scope) -> None:
    """Let `event`, on which the trait listens, count."""
    if trait.when is not None and not trait.when.holds(scope):
        return
    value: Any = 1
    if trait.value is not None:
        value = trait.value.evaluate(scope)
        if value is MISSING or (trait.kind in _NUMERIC and type(value) not in _NUMBERS):
            return
    kept = customer.traits.get(trait.name)
    if trait.per_ms is None:
        customer.traits[trait.name] = _fold(trait, kept, value, event.time)
        return
    buckets = kept if kept is not None else {}
    number = event.time * BUCKETS // trait.per_ms
    oldest = max(event.time, scope.now) * BUCKETS // trait.per_ms - BUCKETS
    if number >= oldest:
        buckets[number] = _fold(trait, buckets.get(number), value, event.time)
    if len(buckets) > BUCKETS + 1:
        buckets = {b: v for b, v in buckets.items() if b >= oldest}
    customer.traits[trait.name] = buckets


def read(customer: Customer, trait: Trait, now: int) -> Any:
    """Return the trait's value at `now`, or MISSING."""
    kept = customer.traits.get(trait.name)
    if trait.per_ms is not None and kept is not None:
        oldest = now * BUCKETS // trait.per_ms - BUCKETS
        kept = _join(trait, [v for b, v in sorted(kept.items()) if b >= oldest])
    if kept is None:
        if trait.kind in _ZERO:
            return 0
        return [] if trait.kind is TraitKind.DISTINCT else MISSING
    return kept[0] if trait.kind in (TraitKind.FIRST, TraitKind.LAST) else kept


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
    kept: Any = None
    for part in parts:
        if trait.kind is TraitKind.DISTINCT:
            for value in part:
                kept = _fold(trait, kept, value, 0)
        elif trait.kind in (TraitKind.FIRST, TraitKind.LAST):
            kept = _fold(trait, kept, part[0], part[1])
        else:
            kept = _fold(trait, kept, part, 0)
    return kept
