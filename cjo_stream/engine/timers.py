"""Which customer wakes next.

The store keeps one key per customer with timers, `due | customer`, for its earliest. A window of
the nearest of them is held in a heap, so that memory does not grow with the customers who wait.
What is pushed beyond the window and not yet written waits in `_beyond`. Entries are not removed
when a timer is cancelled: whoever pops one looks whether that customer is still due.
"""

from __future__ import annotations

import heapq
from itertools import islice

from cjo_stream.engine.codec import TIMERS, read_timer_key, timer_key
from cjo_stream.engine.port import Store

Wake = tuple[int, str]
"""(due in ms, actor key)"""


class Timers:
    """The nearest wakes of one task, in order of due time, then customer."""

    __slots__ = ("_beyond", "_heap", "_horizon", "_store", "_window")

    def __init__(self, store: Store, window: int = 20_000) -> None:
        self._store = store
        self._window = window
        self._heap: list[Wake] = []
        self._beyond: list[Wake] = []
        self._horizon: Wake | None = (-(1 << 63), "")
        """Every wake below it is in the heap; None: every wake is."""

    def push(self, due: int, key: str) -> None:
        """Add a wake."""
        wake = (due, key)
        if self._horizon is None or wake < self._horizon:
            heapq.heappush(self._heap, wake)
        else:
            self._beyond.append(wake)

    def first(self) -> Wake | None:
        """Return the nearest wake, which may be stale, or None."""
        while not self._heap:
            if self._horizon is None:
                return None
            self._refill()
        return self._heap[0]

    def pop(self) -> None:
        """Remove the nearest wake."""
        heapq.heappop(self._heap)

    def settle(self) -> None:
        """Everything pushed is written now: forget what the store can give back."""
        self._beyond.clear()
        if len(self._heap) > 2 * self._window:
            self._heap.sort()
            self._horizon = self._heap[self._window]
            del self._heap[self._window :]

    def reset(self) -> None:
        """Go back to what is written."""
        self._heap.clear()
        self._beyond.clear()
        self._horizon = (-(1 << 63), "")

    def _refill(self) -> None:
        assert self._horizon is not None
        start = timer_key(*self._horizon)
        chunk = [
            read_timer_key(k) for k, _ in islice(self._store.scan(start, TIMERS[1]), self._window)
        ]
        self._horizon = (chunk[-1][0], chunk[-1][1] + "\0") if len(chunk) == self._window else None
        inside = [w for w in self._beyond if self._horizon is None or w < self._horizon]
        self._beyond = [
            w for w in self._beyond if self._horizon is not None and w >= self._horizon
        ]
        self._heap = chunk + inside
        heapq.heapify(self._heap)
