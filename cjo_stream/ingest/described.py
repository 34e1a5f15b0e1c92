"""Records that a schema registry's serializers wrote: decoded first, then read by their format."""

from __future__ import annotations

from typing import Final

import msgspec

from cjo_stream.core.word import Codec, Skipped
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.attribute import ATTRIBUTES_BYTES_MAX, check_attributes, check_size
from cjo_stream.ingest.format import native
from cjo_stream.ingest.format.native import Native, Reader, Sound
from cjo_stream.registry.outline import BYTES_PER_BYTE_MAX, Kind, Outline, Read
from cjo_stream.registry.protobuf import USUAL_INDEX_BYTES
from cjo_stream.registry.record import text_of
from cjo_stream.registry.schemas import Schemas
from cjo_stream.registry.wire import HEADER_BYTES, body, id_in_header, is_id_in_header

RECORD_BYTES_MAX = 256 * 1024
_WITHOUT_SCHEMA: Final = (None, Codec.JSON)
"""Codecs whose records need no schema to be read."""
_SOUND: Final = {
    "id": (Kind.TEXT,),
    "type": (Kind.TEXT,),
    "time": (Kind.INTEGER, Kind.TEXT),
    "identifiers": (Kind.TEXTS,),
    "attributes": (Kind.TEXTS, Kind.FLAT),
}
"""The kinds of fields that make an event's form right, and its attributes within bounds."""


def reader(codec: Codec, schemas: Schemas, of_format: Reader) -> Reader:
    """Return what reads records of a codec: `of_format` reads what they hold.

    An empty record is of no schema: the format says what it is.
    """
    known: dict[bytes, tuple[Read, int]] = {}
    """By what a record begins with: what reads it, and the bytes up to which it needs no check."""
    key_bytes = HEADER_BYTES + (codec is Codec.PROTOBUF) * USUAL_INDEX_BYTES

    def found(value: bytes) -> tuple[Read, int]:
        reading = schemas.reading(codec, value)
        answer = reading.read, _unchecked_max(reading.outline)
        if reading.header_bytes <= key_bytes:
            known[value[:key_bytes]] = answer
        return answer

    def read_json(record: RawRecord) -> Native | list[Native] | Skipped:
        return of_format(_with(record, body(record.value)) if record.value else record)

    def read_text(record: RawRecord) -> Native | list[Native] | Skipped:
        value = record.value
        if not value:
            return of_format(record)
        read, _ = known.get(value[:key_bytes]) or found(value)
        text = text_of(read(value))
        if len(text) > RECORD_BYTES_MAX:
            size = len(text)
            raise InputError("too_large", f"{size} bytes as JSON; {RECORD_BYTES_MAX} at most")
        return of_format(_with(record, text))

    def read_native(record: RawRecord) -> Native:
        """Read a native event without its text: most records are such."""
        value = record.value
        if not value:
            return native.read(record)
        read, unchecked_max = known.get(value[:key_bytes]) or found(value)
        fields = read(value)
        if len(value) <= unchecked_max:
            try:
                return Sound(**fields)
            except TypeError:
                pass  # a field that must be there is not
        event = native.from_fields(fields)
        try:
            # A few bytes may be a long name, so the record's size says nothing.
            check_size(event.attributes)
        except (OverflowError, RecursionError):
            check_attributes(event.attributes)
        return event

    read_body = read_native if of_format is native.read else read_text
    if codec is Codec.JSON:
        read_body = read_json

    def read(record: RawRecord) -> Native | list[Native] | Skipped:
        if record.headers and record.value and is_id_in_header(record.headers):
            raise id_in_header()
        return read_body(record)

    return read


def lacks(codec: Codec | None, schemas: Schemas, record: RawRecord) -> int | None:
    """Return the id of the schema that a record waits for; None: it can be read now."""
    if codec in _WITHOUT_SCHEMA or (record.headers and is_id_in_header(record.headers)):
        return None
    return schemas.lacks(record.value)


def _unchecked_max(outline: Outline) -> int:
    """Return up to how many bytes a record is a sound native event whatever it holds; or -1."""
    if any(kind not in _SOUND.get(name, ()) for name, kind in outline.kinds.items()):
        return -1
    return (ATTRIBUTES_BYTES_MAX - outline.names_bytes) // BYTES_PER_BYTE_MAX


def _with(record: RawRecord, value: bytes) -> RawRecord:
    return msgspec.structs.replace(record, value=value)
