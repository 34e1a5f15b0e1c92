"""A fetched schema becomes what reads its records."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from cjo_stream.core.word import Codec
from cjo_stream.registry import avro, protobuf
from cjo_stream.registry.outline import Find
from cjo_stream.registry.wire import refusal


class Fetched(msgspec.Struct, frozen=True):
    """A schema as the registry has it."""

    codec: Codec
    text: str
    references: dict[str, str] = {}
    """The texts of what it names, by those names: what is named by others comes first."""


def compiled(schema: Fetched) -> Find:
    """Return what finds how records of a schema of Avro or Protobuf are read.

    Raises InputError where it cannot be used.
    """
    if schema.codec is Codec.AVRO:
        reading = avro.reading(schema.text, list(schema.references.values()))
        return lambda _: reading
    return protobuf.finder(schema.text, schema.references)


_encode = msgspec.json.Encoder(decimal_format="number").encode


def text_of(values: Any) -> bytes:
    """Return the JSON text of what a record holds; raises InputError.

    >>> text_of({"long": 10**20, "inside": [1.5]})
    b'{"long":100000000000000000000,"inside":[1.5]}'
    """
    try:
        try:
            return _encode(values)
        except OverflowError:
            return _encode(_with_decimals(values))
    except Exception as error:
        raise refusal(error, "registered") from None


def _with_decimals(value: Any) -> Any:
    """Return a value whose whole numbers are decimals, which may have more than 64 bits."""
    if isinstance(value, dict):
        return {name: _with_decimals(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_decimals(one) for one in value]
    return Decimal(value) if type(value) is int else value
