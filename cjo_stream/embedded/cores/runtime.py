"""The run itself: it reads all events, then asks the shares round by round, and writes."""

from __future__ import annotations

import heapq
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Final

from cjo_stream.core.catalogue import TRANSITION
from cjo_stream.core.event import Event
from cjo_stream.core.message import seed_of
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import DeadLetter
from cjo_stream.definition import compile_content
from cjo_stream.embedded.cores import wire
from cjo_stream.embedded.cores.component import Components
from cjo_stream.embedded.cores.crew import Crew
from cjo_stream.embedded.cores.share import SET_NUMBER
from cjo_stream.embedded.cores.spool import Spool
from cjo_stream.embedded.learning import Learning, learns, next_time
from cjo_stream.embedded.log import MemoryLog
from cjo_stream.embedded.output import Output, refusal_line
from cjo_stream.embedded.progress import Progress
from cjo_stream.embedded.rows import Waiting
from cjo_stream.engine.frame import Effect, control_frame
from cjo_stream.engine.intake import address
from cjo_stream.errors import InputError

ROUND_ENTRIES: Final = 2_000
AHEAD: Final = 1
"""Rounds that the shares may be ahead of what is written."""
_NOBODYS: Final = -1
"""In the place of a group's number: of a record that was refused."""


class Cores:
    """What a run drives (`driven.Driven`), in two passes: `flush` begins the second."""

    def __init__(
        self,
        content: bytes,
        crew: Crew,
        output: Output,
        spool: Path,
        report: Callable[[Progress], None] | None = None,
    ) -> None:
        self.governing = content
        self.active_number = SET_NUMBER
        self.program: Program | None = compile_content(SET_NUMBER, content)
        self.high = 0
        self._crew = crew
        self._output = output
        self._report = report
        self._began = time.monotonic()
        self._path = spool
        self._spool = Spool(spool)
        self._components = Components()
        self._groups = array("q")
        """By entry: the number of its group."""
        self._clocks = array("q")
        """By entry: the highest event time up to it."""
        self._first: int | None = None
        """The clock of the first event."""
        self._last_offset = -1
        self._is_read = False
        self._now = 0
        self._unanswered = 0
        self._unwritten: list[list[wire.Cascade]] = []
        """What each round has caused, of those that were told and not written."""
        self._learns = learns(self.program)
        self._learning = Learning(MemoryLog(), [-1] * crew.size)
        self._next_due: int | None = None
        self._examples: dict[wire.Count, tuple[wire.Place, wire.Origin]] = {}
        self._counted: list[wire.Counted] = []

    # --- the first pass

    def last_offset(self, lane: str) -> int:  # noqa: ARG002 (there is one lane)
        """Return the last offset that was offered or refused; -1 before the first."""
        return self._last_offset

    def offer(
        self,
        lane: str,  # noqa: ARG002 (there is one lane)
        offset: int,
        event: Event | list[Event],
        size_bytes: int = 0,  # noqa: ARG002 (it lies in the file of all entries)
    ) -> InputError | None:
        """Take the events of one record; return the reason if one has no receiver."""
        events = event if isinstance(event, list) else [event]
        addressed = []
        for one in events:
            to = address(one)
            if isinstance(to, InputError):
                return to
            addressed.append(to)
        for one, to in zip(events, addressed, strict=True):
            if one.time > self.high:
                self.high = one.time
            if self._first is None:
                self._first = self.high
            hashes = [identifier.hash for identifier in one.identifiers]
            group = self._components.add(hashes or [seed_of(to[0][1:])])
            self._add(group, control_frame((to,)))
        self._last_offset = offset
        return None

    def refuse(
        self,
        lane: str,  # noqa: ARG002 (there is one lane)
        offset: int,
        letter: DeadLetter,
    ) -> None:
        """Take the dead letter of a record that is no event."""
        self._add(_NOBODYS, wire.encode(refusal_line(letter)))
        self._last_offset = offset

    def _add(self, group: int, content: bytes) -> None:
        self._groups.append(group)
        self._clocks.append(self.high)
        self._spool.add(self.high, content, is_event=group != _NOBODYS)

    # --- the second pass

    def flush(self) -> None:
        """Return when all that was offered has had its whole effect; nothing is offered then."""
        if self._is_read:
            return
        self._is_read = True
        self._spool.close()
        self._take()
        if self._first is not None:
            self._go(0, self._first)
        at, number, clocks = 0, len(self._clocks), self._clocks
        while at < number:
            if self._learns and clocks[at] >= next_time(self._now):
                self._learn_through(clocks[at])
            end = min(at + ROUND_ENTRIES, number)
            hour = next_time(clocks[at])
            if self._learns:
                end = bisect_left(clocks, hour, at, end)
            if self._learns and end < number and clocks[end] >= hour:
                self._go(end, hour)
                self._learn(hour)
            else:
                self._go(end, clocks[end - 1] if self._first is not None else None)
            at = end
        self._settle()

    def _take(self) -> None:
        """Give each share its entries."""
        of_group = self._components.owners(self._crew.size)
        owners = bytes(0 if group == _NOBODYS else of_group[group] for group in self._groups)
        self._crew.ask(wire.Take(str(self._path), owners))
        for share in range(self._crew.size):
            self._crew.next(share, wire.Ready)
        self._path.unlink()
        del self._components, self._groups

    def advance(self, to_ms: int) -> None:
        """Move time on to `to_ms`, firing the timers that come due on the way."""
        self.flush()
        if self._learns:
            self._learn_through(to_ms)
        self._go(len(self._clocks), max(to_ms, self._now))
        self._settle()

    def _go(self, end: int, clock: int | None) -> None:
        """Have the shares go on; they may still be at it afterwards."""
        if clock is not None:
            self._now = max(self._now, clock)
        self._ask(wire.Go(end, None if clock is None else self._now))
        if self._report is not None and end:
            self._report(
                Progress(
                    records=end,
                    transitions=self._output.counts[TRANSITION.name],
                    actions=dict(self._output.actions),
                    event_time=self._now,
                    wall_seconds=time.monotonic() - self._began,
                )
            )

    def _learn_through(self, to_ms: int) -> None:
        """Advance to each learning time up to `to_ms` that has unlearned rewards or due timers."""
        while True:
            self._settle()
            times = [at for at in (self._next_due, self._learning.first) if at is not None]
            at = next_time(max(min(times), self._now)) if times else None
            if at is None or at > to_ms:
                return
            self._now = at
            self._ask(wire.Go(0, at))
            self._learn(at)

    def _learn(self, at: int) -> None:
        """Learn from all before a full hour, to which the shares have gone."""
        self._hear(all_but=0)
        if published := self._learning.learn(at):
            frames = [control_frame([("", message)]) for message in published.messages()]
            self._ask(wire.Learn(at, frames))

    def _ask(self, asked: wire.Go | wire.Learn) -> None:
        self._crew.ask(asked)
        self._unanswered += 1
        self._write()  # while they are at it
        self._hear(all_but=AHEAD)

    def _settle(self) -> None:
        self._hear(all_but=0)
        self._write()
        self._output.flush()

    def _write(self) -> None:
        """Write what was told."""
        for cascades in self._unwritten:
            cascades.sort(key=_PLACE)
            self._output.write_lines(line for *_, lines in cascades for line in lines)
        self._unwritten.clear()

    def _hear(self, all_but: int) -> None:
        """Take what the oldest rounds have caused, until so many are under way."""
        while self._unanswered > all_but:
            self._hear_round()

    def _hear_round(self) -> None:
        done = [self._crew.next(share, wire.Done) for share in range(self._crew.size)]
        self._unanswered -= 1
        self._unwritten.append(list(chain.from_iterable(one.cascades for one in done)))
        for share, one in enumerate(done):
            self._learning.collect(share, 0, [Effect(kind, "", v) for kind, v in one.lessons])
            for count, origin, place in one.examples:
                known = self._examples.get(count)
                if known is None or place < known[0]:
                    self._examples[count] = place, origin
        self._next_due = min((d for one in done if (d := one.next_due) is not None), default=None)

    # --- results

    @property
    def events(self) -> dict[str, int]:
        """The number of events, by result."""
        total: dict[str, int] = {}
        for one in self._count():
            for result, number in one.events.items():
                total[result] = total.get(result, 0) + number
        return total

    def take_counts(self) -> dict[tuple[str, ...], float]:
        """Return the counts of all shares."""
        total: dict[tuple[str, ...], float] = {}
        for one in self._count():
            for count, by in one.counts:
                total[count] = total.get(count, 0) + by
        return total

    def examples(self) -> dict[tuple[str, ...], tuple[str, int, int]]:
        """Return, by count, where the first event came from that it is of."""
        return {count: origin for count, (_, origin) in self._examples.items()}

    def customer_lines(self, waiting: Waiting) -> Iterator[bytes]:
        """Yield the lines of customers.jsonl, by customer id; count what customers wait for."""
        self.flush()
        self._crew.ask(wire.Show(self._now))
        shares = (self._rows_of(share, waiting) for share in range(self._crew.size))
        return (line for _, line in heapq.merge(*shares))

    def _rows_of(self, share: int, waiting: Waiting) -> Iterator[tuple[str, bytes]]:
        while True:
            told = self._crew.next(share, wire.Rows)
            yield from told.lines
            if told.waiting is not None:
                waiting.join(told.waiting)
                return

    def _count(self) -> list[wire.Counted]:
        self.flush()
        if not self._counted:
            self._crew.ask(wire.Tally())
            shares = range(self._crew.size)
            self._counted = [self._crew.next(share, wire.Counted) for share in shares]
        return self._counted


_PLACE: Final = itemgetter(0, 1, 2)
