"""The scene every traffic model plays on: what is planned, what is on its way, in what order.

    agenda   (time, number, step, person, detail)   appointments: a session begins, a parcel comes
    on_way   (arrives, number, Simulated)           rendered events that have not arrived yet

An appointment only ever sends events that arrive at its own time or later. So whatever arrives
before the next appointment can be handed out: memory holds one appointment a person and what is
under way, never the whole stream. `before(time)` stops there, so that whoever takes the events can
plan what comes of them before the scene goes on.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import msgspec

from cjo_stream.simulate.fault import Faults
from cjo_stream.simulate.record import Simulated

NEVER_MS = 1 << 62
"""Later than anything."""

Step = Callable[[int, int, Any], None]
"""Called with the time in ms, the person's index and the detail it was planned with."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is asked for.

    `rate` is in events a second of simulated time, None: natural. For `quiet_ms` after the end
    nothing new is begun, but people still answer what they were sent, `haste` times as soon as
    people do.
    """

    people: int
    seed: int
    start_ms: int
    duration_ms: int
    rate: float | None
    faults: Faults
    quiet_ms: int = 0
    haste: float = 1.0

    @property
    def end_ms(self) -> int:
        """The first ms in which nothing new happens."""
        return self.start_ms + self.duration_ms

    @property
    def last_ms(self) -> int:
        """The first ms in which nothing happens at all."""
        return self.end_ms + self.quiet_ms


class Scene:
    """Agenda and events under way. All chance comes from `random()` of one seeded generator.

    Of the generator only `random` is used, promised to give the same numbers in every release of
    Python, and of mathematics only what IEEE 754 fixes to the last bit: so traffic is the same on
    every machine.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.random = Random(setting.seed).random  # noqa: S311 - traffic, not secrets
        self._agenda: list[tuple[int, int, Step, int, Any]] = []
        self._on_way: list[tuple[int, int, Simulated]] = []
        self._number = 0

    def plan(self, time_ms: int, step: Step, person: int, detail: Any = None) -> None:
        """Plan an appointment; what lies past the end is never kept."""
        if time_ms < self.setting.end_ms:
            self._plan(time_ms, step, person, detail)

    def plan_answer(self, time_ms: int, step: Step, person: int, detail: Any = None) -> None:
        """Plan an answer to something sent, for which there is time until the very last."""
        if time_ms < self.setting.last_ms:
            self._plan(time_ms, step, person, detail)

    def number(self) -> int:
        """Return the next of the numbers that make ids unique."""
        self._number += 1
        return self._number

    def send(self, simulated: Simulated) -> None:
        """Put a record under way, and with it what the faults make of it."""
        faults = self.setting.faults
        if faults.any and self.random() < faults.any:
            self._send_faulty(simulated)
        else:
            self._push(simulated)

    def events(self) -> Iterator[Simulated]:
        """Yield every record in order of arrival; equal times in order of making."""
        return self.before(NEVER_MS)

    def before(self, time_ms: int) -> Iterator[Simulated]:
        """Yield what arrives before `time_ms`, in order of arrival, and keep the rest."""
        agenda, on_way = self._agenda, self._on_way
        pop = heapq.heappop
        while True:
            until_ms = min(agenda[0][0], time_ms) if agenda else time_ms
            while on_way and on_way[0][0] < until_ms:
                yield pop(on_way)[2]
            if not agenda or agenda[0][0] >= time_ms:
                return
            due_ms, _, step, person, detail = pop(agenda)
            step(due_ms, person, detail)

    @property
    def is_over(self) -> bool:
        """Whether nothing is planned or under way any more."""
        return not self._agenda and not self._on_way

    def _plan(self, time_ms: int, step: Step, person: int, detail: Any) -> None:
        self._number += 1
        heapq.heappush(self._agenda, (time_ms, self._number, step, person, detail))

    def _push(self, simulated: Simulated) -> None:
        self._number += 1
        heapq.heappush(self._on_way, (simulated.arrives_ms, self._number, simulated))

    def _send_faulty(self, simulated: Simulated) -> None:
        for faulty in self.setting.faults.spoil(simulated, self.random):
            self._push(faulty)
