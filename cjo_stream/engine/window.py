"""How many records share a commit, where a state is in memory.

A commit encodes each actor that has changed since the last one, so few commits are cheap. But
what has changed stays in memory until then; and if a handler fails, all since the last commit runs
again, and it may fail again soon. So the next commits then come soon, and each window is twice the
one before.
"""

from __future__ import annotations

from typing import Final

from cjo_stream.engine.task import Task

RECORDS_MAX: Final = 20_000
RECORDS_MIN: Final = 500
BYTES_MAX: Final = 32 << 20
"""Of records as they came in: until the commit their events are in memory, in several times as
many bytes."""


class CommitWindow:
    """The records since the last commit, of one of so many processes that share the work."""

    def __init__(self, processes: int = 1) -> None:
        self._most = max(RECORDS_MIN, RECORDS_MAX // processes)
        self._records_max = self._most
        self._records = 0
        self._bytes = 0

    def add_bytes(self, number: int) -> None:
        """Note the size of records that came in."""
        self._bytes += number

    def is_over(self, records: int, task: Task) -> bool:
        """Note that a task has processed so many records; return whether to commit now."""
        self._records += records
        if task.has_failed:
            self._records_max = RECORDS_MIN
        elif self._records >= self._records_max or self._bytes >= BYTES_MAX:
            self._records_max = min(2 * self._records_max, self._most)
        else:
            return task.must_commit
        return True

    def begin(self) -> None:
        """Note that everything was committed."""
        self._records = self._bytes = 0
