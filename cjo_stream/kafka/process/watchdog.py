"""Ends a process that no longer does its work, so that its supervisor can start it again.

A separate thread watches three things: that each part of the process lives, that its event loop
turns, and that a partition with lag makes progress. A broker that does not answer is no reason to
end, because no other process could do better. It is a reason not to be ready, and so is a
partition that stands still, even for less than the limit. /readyz answers with `not_ready`,
/healthz with `problem`.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from cjo_stream.kafka.process import pulse

LIMIT_S: Final = 60.0
INTERVAL_S: Final = 2.0
READY_WITHIN_S: Final = 15.0
"""A partition with records to read that makes no progress for so long takes no work."""
EXIT_CODE: Final = 1

_LOG = logging.getLogger(__package__)


class Standing(msgspec.Struct, frozen=True):
    """The position of one partition. `moves` counts other progress, such as files restored."""

    next_offset: int
    moves: int = 0


class Still(NamedTuple):
    """A partition that makes no progress though it has records to read."""

    seconds: float
    what: str


class Progress:
    """Notes since when each partition stands still with records to read."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Standing, float]] = {}

    def still(
        self, now_s: float, ends: Mapping[int, int], standings: Mapping[int, Standing]
    ) -> Still | None:
        """Return the partition that has stood still longest; None if none stands still.

        `ends` are the offsets of the next records. A partition that is not in `standings` belongs
        to another process.
        """
        longest: Still | None = None
        for partition in set(self._seen) - set(standings):
            del self._seen[partition]
        for partition, standing in sorted(standings.items()):
            before = self._seen.get(partition)
            lag = ends.get(partition, 0) - standing.next_offset
            if before is None or before[0] != standing or lag <= 0:
                self._seen[partition] = (standing, now_s)
            elif longest is None or now_s - before[1] > longest.seconds:
                still_s = now_s - before[1]
                longest = Still(
                    still_s,
                    f"partition {partition} has {lag} records to read and made no progress for "
                    f"{still_s:.0f} s while the broker answers",
                )
        return longest

    def pause(self, now_s: float) -> None:
        """Begin all times anew: while the broker does not answer, no partition can progress."""
        self._seen = {p: (standing, now_s) for p, (standing, _) in self._seen.items()}


class Watchdog:
    """Watches from a thread; the event loop calls `turned`, code that waits in it calls `beat`.

    `standings` and `ends` are called in the watchdog's thread; `ends` asks the broker in any case,
    and may raise. `parts` has, for each part's name, a function that returns whether it lives.
    """

    def __init__(
        self,
        standings: Callable[[], Mapping[int, Standing]],
        ends: Callable[[], Mapping[int, int]],
        parts: Mapping[str, Callable[[], bool]],
        limit_s: float = LIMIT_S,
    ) -> None:
        self._standings = standings
        self._ends = ends
        self._parts = parts
        self._limit_s = limit_s
        self._progress = Progress()
        self._pulse = pulse.begin(time.monotonic())
        self._still: str | None = None
        """The partition that has stood still for longer than a ready process allows, if any."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def beat(self) -> None:
        """Note that the process works, or waits properly."""
        pulse.beat(self._pulse, time.monotonic())

    def turned(self) -> None:
        """Note that the event loop begins a round."""
        pulse.turn(self._pulse, time.monotonic())

    def away(self) -> str | None:
        """Return that the broker does not answer, the reason for all else; None if it does."""
        return pulse.away(self._pulse, time.monotonic())

    def not_ready(self) -> str | None:
        """Return why the process takes no work at this moment; None when it does."""
        return pulse.not_ready(self._pulse, time.monotonic()) or self._still

    def problem(self) -> str | None:
        """Return the problem that a restart would mend; None if there is none."""
        for name, alive in self._parts.items():
            if not alive():
                return f"{name} has ended"
        return pulse.hangs(self._pulse, time.monotonic(), self._limit_s)

    def stop(self) -> None:
        """Stop watching: what ends from now on was asked to end."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(min(INTERVAL_S, self._limit_s / 4)):
            reason = self._look()
            if reason is not None and not self._stop.is_set():
                end_process(reason)

    def _look(self) -> str | None:
        try:
            ends = self._ends()
        except Exception as error:
            _LOG.warning("a question to the broker failed: %s", error)
            now_s = time.monotonic()
            pulse.no_answer(self._pulse, now_s)
            self._progress.pause(now_s)
            still = None
        else:
            now_s = time.monotonic()
            pulse.answer(self._pulse, now_s)
            still = self._progress.still(now_s, ends, self._standings())
        self._still = still.what if still is not None and still.seconds >= READY_WITHIN_S else None
        problem = self.problem()
        if problem is not None and not self._stop.is_set():
            faulthandler.dump_traceback(file=sys.stderr)
            return problem
        return still.what if still is not None and still.seconds >= self._limit_s else None


def end_process(reason: str, code: int = EXIT_CODE) -> None:
    """End this process at once: its memory can no longer be trusted."""
    _LOG.critical("ending this process: %s", reason)
    logging.shutdown()
    os._exit(code)
