"""Facts: declared values. The later event time wins; at equal times the later arrival.

In a merge, at equal times, the greater by JSON text wins. A fact is kept under its slot, which is
different for each type that it has had: so a kept value has the declared type.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.expression import MISSING
from cjo_stream.core.expression.zone import read_timestamp, zone_name
from cjo_stream.core.profile.former import forget_former
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Fact
from cjo_stream.core.size import has_room
from cjo_stream.core.state import Customer, KnownFact
from cjo_stream.core.turn import Turn

TIMEZONE = "timezone"
"""The fact that is the customer's time zone."""
_REFUSED = object()
_MS_MAX = 1 << 63


def set_fact(customer: Customer, name: str, value: Any, time: int, turn: Turn) -> None:
    """Set a fact as of `time`; null removes it. Unknown names and wrong types are counted."""
    fact = turn.program.facts.get(name)
    if fact is None:
        turn.count("cjo_facts_ignored_total", "", "unknown")
        return
    held = customer.facts.get(fact.slot)
    if held is not None and held.time > time:
        return
    fitted = None if value is None else fit(fact, value)
    if fitted is _REFUSED:
        turn.count("cjo_facts_ignored_total", name, "type")
        return
    if name == TIMEZONE and isinstance(fitted, str):
        fitted = zone_name(fitted)
        if fitted is None:
            turn.count("cjo_facts_ignored_total", name, "timezone")
            return
    _keep(customer, fact.slot, KnownFact(fitted, time, turn.anchor), turn)


def join_facts(into: Customer, other: Customer, turn: Turn) -> None:
    """Add the other customer's facts that are later, or at equal times greater."""
    for name, held in other.facts.items():
        mine = into.facts.get(name)
        if mine is None or _weight(held) > _weight(mine):
            _keep(into, name, held, turn)


def _keep(customer: Customer, slot: str, held: KnownFact, turn: Turn) -> None:
    if not _has_room(customer, slot, held.value, turn.bounds):
        forget_former(customer, turn.program)
        if not _has_room(customer, slot, held.value, turn.bounds):
            turn.count("cjo_state_bounds_total", "facts")
            return
    customer.facts[slot] = held


def _has_room(customer: Customer, slot: str, value: Any, bounds: Bounds) -> bool:
    others = (other.value for known, other in customer.facts.items() if known != slot)
    return has_room(value, others, bounds.facts_bytes, bounds.small_bytes)


def part_facts(customer: Customer, fresh: Customer, anchors: frozenset[str]) -> None:
    """Move the facts that came with events of these anchors."""
    for name in [name for name, held in customer.facts.items() if held.anchor in anchors]:
        fresh.facts[name] = customer.facts.pop(name)


def known_facts(customer: Customer, program: Program) -> dict[str, Any]:
    """Return the facts that were set, by name, sorted; without defaults."""
    held = customer.facts
    return {
        fact.name: held[slot].value
        for slot, fact in program.facts_in.items()
        if slot in held and held[slot].value is not None
    }


def _weight(held: KnownFact) -> tuple[int, bytes]:
    return held.time, msgspec.json.encode(held.value)


def fit(fact: Fact, value: Any) -> Any:
    """Return `value` as the fact keeps it, or _REFUSED if its type is wrong."""
    kind = type(value)
    if fact.type == "string":
        return value if kind is str else _REFUSED
    if fact.type == "number":
        return value if kind in (int, float) else _REFUSED
    if fact.type == "boolean":
        return value if kind is bool else _REFUSED
    if fact.type == "list":
        return value if kind is list else _REFUSED
    if kind is int:
        return value
    if kind is float:
        return int(value) if value.is_integer() and abs(value) < _MS_MAX else _REFUSED
    moment = read_timestamp(value) if kind is str else None
    return _REFUSED if moment is None else moment


def read_fact(customer: Customer, fact: Fact) -> Any:
    """Return the fact, its default, or MISSING."""
    held = customer.facts.get(fact.slot)
    value = fact.default if held is None or held.value is None else held.value
    return MISSING if value is None else value
