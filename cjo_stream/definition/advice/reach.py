"""The states that a journey can reach, and its rules that never apply.

    conditions     one that is never true closes its rule
    first match    of rules for one event, one behind an equal or an unconditional one is not asked
    always         a state with an unconditional `always` is left at once: nothing happens in it
    timers         an unconditional timer leaves its state before any later one
    graph          the states that the open rules lead to

A rule is called closed only if no event and no time can ever make an instance that enters by this
version take it. With `migrate: follow`, instances of other versions may come into any state, so no
state and no timer is called impossible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from cjo_stream.core.expression import Expression
from cjo_stream.core.journey.cascade import ALWAYS_MAX
from cjo_stream.core.program.journey import Journey, Split, State, Step, Transition
from cjo_stream.core.word import Migrate
from cjo_stream.definition.advice.condition import can_hold, one_of
from cjo_stream.definition.build.graph import reachable
from cjo_stream.definition.rule import Key

_BY_TIME: Final = ("event",)
"""The names without a value where a timer fires."""


class Closed(NamedTuple):
    """Why a rule is never taken: its own condition, or the rule `before` it; `why` says it."""

    why: str
    is_condition: bool = False


CONDITION: Final = Closed("this condition can never be true", is_condition=True)


class Reach(NamedTuple):
    """The reach of one journey.

    `states` can be entered; an instance can be found at rest in those of `resting`. `closed` are
    the rules that are never taken although their state is at rest.
    """

    journey: Journey
    states: frozenset[str]
    resting: frozenset[str]
    closed: dict[Key, Closed]

    def is_passed(self, state: str) -> bool:
        """Return whether a state that is entered is always left at once."""
        return self.journey.states[state].end is None and state not in self.resting

    @property
    def is_entered(self) -> bool:
        """Whether any instance can open."""
        return bool(self.states)

    def can_mark_goal(self) -> bool:
        """Return whether the goal, which there is, may be marked."""
        goal = self.journey.goal
        if goal is None or not self.is_entered or ("goal", self.journey.name) in self.closed:
            return False
        return goal.within_ms is not None or bool(self.resting)

    def steps(self) -> Iterator[Step]:
        """Yield the steps that may be run."""
        journey, name = self.journey, self.journey.name
        for state in (journey.states[one] for one in sorted(self.states)):
            yield from state.enter
            if state.end is None:
                yield from state.leave
                yield from _steps(ways(journey, state, self.closed, self.resting))
        for number, rule in enumerate(journey.exit):
            if self.resting and ("exit", name, number) not in self.closed:
                yield from rule.do
        if journey.goal is not None and self.can_mark_goal():
            yield from journey.goal.do


def reach(journey: Journey) -> Reach:
    """Return the states that a journey can reach, and its closed rules."""
    follows = journey.migrate is Migrate.FOLLOW
    closed = _closed_by_event(journey)
    passed = frozenset() if follows else _passed(journey)
    for state in journey.states.values():
        closed |= _closed_in_state(journey, state)
        if not follows:
            closed |= _closed_by_timer(journey, state)
    lasting = frozenset(name for name, state in journey.states.items() if state.end is None)
    next_of = {
        name: set(targets(ways(journey, journey.states[name], closed, lasting - passed)))
        for name in lasting
    }
    roots = set() if ("entry", journey.name) in closed else {journey.initial}
    if follows:
        roots |= lasting | set(journey.map.values())
    states = frozenset[str]().union(*(reachable(root, next_of) for root in roots))
    resting = (states & lasting) - passed
    return Reach(journey, states, resting, _closed_everywhere(journey, resting) | closed)


def ways(
    journey: Journey, state: State, closed: dict[Key, Closed], resting: Iterable[str]
) -> Iterator[Transition]:
    """Yield the transitions that may be taken from a state."""
    name = journey.name
    for number, way in enumerate(state.always):
        if ("always", name, state.name, number) not in closed:
            yield way
    if state.name not in resting:
        return
    for number, timer in enumerate(state.timers):
        if ("timer", name, state.name, number) not in closed:
            yield timer.transition
    for place, on in ((state.name, state.on), ("", journey.on)):
        for type_, found in on.items():
            behind = closed_here(journey, state, type_)
            for number, way in enumerate(found):
                key: Key = ("on", name, place, type_, number)
                if key not in closed and key not in behind:
                    yield way


def closed_here(journey: Journey, state: State, type_: str) -> dict[Key, Closed]:
    """Return the transitions on an event that are never asked in a state: another is first."""
    asked: list[tuple[str, Key, Expression | None]] = [
        (f"the exit as {rule.as_!r}", ("exit", journey.name, number), rule.when)
        for number, rule in enumerate(journey.exit)
        if type_ in rule.on
    ]
    for place, on in ((state.name, state.on), ("", journey.on)):
        for number, way in enumerate(on.get(type_, ())):
            what = f"transition {number + 1} on {type_!r}"
            what += f" of state {place!r}" if place else " of the journey"
            asked.append((what, ("on", journey.name, place, type_, number), way.when))
    return _behind(asked)


def targets(found: Iterable[Transition]) -> Iterator[str]:
    """Yield the states that transitions lead to."""
    for way in found:
        if isinstance(way.to, Split):
            yield from (branch.to for branch in way.to.branches if branch.weight)
        elif way.to is not None:
            yield way.to


def _closed_everywhere(journey: Journey, resting: frozenset[str]) -> dict[Key, Closed]:
    """Return the journey's own transitions that are never asked in any state."""
    closed: dict[Key, Closed] = {}
    for type_, found in journey.on.items():
        here = [closed_here(journey, journey.states[name], type_) for name in sorted(resting)]
        for number in range(len(found)):
            key: Key = ("on", journey.name, "", type_, number)
            if here and all(key in behind for behind in here):
                closed[key] = here[0][key]
    return closed


def _steps(found: Iterable[Transition]) -> Iterator[Step]:
    for way in found:
        yield from way.do


def _behind(asked: Iterable[tuple[str, Key, Expression | None]]) -> dict[Key, Closed]:
    """Return the rules behind one that always matches, or that has the same condition."""
    closed: dict[Key, Closed] = {}
    before: dict[str, str] = {}
    for what, key, when in asked:
        meaning = "" if when is None else when.meaning
        first = before.get("", before.get(meaning))
        if first is not None:
            closed[key] = Closed(f"{first} always matches before it")
        before.setdefault(meaning, what)
    return closed


def _closed_by_event(journey: Journey) -> dict[Key, Closed]:
    """Return the rules closed in every state: entry, goal, exits, transitions of the journey."""
    name, entry, goal = journey.name, journey.entry, journey.goal
    closed: dict[Key, Closed] = {}
    if not can_hold([entry.when], [one_of("event.type", entry.on)]):
        closed["entry", name] = CONDITION
    if goal is not None and not can_hold([goal.when], [one_of("event.type", goal.on)]):
        closed["goal", name] = CONDITION
    exits: list[tuple[str, Key, Expression | None]] = []
    for number, rule in enumerate(journey.exit):
        if not can_hold([rule.when], [one_of("event.type", rule.on)]):
            closed["exit", name, number] = CONDITION
    for type_ in sorted({type_ for rule in journey.exit for type_ in rule.on}):
        exits = [
            (f"the exit as {rule.as_!r}", ("exit", name, number), rule.when)
            for number, rule in enumerate(journey.exit)
            if type_ in rule.on
        ]
        for key, why in _behind(exits).items():
            if len(journey.exit[int(key[2])].on) == 1:
                closed.setdefault(key, why)
    return closed | _untrue(journey, "", journey.on)


def _untrue(
    journey: Journey, place: str, on: dict[str, tuple[Transition, ...]]
) -> dict[Key, Closed]:
    """Return the transitions by event whose condition is never true."""
    return {
        ("on", journey.name, place, type_, number): CONDITION
        for type_, found in on.items()
        for number, way in enumerate(found)
        if not can_hold([way.when], [one_of("event.type", [type_])])
    }


def _closed_in_state(journey: Journey, state: State) -> dict[Key, Closed]:
    name = journey.name
    closed = _untrue(journey, state.name, state.on)
    for type_ in state.on:
        for key, why in closed_here(journey, state, type_).items():
            if key[2] == state.name:
                closed.setdefault(key, why)
    always: list[tuple[str, Key, Expression | None]] = []
    for number, way in enumerate(state.always):
        place: Key = ("always", name, state.name, number)
        always.append((f"`always` {number + 1} of state {state.name!r}", place, way.when))
        if not can_hold([way.when]):
            closed[place] = CONDITION
    for key, why in _behind(always).items():
        closed.setdefault(key, why)
    for number, timer in enumerate(state.timers):
        if not can_hold([timer.transition.when], missing=_BY_TIME):
            closed["timer", name, state.name, number] = CONDITION
    return closed


def _closed_by_timer(journey: Journey, state: State) -> dict[Key, Closed]:
    """Return the timers that are later than one that always leaves the state."""
    leaving = [
        timer.after_ms
        for timer in state.timers
        if timer.after_ms is not None
        and timer.transition.when is None
        and timer.transition.to is not None
    ]
    if not leaving:
        return {}
    return {
        ("timer", journey.name, state.name, number): Closed("a shorter timer always leaves first")
        for number, timer in enumerate(state.timers)
        if timer.after_ms is not None and timer.after_ms > min(leaving)
    }


def _passed(journey: Journey) -> frozenset[str]:
    """Return the states that are left at once whenever they are entered.

    Where `always` leads in a circle, or may be followed more often than is allowed in a row, an
    instance may stay in any of its states.
    """
    next_of = {
        name: set(targets(state.always)) for name, state in journey.states.items() if state.always
    }
    is_circular = any(
        name in reachable(to, next_of) for name, found in next_of.items() for to in found
    )
    if is_circular or len(next_of) > ALWAYS_MAX:
        return frozenset()
    return frozenset(
        name
        for name in next_of
        if journey.states[name].end is None
        and any(way.when is None for way in journey.states[name].always)
    )
