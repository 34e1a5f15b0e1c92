"""Confluent's wire format.

    byte 0          0, the magic byte
    bytes 1 to 4    the schema's id, big-endian
    then            the body: Avro; Protobuf's message indexes, then the message; JSON

Source: docs.confluent.io, "Formats, Serializers, and Deserializers", section "Wire format".
"""

from __future__ import annotations

import struct
from typing import Final

from cjo_stream.errors import CjoError, InputError

HEADER_BYTES: Final = 5
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
