"""The scene of every traffic model: planned appointments, and records on their way, in order.

    agenda   (time, number, step, person, detail)   appointments: a session begins, a parcel comes
    on_way   (arrives, number, Simulated)           records that have not arrived yet

An appointment sends only records that arrive at its own time or later. So all records that arrive
before the next appointment can be yielded: memory holds one appointment a person and the records
on their way, never the whole stream. `before(time)` stops at a time, so that the caller can plan
answers before the scene goes on.
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
"""Later than any time of a scene."""

Step = Callable[[int, int, Any], None]
"""Called with the time in ms, the person's index and the detail it was planned with."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a traffic model.

    `rate` is in events a second of simulated time; None: the natural rate. For `quiet_ms` after
    the end nothing new begins, but people still answer commands. They answer `haste` times faster
    than real people.
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
        """The first ms in which nothing new begins."""
        return self.start_ms + self.duration_ms

    @property
    def last_ms(self) -> int:
        """The first ms in which nothing happens at all."""
        return self.end_ms + self.quiet_ms


class Scene:
    """Agenda and records on their way. All chance comes from `random()` of one seeded generator.

    Traffic is the same on every machine: `random` gives the same numbers in every release of
    Python, and arithmetic uses only operations that IEEE 754 fixes to the last bit.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.random = Random(setting.seed).random  # noqa: S311 - traffic, not secrets
        self._agenda: list[tuple[int, int, Step, int, Any]] = []
        self._on_way: list[tuple[int, int, Simulated]] = []
        self._number = 0

    def plan(self, time_ms: int, step: Step, person: int, detail: Any = None) -> None:
        """Plan an appointment; one past the end is dropped."""
        if time_ms < self.setting.end_ms:
            self._plan(time_ms, step, person, detail)

    def plan_answer(self, time_ms: int, step: Step, person: int, detail: Any = None) -> None:
        """Plan an answer to a command; one past `last_ms` is dropped."""
        if time_ms < self.setting.last_ms:
            self._plan(time_ms, step, person, detail)

    def number(self) -> int:
        """Return the next number; numbers make ids unique."""
        self._number += 1
        return self._number

    def send(self, simulated: Simulated) -> None:
        """Send a record, with a fault if one is drawn."""
        faults = self.setting.faults
        if faults.any and self.random() < faults.any:
            self._send_faulty(simulated)
        else:
            self._push(simulated)

    def events(self) -> Iterator[Simulated]:
        """Yield every record in order of arrival; at equal times in order of sending."""
        return self.before(NEVER_MS)

    def before(self, time_ms: int) -> Iterator[Simulated]:
        """Yield the records that arrive before `time_ms`, in order, and keep the rest."""
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
        """Whether nothing is planned, and no record is on its way."""
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
