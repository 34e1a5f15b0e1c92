"""Confluent's wire format.

    byte 0          0, the magic byte
    bytes 1 to 4    the schema's id, big-endian
    then            the body: Avro; Protobuf's message indexes, then the message; JSON

Newer serializers can name the schema in a record's header instead, by a GUID that only Confluent's
own registry knows. Such a body may begin with any byte, so it is never looked at.

Source: docs.confluent.io, "Formats, Serializers, and Deserializers", section "Wire format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from cjo_stream.errors import CjoError, InputError

HEADER_BYTES: Final = 5
ID_IN_HEADER: Final = "__value_schema_id"
_MAGIC: Final = 0
_HEADER: Final = struct.Struct(">BI")


def schema_id(value: bytes) -> int | None:
    """Return the id of the schema by which a record was written; None if it names none."""
    if len(value) < HEADER_BYTES or value[0] != _MAGIC:
        return None
    return int.from_bytes(value[1:HEADER_BYTES], "big")


def body(value: bytes) -> bytes:
    """Return what follows the header; raises InputError where there is none."""
    if schema_id(value) is None:
        raise headless()
    return value[HEADER_BYTES:]


def headless() -> InputError:
    """Return the refusal of a record that names no schema."""
    return InputError(
        "malformed",
        "no magic byte 0 and schema id at its beginning: let the producer write by the "
        "schema registry's serializer, or remove `registry` from the channel's `in`",
    )


def is_id_in_header(headers: Iterable[tuple[str, bytes]]) -> bool:
    """Return whether a record's headers name its schema, instead of its first bytes."""
    return any(name == ID_IN_HEADER for name, _ in headers)


def id_in_header() -> InputError:
    """Return the refusal of a record whose schema stands in a header."""
    return InputError(
        "malformed",
        f"its schema id is in the header {ID_IN_HEADER}, and not before the value: let the "
        "producer's serializer write it there (value.schema.id.serializer: "
        "io.confluent.kafka.serializers.schema.id.PrefixSchemaIdSerializer; in Python "
        "schema.id.serializer: prefix_schema_id_serializer)",
    )


def refusal(error: Exception, schema: str) -> CjoError:
    """Return what an error of the code that reads a record means: that the record is refused.

    An error of our own tree means what it says. No other may leave a reader, whatever the bytes.
    """
    if isinstance(error, CjoError):
        return error
    if isinstance(error, RecursionError):
        return InputError("invalid", "nested deeper than 64 levels")
    return InputError("malformed", f"not of its {schema} schema ({type(error).__name__})")


def framed(id_: int, body: bytes) -> bytes:
    r"""Return a record of the schema `id_`.

    >>> framed(7, b"{}")
    b'\x00\x00\x00\x00\x07{}'
    """
    return _HEADER.pack(_MAGIC, id_) + body
