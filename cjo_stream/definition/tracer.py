"""A program that notes which of its rules are reached; the engine knows nothing of it.

The steps of each rule stand in a tuple that notes when they are run, also where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from cjo_stream.core.program.journey import Journey, Split, State, Step, TimerRule, Transition
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.recording import Recording
from cjo_stream.definition.load import compile_content
from cjo_stream.definition.rule import OWN, Key

_Value = TypeVar("_Value")


class Tracer:
    """The keys of the rules that were reached (`definition.rule`).

    While it is `muted`, no event opens an instance or counts in a trait.
    """

    def __init__(self) -> None:
        self.reached: set[Key] = set()
        self.muted = False
        self._split: list[Key] = []
        """Of the transition under way, if that is a split: its target is the next state."""
        self._programs: dict[bytes, Program] = {}

    def compile(self, number: int, content: bytes) -> Program:
        """Return the program of a stored set, traced; raises as `compile_content`.

        It makes every kind of records, whatever its topology switches off: a test and a backtest
        read what happened in them.
        """
        program = self._programs.get(content)
        if program is None:
            program = self._programs[content] = self._traced(compile_content(number, content))
        return msgspec.structs.replace(program, number=number)

    def judge(self, decision: dict[str, Any], classes: dict[str, str]) -> None:
        """Note the gates that stopped candidates of a decision record.

        `classes` are those of the actions that are still defined.
        """
        for one in decision["candidates"]:
            gate, action, rule = one["gate"], one["action"], one["rule"]
            if gate in OWN:
                self.reached.add(("gate", gate, action))
            elif gate == "limits":
                self.reached |= {("gate", gate, action, rule), ("gate", gate, "", rule)}
            elif gate in ("consent", "service_gate"):
                self.reached.add(("gate", gate, classes.get(action, "")))
            elif gate == "address":
                self.reached.add(("gate", gate, one["channel"]))
            elif gate is not None:
                self.reached.add(("gate", gate, rule or ""))

    def _traced(self, program: Program) -> Program:
        versions = {key: self._journey(one) for key, one in program.versions.items()}
        entries = {
            type_: tuple(versions[one.name, one.version] for one in found)
            for type_, found in program.entries_on.items()
        }
        return msgspec.structs.replace(
            program,
            recording=Recording(),
            journeys={name: versions[name, one.version] for name, one in program.journeys.items()},
            versions=versions,
            entries_on=_Muted(entries, self),
            traits_on=_Muted(program.traits_on, self),
        )

    def _journey(self, journey: Journey) -> Journey:
        name = journey.name
        goal = journey.goal
        return msgspec.structs.replace(
            journey,
            goal=goal and msgspec.structs.replace(goal, do=self._steps(goal.do, ("goal", name))),
            exit=tuple(
                msgspec.structs.replace(rule, do=self._steps(rule.do, ("exit", name, number)))
                for number, rule in enumerate(journey.exit)
            ),
            on=self._on(journey.on, name, ""),
            states={key: self._state(state, name) for key, state in journey.states.items()},
        )

    def _state(self, state: State, journey: str) -> State:
        name = state.name
        return msgspec.structs.replace(
            state,
            enter=_Noted(state.enter, lambda: self._enter(journey, name)),
            on=self._on(state.on, journey, name),
            always=self._moves(state.always, ("always", journey, name)),
            timers=tuple(
                self._timer(timer, ("timer", journey, name, number))
                for number, timer in enumerate(state.timers)
            ),
        )

    def _enter(self, journey: str, state: str) -> None:
        self.reached |= {("entry", journey), ("state", journey, state)}
        self.reached.update((*key, state) for key in self._split if key[1] == journey)
        self._split = []

    def _on(
        self, on: dict[str, tuple[Transition, ...]], journey: str, state: str
    ) -> dict[str, tuple[Transition, ...]]:
        return {
            type_: self._moves(found, ("on", journey, state, type_)) for type_, found in on.items()
        }

    def _moves(self, found: tuple[Transition, ...], key: Key) -> tuple[Transition, ...]:
        return tuple(self._move(one, (*key, number)) for number, one in enumerate(found))

    def _timer(self, timer: TimerRule, key: Key) -> TimerRule:
        return msgspec.structs.replace(timer, transition=self._move(timer.transition, key))

    def _move(self, transition: Transition, key: Key) -> Transition:
        is_split = isinstance(transition.to, Split)
        return msgspec.structs.replace(
            transition, do=self._steps(transition.do, key, is_split=is_split)
        )

    def _steps(
        self, steps: tuple[Step, ...], key: Key, *, is_split: bool = False
    ) -> tuple[Step, ...]:
        def note() -> None:
            self.reached.add(key)
            self._split = [key] if is_split else []

        return _Noted(steps, note)


class _Noted(tuple[Step, ...]):
    """Steps that call `note` each time before they are run."""

    note: Callable[[], None]

    def __new__(cls, steps: tuple[Step, ...], note: Callable[[], None]) -> _Noted:
        made = super().__new__(cls, steps)
        made.note = note
        return made

    def __iter__(self) -> Iterator[Step]:
        self.note()
        return super().__iter__()


class _Muted(dict[str, tuple[_Value, ...]]):
    """Definitions by the event types they listen to; none while the tracer is muted."""

    def __init__(self, found: dict[str, tuple[_Value, ...]], tracer: Tracer) -> None:
        super().__init__(found)
        self._tracer = tracer

    def get(self, type_: str, default: Any = ()) -> Any:
        """Return the definitions that listen to a type."""
        return default if self._tracer.muted else super().get(type_, default)
