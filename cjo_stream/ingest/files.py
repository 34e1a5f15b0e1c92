"""Recorded events from files: opened, read record by record, decoded, ordered.

    paths --rows of each--> records --decoder--> decoded --merge, or sort--> one stream

A record's coordinates are the name of its file, the file's number among those given (from 0), and
its line number, from 1 (in CSV: of the row's first line; in Parquet: of the row).
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.engine.port import Decode, DecodedRecord, RawRecord
from cjo_stream.errors import UsageError
from cjo_stream.ingest import order, table
from cjo_stream.ingest.table import Row

STDIN = "-"

_READ_BYTES = 256 * 1024
_ENDINGS = (".jsonl", ".csv", ".jsonl.gz", ".csv.gz", ".parquet")


def choose_channel(program: Program, asked: str | None) -> str | None:
    """Return the channel of all records, or None if each record's field `channel` determines it.

    That is the channel asked for; else the only channel with `in`, unless its format is native,
    which has that field. Raises UsageError for a channel that is not declared.
    """
    if asked is not None:
        if asked not in program.channels:
            names = ", ".join(program.channels)
            raise UsageError(
                f"no channel `{asked}` in topology {program.topology}: it has {names}"
            )
        return asked
    taking = [channel for channel in program.channels.values() if channel.input is not None]
    if len(taking) == 1 and taking[0].input and taking[0].input.format != "native":
        return taking[0].name
    return None


def read(
    paths: Sequence[str],
    decode: Decode,
    *,
    channel: str | None,
    now: int,
    sort: bool = False,
    stdin: BinaryIO | None = None,
) -> Iterator[DecodedRecord]:
    """Return the records of all files, decoded, in order.

    `now` is the timestamp of every record, in ms. Several files are merged by event time; with
    `sort` all records are sorted by it, also within a file. `-` is standard input, as JSON lines.
    Raises UsageError at once if a file cannot be read, and during iteration if one is damaged.
    """
    if paths.count(STDIN) > 1:
        raise UsageError("`-` is given twice; standard input can be read once")
    for path in paths:
        _check(path)
    sources = [
        _decoded(_rows(path, stdin), Path(path).name, number, decode, channel, now)
        for number, path in enumerate(paths)
    ]
    if sort:
        return order.sort(sources)
    return iter(sources[0]) if len(sources) == 1 else order.merge(sources)


def objects(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and content of each row of a file that holds no events.

    Raises UsageError.
    """
    _check(path)
    for number, value, error in _rows(path, None):
        try:
            yield number, msgspec.json.decode(value, type=dict[str, Any])
        except msgspec.MsgspecError as why:
            raise UsageError(f"{path}, line {number}: {error or why}: mend that line") from None


def _decoded(
    rows: Iterator[Row], name: str, number: int, decode: Decode, channel: str | None, now: int
) -> Iterator[DecodedRecord]:
    """Yield the records of one file, decoded."""
    for line, value, error in rows:
        record = RawRecord(name, name, number, line, now, value, channel=channel)
        yield record, error or decode(record)


def _rows(path: str, stdin: BinaryIO | None) -> Generator[Row]:
    """Yield the rows of one file, in the format of its name's ending; raises UsageError."""
    if _is(path, ".parquet"):
        yield from table.read_parquet(path)
        return
    number = 0
    try:
        with _opened(path, stdin) as stream:
            is_csv = _is(path, ".csv", ".csv.gz")
            for row in table.read_csv(stream, path) if is_csv else _json_lines(stream):
                number = row.number
                yield row
    except (OSError, EOFError, zlib.error) as error:
        where = f" beyond line {number}" if number else ""
        why = error.strerror if isinstance(error, OSError) else None
        raise UsageError(
            f"{path}: cannot be read{where}: {why or error}. Name a file that is present and whole"
        ) from error


def _json_lines(stream: BinaryIO) -> Iterator[Row]:
    for number, line in table.read_lines(stream):
        value = line.rstrip(b"\r\n")
        if value and not value.isspace():
            yield Row(number, value)


@contextmanager
def _opened(path: str, stdin: BinaryIO | None) -> Iterator[BinaryIO]:
    """Open a file, unpacking it if it is packed; standard input is not closed at the end."""
    if path == STDIN:
        yield stdin or sys.stdin.buffer
    elif _is(path, ".gz"):
        # GzipFile reads lines in Python; a buffered reader around it does so in C.
        with gzip.open(path) as packed, io.BufferedReader(packed, _READ_BYTES) as stream:
            yield stream
    else:
        with Path(path).open("rb", _READ_BYTES) as stream:
            yield stream


def _check(path: str) -> None:
    """Raise UsageError for a file whose beginning cannot be read."""
    if path == STDIN:
        return
    if not _is(path, *_ENDINGS):
        raise UsageError(f"{path}: unknown kind of file; it may end in {', '.join(_ENDINGS)}")
    if Path(path).is_fifo():
        return
    with closing(_rows(path, None)) as rows:
        next(rows, None)


def _is(path: str, *endings: str) -> bool:
    return path.lower().endswith(endings)
