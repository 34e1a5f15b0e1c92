"""Advice on rules that recorded events did not reach."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from cjo_stream.core.duration import duration_text
from cjo_stream.core.program.journey import Journey, Raise
from cjo_stream.core.program.program import ENGINE_TYPES
from cjo_stream.definition.advice.journey import first_key, without_target
from cjo_stream.definition.advice.reach import Reach
from cjo_stream.definition.code import Code
from cjo_stream.definition.rule import Key, Rule
from cjo_stream.definition.text.report import Report, quoted

_UNITS_MS: Final = (86_400_000, 3_600_000, 60_000, 1_000)


class Seen(msgspec.Struct, frozen=True):
    """Recorded events: the rules that they reached, their types and their span."""

    reached: set[Key]
    types: set[str]
    span_ms: int
    """From the first event to the last one."""


def advise_on_coverage(
    rules: Iterable[Rule], found: Mapping[str, Reach], seen: Seen, report: Report
) -> None:
    """Report the states, transitions and timers that no event reached, but could have.

    Of a journey that nobody entered only that is said; of a state that nobody was in, likewise.
    """
    raised = ENGINE_TYPES.union(
        step.type for one in found.values() for step in one.steps() if isinstance(step, Raise)
    )
    for rule in rules:
        key = first_key(rule)
        one = found.get(str(key[1]))
        if key[0] == "gate" or one is None or not _may_be_reached(rule, one):
            continue
        what = _unreached(rule, key, seen.reached)
        if what is not None:
            cause = _cause(rule, one.journey, seen, raised)
            report.advise(rule.node, Code.NOT_COVERED, f"no event of the files {what}: {cause}")


def _unreached(rule: Rule, key: Key, reached: Collection[Key]) -> str | None:
    """Return what the events did not reach; None where they did, or where other advice says it."""
    kind, name, *rest = key
    if not rule.keys.isdisjoint(reached):
        return None
    if kind == "entry":
        return f"opened journey {quoted(str(name))}"
    if ("entry", name) not in reached:
        return None
    if kind == "state":
        return f"led to state {quoted(str(rest[0]))}"
    of_state = kind in ("on", "always", "timer") and rest[0]
    if of_state and ("state", name, rest[0]) not in reached:
        return None
    return f"led to {quoted(rule.name)}"


def _cause(rule: Rule, journey: Journey, seen: Seen, raised: Collection[str]) -> str:
    """Return a possible cause, and a remedy."""
    kind, _, *rest = first_key(rule)
    if kind == "timer":
        after_ms = journey.states[str(rest[0])].timers[int(rest[1])].after_ms
        if after_ms is not None and after_ms > seen.span_ms:
            span = _rounded(seen.span_ms)
            return f"it takes {duration_text(after_ms)}, the files cover {span}; take longer ones"
    absent = sorted(_types(rule, journey) - seen.types - set(raised))
    if absent and len(absent) == len(_types(rule, journey)):
        types = ", ".join(quoted(type_) for type_ in absent)
        return f"the files have none of type {types}; take others, or check the type"
    return "look at the conditions on the way there"


def _rounded(span_ms: int) -> str:
    """Return a span in whole units, of the largest that it fills."""
    unit = next((unit for unit in _UNITS_MS if span_ms >= unit), _UNITS_MS[-1])
    return duration_text(span_ms // unit * unit)


def _types(rule: Rule, journey: Journey) -> set[str]:
    """Return the event types that a rule waits for."""
    kind, _, *rest = first_key(rule)
    if kind == "entry":
        return set(journey.entry.on)
    if kind == "goal" and journey.goal is not None:
        return set(journey.goal.on)
    if kind == "exit":
        return set(journey.exit[int(rest[0])].on)
    return {str(key[3]) for key in rule.keys} if kind == "on" else set()


def _may_be_reached(rule: Rule, found: Reach) -> bool:
    kind, _, *rest = first_key(rule)
    if not found.is_entered:
        return False
    if kind == "goal":
        return found.can_mark_goal()
    if kind == "state":
        return rest[0] in found.states
    if kind in ("on", "timer") and rest[0] and rest[0] not in found.resting:
        return False
    return any(without_target(key) not in found.closed for key in rule.keys)
