"""Any JSON object, or row of a table, by expressions over `row` (docs/events.md).

A part of the map whose expression gives nothing is left out of the event: an attribute, an
identifier, the `id` (an empty text is no id either: so a table writes its absence). A map whose
`type` gives nothing makes no event of the row: so a `type` filters. A row of which no map makes an
event, or whose `time` gives nothing, is `unmapped`; the refusal says what the row holds there.

A channel has one map or several, and a map with `each` makes an event of each element of a list. A
row is taken whole or not at all: where one of its events is refused, no other is taken, so a dead
letter can be mended and sent again. Of events of one row with the same id the second and later
ones get a number behind it.

A `time` may be any number here; it is cut to ms.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cjo_stream.core.expression import MISSING, Expression, Scope
from cjo_stream.core.expression.function import text_of
from cjo_stream.core.expression.path import is_null
from cjo_stream.core.program.topology import RowMap
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.attribute import check_size
from cjo_stream.ingest.format.column import Columns
from cjo_stream.ingest.format.document import read_object
from cjo_stream.ingest.format.native import Native, Reader, from_fields
from cjo_stream.ingest.format.time import read_time
from cjo_stream.ingest.format.unmapped import cure, shown, why_nothing

EVENTS_MAX = 1_000
"""Events of one row."""
EVENTS_BYTES_MAX = 1024 * 1024
"""Attributes of all events of one row, as JSON: they may repeat what the row holds once."""


class Nulls(enum.Enum):
    """Which attributes are null, and not left out."""

    NONE = "none"
    KEPT = "kept"
    """Those that read a column that is null, and give nothing."""
    ALL = "all"


class RowScope(Scope):
    """The scope of maps, which counts what they could not use.

    `gave` are the expressions that have given a value, `nulls` what is read of the present row.
    """

    __slots__ = ("gave", "nulls")

    def __init__(self) -> None:
        super().__init__(now=0)
        self.gave: set[Expression] = set()
        self.nulls = Nulls.NONE


def reader(maps: Sequence[RowMap], scope: RowScope, columns: Columns) -> Reader:
    """Return the reader by a channel's maps; `columns` are told what its rows have."""

    def read(record: RawRecord) -> Native | list[Native]:
        row = read_object(record.value)
        found = read_row(row, maps, scope)
        if columns.lacking:
            columns.add(row)
        return found

    return read


def read_row(
    row: dict[str, Any], maps: Sequence[RowMap], scope: RowScope, nulls: Nulls = Nulls.NONE
) -> Native | list[Native]:
    """Return the event or events of a row; raises InputError."""
    scope.row, scope.item, scope.nulls = row, MISSING, nulls
    first = maps[0]
    if len(maps) > 1 or first.each is not None:
        return _several(maps, scope)
    native = _native(first, scope)
    if native is None:
        raise InputError("unmapped", why_nothing("type", first.type, scope))
    check_size(native.attributes)
    return native


def _several(maps: Sequence[RowMap], scope: RowScope) -> list[Native]:
    natives: list[Native] = []
    why = ""
    size = 0
    for number, one in enumerate(maps, 1):
        for place in _places(one, scope):
            where = (f"map {number}" if len(maps) > 1 else "") + place
            try:
                native = _native(one, scope)
            except InputError as error:
                raise InputError(error.reason, f"{error.detail} (in {where.strip()})") from None
            if native is None:
                why = why or why_nothing("type", one.type, scope)
                continue
            natives.append(native)
            size += check_size(native.attributes)
            if len(natives) > EVENTS_MAX:
                raise InputError("invalid", f"a row of more than {EVENTS_MAX} events")
            if size > EVENTS_BYTES_MAX:
                detail = f"the attributes of a row's events exceed {EVENTS_BYTES_MAX} bytes"
                raise InputError("invalid", detail)
        if one.each is not None and not natives:
            why = why or why_nothing("each", one.each, scope)
    if not natives:
        raise InputError("unmapped", why)
    _tell_apart(natives)
    return natives


def _places(one: RowMap, scope: RowScope) -> Iterator[str]:
    """Put each element of the map's list into the scope, and yield its place, in words."""
    scope.item = MISSING
    if one.each is None:
        yield ""
        return
    elements = one.each.evaluate(scope)
    if elements is MISSING:
        return
    if not isinstance(elements, list):
        raise InputError("unmapped", f"`each` is no list: `{one.each.text}`")
    for position, element in enumerate(elements):
        if element is not None:
            scope.item = element
            yield f" item {position}"
    scope.item = MISSING


def _tell_apart(natives: list[Native]) -> None:
    """Number the ids that several events of a row have."""
    seen: dict[str, int] = {}
    for native in natives:
        if isinstance(native.id, str):
            count = seen[native.id] = seen.get(native.id, -1) + 1
            if count:
                native.id = f"{native.id}/{count}"


def _native(one: RowMap, scope: RowScope) -> Native | None:
    """Return the event of a row, or of its item; None if the `type` gives nothing."""
    type_ = _value(one.type, scope)
    if type_ is None:
        return None
    time = _value(one.time, scope)
    if time is None:
        raise InputError("unmapped", why_nothing("time", one.time, scope))
    fields: dict[str, Any] = {"type": type_, "time": _time(time, one.time)}
    if one.id is not None and (id_ := _value(one.id, scope)) not in (None, ""):
        fields["id"] = text_of(id_) if _is_number(id_) else id_
    fields["identifiers"] = _values(one.identifiers, scope)
    fields["attributes"] = _attributes(one.attributes, scope)
    return from_fields(fields)


def _time(given: Any, expression: Expression) -> Any:
    """Return the ms of a text or a float; anything else as it is."""
    if isinstance(given, float):
        return math.floor(given)
    if not isinstance(given, str):
        return given
    time = read_time(given)
    if time is None:
        name = expression.text if expression.paths else "row.NAME"
        raise InputError(
            "invalid",
            f"`time` was {shown(given)}, which is no RFC 3339 time with an offset: "
            f"{cure(name, given)}",
        )
    return time


def _values(expressions: Mapping[str, Expression], scope: RowScope) -> dict[str, Any]:
    found = {}
    for name, expression in expressions.items():
        value = expression.evaluate(scope)
        if value is not MISSING:
            scope.gave.add(expression)
            found[name] = value
    return found


def _attributes(expressions: Mapping[str, Expression], scope: RowScope) -> dict[str, Any]:
    if scope.nulls is Nulls.NONE:
        return _values(expressions, scope)
    if scope.nulls is Nulls.ALL:
        return dict.fromkeys(expressions)
    found = ((name, one, _value(one, scope)) for name, one in expressions.items())
    return {
        name: value
        for name, one, value in found
        if value is not None or any(is_null(path, scope) for path in one.paths)
    }


def _value(expression: Expression, scope: RowScope) -> Any:
    """Return the value of an expression; None if it is missing."""
    value = expression.evaluate(scope)
    if value is MISSING:
        return None
    scope.gave.add(expression)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
