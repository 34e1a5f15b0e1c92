"""Any JSON object, or row of a table, by expressions over `row` (docs/events.md).

If an expression of the map gives nothing, its part is left out of the event: an attribute, an
identifier, or the `id` (for which an empty text counts as nothing, because tables have empty
cells). Without a `type` or a `time` the record is `unmapped`.

A `time` may be any number here; it is cut to ms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cjo_stream.core.expression import MISSING, Expression, Scope
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.attribute import check_size
from cjo_stream.ingest.format.document import read_object
from cjo_stream.ingest.format.native import Native, Reader, from_fields


def reader(mapping: Mapping[str, Any], faults: dict[str, int]) -> Reader:
    """Return the reader by a channel's `map`; type errors are counted in `faults`."""
    time, type_ = mapping["time"], mapping["type"]
    id_: Expression | None = mapping.get("id")
    identifiers: dict[str, Expression] = mapping.get("identifiers", {})
    attributes: dict[str, Expression] = mapping.get("attributes", {})
    scope = Scope(now=0)
    scope.faults = faults

    def read(record: RawRecord) -> Native:
        scope.row = read_object(record.value)
        fields: dict[str, Any] = {}
        for name, expression in (("type", type_), ("time", time)):
            value = _value(expression, scope)
            if value is None:
                raise InputError("unmapped", f"the map gives no `{name}`")
            fields[name] = math.floor(value) if isinstance(value, float) else value
        if id_ is not None and (value := _value(id_, scope)) not in (None, ""):
            fields["id"] = str(value) if _is_number(value) else value
        fields["identifiers"] = _values(identifiers, scope)
        fields["attributes"] = _values(attributes, scope)
        native = from_fields(fields)
        # Expressions may give attributes that are larger than the record.
        check_size(native.attributes)
        return native

    return read


def _values(expressions: Mapping[str, Expression], scope: Scope) -> dict[str, Any]:
    found = ((name, _value(expression, scope)) for name, expression in expressions.items())
    return {name: value for name, value in found if value is not None}


def _value(expression: Expression, scope: Scope) -> Any:
    """Return the value of an expression; None if it is missing."""
    value = expression.evaluate(scope)
    return None if value is MISSING else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
