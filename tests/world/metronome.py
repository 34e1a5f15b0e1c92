"""How much slower than alone a process works on this machine, measured while something runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

EVERY_S: Final = 0.5
WORK_S: Final = 0.02
"""Of CPU, each time: 4 % of a core."""
WINDOW: Final = 20
"""Measurements in a row, of ten seconds: a shorter one makes nobody late."""


class Metronome(threading.Thread):
    """Does a little work now and then, and notes how many times as long as its CPU that took.

    A process that is left alone has 1; one that shares its core with three others, 4. As a
    context manager it measures during the `with` block.
    """

    def __init__(self) -> None:
        super().__init__(name="metronome", daemon=True)
        self.slowdowns: list[float] = []
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(EVERY_S):
            began_s, until_s = time.perf_counter(), time.thread_time() + WORK_S
            while time.thread_time() < until_s:
                pass
            self.slowdowns.append((time.perf_counter() - began_s) / WORK_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self.join()


def worst(slowdowns: Sequence[float], window: int = WINDOW) -> float:
    """Return the highest mean of so many slowdowns in a row; of all, if there are fewer.

    >>> worst([1.0, 9.0, 1.0, 3.0, 5.0], window=2)
    5.0
    """
    if len(slowdowns) <= window:
        return sum(slowdowns) / len(slowdowns) if slowdowns else 1.0
    sums = [0.0]
    for one in slowdowns:
        sums.append(sums[-1] + one)
    return max(after - before for before, after in zip(sums, sums[window:], strict=False)) / window
