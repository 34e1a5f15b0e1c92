"""Rows of tables as JSON objects: CSV and Parquet.

CSV: UTF-8, with commas; the first row names the columns; every value is text, and an empty cell is
an empty text. A malformed row, or one with more cells than columns, is a row with an error.
Parquet: nulls are left out; times are RFC 3339 (UTC if the column has no zone).
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import msgspec

from cjo_stream.errors import InputError, UsageError

LINE_BYTES_MAX = 1024 * 1024
"""Only the beginning of a longer line is kept. It is far above the bound of a record."""

_BOM = b"\xef\xbb\xbf"
_BATCH_ROWS = 1_000
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class Row(NamedTuple):
    """One record of a file: the number of its (first) line, its bytes, its error."""

    number: int
    value: bytes
    error: InputError | None = None


def read_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line with its end), without a byte order mark at the beginning.

    The rest of a line beyond LINE_BYTES_MAX is skipped, so memory stays bounded.
    """
    number = 0
    while line := stream.readline(LINE_BYTES_MAX):
        number += 1
        if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
            while (rest := stream.readline(LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
                pass
        yield number, line.removeprefix(_BOM) if number == 1 else line


def read_csv(stream: BinaryIO, name: str) -> Iterator[Row]:
    """Yield the rows of a CSV file; raises UsageError for a header that cannot name columns."""
    source = _CsvLines(stream)
    reader = csv.reader(source, strict=True)
    try:
        header = _next(reader) or []
    except csv.Error as error:
        raise UsageError(
            f"{name}: the first row is not a CSV header ({error}): name the columns there"
        ) from None
    _check_header(header, name)
    while True:
        source.taken.clear()
        try:
            cells = _next(reader)
        except csv.Error as error:
            yield Row(source.first, source.raw(), _refused(source, str(error)))
            continue
        if cells is None:
            return
        if not cells:
            continue
        yield _csv_row(header, cells, source)


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


def read_parquet(path: str) -> Iterator[Row]:
    """Yield the rows of a Parquet file, numbered from 1; raises UsageError."""
    pyarrow, parquet = import_pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for row in _whole_times(batch, pyarrow).to_pylist():
                    number += 1
                    yield Row(number, _encoder.encode(_present(row)))
    except (OSError, pyarrow.ArrowException) as error:
        raise UsageError(
            f"{path}: cannot be read as Parquet ({error}): name a file that is present and whole"
        ) from error


def import_pyarrow() -> tuple[Any, Any]:
    """Return the modules pyarrow and pyarrow.parquet; raises UsageError if not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            "reading .parquet needs pyarrow: install it with `pip install 'cjo-stream[parquet]'`"
        ) from error
    return pyarrow, pyarrow.parquet


class _CsvLines:
    """The lines of a CSV file as text, and the bytes of the row being read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = read_lines(stream)
        self.first = 0
        self.taken: list[bytes] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, line = next(self._lines)
        if not self.taken:
            self.first = number
        self.taken.append(line)
        if len(line) >= LINE_BYTES_MAX and not line.endswith(b"\n"):
            # The line is cut, perhaps within quotes: the next line must not continue them.
            raise csv.Error("a line that is too long")
        return line.decode("utf-8", "surrogateescape")

    def raw(self) -> bytes:
        return b"".join(self.taken).rstrip(b"\r\n")


def _check_header(header: list[str], name: str) -> None:
    seen: set[str] = set()
    for column in header:
        if column and column in seen:
            raise UsageError(f"{name}: two columns are named {json.dumps(column)}; rename one")
        if any("\ud800" <= character <= "\udfff" for character in column):
            raise UsageError(f"{name}: the first row is not UTF-8: write it in UTF-8")
        seen.add(column)


def _csv_row(header: list[str], cells: list[str], source: _CsvLines) -> Row:
    if len(cells) > len(header) and any(cells[len(header) :]):
        detail = f"a row of {len(cells)} cells; the header names {len(header)}"
        return Row(source.first, source.raw(), _refused(source, detail))
    row = dict(zip(header, cells, strict=False))
    try:
        return Row(source.first, _encoder.encode(row))
    except UnicodeEncodeError:
        return Row(source.first, source.raw(), _refused(source, "not UTF-8"))


def _refused(source: _CsvLines, detail: str) -> InputError:
    size = sum(map(len, source.taken))
    if size >= LINE_BYTES_MAX:
        return InputError("too_large", f"a row of {size} bytes or more")
    return InputError("malformed", f"not a row of CSV: {detail}")


def _whole_times(batch: Any, pyarrow: Any) -> Any:
    """Return the batch with times in microseconds, UTC, the finest that Python has."""
    columns = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pyarrow.types.is_timestamp(field.type):
            columns.append(column.cast(pyarrow.timestamp("us", "UTC"), safe=False))
        else:
            columns.append(column)
    return pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _present(value: Any) -> Any:
    """Return `value` without nulls and NaNs, which mean absent fields, at any depth."""
    if isinstance(value, dict):
        there = ((name, inner) for name, inner in value.items() if not _is_absent(inner))
        return {name: _present(inner) for name, inner in there}
    if isinstance(value, list):
        return [_present(inner) for inner in value]
    return value


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
