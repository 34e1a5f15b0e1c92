"""Orders decoded records by event time.

A refused record has no event time. It stays behind the event before it in its file, so it gets
that event's time (before the first event of a file: the lowest).
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

import msgspec

from cjo_stream.core.event import Event
from cjo_stream.engine.port import Decoded, DecodedRecord, RawRecord
from cjo_stream.errors import InputError, RetryError

Timed = tuple[int, DecodedRecord]

BEGINNING = -(2**63)
CHUNK_BYTES = 64 * 1024 * 1024
RUNS_MAX = 64

_RECORD_BYTES = 1_500
"""Approximate memory of a decoded record besides its raw bytes, which count three times."""
_LENGTH_BYTES = 4
_BUFFER_BYTES = 256 * 1024


class _Spilled(msgspec.Struct, array_like=True):
    """A decoded record in a temporary file."""

    time: int
    record: RawRecord
    events: list[Event]
    reason: str = ""
    detail: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Spilled)
_time_of = itemgetter(0)


def timed(records: Iterable[DecodedRecord]) -> Iterator[Timed]:
    """Yield the records of one file with the times by which they are ordered."""
    time = BEGINNING
    for record, decoded in records:
        if isinstance(decoded, Event):
            time = decoded.time
        elif isinstance(decoded, list):
            time = min((event.time for event in decoded), default=time)
        yield time, (record, decoded)


def merge(sources: Sequence[Iterable[DecodedRecord]]) -> Iterator[DecodedRecord]:
    """Yield the records of several files, always the one with the earliest time next.

    Ties go by the order of `sources`; the order within each file is kept.
    """
    for _, decoded in heapq.merge(*(timed(source) for source in sources), key=_time_of):
        yield decoded


def sort(
    sources: Iterable[Iterable[DecodedRecord]], chunk_bytes: int = CHUNK_BYTES
) -> Iterator[DecodedRecord]:
    """Yield all records by time; records of equal time keep the order of `sources`.

    It uses about `chunk_bytes` of memory, and temporary files for the rest. Raises RetryError if
    there is no room for these.
    """
    chunk: list[Timed] = []
    held_bytes = 0
    folder: tempfile.TemporaryDirectory[str] | None = None
    runs: list[Path] = []
    try:
        for source in sources:
            for entry in timed(source):
                chunk.append(entry)
                held_bytes += _RECORD_BYTES + 3 * len(entry[1][0].value)
                if held_bytes < chunk_bytes:
                    continue
                folder = folder or tempfile.TemporaryDirectory(prefix="cjo-sort-")
                chunk.sort(key=_time_of)
                runs.append(_spill(chunk, Path(folder.name) / f"run-{len(runs)}"))
                chunk = []
                held_bytes = 0
        chunk.sort(key=_time_of)
        if folder is not None:
            runs = _reduce(runs, Path(folder.name))
        for _, decoded in heapq.merge(*map(_unspill, runs), chunk, key=_time_of):
            yield decoded
    finally:
        if folder is not None:
            folder.cleanup()


def _reduce(runs: list[Path], folder: Path) -> list[Path]:
    """Merge neighbouring runs until all of them can be open at once."""
    level = 0
    while len(runs) > RUNS_MAX:
        level += 1
        merged = []
        for first in range(0, len(runs), RUNS_MAX):
            group = runs[first : first + RUNS_MAX]
            entries = heapq.merge(*map(_unspill, group), key=_time_of)
            merged.append(_spill(entries, folder / f"run-{level}-{first}"))
            for run in group:
                run.unlink()
        runs = merged
    return runs


def _spill(entries: Iterable[Timed], path: Path) -> Path:
    """Write entries to a file: length (4 bytes, big-endian) and msgpack of each."""
    try:
        with path.open("wb", _BUFFER_BYTES) as file:
            for time, (record, decoded) in entries:
                if isinstance(decoded, InputError):
                    spilled = _Spilled(time, record, [], decoded.reason, decoded.detail)
                else:
                    events = decoded if isinstance(decoded, list) else [decoded]
                    spilled = _Spilled(time, record, events)
                encoded = _encoder.encode(spilled)
                file.write(len(encoded).to_bytes(_LENGTH_BYTES, "big"))
                file.write(encoded)
    except OSError as error:
        raise RetryError(
            f"sorting cannot write its temporary files below {path.parent.parent}: "
            f"{error.strerror}. Make room there, or set TMPDIR to another folder"
        ) from error
    return path


def _unspill(path: Path) -> Iterator[Timed]:
    with path.open("rb", _BUFFER_BYTES) as file:
        while length := file.read(_LENGTH_BYTES):
            spilled = _decoder.decode(file.read(int.from_bytes(length, "big")))
            events = spilled.events
            decoded: Decoded = events[0] if len(events) == 1 else events
            if spilled.reason:
                decoded = InputError(spilled.reason, spilled.detail)
            yield spilled.time, (spilled.record, decoded)
