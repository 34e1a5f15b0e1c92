"""A turn: what one message to one actor may read and write besides the actor itself."""

from __future__ import annotations

import enum
from typing import Any, TypeVar

from cjo_stream.core.bounds import BOUNDS, Bounds
from cjo_stream.core.learning.weight import ModelInForce
from cjo_stream.core.message import ActorMessage
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Record
from cjo_stream.core.timeline import NoTimelines, TimelineEntry, Timelines

_NO_TIMELINES = NoTimelines()
_Kept = TypeVar("_Kept")


class Due(enum.Enum):
    """What a customer may be due for."""

    JOURNEYS = "journeys"
    """Timers of instances, and requests that wait."""
    WINDOWS = "windows"
    """Ends of reward windows."""
    PROFILE = "profile"
    """The profile must be published."""


class Turn:
    """Collects what handlers send, emit, note and count, in order.

    `clock` is the stream clock in ms. `received_at` is the raw record's timestamp that led here (0
    where time did), for event-to-action latency. `anchor` is the hash of the identifier whose
    event, or whose journey, is being handled. `model` is the learnt model in force, if any.
    Counts are keyed by metric name and label values.
    """

    __slots__ = (
        "anchor",
        "anchors",
        "bounds",
        "changed",
        "clock",
        "counts",
        "entries",
        "firing",
        "messages",
        "model",
        "program",
        "purges",
        "received_at",
        "records",
        "timelines",
        "timers",
    )

    def __init__(
        self,
        program: Program,
        clock: int,
        received_at: int = 0,
        timelines: Timelines = _NO_TIMELINES,
        model: ModelInForce | None = None,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self.program = program
        self.clock = clock
        self.received_at = received_at
        self.timelines = timelines
        self.bounds = bounds
        self.anchor = ""
        self.model = model
        self.firing = Due.JOURNEYS
        """What a customer's time has come for; where it fails, that alone is dropped."""
        self.changed = True
        """False where a handler has left its actor as it was: nothing is then written back."""
        self.purges: list[str] = []
        """Actor keys, or how they begin, whose former states must be gone from the store."""
        self.messages: list[tuple[str, ActorMessage]] = []
        self.records: list[Record] = []
        self.anchors: list[str] = []
        """The anchor of each record."""
        self.entries: list[TimelineEntry] = []
        """What the customer's timeline gets before the records."""
        self.counts: dict[tuple[str, ...], int] = {}
        self.timers = 0
        """How many timers and waiting requests have fired."""

    def send(self, actor_key: str, message: ActorMessage) -> None:
        """Send `message` to another actor."""
        self.messages.append((actor_key, message))

    def emit(self, record: Record) -> None:
        """Emit one record to the outside; a customer's is noted in the timeline, too."""
        self.records.append(record)
        self.anchors.append(self.anchor)

    def note(self, entry: TimelineEntry) -> None:
        """Add to the customer's timeline."""
        self.entries.append(entry)

    def newest(self, kept: list[_Kept], most: int, bound: str) -> list[_Kept]:
        """Return the last `most` of a list; it is counted where others go."""
        if len(kept) <= most:
            return kept
        self.count("cjo_state_bounds_total", bound)
        return kept[-most:]

    def drop_oldest(self, kept: dict[str, Any], most: int, bound: str) -> None:
        """Let the first of a dict go until `most` are left; each is counted."""
        while len(kept) > most:
            del kept[next(iter(kept))]
            self.count("cjo_state_bounds_total", bound)

    def count(self, metric: str, *labels: str, by: int = 1) -> None:
        """Add to a counter of docs/metrics.md; labels come from definitions only."""
        key = (metric, *labels)
        self.counts[key] = self.counts.get(key, 0) + by
