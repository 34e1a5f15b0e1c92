"""The graph of a journey: which states can be reached, by events or by time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from cjo_stream.core.expression import Expression
from cjo_stream.core.program.journey import (
    Assign,
    Journey,
    SetFact,
    Split,
    State,
    Step,
    TimerRule,
    Transition,
)
from cjo_stream.core.word import Past

_MOVING = re.compile(r"\b(now|next_time|days_since|hours_since)\b")
"""Names in an expression that change with the clock."""


def reachable(initial: str, next_of: dict[str, set[str]]) -> set[str]:
    """Return the states that can be reached from `initial`, itself included."""
    found = {initial}
    waiting = [initial]
    while waiting:
        for state in next_of.get(waiting.pop(), set()) - found:
            found.add(state)
            waiting.append(state)
    return found


def moves(journey: Journey) -> dict[str, set[str]]:
    """Return, for each state, the targets of its transitions; a final state has none."""
    everywhere = set(_targets(_all(journey.on)))
    return {
        name: set() if state.end else everywhere | set(_targets(_of_state(state)))
        for name, state in journey.states.items()
    }


def entered_by_time_only(journey: Journey) -> set[str]:
    """Return the reachable states that neither an event nor `always` leads to."""
    reached = reachable(journey.initial, moves(journey))
    by_event = {journey.initial, *_targets(_all(journey.on))}
    for name in reached & journey.states.keys():
        state = journey.states[name]
        if not state.end:
            by_event |= {*_targets(_all(state.on)), *_targets(state.always)}
    return reached - by_event


def past_loops(journey: Journey) -> Iterator[Expression]:
    """Yield the times of `at` that, once past, stay past and lead back to their own state.

    Only timers without a condition are found, and only if their time reads nothing that changes
    with the clock, or that a step of the journey sets.
    """
    by_itself: dict[str, set[str]] = {}
    looping: list[tuple[str, Expression, set[str]]] = []
    given = _given(journey)
    for name, state in journey.states.items():
        ways = by_itself.setdefault(name, set())
        ways.update(_targets(t for t in state.always if t.when is None))
        for timer in state.timers:
            to = set(_targets([timer.transition]))
            if timer.at is not None and _stays_past(timer, given):
                ways |= to
                looping.append((name, timer.at, to))
    for name, time, to in looping:
        if any(name in reachable(target, by_itself) for target in to):
            yield time


def _stays_past(timer: TimerRule, given: set[tuple[str, str]]) -> bool:
    assert timer.at is not None
    if timer.transition.when is not None or timer.past is Past.SKIP:
        return False
    reads = timer.at.reads
    return not _MOVING.search(timer.at.text) and not any(path[:2] in given for path in reads)


def _given(journey: Journey) -> set[tuple[str, str]]:
    """Return the paths in `data` and `profile` that steps of the journey set."""
    given: set[tuple[str, str]] = set()
    for step in _steps(journey):
        if isinstance(step, Assign):
            given |= {("data", name) for name in step.variables}
        elif isinstance(step, SetFact):
            given |= {("profile", name) for name in step.facts}
    return given


def _steps(journey: Journey) -> Iterator[Step]:
    for state in journey.states.values():
        yield from state.enter
        yield from state.leave
        for transition in _of_state(state):
            yield from transition.do
    for transition in _all(journey.on):
        yield from transition.do
    if journey.goal is not None:
        yield from journey.goal.do


def _of_state(state: State) -> Iterator[Transition]:
    yield from _all(state.on)
    yield from state.always
    for timer in state.timers:
        yield timer.transition


def _all(on: dict[str, tuple[Transition, ...]]) -> Iterator[Transition]:
    for transitions in on.values():
        yield from transitions


def _targets(transitions: Iterable[Transition]) -> Iterator[str]:
    for transition in transitions:
        if isinstance(transition.to, Split):
            for branch in transition.to.branches:
                if branch.weight:
                    yield branch.to
        elif transition.to is not None:
            yield transition.to
