"""A turn: everything that a handler of one message reads and writes besides its actor."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from cjo_stream.core.bounds import BOUNDS, Bounds
from cjo_stream.core.event import Traced
from cjo_stream.core.learning.weight import ModelInForce
from cjo_stream.core.message import ActorMessage, Count
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Record
from cjo_stream.core.timeline import NoTimelines, TimelineEntry, Timelines

_NO_TIMELINES = NoTimelines()
_Kept = TypeVar("_Kept")


class Due(enum.Enum):
    """The kinds of things that may be due at a customer."""

    JOURNEYS = "journeys"
    """Timers of instances, and requests that wait."""
    WINDOWS = "windows"
    """Ends of reward windows, and of the moments of predictions."""
    PROFILE = "profile"
    """The profile must be published."""


class Turn(msgspec.Struct):
    """Collects everything that handlers send, emit, note and count, in order.

    `clock` is the stream clock in ms. `received_at` is the timestamp of the raw record that led
    here (0 if time did), for event-to-action latency; `traced` has its trace context, if any.
    `anchor` is the hash of the identifier whose event, or whose journey, is being handled. `model`
    is the learnt model in force, if any. Counts are keyed by metric name and label values.
    """

    program: Program
    clock: int
    received_at: int = 0
    timelines: Timelines = _NO_TIMELINES
    model: ModelInForce | None = None
    bounds: Bounds = BOUNDS
    since: Callable[[int], Sequence[Program]] = lambda _: ()
    """Returns the sets in force after that of a number, as far as a customer may lack them."""
    traced: Traced | None = None
    anchor: str = ""
    firing: Due = Due.JOURNEYS
    """The kind of thing being fired; if it fails, only due things of this kind are dropped."""
    changed: bool = True
    """False if a handler did not change its actor: then nothing is written back."""
    purges: list[str] = []
    """Actor keys, or prefixes of them, whose former states must be purged from the store."""
    messages: list[tuple[str, ActorMessage]] = []
    records: list[Record] = []
    anchors: list[str] = []
    """The anchor of each record."""
    entries: list[TimelineEntry] = []
    """Entries of the customer's timeline, which come before those of the records."""
    counted: list[tuple[tuple[str, ...], int | float]] = []
    """Each count, as it came."""
    tallies: list[Count] = []
    """What guards of canaries count."""
    timers: int = 0
    """How many timers and waiting requests have fired."""

    def send(self, actor_key: str, message: ActorMessage) -> None:
        """Send `message` to another actor."""
        self.messages.append((actor_key, message))

    def emit(self, record: Record) -> None:
        """Publish one record; a customer's is also noted in the timeline."""
        self.records.append(record)
        self.anchors.append(self.anchor)

    def note(self, entry: TimelineEntry) -> None:
        """Add an entry to the customer's timeline."""
        self.entries.append(entry)

    def newest(self, kept: list[_Kept], most: int, bound: str) -> list[_Kept]:
        """Return the last `most` elements of a list; count once if others are dropped."""
        if len(kept) <= most:
            return kept
        self.count("cjo_state_bounds_total", bound)
        return kept[-most:]

    def drop_oldest(self, kept: dict[str, Any], most: int, bound: str) -> None:
        """Drop the first elements of a dict until `most` are left; count each."""
        while len(kept) > most:
            del kept[next(iter(kept))]
            self.count("cjo_state_bounds_total", bound)

    def count(self, *key: str, by: int | float = 1) -> None:
        """Add to a counter of docs/metrics.md.

        `key` is its name, then the values of its labels, which come from definitions only.
        """
        self.counted.append((key, by))

    @property
    def counts(self) -> dict[tuple[str, ...], int | float]:
        """What was counted, in all."""
        totals: dict[tuple[str, ...], int | float] = {}
        for count, by in self.counted:
            totals[count] = totals.get(count, 0) + by
        return totals
