"""Debezium's change events of a table, by a map over the changed row (docs/events.md).

    {"before": …, "after": …, "op": "u", "ts_ms": …}      alone, or as `payload` beside a `schema`

    op           row                      attributes
    c, u, r      `after`                  a column that is null makes a null attribute
    d            `before`; where it is    all null: a delete takes facts back
                 null, the record's key
    t, others    refused: `unmapped`

`row.op` and `row.ts_ms` are the envelope's. A column of such a name is `row.column_op` or
`row.column_ts_ms`.

Columns stand as Debezium wrote them, with two exceptions. Decimals as bytes are numbers: those of
variable scale always, others if the record carries its schema, which alone has their scale. A
value that the database did not say, because it is large and did not change, is absent.

Records that change no row are skipped: tombstones (no value), heartbeats, transaction boundaries,
changes of the schema, logical messages.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from cjo_stream.core.program.topology import RowMap
from cjo_stream.core.word import Skipped
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.format.column import Columns
from cjo_stream.ingest.format.document import read_object
from cjo_stream.ingest.format.mapped import Nulls, RowScope, read_row
from cjo_stream.ingest.format.native import Native, Reader

_DELETE: Final = "d"
_WRITES: Final = ("c", "u", "r")
_MESSAGE: Final = "m"
_TRUNCATE: Final = "t"
_OF_ENVELOPE: Final = ("op", "ts_ms")
_OF_HEARTBEAT: Final = {"ts_ms", "ts_us", "ts_ns"}
_UNCHANGED: Final = "__debezium_unavailable_value"
_UNAVAILABLE: Final = (_UNCHANGED, base64.b64encode(_UNCHANGED.encode()).decode())
_DECIMAL: Final = "org.apache.kafka.connect.data.Decimal"
_SCALE_MAX: Final = 1_000
_DECIMAL_BYTES_MAX: Final = 128
_NULL: Final = b"null"
_FULL: Final = (
    "let the database tell the whole row: PostgreSQL by ALTER TABLE … REPLICA IDENTITY FULL, "
    "MySQL by binlog_row_image=FULL, Oracle by supplemental logging of all columns"
)


def reader(maps: Sequence[RowMap], scope: RowScope, columns: Columns) -> Reader:
    """Return the reader by a channel's maps."""

    def read(record: RawRecord) -> Native | list[Native] | Skipped:
        if not record.value or record.value.strip() == _NULL:
            return Skipped.TOMBSTONE
        value = read_object(record.value)
        schema, change = _parted(value)
        if change is None:
            return Skipped.TOMBSTONE
        operation = change.get("op")
        if operation is None:
            return _skipped(change)
        if operation == _MESSAGE:
            return Skipped.MESSAGE
        if operation == _DELETE:
            return _deleted(record, schema, change, maps, scope)
        if operation not in _WRITES:
            raise InputError("unmapped", _not_a_change(operation))
        row = _row(schema, change, "after")
        if row is None:
            raise InputError("unmapped", f"a change (`op` {operation}) without `after`")
        found = read_row(row, maps, scope, Nulls.KEPT)
        if columns.lacking:
            columns.add(row)
        return found

    return read


def is_change(value: Mapping[str, Any]) -> bool:
    """Return whether an object is the change of a row, alone or beside its schema."""
    payload = value.get("payload")
    change = payload if isinstance(payload, dict) and "op" not in value else value
    is_envelope = "before" in change or "after" in change
    return is_envelope and change.get("op") in (*_WRITES, _DELETE)


def table_and_row(value: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """Return the table of a change (empty: it is not told), and the row; raises InputError."""
    schema, change = _parted(value)
    source = (change or {}).get("source")
    table = source.get("table") if isinstance(source, dict) else None
    if change is None:
        return "", None
    row = _row(schema, change, "after") or _row(schema, change, "before")
    return table if isinstance(table, str) else "", row


def _parted(value: dict[str, Any]) -> tuple[Any, dict[str, Any] | None]:
    """Return the schema (None: without one) and the change of a record; raises InputError."""
    if "payload" not in value or "op" in value:
        return None, value
    change = value["payload"]
    if change is not None and not isinstance(change, dict):
        raise InputError("unmapped", "no change event: its `payload` is no object")
    return value.get("schema"), change


def _skipped(change: Mapping[str, Any]) -> Skipped:
    """Return what a record without `op` is; raises InputError where it may be a row."""
    if "ts_ms" in change and change.keys() <= _OF_HEARTBEAT:
        return Skipped.HEARTBEAT
    if change.get("status") in ("BEGIN", "END") and "id" in change:
        return Skipped.TRANSACTION
    if "tableChanges" in change or "historyRecord" in change or {"source", "ddl"} <= change.keys():
        return Skipped.SCHEMA_CHANGE
    raise InputError(
        "unmapped",
        "no change event: it has no `op`. Rows that the connector unwraps (ExtractNewRecordState) "
        "are of `format: mapped`",
    )


def _not_a_change(operation: Any) -> str:
    if operation == _TRUNCATE:
        return (
            "the table was emptied (`op` t), and no record says which rows it had: their facts "
            "stay as they are. Take them back by cjo.profile events with null attributes, or keep "
            "truncates out (skipped.operations: t)"
        )
    return "no change event: its `op` is none of c, u, r, d"


def _deleted(
    record: RawRecord,
    schema: Any,
    change: Mapping[str, Any],
    maps: Sequence[RowMap],
    scope: RowScope,
) -> Native | list[Native]:
    """Return the events of a delete; of its row it may tell no more than the primary key."""
    row = _row(schema, change, "before")
    if row is None:
        row = _key(record, change)
    read = read_row(row, maps, scope, Nulls.ALL)
    for one in read if isinstance(read, list) else [read]:
        if all(value is None for value in one.identifiers.values()):
            detail = "a delete whose row names nobody: `before` has no identifier of the map"
            raise InputError("unidentified", f"{detail}. Map one of its primary key, or {_FULL}")
    return read


def _key(record: RawRecord, change: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a record's key, which are those of the row's primary key."""
    key: dict[str, Any] = {}
    if record.key:
        try:
            key = read_object(record.key)
        except InputError:
            key = {}
    schema, columns = key.get("schema"), key.get("payload", key)
    if not isinstance(columns, dict) or not columns:
        detail = "a delete without its row: `before` is null, and the record has no key"
        raise InputError("unmapped", f"{detail}. To use it, {_FULL}")
    return _with_envelope(_columns(columns, _fields(schema)), change)


def _row(schema: Any, change: Mapping[str, Any], part: str) -> dict[str, Any] | None:
    """Return a part of a change as a row; None if it is null. Raises InputError."""
    columns = change.get(part)
    if columns is None:
        return None
    if not isinstance(columns, dict):
        raise InputError("unmapped", f"no change event of a table: its `{part}` is no object")
    found = next((one for one in _fields(schema) if one.get("field") == part), None)
    return _with_envelope(_columns(columns, _fields(found)), change)


def _with_envelope(columns: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    for name in _OF_ENVELOPE:
        if name in columns:
            columns[f"column_{name}"] = columns[name]
    columns["op"] = change.get("op")
    source = change.get("source")
    time = change.get("ts_ms")
    if time is None and isinstance(source, dict):
        time = source.get("ts_ms")
    columns["ts_ms"] = time
    return columns


def _columns(columns: Mapping[str, Any], fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    row = {
        name: _of_variable_scale(value) if isinstance(value, dict) else value
        for name, value in columns.items()
        if not (isinstance(value, str) and value in _UNAVAILABLE)
    }
    for name, scale in _scales(fields):
        value = row.get(name)
        if isinstance(value, str):
            row[name] = _decimal(value, scale)
    return row


def _scales(fields: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the columns that are decimals as bytes, with their scales."""
    for one in fields:
        name, parameters = one.get("field"), one.get("parameters")
        if one.get("name") == _DECIMAL and isinstance(name, str) and isinstance(parameters, dict):
            yield name, parameters.get("scale")


def _fields(schema: Any) -> list[dict[str, Any]]:
    """Return the fields of a schema of Kafka Connect; none of what is no such."""
    fields = schema.get("fields") if isinstance(schema, dict) else None
    return [one for one in fields if isinstance(one, dict)] if isinstance(fields, list) else []


def _of_variable_scale(value: dict[str, Any]) -> Any:
    if value.keys() != {"scale", "value"} or not isinstance(value["value"], str):
        return value
    return _decimal(value["value"], value["scale"])


def _decimal(written: str, scale: Any) -> int | float | str:
    """Return a decimal's number; what is no decimal stays as it is.

    `written` is the unscaled value as base64 of bytes, big-endian, in two's complement.

    >>> _decimal("CvY=", "2")
    28.06
    """
    try:
        places = int(scale)
        unscaled = base64.b64decode(written, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return written
    if abs(places) > _SCALE_MAX or not 0 < len(unscaled) <= _DECIMAL_BYTES_MAX:
        return written
    number = int.from_bytes(unscaled, "big", signed=True)
    if places == 0:
        return number
    read = float(Decimal(number).scaleb(-places))
    return read if math.isfinite(read) else written
