"""One archived event: a native event, with where it came from and when.

    {"type", "time", "identifiers", "id", "channel", "attributes",     as docs/events.md says
     "received_at", "topic", "topic_id", "partition", "offset", "index"}

`id` is the producer's, and left out without one: the event is then named by its coordinates, as it
was when it came. `index` counts the events of one raw record; 0 is left out. In Parquet the
identifiers and attributes are JSON text.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core.event import Event, native
from cjo_stream.engine.port import DecodedRecord
from cjo_stream.errors import InputError

CHANNEL = "\0archive"
"""The channel of a record that is a row of the archive. No topic determines it, and no topology
can declare it, so no producer can write such a record."""


class Row(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One row of the archive."""

    type: str
    time: int
    identifiers: dict[str, list[str]] | str
    id: str | None = None
    channel: str | None = None
    attributes: dict[str, Any] | str
    received_at: int
    topic: str
    topic_id: str
    partition: int
    offset: int
    index: int = 0


_encode = msgspec.json.Encoder(enc_hook=str).encode
_decode = msgspec.json.Decoder(Row).decode
_decode_identifiers = msgspec.json.Decoder(dict[str, list[str]]).decode
_decode_attributes = msgspec.json.Decoder(dict[str, Any]).decode


def rows_of(accepted: DecodedRecord) -> list[bytes]:
    """Return the rows of an accepted record, as JSON."""
    record, decoded = accepted
    assert not isinstance(decoded, InputError), "a refused record is a dead letter"
    events = decoded if isinstance(decoded, list) else [decoded]
    return [_row(record.topic_id, event, number) for number, event in enumerate(events)]


def _row(topic_id: str, event: Event, number: int) -> bytes:
    shown = native(event)
    return _encode(
        Row(
            type=event.type,
            time=event.time,
            identifiers=shown["identifiers"],
            id=event.id if event.own_id else None,
            channel=event.channel,
            attributes=event.attributes,
            received_at=event.received_at,
            topic=event.topic,
            topic_id=topic_id,
            partition=event.partition,
            offset=event.offset,
            index=number,
        )
    )


def read_row(line: bytes) -> Row:
    """Return a row; raises InputError."""
    try:
        row = _decode(line)
        if isinstance(row.identifiers, str):
            row.identifiers = _decode_identifiers(row.identifiers)
        if isinstance(row.attributes, str):
            row.attributes = _decode_attributes(row.attributes)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("malformed", f"not a row of an archive: {error}") from None
    return row
