"""Which actor wakes next.

For each actor with something due the store keeps one key, `due | actor`, for the earliest time. A
heap holds a window of the nearest wakes, so that memory does not grow with the number of actors
that wait. Wakes beyond the window that are not written yet are in `_beyond`.

The wakes seen from outside are always exactly those that the store will hold after the next
commit. A cancelled wake stays where it is, because removing it would cost a search. A mark lets it
be skipped, and it is never counted: `_gone` marks wakes in the heap, `_cancelled` those beyond it.
"""

from __future__ import annotations

import heapq
from itertools import islice

from cjo_stream.engine.codec import TIMERS, read_timer_key, timer_key
from cjo_stream.engine.port import Batch, Store

WAKES_MAX = 20_000
Wake = tuple[int, str]
"""(due in ms, actor key)"""
_EARLIEST: Wake = (-(1 << 63), "")


class Timers:
    """The nearest wakes of one task, in order of due time, then actor."""

    __slots__ = (
        "_beyond", "_cancelled", "_dropped", "_gone", "_heap", "_horizon", "_store", "_window",
    )  # fmt: skip

    def __init__(self, store: Store, window: int = WAKES_MAX) -> None:
        self._store = store
        self._window = window
        self._heap: list[Wake] = []
        self._beyond: list[Wake] = []
        self._gone: set[Wake] = set()
        self._cancelled: set[Wake] = set()
        """Of wakes in `_beyond`, or in the store until the commit."""
        self._dropped: list[Wake] = []
        """Keys in the store that are no actor's wake."""
        self._horizon: Wake | None = _EARLIEST
        """Every wake below it is in the heap; None: every wake is."""

    def move(self, key: str, before: int | None, after: int | None) -> None:
        """Move the actor's wake from `before` to `after`; None: no wake."""
        if before is not None:
            wake = (before, key)
            (self._gone if self._is_near(wake) else self._cancelled).add(wake)
        if after is not None:
            self._push((after, key))

    def first(self) -> Wake | None:
        """Return the nearest wake, or None."""
        while True:
            while self._heap:
                first = self._heap[0]
                if first not in self._gone:
                    return first
                self._gone.remove(heapq.heappop(self._heap))
            if self._horizon is None:
                return None
            self._refill()

    def pop(self) -> None:
        """Remove the nearest wake, which `first` has returned; its actor gives the next one."""
        heapq.heappop(self._heap)

    def drop(self, wake: Wake) -> None:
        """Delete a stored key that is no actor's wake, so that no actor's entry deletes it."""
        self._dropped.append(wake)

    def batch(self) -> Batch:
        """Return the writes since the last `settle`; the cache writes the wakes of actors."""
        return [(timer_key(*wake), None) for wake in self._dropped]

    def settle(self) -> None:
        """Mark everything as written; drop from memory what the store has."""
        self._beyond.clear()
        self._cancelled.clear()
        self._dropped.clear()
        if len(self._heap) > 2 * self._window:
            self._heap.sort()
            self._horizon = self._heap[self._window]
            del self._heap[self._window :]
            self._gone = {wake for wake in self._gone if self._is_near(wake)}

    def reset(self) -> None:
        """Go back to what was last written."""
        self._heap.clear()
        self._beyond.clear()
        self._gone.clear()
        self._cancelled.clear()
        self._dropped.clear()
        self._horizon = _EARLIEST

    def _is_near(self, wake: Wake) -> bool:
        return self._horizon is None or wake < self._horizon

    def _push(self, wake: Wake) -> None:
        if self._is_near(wake):
            if wake in self._gone:
                self._gone.remove(wake)
            else:
                heapq.heappush(self._heap, wake)
        elif wake in self._cancelled:
            self._cancelled.remove(wake)
        else:
            self._beyond.append(wake)

    def _refill(self) -> None:
        assert self._horizon is not None
        start = timer_key(*self._horizon)
        chunk = [
            read_timer_key(k) for k, _ in islice(self._store.scan(start, TIMERS[1]), self._window)
        ]
        self._horizon = (chunk[-1][0], chunk[-1][1] + "\0") if len(chunk) == self._window else None
        near = [wake for wake in (*chunk, *self._beyond) if self._is_near(wake)]
        self._beyond = [wake for wake in self._beyond if not self._is_near(wake)]
        self._heap = [wake for wake in near if wake not in self._cancelled]
        self._cancelled.difference_update(near)
        heapq.heapify(self._heap)
