"""The native event: one JSON object (docs/events.md).

Every other format is converted to this form; then the same rules apply to all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cjo_stream.core.word import Skipped
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.format.document import check_text, decode_again

Value = str | int | float
Identifiers = dict[str, Value | list[Value | None] | None]
"""By type; a null stands for none."""


class Native(msgspec.Struct):
    """A record in the native form; its fields have the right JSON types, and are not yet checked.

    `time` is an RFC 3339 text or ms; `id` is None if the producer gave none. `channel` is
    unchanged: a record of a channel's topic may hold anything there, because the topic counts.
    """

    type: str
    time: int | str
    identifiers: Identifiers = {}
    id: str | msgspec.UnsetType = msgspec.UNSET
    attributes: dict[str, Any] = {}
    channel: Any = None


class Sound(Native):
    """A native event whose attributes are within all bounds, by its schema."""


Reader = Callable[[RawRecord], Native | list[Native] | Skipped]
"""Returns what a record holds, where it holds several events, a list, or why it is passed over;
raises InputError."""

_decoder = msgspec.json.Decoder(Native)


def read(record: RawRecord) -> Native:
    """Return a record that is in the native form already; raises InputError."""
    text = record.value
    check_text(text)
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError as error:
        return decode_again(_decoder, text, error)


def from_fields(fields: dict[str, Any]) -> Native:
    """Return the native form of fields converted from another format; raises InputError."""
    try:
        return msgspec.convert(fields, Native)
    except msgspec.ValidationError as error:
        raise InputError("invalid", str(error)) from None
