"""The native event: one JSON object (docs/events.md).

Every other format is converted to this form; then the same rules apply to all. A field that the
form does not have is read past; which ones those are is found out of such records alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from cjo_stream.core.likeness import folded_name, surely
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


class Loose(Native):
    """A native event with fields beside those of the form, which say nothing."""

    unknown: list[str] = []
    """The first of them."""
    misspelt: list[str] = []
    """Those of them that are meant as a field of the form that the event does not have."""


class _Strict(Native, forbid_unknown_fields=True):
    """A native event without other fields."""


Reader = Callable[[RawRecord], Native | list[Native] | Skipped]
"""Returns what a record holds, where it holds several events, a list, or why it is passed over;
raises InputError."""

UNKNOWN_MAX: Final = 20
"""Fields of one event that are counted."""
_FIELDS: Final = Native.__struct_fields__
_SYNONYMS: Final = {
    "attribute": "attributes",
    "data": "attributes",
    "payload": "attributes",
    "props": "attributes",
    "properties": "attributes",
    "eventid": "id",
    "messageid": "id",
    "uuid": "id",
}
"""By a name as `folded_name` gives it, the field that other systems call so."""

_strict = msgspec.json.Decoder(_Strict)
_loose = msgspec.json.Decoder(Native)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(record: RawRecord) -> Native:
    """Return a record that is in the native form already; raises InputError."""
    text = record.value
    check_text(text)
    try:
        return _strict.decode(text)
    except msgspec.MsgspecError:
        return _read_again(text)


def _read_again(text: bytes) -> Native:
    """Return an event that has other fields, or halves of surrogate pairs; raises InputError."""
    try:
        read = _loose.decode(text)
    except msgspec.MsgspecError as error:
        return decode_again(_loose, text, error)
    names = _fields.decode(text).keys()
    unknown = [name for name in names if name not in _FIELDS][:UNKNOWN_MAX]
    lacking = tuple(field for field in _FIELDS if field not in names)
    # Names may be new in every event, so they are compared with no more than that.
    misspelt = [name for name in unknown if meant(name, lacking)] if lacking else []
    return Loose(**msgspec.structs.asdict(read), unknown=unknown, misspelt=misspelt)


def meant(name: str, fields: tuple[str, ...] = _FIELDS) -> str | None:
    """Return that of some fields which a name misspells, or which other systems call so, or None.

    >>> meant("atributes"), meant("properties"), meant("event_id"), meant("tenant")
    ('attributes', 'attributes', 'id', None)
    """
    field = _SYNONYMS.get(folded_name(name))
    return surely(name, fields) or (field if field in fields else None)


def from_fields(fields: dict[str, Any]) -> Native:
    """Return the native form of fields converted from another format; raises InputError."""
    try:
        return msgspec.convert(fields, Native)
    except msgspec.ValidationError as error:
        raise InputError("invalid", str(error)) from None
