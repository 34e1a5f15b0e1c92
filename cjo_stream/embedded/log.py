"""The in-process log: partitions of internal and effect frames, in memory or on disk.

The durable one keeps everything in one RocksDB, so that one atomic batch contains the records of
an append and the note of how far their source was read:

    i | partition (4, BE) | offset (8, BE)    an internal record: time (8), frame
    e | partition (4, BE) | offset (8, BE)    an effect record: time (8), frame
    h | partition (4, BE) | offset (8, BE)    a command that a hold keeps back: time (8), effect
    n | name                                  a note (a source's position, the output's sizes, ...)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from cjo_stream.engine.port import LogRecord, Store

INTERNAL = b"i"
EFFECT = b"e"
HELD = b"h"
TOPIC_ID = "embedded"
"""The name of the log where tasks name one."""

_PLACE = struct.Struct(">IQ")
_TIME = struct.Struct(">q")

Append = tuple[bytes, int, int, bytes | msgspec.Struct]
"""(kind, partition, time in ms, frame); only a log that is not durable takes one not encoded."""


class EmbeddedLog(Protocol):
    """Partitions of three kinds, INTERNAL, EFFECT and HELD, and notes."""

    is_durable: bool
    """Whether it outlives its process."""

    def append(self, appends: Sequence[Append], notes: dict[str, bytes] | None = None) -> None:
        """Append records, in order, and write notes; all or nothing."""

    def read(self, kind: bytes, partition: int, after: int, most: int) -> list[LogRecord]:
        """Return up to `most` records beyond offset `after`, in order."""

    def end(self, kind: bytes, partition: int) -> int:
        """Return the offset of the last record appended; -1 before the first."""

    def trim(self, kind: bytes, partition: int, through: int) -> None:
        """Remove the records up to and including offset `through`: they are not read again."""

    def purge(self) -> None:
        """Remove from the disk what was trimmed."""

    def note(self, name: str) -> bytes | None:
        """Return a note."""

    def notes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of the notes whose names begin with `prefix` (ASCII)."""

    def close(self) -> None:
        """Release files and locks."""


class MemoryLog:
    """A log that ends with its process."""

    is_durable = False

    def __init__(self) -> None:
        self._records: dict[tuple[bytes, int], list[LogRecord]] = {}
        self._ends: dict[tuple[bytes, int], int] = {}
        self._notes: dict[str, bytes] = {}

    def append(self, appends: Sequence[Append], notes: dict[str, bytes] | None = None) -> None:
        """Append records, in order, and write notes."""
        for kind, partition, time, value in appends:
            place = (kind, partition)
            offset = self._ends.get(place, -1) + 1
            self._ends[place] = offset
            record = (
                LogRecord(offset, time, value)
                if isinstance(value, bytes)
                else LogRecord(offset, time, b"", value)
            )
            self._records.setdefault(place, []).append(record)
        if notes:
            self._notes.update(notes)

    def read(self, kind: bytes, partition: int, after: int, most: int) -> list[LogRecord]:
        """Return up to `most` records beyond offset `after`, in order."""
        records = self._records.get((kind, partition))
        if not records:
            return []
        first = max(0, after + 1 - records[0].offset)
        return records[first : first + most]

    def end(self, kind: bytes, partition: int) -> int:
        """Return the offset of the last record appended; -1 before the first."""
        return self._ends.get((kind, partition), -1)

    def trim(self, kind: bytes, partition: int, through: int) -> None:
        """Forget the records up to and including offset `through`."""
        if records := self._records.get((kind, partition)):
            del records[: max(0, through + 1 - records[0].offset)]

    def purge(self) -> None:
        """Do nothing: trimmed records are gone already."""

    def note(self, name: str) -> bytes | None:
        """Return a note."""
        return self._notes.get(name)

    def notes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of the notes whose names begin with `prefix` (ASCII)."""
        return ((name, note) for name, note in self._notes.items() if name.startswith(prefix))

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


class DurableLog:
    """A log in a store; it survives kill -9 of its process."""

    is_durable = True

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ends: dict[tuple[bytes, int], int] = {}
        self._starts: dict[tuple[bytes, int], int] = {}

    def append(self, appends: Sequence[Append], notes: dict[str, bytes] | None = None) -> None:
        """Append records, in order, and write notes, in one batch."""
        batch: list[tuple[bytes, bytes | None]] = []
        ends: dict[tuple[bytes, int], int] = {}
        for kind, partition, time, value in appends:
            place = (kind, partition)
            offset = (ends[place] if place in ends else self.end(kind, partition)) + 1
            ends[place] = offset
            assert isinstance(value, bytes), "what is kept is encoded"
            batch.append((kind + _PLACE.pack(partition, offset), _TIME.pack(time) + value))
        for (kind, partition), offset in ends.items():
            batch.append((b"n" + _end_name(kind, partition), _TIME.pack(offset)))
        for name, content in (notes or {}).items():
            batch.append((b"n" + name.encode(), content))
        self._store.write(batch)
        self._ends.update(ends)

    def read(self, kind: bytes, partition: int, after: int, most: int) -> list[LogRecord]:
        """Return up to `most` records beyond offset `after`, in order."""
        start = kind + _PLACE.pack(partition, after + 1)
        last = kind + _PLACE.pack(partition, (1 << 64) - 1)
        found: list[LogRecord] = []
        for key, value in self._store.scan(start, last):
            offset = _PLACE.unpack_from(key, 1)[1]
            found.append(LogRecord(offset, _TIME.unpack_from(value)[0], value[8:]))
            if len(found) == most:
                break
        return found

    def end(self, kind: bytes, partition: int) -> int:
        """Return the offset of the last record appended; -1 before the first."""
        place = (kind, partition)
        if place not in self._ends:
            value = self._store.get(b"n" + _end_name(kind, partition))
            self._ends[place] = _TIME.unpack(value)[0] if value else -1
        return self._ends[place]

    def trim(self, kind: bytes, partition: int, through: int) -> None:
        """Delete the records up to and including offset `through`."""
        place = (kind, partition)
        start = self._starts.get(place)
        if start is None:
            first = self.read(kind, partition, -1, 1)
            start = first[0].offset if first else through + 1
        batch: list[tuple[bytes, bytes | None]] = [
            (kind + _PLACE.pack(partition, offset), None) for offset in range(start, through + 1)
        ]
        if batch:
            self._store.write(batch)
        self._starts[place] = max(start, through + 1)

    def purge(self) -> None:
        """Remove from the disk what was trimmed."""
        kinds = (INTERNAL, EFFECT, HELD)
        self._store.purge([(kind, bytes([kind[0] + 1])) for kind in kinds])

    def note(self, name: str) -> bytes | None:
        """Return a note."""
        return self._store.get(b"n" + name.encode())

    def notes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of the notes whose names begin with `prefix` (ASCII)."""
        start = b"n" + prefix.encode()
        end = start[:-1] + bytes([start[-1] + 1])
        for key, value in self._store.scan(start, end):
            yield key[1:].decode(), value

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _end_name(kind: bytes, partition: int) -> bytes:
    return b"end:" + kind + str(partition).encode()
