"""What a run drives: the runtime in one process, or one that shares its work out (`cores`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import DeadLetter
from cjo_stream.embedded.rows import Waiting
from cjo_stream.errors import InputError


class Driven(Protocol):
    """Takes events in order, and writes what they cause."""

    @property
    def high(self) -> int:
        """The highest event time so far, ms."""

    @property
    def active_number(self) -> int:
        """The definition set in force; 0 before the first."""

    @property
    def governing(self) -> bytes | None:
        """The content of the definition set in force; None before the first."""

    @property
    def program(self) -> Program | None:
        """The definition set in force, compiled; None before the first."""

    @property
    def events(self) -> dict[str, int]:
        """The number of events since the state began, by result."""

    def last_offset(self, lane: str) -> int:
        """Return the last offset of `lane` that was offered and kept; -1 before the first."""

    def offer(
        self, lane: str, offset: int, event: Event | list[Event], size_bytes: int = 0
    ) -> InputError | None:
        """Take the events of a record of that size; return the reason if one has no receiver."""

    def refuse(self, lane: str, offset: int, letter: DeadLetter) -> None:
        """Take the dead letter of a record that is no event."""

    def advance(self, to_ms: int) -> None:
        """Move time on to `to_ms`, firing the timers that come due on the way."""

    def flush(self) -> None:
        """Return when all that was offered has had its whole effect."""

    def take_counts(self) -> dict[tuple[str, ...], float]:
        """Return the counts since the last call."""

    def examples(self) -> dict[tuple[str, ...], tuple[str, int, int]]:
        """Return, by count, where an event came from that it is of."""

    def customer_lines(self, waiting: Waiting) -> Iterator[bytes]:
        """Yield the lines of customers.jsonl, by customer id; count what customers wait for."""
