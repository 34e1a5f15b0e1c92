"""Ends a process that no longer does its work, so that its supervisor can start it again.

Three things are watched, from a thread of its own: that each part of the process lives, that its
event loop turns, and that a partition with lag makes progress. A broker that does not answer is no
reason to end: nothing could be better elsewhere.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

LIMIT_S: Final = 60.0
INTERVAL_S: Final = 5.0
EXIT_CODE: Final = 1

_LOG = logging.getLogger(__name__)


class Standing(msgspec.Struct, frozen=True):
    """How far one partition is. `moves` counts whatever else is progress: files restored."""

    next_offset: int
    moves: int = 0


class Progress:
    """Knows since when each partition stands still with records to read."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._seen: dict[int, tuple[Standing, float]] = {}

    def stuck(
        self, now_s: float, ends: Mapping[int, int], standings: Mapping[int, Standing]
    ) -> str | None:
        """Return what stands still for too long; None when all is well.

        `ends` are the next offsets the broker will give out. A partition that is not in
        `standings` is another process's.
        """
        for partition in set(self._seen) - set(standings):
            del self._seen[partition]
        for partition, standing in sorted(standings.items()):
            before = self._seen.get(partition)
            lag = ends.get(partition, 0) - standing.next_offset
            if before is None or before[0] != standing or lag <= 0:
                self._seen[partition] = (standing, now_s)
            elif now_s - before[1] >= self._limit_s:
                return (
                    f"partition {partition} has {lag} records to read and made no progress for "
                    f"{now_s - before[1]:.0f} s while the broker answers"
                )
        return None

    def pause(self, now_s: float) -> None:
        """The broker does not answer: nobody's fault, so all begin anew."""
        self._seen = {p: (standing, now_s) for p, (standing, _) in self._seen.items()}


class Watchdog:
    """Watches from a thread; `beat` is called by the event loop.

    `standings` and `ends` are called in the watchdog's thread; `ends` asks the broker, and may
    raise. `parts` says of each part by its name whether it lives.
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
        self._progress = Progress(limit_s)
        self._beaten_s = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def beat(self) -> None:
        """Say that the event loop turns."""
        self._beaten_s = time.monotonic()

    def problem(self) -> str | None:
        """Return what is wrong with the process at this moment; None when all is well."""
        now_s = time.monotonic()
        for name, alive in self._parts.items():
            if not alive():
                return f"{name} has ended"
        if now_s - self._beaten_s > self._limit_s:
            return f"the event loop has not turned for {now_s - self._beaten_s:.0f} s"
        return None

    def stop(self) -> None:
        """Watch no more: what ends from now on ends because it was asked to."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(min(INTERVAL_S, self._limit_s / 4)):
            reason = self._look(time.monotonic())
            if reason is not None and not self._stop.is_set():
                end_process(reason)

    def _look(self, now_s: float) -> str | None:
        problem = self.problem()
        if problem is not None:
            faulthandler.dump_traceback(file=sys.stderr)
            return problem
        try:
            ends = self._ends()
        except Exception as error:
            _LOG.warning("the broker does not answer: %s", error)
            self._progress.pause(now_s)
            return None
        return self._progress.stuck(now_s, ends, self._standings())


def end_process(reason: str) -> None:
    """End this process at once: what it holds in memory is worth nothing any more."""
    _LOG.critical("ending this process: %s", reason)
    logging.shutdown()
    os._exit(EXIT_CODE)
