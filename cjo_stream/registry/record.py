"""A fetched schema becomes what reads its records: values, then a JSON object's text."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cjo_stream.core.word import Codec
from cjo_stream.errors import InputError
from cjo_stream.registry import avro, protobuf

Read = Callable[[bytes], bytes]
"""Returns the JSON text of a record's body; raises InputError."""


class Fetched(msgspec.Struct, frozen=True):
    """A schema as the registry has it."""

    codec: Codec
    text: str
    references: dict[str, str] = {}
    """The texts of what it names, by those names: what is named by others comes first."""


_encode = msgspec.json.Encoder(decimal_format="number").encode


def compiled(schema: Fetched) -> Read:
    """Return what reads the bodies of a schema; raises InputError where it cannot be used."""
    if schema.codec is Codec.JSON:
        return bytes
    if schema.codec is Codec.AVRO:
        values = avro.reader(schema.text, list(schema.references.values()))
    else:
        values = protobuf.reader(schema.text, schema.references)

    def read(body: bytes) -> bytes:
        value = values(body)
        try:
            return _encode(value)
        except (RecursionError, UnicodeEncodeError) as error:
            raise InputError("invalid", f"no JSON can hold it ({type(error).__name__})") from None

    return read
