"""A turn: what one message to one actor may read and write besides the actor itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cjo_stream.core.message import ActorMessage
from cjo_stream.core.record import Record

if TYPE_CHECKING:
    from cjo_stream.core.program import Program


class Turn:
    """Collects what handlers send, emit and count, in order.

    `clock` is the stream clock in ms. `received_at` is the raw record's timestamp that led here (0
    where time did), for event-to-action latency. Counts are keyed by metric name and label values.
    """

    __slots__ = ("changed", "clock", "counts", "messages", "program", "received_at", "records")

    def __init__(self, program: Program, clock: int, received_at: int = 0) -> None:
        self.program = program
        self.clock = clock
        self.received_at = received_at
        self.changed = True
        """False where a handler has left its actor as it was: nothing is then written back."""
        self.messages: list[tuple[str, ActorMessage]] = []
        self.records: list[Record] = []
        self.counts: dict[tuple[str, ...], int] = {}

    def send(self, actor_key: str, message: ActorMessage) -> None:
        """Send `message` to another actor."""
        self.messages.append((actor_key, message))

    def emit(self, record: Record) -> None:
        """Emit one record to the outside."""
        self.records.append(record)

    def count(self, metric: str, *labels: str, by: int = 1) -> None:
        """Add to a counter of contracts.md section 5; labels come from definitions only."""
        key = (metric, *labels)
        self.counts[key] = self.counts.get(key, 0) + by
