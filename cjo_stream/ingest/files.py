"""Recorded events from files: opened, read record by record, decoded, ordered.

    paths --rows of each--> records --decoder--> decoded --merge, or sort--> one stream

A file's *content* is its bytes, unpacked, in UTF-8; that of Parquet its rows as JSON lines. By it
a file is known again (`taken`), and a place in it is where a later run goes on.

A record's coordinates are the name of its file, the file's number (from 0, among those given; of a
state, among all that it has taken), and its line number, from 1 (in CSV and JSON: of the row's
first line; in Parquet: of the row).
"""

from __future__ import annotations

import gzip
import io
import itertools
import logging
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.engine.port import Decode, DecodedRecord, RawRecord
from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest import json_file, order, parquet, table
from cjo_stream.ingest.archive import row as archive
from cjo_stream.ingest.archive.name import Lane, read_name
from cjo_stream.ingest.digesting import Digesting
from cjo_stream.ingest.form import Form, in_utf_8
from cjo_stream.ingest.listing import ENDINGS, STDIN, ends_in, files_at
from cjo_stream.ingest.remote import is_url, opened
from cjo_stream.ingest.table import Ending, Row
from cjo_stream.ingest.taken import BEGINNING, HEAD_BYTES, Found, Place, Taken, lengths

_LOG = logging.getLogger(__name__)

_READ_BYTES = 256 * 1024

Undecoded = tuple[RawRecord, InputError | None]
"""A record, and why its row holds none."""
DecodeAll = Callable[[Iterator[Undecoded]], Iterator[DecodedRecord]]
"""Decodes the records of a file, in order."""


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


class InputFile:
    """A file of events, or standard input, by its path as given."""

    def __init__(
        self, given: str, stdin: IO[bytes] | None = None, form: Form | None = None
    ) -> None:
        self.given = given
        self.name = Path(given).name
        self.archived = read_name(given)
        """What the name of a file of an archive says; None for any other."""
        self._stdin = stdin
        self._form = form or Form()
        self._copy: IO[bytes] | None = None
        """Of what can be read once only, where it is read more than once."""

    @property
    def is_read_once(self) -> bool:
        """Whether it is standard input or a pipe."""
        return self.given == STDIN or (not is_url(self.given) and Path(self.given).is_fifo())

    @property
    def path(self) -> str | None:
        """The path by which the file is known; None if it can be read once only."""
        if self.is_read_once or is_url(self.given):
            return None if self.is_read_once else self.given
        return os.path.realpath(self.given)

    @property
    def is_csv(self) -> bool:
        """Whether it is a table whose first row names the columns."""
        return ends_in(self.given, ".csv", ".csv.gz")

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet table."""
        return ends_in(self.given, ".parquet")

    def check(self) -> None:
        """Raise UsageError for a file that cannot be read, as far as its beginning shows."""
        if self.given == STDIN:
            return
        if not ends_in(self.given, *ENDINGS):
            raise UsageError(
                f"{self.given}: unknown kind of file; it may end in {', '.join(ENDINGS)}"
            )
        if not (self.is_read_once or is_url(self.given)):
            with closing(self.rows()) as rows:
                next(rows, None)

    def rows(
        self,
        begin: Place = BEGINNING,
        end: Place | None = None,
        ending: Ending | None = None,
    ) -> Generator[Row]:
        """Yield the rows between two places, by default all; raises UsageError."""
        if self.is_parquet:
            for row in parquet.read_parquet(self.given):
                if end is not None and row.number > end.line:
                    return
                if row.number > begin.line:
                    yield row
            return
        number = 0
        with (
            self._refusing(lambda: f" beyond line {number}" if number else ""),
            self._content() as content,
        ):
            part = content if end is None else _beginning(content, end.bytes)
            ending = ending or Ending()
            if self.is_csv:
                lines = table.Lines(part)
                rows = table.read_csv(lines, self.given, begin, ending, self._form)
            else:
                rows = json_file.read_json(part, begin, ending)
            for row in rows:
                number = row.number
                yield row
            if ending.swallowing:
                _LOG.warning(
                    "%s: in %s of its rows, first in line %s, a cell seems to hold whole rows: "
                    "perhaps a quote at its beginning is a part of the text; double it and quote "
                    'the cell ("""5 inch"), or take it away',
                    self.given,
                    ending.swallowing,
                    ending.first_swallowing,
                )
            if ending.is_list_open:
                _LOG.warning(
                    "%s: its list has no end (`]`): perhaps it is cut off, or still written",
                    self.given,
                )

    def find(self, known: Sequence[Taken], more: Sequence[int] = ()) -> Found:
        """Return what the content is, held against known files; raises UsageError.

        `more` are further lengths of beginnings to digest.
        """
        with self._refusing(lambda: ""), closing(self._chunks()) as chunks:
            head = b""
            for chunk in chunks:
                head += chunk
                if len(head) >= HEAD_BYTES:
                    break
            digesting = Digesting([*lengths(known, head[:HEAD_BYTES]), *more])
            digesting.add(head)
            for chunk in chunks:
                digesting.add(chunk)
        is_json = not (self.is_csv or self.is_parquet)
        return digesting.found(self.path, head, is_json=is_json)

    def lines(self) -> int:
        """Return how many lines the content has, of Parquet rows; 0 of what can be read once only.

        Raises UsageError.
        """
        if self.is_read_once:
            return 0
        if self.is_parquet:
            return parquet.count_rows(self.given)
        with self._refusing(lambda: ""), closing(self._chunks()) as chunks:
            return sum(chunk.count(b"\n") for chunk in chunks)

    def beginning(self) -> bytes:
        """Return the first HEAD_BYTES of the content; nothing of what can be read once only."""
        if self.is_read_once and self._copy is None:
            return b""
        with self._refusing(lambda: ""), closing(self._chunks()) as chunks:
            return next(chunks, b"")[:HEAD_BYTES]

    def keep(self) -> None:
        """Copy what can be read once only, so that it can be read again; raises UsageError."""
        if self.is_read_once and self._copy is None:
            with self._refusing(lambda: ""), self._opened() as stream:
                copy = tempfile.TemporaryFile(prefix="cjo-input-")  # noqa: SIM115 (read later)
                shutil.copyfileobj(stream, copy, _READ_BYTES)
            self._copy = copy

    def close(self) -> None:
        """Remove the copy. A second call does nothing."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def _chunks(self) -> Generator[bytes]:
        """Yield the content in pieces."""
        if self.is_parquet:
            for row in parquet.read_parquet(self.given):
                yield row.value + b"\n"
            return
        with self._content() as stream:
            while chunk := stream.read(_READ_BYTES):
                yield chunk

    @contextmanager
    def _content(self) -> Iterator[IO[bytes]]:
        """Open the content of what is no Parquet; standard input is left open at the end."""
        with self._opened() as stream:
            yield in_utf_8(stream, self._form.encoding)

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        if self._copy is not None:
            self._copy.seek(0)
            yield self._copy
        elif self.given == STDIN:
            yield self._stdin or sys.stdin.buffer
        elif is_url(self.given):
            with opened(self.given) as remote:
                if not ends_in(self.given, ".gz"):
                    yield remote
                    return
                with gzip.open(remote) as packed:
                    yield io.BufferedReader(packed, _READ_BYTES)
        elif ends_in(self.given, ".gz"):
            # GzipFile reads lines in Python; a buffered reader around it does so in C.
            with (
                gzip.open(self.given) as packed,
                io.BufferedReader(packed, _READ_BYTES) as stream,
            ):
                yield stream
        else:
            with Path(self.given).open("rb", _READ_BYTES) as stream:
                yield stream

    @contextmanager
    def _refusing(self, where: Callable[[], str]) -> Iterator[None]:
        """Turn what the system says of a file into UsageError."""
        try:
            yield
        except (OSError, EOFError, zlib.error) as error:
            why = error.strerror if isinstance(error, OSError) else None
            raise UsageError(
                f"{self.given}: cannot be read{where()}: {why or error}. Name a file that is "
                "present and whole"
            ) from error


class Part(NamedTuple):
    """What a run reads of a file: the rows from `begin` on, up to `end` or to the file's end.

    `number` is the file's in the coordinates of its records.
    """

    file: InputFile
    number: int
    begin: Place = BEGINNING
    end: Place | None = None
    ending: Ending | None = None


def open_files(
    paths: Sequence[str], stdin: IO[bytes] | None = None, form: Form | None = None
) -> list[InputFile]:
    """Return the files of a run; a folder stands for those in it, ordered by path.

    Raises UsageError where one cannot be read, as far as its beginning shows.
    """
    if paths.count(STDIN) > 1:
        raise UsageError("`-` is given twice; standard input can be read once")
    files = [InputFile(path, stdin, form) for given in paths for path in files_at(given)]
    for file in files:
        file.check()
    return files


def read(
    paths: Sequence[str],
    decode: Decode,
    *,
    channel: str | None,
    now: int,
    sort: bool = False,
    stdin: IO[bytes] | None = None,
) -> Iterator[DecodedRecord]:
    """Return the records of all files, decoded, in order.

    `now` is the timestamp of every record, in ms. Several files are merged by event time; with
    `sort` all records are sorted by it, also within a file. `-` is standard input, as JSON.
    Raises UsageError at once if a file cannot be read, and during iteration if one is damaged.
    """
    parts = [Part(file, number) for number, file in enumerate(open_files(paths, stdin))]
    return read_parts(parts, decode, channel=channel, now=now, sort=sort)


def read_parts(
    parts: Sequence[Part],
    decode: Decode,
    *,
    channel: str | None,
    now: int,
    sort: bool = False,
    decode_all: DecodeAll | None = None,
) -> Iterator[DecodedRecord]:
    """Return the records of parts of files with what they decode to, in order.

    `now` is every record's timestamp, in ms. Several files are merged by event time; with `sort`
    everything is ordered by it, also within a file. The files of one lane of an archive count as
    one, in the order of their offsets. `decode_all` decodes instead of `decode` where one file
    after the other is read; for a merge they are read side by side.
    """
    undecoded = _sources(parts, channel, now)
    if decode_all is None or (len(undecoded) > 1 and not sort):
        decode_all = _each_by(decode)
    sources = [decode_all(one) for one in undecoded]
    if sort:
        return order.sort(sources)
    return sources[0] if len(sources) == 1 else order.merge(sources)


def objects(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and content of each row of a file that holds no events.

    Raises UsageError.
    """
    file = InputFile(path)
    file.check()
    for number, value, error in file.rows():
        try:
            yield number, msgspec.json.decode(value, type=dict[str, Any])
        except msgspec.MsgspecError as why:
            raise UsageError(f"{path}, line {number}: {error or why}: mend that line") from None


def _each_by(decode: Decode) -> DecodeAll:
    def decode_all(records: Iterator[Undecoded]) -> Iterator[DecodedRecord]:
        return ((record, error or decode(record)) for record, error in records)

    return decode_all


def _sources(parts: Sequence[Part], channel: str | None, now: int) -> list[Iterator[Undecoded]]:
    """Return the records of each file, those of a lane of an archive one behind the other."""
    sources: list[Iterator[Undecoded]] = []
    lanes: dict[Lane, list[tuple[int, Part]]] = {}
    for part in parts:
        named = part.file.archived
        if named is None:
            sources.append(_records(part, channel, now))
        else:
            lanes.setdefault(named.lane, []).append((named.first, part))
    for lane in sorted(lanes):
        in_order = [part for _, part in sorted(lanes[lane], key=itemgetter(0))]
        sources.append(
            itertools.chain.from_iterable(
                _records(part, archive.CHANNEL, now) for part in in_order
            )
        )
    return sources


def _records(part: Part, channel: str | None, now: int) -> Iterator[Undecoded]:
    """Yield the records of a part of one file."""
    name = part.file.name
    for line, value, error in part.file.rows(part.begin, part.end, part.ending):
        yield RawRecord(name, name, part.number, line, now, value, channel=channel), error


class _Beginning(io.RawIOBase):
    """The first bytes of a stream, as a stream; the stream itself stays open."""

    def __init__(self, stream: IO[bytes], length: int) -> None:
        self._stream = stream
        self._left_bytes = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)
        piece = self._stream.read(min(len(room), self._left_bytes))
        room[: len(piece)] = piece
        self._left_bytes -= len(piece)
        return len(piece)


def _beginning(stream: IO[bytes], length: int) -> IO[bytes]:
    return io.BufferedReader(_Beginning(stream, length), _READ_BYTES)
