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
    another logical type        as its underlying type

A null field of the outermost record is left out: Avro has no other way to write an absent one.

fastavro's compiled reader recurses in C without a bound, and takes lists of items without a byte
at their word. So a recursive schema is read by its reader in Python, whose recursion is bounded,
and a schema with such lists is refused.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from cjo_stream.errors import InputError
from cjo_stream.registry.library import import_fastavro
from cjo_stream.registry.number import decimal, shortest

_EPOCH: Final = date(1970, 1, 1)
_RECORDS: Final = frozenset(("record", "error"))
_CONVERTED: Final[dict[tuple[Any, Any], str]] = {
    # type, logical type: our own one
    ("long", "timestamp-micros"): "cjo-micros",
    ("long", "local-timestamp-micros"): "cjo-micros",
    ("long", "time-micros"): "cjo-micros",
    ("long", "timestamp-nanos"): "cjo-nanos",
    ("long", "local-timestamp-nanos"): "cjo-nanos",
    ("int", "date"): "cjo-date",
    ("bytes", "decimal"): "cjo-decimal",
    ("fixed", "decimal"): "cjo-decimal",
    ("fixed", "uuid"): "cjo-uuid",
}
"""Of the others, those in ms among them, the underlying value is what we want."""


def _day(days: int, *_: Any) -> str:
    return (_EPOCH + timedelta(days)).isoformat()


def _decimal(data: bytes, schema: Mapping[str, Any], *_: Any) -> Any:
    return decimal(data, schema.get("scale", 0))


_CONVERSIONS: Final[dict[str, Callable[..., Any]]] = {
    "long-cjo-micros": lambda value, *_: value // 1_000,
    "long-cjo-nanos": lambda value, *_: value // 1_000_000,
    "int-cjo-date": _day,
    "bytes-cjo-decimal": _decimal,
    "fixed-cjo-decimal": _decimal,
    "fixed-cjo-uuid": lambda value, *_: str(uuid.UUID(bytes=value)),
    "float-cjo-float": lambda value, *_: shortest(value),
}


def reader(text: str, references: Sequence[str] = ()) -> Callable[[bytes], Any]:
    """Return what reads the bodies of a schema; `references` are the schemas that it names.

    Raises InputError where the schema cannot be used; so does the reader of a body that is not of
    the schema.
    """
    fastavro, in_python = import_fastavro()
    for one in (fastavro.read, in_python):
        one.LOGICAL_READERS.update(_CONVERSIONS)
    named: dict[str, Any] = {}
    try:
        for reference in references:
            fastavro.parse_schema(_prepared(msgspec.json.decode(reference)), named_schemas=named)
        # A record of one field has the field's bytes; its schema knows the names in a union, too.
        whole = {"name": "value", "type": _prepared(msgspec.json.decode(text))}
        schema = fastavro.parse_schema(
            {"type": "record", "name": "cjo_stream.Whole", "fields": [whole]}, named_schemas=named
        )
        _check_lists(schema, named)
        is_recursive = _is_recursive(schema, named, frozenset(), set())
    except InputError:
        raise
    except Exception as error:
        # fastavro has many errors of its own, and others for what it does not expect.
        raise InputError("malformed", f"its schema is not Avro's: {error}") from None
    decode = (in_python if is_recursive else fastavro).schemaless_reader

    def read(body: bytes) -> Any:
        source = io.BytesIO(body)
        try:
            value = decode(source, schema, None)["value"]
        except InputError:
            raise
        except RecursionError:
            raise InputError("invalid", "nested deeper than 64 levels") from None
        except Exception as error:
            raise InputError(
                "malformed", f"not of its Avro schema ({type(error).__name__})"
            ) from None
        if source.tell() != len(body):
            raise InputError("malformed", "longer than its Avro schema says")
        if isinstance(value, dict):
            return {name: one for name, one in value.items() if one is not None}
        return value

    return read


def _prepared(schema: Any) -> Any:
    """Return a schema with our conversions in place of its logical types."""
    if isinstance(schema, list):
        return [_prepared(one) for one in schema]
    if schema == "float":
        return {"type": "float", "logicalType": "cjo-float"}
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if isinstance(kind, dict | list):
        return _prepared(kind)
    schema = dict(schema)
    if kind in _RECORDS:
        schema["fields"] = [
            {**field, "type": _prepared(field["type"])} for field in schema["fields"]
        ]
        # Defaults are for readers with a schema of their own, and need not fit our conversions.
        for field in schema["fields"]:
            field.pop("default", None)
    for inner in ("items", "values"):
        if inner in schema:
            schema[inner] = _prepared(schema[inner])
    logical = schema.pop("logicalType", None)
    if kind == "float":
        schema["logicalType"] = "cjo-float"
    elif ours := _CONVERTED.get((kind, logical)):
        schema["logicalType"] = ours
    return schema


def _parts(schema: Any) -> Iterator[Any]:
    """Yield the schemas directly inside one."""
    if isinstance(schema, list):
        yield from schema
    elif isinstance(schema, dict):
        yield from (field["type"] for field in schema.get("fields", ()))
        yield from (schema[inner] for inner in ("items", "values") if inner in schema)


def _is_recursive(
    schema: Any, named: Mapping[str, Any], around: frozenset[str], done: set[str]
) -> bool:
    """Return whether a type contains itself; `around` are the names that a part stands in."""
    name = schema if isinstance(schema, str) else None
    if isinstance(schema, dict):
        name = schema.get("name")
    if name is not None and name in named:
        if name in around:
            return True
        if name in done:
            return False
        around |= {name}
        schema = named[name]
    found = any(_is_recursive(part, named, around, done) for part in _parts(schema))
    if name is not None:
        done.add(name)
    return found


def _check_lists(schema: Any, named: Mapping[str, Any]) -> None:
    """Raise InputError where a list's items take no bytes: a few bytes could claim billions."""
    if isinstance(schema, dict) and "items" in schema and _is_empty(schema["items"], named, ()):
        raise InputError("malformed", "its schema has a list whose items take no bytes")
    for part in _parts(schema):
        _check_lists(part, named)


def _is_empty(schema: Any, named: Mapping[str, Any], around: tuple[str, ...]) -> bool:
    if isinstance(schema, str):
        if schema in around:
            return True
        if schema not in named:
            return schema == "null"
        around, schema = (*around, schema), named[schema]
    if isinstance(schema, list):
        return False
    if schema["type"] in _RECORDS:
        return all(_is_empty(field["type"], named, around) for field in schema["fields"])
    return schema["type"] == "null" or (schema["type"] == "fixed" and not schema["size"])
