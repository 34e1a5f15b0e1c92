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

from collections.abc import Sequence
from typing import Any

import msgspec

from cjo_stream.errors import InputError
from cjo_stream.registry.library import import_fastavro
from cjo_stream.registry.reading import Source
from cjo_stream.registry.wire import Read, refusal

_WHOLE = "cjo_stream.Whole"


def reader(text: str, references: Sequence[str] = ()) -> Read:
    """Return what reads the bodies of a schema; `references` are the schemas that it names.

    Raises InputError where the schema cannot be used; so does the reader of a body that is not of
    the schema.
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
        read_from = Source(named).compiled(schema)
    except InputError:
        raise
    except Exception as error:
        # fastavro has many errors of its own, and others for what it does not expect.
        raise InputError("malformed", f"its schema is not Avro's: {error}") from None

    def read(record: bytes, begin: int) -> Any:
        try:
            value, end = read_from(record, begin)
        except Exception as error:
            raise refusal(error, "Avro") from None
        if end != len(record):
            raise InputError("malformed", "shorter or longer than its Avro schema says")
        return value

    return read


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
