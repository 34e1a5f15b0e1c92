"""The interfaces and data between the engine and a runtime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.errors import InputError


class Store(Protocol):
    """An ordered map of bytes, written in atomic batches."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value at `key`."""

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with start <= key < end, in byte order, as of the call."""

    def write(self, batch: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Apply all puts and deletes (value None), or none; the last of a key holds."""

    def checkpoint(self, folder: str) -> None:
        """Leave a consistent copy in `folder`, which does not exist yet."""

    def purge(self, ranges: Sequence[tuple[bytes, bytes]]) -> None:
        """Remove from the disk what was overwritten or deleted in these ranges.

        The store's own log is emptied in any case, also without ranges.
        """

    def size_bytes(self) -> int:
        """Return about how many bytes the store takes."""

    def close(self) -> None:
        """Release files and locks. A second call does nothing."""


Batch = list[tuple[bytes, bytes | None]]
"""Writes of a store: puts, and deletes (value None)."""


class Participant(Protocol):
    """A part of a task's state: its changes are in memory until the task commits."""

    def batch(self) -> Batch:
        """Return the writes since the last `settle`."""

    def settle(self) -> None:
        """Mark everything as written."""

    def reset(self) -> None:
        """Go back to what was last written."""


class Log(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One partition of one incarnation of a topic; names a lane."""

    topic_id: str
    partition: int


class LogRecord(msgspec.Struct, gc=False):
    """One record of the internal log, as a runtime passes it to a task."""

    offset: int
    time: int
    """The broker's append time, ms; embedded: the highest event time."""
    value: bytes
    held: msgspec.Struct | None = None
    """The frame itself, where it never leaves the process; `value` is empty then."""


class AcceptedClock(msgspec.Struct, frozen=True):
    """An operator's permission for a sender's clock too far ahead of a partition's append times.

    From the record at `offset` on, a clock of up to `clock` ms does not stop the task: it counts
    as the furthest clock allowed. Nothing beyond that record was processed before the permission,
    so every replay with it gives the same.
    """

    offset: int
    clock: int


class RawRecord(msgspec.Struct, array_like=True, gc=False):
    """One record of a channel's topic (or a line of a file), as a runtime passes it to intake.

    `channel` is set where the topic determines it; `time` is the record's timestamp in ms.
    """

    topic: str
    topic_id: str
    partition: int
    offset: int
    time: int
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    channel: str | None = None


class Cascade(msgspec.Struct, frozen=True, gc=False):
    """Where a cascade begins within a step of a task."""

    clock: int
    """Of the cascade, ms."""
    actor: str
    """The key of the actor whose time came; empty where a record begins."""
    effects: int
    """The effects of the step that come before it."""
    examples: int
    """The examples of counts that the task had before it."""


class Compile(Protocol):
    """Compiles the content of a definition set."""

    def __call__(self, number: int, content: bytes) -> Program:
        """Return the program; raises DefinitionError."""


Decoded = Event | list[Event] | InputError
"""The result of decoding a raw record: a normalised event, or several, in order; or the reason for
its dead letter. A record that gives several events is taken whole or not at all."""


DecodedRecord = tuple[RawRecord, Decoded]


class Decode(Protocol):
    """Decodes a raw record."""

    def __call__(self, record: RawRecord) -> Decoded:
        """Return the event or events, or the reason why there is none."""
