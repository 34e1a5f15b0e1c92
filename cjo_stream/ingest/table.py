"""Rows of CSV files as JSON objects.

The first row, behind blank lines and the line `sep=,` of Excel, names the columns; every value is
text, and an empty cell is an empty text. A malformed row, or one with more cells than columns, is
a row with an error. Of several columns without a name those behind the last name are none: their
cells must be empty. How it is written is in its `form`.

A CSV file may be read from a place on, where one reading of it had ended.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import IO, Final, NamedTuple, Self

import msgspec

from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest.form import Form, with_point
from cjo_stream.ingest.taken import BEGINNING, Place

LINE_BYTES_MAX = 1024 * 1024
"""Only the beginning of a longer line is kept. It is far above the bound of a record."""

_BOM = b"\xef\xbb\xbf"
_OF_EXCEL: Final = re.compile("sep=(.)", re.IGNORECASE)
_CR: Final = "new-line character"
"""What the csv module's error begins with where a CR ends no line."""
_encoder = msgspec.json.Encoder()


class Row(NamedTuple):
    """One record of a file: the number of its (first) line, its bytes, its error."""

    number: int
    value: bytes
    error: InputError | None = None


class Ending(msgspec.Struct):
    """How a file's rows ended, filled in by who reads them."""

    before: Place = BEGINNING
    """The place before the last row."""
    is_open: bool = False
    """Whether the last row has no end: what is written behind it may be a part of it."""
    end: Place | None = None
    """Where a later reading goes on; None: where the content ended."""
    is_list_open: bool = False
    """Whether the content ended within a list of JSON."""
    swallowing: int = 0
    """Rows of CSV with a cell that seems to hold further rows: its quote may be a mistake."""
    first_swallowing: int = 0
    """The line of the first of them."""


class Lines:
    """The lines of a stream with their ends, without a byte order mark at the beginning.

    The rest of a line beyond LINE_BYTES_MAX is skipped, so memory stays bounded.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.number = 0
        """Of the line read last, from 1."""
        self.begin_bytes = 0
        """Where that line begins, and `end_bytes` where it ends."""
        self.end_bytes = 0
        self.is_open = False
        """Whether that line has no line end."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        line = self._stream.readline(LINE_BYTES_MAX)
        if not line:
            raise StopIteration
        self.number += 1
        self.begin_bytes = self.end_bytes
        self.end_bytes += len(line)
        self.is_open = not line.endswith(b"\n")
        if self.is_open and len(line) == LINE_BYTES_MAX:
            while self.is_open and (rest := self._stream.readline(LINE_BYTES_MAX)):
                self.end_bytes += len(rest)
                self.is_open = not rest.endswith(b"\n")
        return line.removeprefix(_BOM) if self.number == 1 else line

    def skip_to(self, place: Place) -> None:
        """Read past everything before a place, which lies between two lines."""
        while self.end_bytes < place.bytes:
            passed = self._stream.read(min(place.bytes - self.end_bytes, LINE_BYTES_MAX))
            if not passed:
                break
            self.end_bytes += len(passed)
        self.number = max(self.number, place.line)


def told_delimiter(line: str) -> str | None:
    """Return the delimiter that a line without its end tells Excel; None if it tells none.

    >>> told_delimiter("sep=;"), told_delimiter("sep;name")
    (';', None)
    """
    told = _OF_EXCEL.fullmatch(line)
    return told and told[1]


def read_csv(lines: Lines, name: str, begin: Place, ending: Ending, form: Form) -> Iterator[Row]:
    """Yield the rows of a CSV file from a place on, where a row begins.

    Raises UsageError for a header that cannot name columns.
    """
    source = _CsvLines(lines)
    header = _header(source, name, form)
    with_comma = [number for number, one in enumerate(header) if one in form.decimal_comma]
    lines.skip_to(begin)
    reader = csv.reader(source, strict=True, delimiter=form.delimiter)
    while True:
        source.taken.clear()
        try:
            cells = _next(reader)
        except csv.Error as error:
            source.note_end(ending)
            why = "a CR that ends no line; quote its cell" if _CR in str(error) else str(error)
            yield Row(source.first, source.raw(), _refused(source, why))
            continue
        if cells is None:
            return
        if not cells:
            continue
        source.note_end(ending)
        if len(source.taken) > 1 and _seem_rows(source.taken, header, form.delimiter.encode()):
            ending.swallowing += 1
            ending.first_swallowing = ending.first_swallowing or source.first
        yield _csv_row(header, cells, source, with_comma)


def _seem_rows(lines: list[bytes], header: list[str], delimiter: bytes) -> bool:
    """Return whether the lines of one row seem to be a row each: parted as the header is.

    Two lines of two columns may as well be a text with one delimiter in it.
    """
    parted = [line.count(delimiter) == len(header) - 1 for line in lines]
    if len(header) == 1:
        return False
    return all(parted[:-1]) and (len(lines) > 2 or (len(header) > 2 and parted[-1]))


def _header(source: _CsvLines, name: str, form: Form) -> list[str]:
    reader = csv.reader(source, strict=True, delimiter=form.delimiter)
    try:
        header = _next(reader)
        while header == [] or _is_of_excel(source.raw(), name, form):
            source.taken.clear()
            header = _next(reader)
    except csv.Error as error:
        if _CR in str(error):
            raise UsageError(
                f"{name}: its lines end in CR alone; write it with LF, or CR and LF, at their ends"
            ) from None
        raise UsageError(
            f"{name}: the first row is not a CSV header ({error}): name the columns there"
        ) from None
    header = header or []
    if header.count("") > 1:
        while header and not header[-1]:
            header.pop()
    _check_header(header, name)
    missing = [column for column in form.decimal_comma if column not in header]
    if missing and header:
        raise UsageError(
            f"{name}: no column {json.dumps(missing[0])} for --decimal-comma: the first row names "
            f"{json.dumps(header)}"
        )
    return header


def _is_of_excel(line: bytes, name: str, form: Form) -> bool:
    """Return whether a line tells Excel the delimiter; raises UsageError where that is another."""
    told = told_delimiter(line.decode("utf-8", "replace"))
    if told is not None and told != form.delimiter:
        given = "tab" if told == "\t" else f"'{told}'"
        raise UsageError(
            f"{name}: its first line says that another character parts the cells: read it with "
            f"--delimiter {given}"
        )
    return told is not None


def _next(reader: Iterator[list[str]]) -> list[str] | None:
    """Return the next row, None at the end.

    A row may be one long field. The csv module has one bound on fields for all its readers, so the
    bound is raised for this row only.
    """
    before = csv.field_size_limit(LINE_BYTES_MAX)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(before)


class _CsvLines:
    """The lines of a CSV file as text, and the bytes of the row being read."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.first = 0
        self._begin_bytes = 0
        self._is_cut_off = False
        self.taken: list[bytes] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self._is_cut_off = bool(self.taken)
            raise StopIteration
        if not self.taken:
            self.first = self._lines.number
            self._begin_bytes = self._lines.begin_bytes
        self.taken.append(line)
        if len(line) >= LINE_BYTES_MAX and not line.endswith(b"\n"):
            # The line is cut, perhaps within quotes: the next line must not continue them.
            raise csv.Error("a line that is too long")
        return line.decode("utf-8", "surrogateescape")

    def raw(self) -> bytes:
        return b"".join(self.taken).rstrip(b"\r\n")

    def note_end(self, ending: Ending) -> None:
        """Note a row that the file's end cut off: in its last line, or within quotes."""
        if self._lines.is_open or self._is_cut_off:
            ending.before = Place(self._begin_bytes, self.first - 1)
            ending.is_open = True


def _check_header(header: list[str], name: str) -> None:
    if header.count("") > 1:
        raise UsageError(f"{name}: two columns have no name; name them in the first row")
    seen: set[str] = set()
    for column in header:
        if column and column in seen:
            raise UsageError(f"{name}: two columns are named {json.dumps(column)}; rename one")
        if any("\ud800" <= character <= "\udfff" for character in column):
            raise UsageError(
                f"{name}: the first row is not UTF-8: name its encoding with --encoding (utf-16, "
                "windows-1252, latin-1), or write it in UTF-8"
            )
        seen.add(column)


def _csv_row(header: list[str], cells: list[str], source: _CsvLines, with_comma: list[int]) -> Row:
    if len(cells) > len(header) and any(cells[len(header) :]):
        detail = f"a row of {len(cells)} cells; the header names {len(header)}"
        return Row(source.first, source.raw(), _refused(source, detail))
    for number in with_comma:
        if number >= len(cells):
            break
        written = with_point(cells[number])
        if written is None:
            detail = f"{json.dumps(header[number])} is no number with a decimal comma"
            return Row(source.first, source.raw(), _refused(source, detail))
        cells[number] = written
    row = dict(zip(header, cells, strict=False))
    try:
        return Row(source.first, _encoder.encode(row))
    except UnicodeEncodeError:
        return Row(
            source.first, source.raw(), _refused(source, "not UTF-8; --encoding names another one")
        )


def _refused(source: _CsvLines, detail: str) -> InputError:
    size = sum(map(len, source.taken))
    if size >= LINE_BYTES_MAX:
        return InputError("too_large", f"a row of {size} bytes or more")
    return InputError("malformed", f"not a row of CSV: {detail}")
