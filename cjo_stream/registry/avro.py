"""Avro's binary form as JSON values.

    type                        value
    record, map; array          object; list
    union                       the value itself, without its branch's name
    enum                        the symbol
    bytes, fixed                base64
    float                       the shortest decimal of its 32 bits
    timestamp, local-timestamp  ms since the epoch, cut
    time                        ms of the day, cut
    date                        `2026-03-01`
    decimal                     a number, exact if it is whole
    uuid                        text
    NaN, infinity               null
    another logical type        as its underlying type

A null field of the outermost record is left out: Avro has no other way to write an absent one.

fastavro checks a schema and resolves its names; a schema then becomes Python code that reads its
bodies (`reading`), each byte once. Source of the form: avro.apache.org, "Specification", section
"Binary Encoding".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from cjo_stream.errors import InputError
from cjo_stream.registry.library import import_fastavro
from cjo_stream.registry.outline import Kind, Outline, Reading, bytes_of_names
from cjo_stream.registry.reading import Source
from cjo_stream.registry.wire import HEADER_BYTES

_WHOLE: Final = "cjo_stream.Whole"
_IN_MS: Final = ("timestamp-millis", "timestamp-micros")
_SCALARS: Final[dict[str, tuple[type | None, ...]]] = {
    "null": (None,),
    "boolean": (bool,),
    "int": (int,),
    "long": (int,),
    "float": (float, None),
    "double": (float, None),
    "string": (str,),
}
"""By a type of no name, the types of its values: what is not finite is null."""


def reading(text: str, references: Sequence[str] = ()) -> Reading:
    """Return how records of a schema are read; `references` are the schemas that it names.

    Raises InputError where the schema cannot be used; so does `read` of a body that is not of the
    schema.
    """
    fastavro = import_fastavro()
    named: dict[str, Any] = {}
    try:
        for reference in references:
            fastavro.parse_schema(_plain(msgspec.json.decode(reference)), named_schemas=named)
        # Of a record of one field; so a union at the top may use the names, too.
        whole = {"name": "value", "type": _plain(msgspec.json.decode(text))}
        schema = fastavro.parse_schema(
            {"type": "record", "name": _WHOLE, "fields": [whole]}, named_schemas=named
        )["fields"][0]["type"]
        read = Source(named).compiled(schema)
    except InputError:
        raise
    except Exception as error:
        # fastavro has many errors of its own, and others for what it does not expect.
        raise InputError("malformed", f"its schema is not Avro's: {error}") from None
    return Reading(read, HEADER_BYTES, _outline(schema, named))


def _outline(schema: Any, named: Mapping[str, Any]) -> Outline:
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    kinds: dict[str, Kind] = {}
    names_bytes = 0
    for field in schema.get("fields", ()) if isinstance(schema, dict) else ():
        kinds[field["name"]], more = _kind(field["type"], named)
        names_bytes += more
    return Outline(kinds, names_bytes)


def _kind(schema: Any, named: Mapping[str, Any]) -> tuple[Kind, int]:
    """Return the kind of an outermost field, which is left out if it is null, and its bytes."""
    scalars = _scalars(schema, named) - {None}
    if scalars == {str}:
        return Kind.TEXT, 0
    if scalars == {int}:
        return Kind.INTEGER, 0
    if isinstance(schema, list) and len(schema) == 2 and "null" in schema:
        schema = schema[schema[0] == "null"]
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    if not isinstance(schema, dict):
        return Kind.OTHER, 0
    fields = schema.get("fields", [])
    values = [field["type"] for field in fields] if fields else [schema.get("values")]
    scalars_of = [_scalars(one, named) for one in values]
    if not all(scalars_of):
        return Kind.OTHER, 0
    is_texts = all(scalars <= {str, None} for scalars in scalars_of)
    return (
        Kind.TEXTS if is_texts else Kind.FLAT,
        bytes_of_names(field["name"] for field in fields),
    )


def _scalars(schema: Any, named: Mapping[str, Any]) -> set[type | None]:
    """Return the Python types of a value without parts; none if it may be something else."""
    if isinstance(schema, list):
        found = [_scalars(one, named) for one in schema]
        return set().union(*found) if all(found) else set()
    logical = schema.get("logicalType") if isinstance(schema, dict) else None
    kind = schema["type"] if isinstance(schema, dict) else schema
    if logical is not None and logical not in _IN_MS:
        return set()
    return set(_SCALARS.get(kind, ()))


def _plain(schema: Any) -> Any:
    """Return a schema without defaults: they are for readers with a schema of their own."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), dict | list) and "name" not in schema:
            return _plain(schema["type"])
        return {
            name: [{n: _plain(v) for n, v in one.items() if n != "default"} for one in value]
            if name == "fields" and isinstance(value, list)
            else _plain(value)
            for name, value in schema.items()
            if name != "default"
        }
    return schema
