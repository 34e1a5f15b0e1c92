"""Records that a schema registry's serializers wrote: decoded first, then read by their format."""

from __future__ import annotations

from typing import Final

import msgspec

from cjo_stream.core.word import Codec, Skipped
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.attribute import check_attributes, check_size
from cjo_stream.ingest.format import native
from cjo_stream.ingest.format.native import Native, Reader
from cjo_stream.registry.record import text_of
from cjo_stream.registry.schemas import Schemas
from cjo_stream.registry.wire import body

RECORD_BYTES_MAX = 256 * 1024
WITHOUT_SCHEMA: Final = (None, Codec.JSON)
"""Codecs whose records need no schema to be read."""


def reader(codec: Codec, schemas: Schemas, of_format: Reader) -> Reader:
    """Return what reads records of a codec: `of_format` reads what they hold.

    An empty record is of no schema: the format says what it is.
    """
    values = schemas.reader(codec)

    def read_json(record: RawRecord) -> Native | list[Native] | Skipped:
        return of_format(_with(record, body(record.value)) if record.value else record)

    def read_text(record: RawRecord) -> Native | list[Native] | Skipped:
        if not record.value:
            return of_format(record)
        text = text_of(values(record.value))
        if len(text) > RECORD_BYTES_MAX:
            size = len(text)
            raise InputError("too_large", f"{size} bytes as JSON; {RECORD_BYTES_MAX} at most")
        return of_format(_with(record, text))

    def read_native(record: RawRecord) -> Native:
        """Read a native event without its text: most records are such."""
        if not record.value:
            return native.read(record)
        event = native.from_fields(values(record.value))
        try:
            # A few bytes may be a long name, so the record's size says nothing.
            check_size(event.attributes)
        except (OverflowError, RecursionError):
            check_attributes(event.attributes)
        return event

    if codec is Codec.JSON:
        return read_json
    return read_native if of_format is native.read else read_text


def _with(record: RawRecord, value: bytes) -> RawRecord:
    return msgspec.structs.replace(record, value=value)
