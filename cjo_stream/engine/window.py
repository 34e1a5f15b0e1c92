"""How many records share a commit, where a state is in memory.

A commit encodes each actor that has changed since the last one, so few commits are cheap. But if a
handler fails, all since the last commit runs again, and it may fail again soon: so the next
commits come soon, and each window is twice the one before.
"""

from __future__ import annotations

from typing import Final

RECORDS_MAX: Final = 20_000
RECORDS_MIN: Final = 500
BYTES_MAX: Final = 32 << 20
"""Of records as they came in: until the commit their events are in memory, in several times as
many bytes."""


class CommitWindow:
    """The records since the last commit."""

    def __init__(self) -> None:
        self._records_max = RECORDS_MAX
        self._records = 0
        self._bytes = 0

    def add_bytes(self, number: int) -> None:
        """Note the size of records that came in."""
        self._bytes += number

    def is_over(self, records: int, *, must: bool) -> bool:
        """Note that so many records were processed; return whether to commit, and begin anew.

        `must`: one of them may not wait (`Task.must_commit`).
        """
        self._records += records
        if must:
            self._records_max = RECORDS_MIN
        elif self._records >= self._records_max or self._bytes >= BYTES_MAX:
            self._records_max = min(2 * self._records_max, RECORDS_MAX)
        else:
            return False
        self.begin()
        return True

    def begin(self) -> None:
        """Note that everything was committed."""
        self._records = self._bytes = 0
