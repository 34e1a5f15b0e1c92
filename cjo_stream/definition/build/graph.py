"""Which states of a journey can be reached, and by what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cjo_stream.core.program import Journey, Split, State, Transition


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
    """Return the states that each state's transitions lead to; a final one's lead nowhere."""
    everywhere = set(_targets(_all(journey.on)))
    return {
        name: set() if state.end else everywhere | set(_targets(_of_state(state)))
        for name, state in journey.states.items()
    }


def entered_by_time_only(journey: Journey) -> set[str]:
    """Return the reachable states that no event, and no `always`, leads into."""
    reached = reachable(journey.initial, moves(journey))
    by_event = {journey.initial, *_targets(_all(journey.on))}
    for name in reached & journey.states.keys():
        state = journey.states[name]
        if not state.end:
            by_event |= {*_targets(_all(state.on)), *_targets(state.always)}
    return reached - by_event


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
