"""Advice on waits beside the periods of caps: how often a journey asks by itself.

Of each state only the way without conditions counts: its shortest timer that has none, or its
`always`. So the pace is that of a customer to whom nothing else happens.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from cjo_stream.core.duration import duration_text
from cjo_stream.core.program.journey import Act, Decide, Step
from cjo_stream.core.program.policy import Cap, Policy
from cjo_stream.core.word import Period
from cjo_stream.definition.advice.action import asked
from cjo_stream.definition.advice.reach import Reach
from cjo_stream.definition.code import Code
from cjo_stream.definition.rule import Key
from cjo_stream.definition.text.node import Node
from cjo_stream.definition.text.report import Report, quoted

_HOUR_MS: Final = 3_600_000
_SHORTEST_MS: Final = {
    Period.DAY: 23 * _HOUR_MS,
    Period.WEEK: 167 * _HOUR_MS,
    Period.MONTH: (28 * 24 - 1) * _HOUR_MS,
}
_LONGEST_MS: Final = {
    Period.DAY: 25 * _HOUR_MS,
    Period.WEEK: 169 * _HOUR_MS,
    Period.MONTH: (31 * 24 + 1) * _HOUR_MS,
}


class _Way(NamedTuple):
    """Where a state leads by itself: after how long, by which rule, with which steps."""

    wait_ms: int
    to: str
    key: Key
    steps: tuple[Step, ...]


def advise_on_pace(
    nodes: Mapping[Key, Node], found: Collection[Reach], policy: Policy, report: Report
) -> None:
    """Report journeys that ask more often than a cap allows, or too seldom for it to matter."""
    for place, cap in enumerate(policy.caps):
        askers = [one for one in found if _may_count(one, place)]
        for one in askers:
            next_of = {name: way for name in sorted(one.states) if (way := _way(one, name))}
            for circle in _circles(next_of):
                _advise_on_circle(one, next_of, circle, place, cap, nodes, report)
            if len(askers) == 1 and _is_narrow(cap):
                _advise_on_pairs(one, next_of, place, cap, nodes, report)


def _way(found: Reach, name: str) -> _Way | None:
    journey = found.journey
    state = journey.states[name]
    if state.end is not None:
        return None
    for number, way in enumerate(state.always):
        if way.when is None:
            key: Key = ("always", journey.name, name, number)
            return _Way(0, way.to, key, way.do) if isinstance(way.to, str) else None
    first: _Way | None = None
    for number, timer in enumerate(state.timers):
        way, wait_ms = timer.transition, timer.after_ms
        if wait_ms is None or way.when is not None or not isinstance(way.to, str):
            continue
        if first is None or wait_ms < first.wait_ms:
            first = _Way(wait_ms, way.to, ("timer", journey.name, name, number), way.do)
    return first


def _circles(next_of: Mapping[str, _Way]) -> Iterator[list[str]]:
    """Yield each circle of states that lead to each other by themselves, once."""
    seen: set[str] = set()
    for start in next_of:
        path: list[str] = []
        name = start
        while name in next_of and name not in seen:
            seen.add(name)
            path.append(name)
            name = next_of[name].to
        if name in path:
            yield path[path.index(name) :]


def _advise_on_circle(
    found: Reach,
    next_of: Mapping[str, _Way],
    circle: list[str],
    place: int,
    cap: Cap,
    nodes: Mapping[Key, Node],
    report: Report,
) -> None:
    states = found.journey.states
    number = sum(
        _counts((*next_of[name].steps, *states[next_of[name].to].enter), place) for name in circle
    )
    round_ms = sum(next_of[name].wait_ms for name in circle)
    period_ms = _SHORTEST_MS[cap.per] if isinstance(cap.per, Period) else cap.per
    if not cap.most or not round_ms or number * period_ms <= cap.most * round_ms:
        return
    longest = max(circle, key=lambda name: next_of[name].wait_ms)
    message = (
        f"this asks {_times(number)} in {duration_text(round_ms)} again and again, and cap "
        f"{quoted(cap.rule)} lets {cap.most} pass in {_period(cap)}: it stops the rest"
    )
    report.advise(nodes[next_of[longest].key], Code.CAP_PERIOD, f"{message}; wait longer")


def _advise_on_pairs(
    found: Reach,
    next_of: Mapping[str, _Way],
    place: int,
    cap: Cap,
    nodes: Mapping[Key, Node],
    report: Report,
) -> None:
    """Report a wait between two requests that is longer than the period of their cap."""
    states = found.journey.states
    period_ms = _LONGEST_MS[cap.per] if isinstance(cap.per, Period) else cap.per
    for start in next_of:
        if not _counts(states[start].enter, place):
            continue
        wait_ms, name, passed = 0, start, set[str]()
        while name in next_of and name not in passed:
            passed.add(name)
            wait_ms += next_of[name].wait_ms
            steps = (*next_of[name].steps, *states[next_of[name].to].enter)
            name = next_of[name].to
            if _counts(steps, place):
                break
        else:
            continue
        if wait_ms >= period_ms:
            message = (
                f"this asks again after {duration_text(wait_ms)}, and cap {quoted(cap.rule)} "
                f"counts {_period(cap)}: by then it no longer counts the request before"
            )
            report.advise(
                nodes[next_of[start].key],
                Code.CAP_PERIOD,
                f"{message}; wait less, or lengthen the cap's period",
            )


def _counts(steps: tuple[Step, ...], place: int) -> int:
    """Return the number of steps whose candidates a cap all counts."""
    asks = [step for step in steps if isinstance(step, Act | Decide) and step.candidates]
    return sum(all(place in one.caps for one in step.candidates) for step in asks)


def _may_count(found: Reach, place: int) -> bool:
    return any(place in candidate.caps for candidate in asked([found]).values())


def _is_narrow(cap: Cap) -> bool:
    """Return whether a cap is written for some actions, not for all that is sent."""
    coverage = cap.coverage
    return any((coverage.actions, coverage.groups, coverage.issues))


def _period(cap: Cap) -> str:
    return f"a {cap.per}" if isinstance(cap.per, Period) else duration_text(cap.per)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
