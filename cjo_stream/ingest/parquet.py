"""Rows of Parquet files as JSON objects.

    column, at any depth       value
    null, NaN                  left out
    binary                     text if it is UTF-8 (as Hive and Impala write text), else base64
    timestamp                  RFC 3339, cut to microseconds; UTC if the column has no zone
    date                       `2026-02-25`
    decimal                    a number, exact if it is whole

A time outside the years 1 to 9999 has its year with a sign (`+12026-01-01T00:00:00Z`), as ISO 8601
extends years. No format takes it as a time, and nothing else changes for the row.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import Any

import msgspec

from cjo_stream.errors import UsageError
from cjo_stream.ingest.remote import is_url, opened
from cjo_stream.ingest.table import Row

_BATCH_ROWS = 1_000
_EXACT_MAX = 2**53
"""A reader of JSON may round greater numbers that have a decimal point."""
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY_SECONDS = 86_400
_DAY_MS = _DAY_SECONDS * 1_000
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def read_parquet(path: str) -> Iterator[Row]:
    """Yield the rows of a Parquet file, numbered from 1; raises UsageError."""
    pyarrow, parquet = import_pyarrow()
    try:
        with _opened(path) as source, parquet.ParquetFile(source) as file:
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for row in _rows(batch, pyarrow):
                    number += 1
                    yield Row(number, _encoder.encode(_present(row)))
    except (OSError, pyarrow.ArrowException) as error:
        raise _unreadable(path, error) from error


def count_rows(path: str) -> int:
    """Return how many rows a Parquet file has; raises UsageError."""
    pyarrow, parquet = import_pyarrow()
    try:
        with _opened(path) as source:
            return int(parquet.read_metadata(source).num_rows)
    except (OSError, pyarrow.ArrowException) as error:
        raise _unreadable(path, error) from error


def _opened(path: str) -> AbstractContextManager[Any]:
    """Open what is at a URL; a path is left to pyarrow."""
    return opened(path) if is_url(path) else nullcontext(path)


def _unreadable(path: str, error: Exception) -> UsageError:
    return UsageError(
        f"{path}: cannot be read as Parquet ({error}): name a file that is present and whole"
    )


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


def _rows(batch: Any, pyarrow: Any) -> list[dict[str, Any]]:
    """Return the rows of a batch, with times as Python has them, or as text where it cannot."""
    try:
        rows: list[dict[str, Any]] = _cast(batch, pyarrow, _finest).to_pylist()
    except (OverflowError, ValueError):
        # A time outside the years that Python has, somewhere in the batch.
        rows = _cast(batch, pyarrow, _counted).to_pylist()
        for field in batch.schema:
            written = _writer(field.type, pyarrow)
            if written is not None:
                for row in rows:
                    row[field.name] = written(row[field.name])
    return rows


def _cast(batch: Any, pyarrow: Any, leaf: Callable[[Any, Any], Any]) -> Any:
    columns = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        wanted = _mapped(field.type, pyarrow, leaf)
        columns.append(column if wanted == field.type else column.cast(wanted, safe=False))
    return pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _mapped(type_: Any, pyarrow: Any, leaf: Callable[[Any, Any], Any]) -> Any:
    """Return `type_` with every type inside it, at any depth, as `leaf` gives it."""
    kinds = pyarrow.types

    def inner(field: Any) -> Any:
        return field.with_type(_mapped(field.type, pyarrow, leaf))

    if kinds.is_struct(type_):
        return pyarrow.struct([inner(field) for field in type_])
    if kinds.is_map(type_):
        return pyarrow.map_(inner(type_.key_field), inner(type_.item_field))
    if kinds.is_list(type_) or kinds.is_fixed_size_list(type_):
        return pyarrow.list_(inner(type_.value_field))
    if kinds.is_large_list(type_):
        return pyarrow.large_list(inner(type_.value_field))
    if kinds.is_dictionary(type_):
        return _mapped(type_.value_type, pyarrow, leaf)
    return leaf(type_, pyarrow)


def _finest(type_: Any, pyarrow: Any) -> Any:
    """Return the type for values that Python has: times in UTC, of microseconds at the finest."""
    kinds = pyarrow.types
    if kinds.is_timestamp(type_):
        return pyarrow.timestamp("us" if type_.unit == "ns" else type_.unit, "UTC")
    if kinds.is_time64(type_):
        return pyarrow.time64("us")
    if kinds.is_duration(type_) and type_.unit == "ns":
        return pyarrow.duration("us")
    return type_


def _counted(type_: Any, pyarrow: Any) -> Any:
    """Return the type for times and dates as whole numbers since the epoch."""
    kinds = pyarrow.types
    if kinds.is_timestamp(type_) or kinds.is_date64(type_):
        return pyarrow.int64()
    return pyarrow.int32() if kinds.is_date32(type_) else _finest(type_, pyarrow)


def _writer(type_: Any, pyarrow: Any) -> Callable[[Any], Any] | None:
    """Return what writes the numbers of `_counted` as text; None if a column has none."""
    kinds = pyarrow.types
    write: Callable[[Any], Any]
    if kinds.is_timestamp(type_):
        per_second = _PER_SECOND[type_.unit]

        def write(ticks: Any) -> str:
            return _time_text(ticks, per_second)
    elif kinds.is_date32(type_):
        write = _date_text
    elif kinds.is_date64(type_):

        def write(ms: Any) -> str:
            return _date_text(ms // _DAY_MS)
    elif kinds.is_struct(type_):
        writers = {field.name: _writer(field.type, pyarrow) for field in type_}
        if not any(writers.values()):
            return None

        def write(row: Any) -> Any:
            return {
                name: value if (inner := writers[name]) is None else inner(value)
                for name, value in row.items()
            }
    elif kinds.is_map(type_):
        key, item = _writer(type_.key_type, pyarrow), _writer(type_.item_type, pyarrow)
        if key is None and item is None:
            return None

        def write(pairs: Any) -> Any:
            return [(key(k) if key else k, item(v) if item else v) for k, v in pairs]
    elif kinds.is_dictionary(type_):
        return _writer(type_.value_type, pyarrow)
    elif hasattr(type_, "value_field"):
        one = _writer(type_.value_type, pyarrow)
        if one is None:
            return None

        def write(values: Any) -> Any:
            return [one(value) for value in values]
    else:
        return None
    return lambda value: None if value is None else write(value)


def _time_text(ticks: int, per_second: int) -> str:
    """Return a time as RFC 3339; a year outside 1 to 9999 has a sign."""
    seconds, rest = divmod(ticks, per_second)
    days, second = divmod(seconds, _DAY_SECONDS)
    micros = rest * 1_000_000 // per_second
    fraction = f".{micros:06}" if micros else ""
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{_date_text(days)}T{clock}{fraction}Z"


def _date_text(days: int) -> str:
    """Return the date that many days after 1970-01-01, in the Gregorian calendar.

    Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    """
    era, day_of_era = divmod(days + 719_468, 146_097)
    year = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year += 400 * era + (month <= 2)
    written = f"{year:04}" if 1 <= year <= 9_999 else f"{year:+05}"
    return f"{written}-{month:02}-{day:02}"


def _present(value: Any) -> Any:
    """Return `value` as JSON has it, without nulls and NaNs, which mean absent fields."""
    kind = type(value)
    if kind is dict:
        return {
            name: inner if type(inner) in _AS_THEY_ARE else _present(inner)
            for name, inner in value.items()
            if inner is not None and inner == inner
        }
    if kind is list or kind is tuple:
        return [_present(inner) for inner in value]
    if kind is bytes:
        return _text(value)
    if kind is Decimal and abs(value) >= _EXACT_MAX and value == value.to_integral_value():
        return int(value)
    return value


_AS_THEY_ARE = frozenset((str, int, float, bool))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
