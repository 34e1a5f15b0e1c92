"""CloudEvents 1.0 as native events, in both content modes of its Kafka binding.

    mode          when                                        attributes        data
    structured    content-type `application/cloudevents…`,    members of the    `data`, or
                  or no header `ce_specversion`               JSON object       `data_base64`
    binary        a header `ce_specversion`                   headers `ce_…`    the record's value

    native field    from
    type            `type`, converted if it is not an event type
    time            `time`, which is optional in CloudEvents, but required here
    id              `source` and `id`, joined by a blank: only both together are unique
                    (longer than 200 characters: their SHA-256)
    identifiers     the member `identifiers` of the data, else every extension attribute named as
                    a declared identifier type, with or without its underscores (`userid`)
    attributes      the other members of the data
    channel         the extension attribute `channel`, if the topic does not determine it

An attribute that is null is unset (JSON Event Format 1.0.1, section 2.2).

A record that is not of version 1.0, or is a batch, is `unmapped`. Data that is not a JSON object
is `malformed` in binary mode, where it is the whole record, and else `invalid`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection
from typing import Any

from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.format.document import read_object
from cjo_stream.ingest.format.name import event_type
from cjo_stream.ingest.format.native import Native, Reader, from_fields

_ID_CHARACTERS_MAX = 200
_PREFIX = "ce_"
_STRUCTURED = b"application/cloudevents"
_BATCH = b"application/cloudevents-batch"


def reader(types: Collection[str]) -> Reader:
    """Return the reader for a topology that declares the identifier `types`."""
    extensions = {type_: type_ for type_ in types}
    for type_ in types:
        extensions.setdefault(type_.replace("_", ""), type_)

    def read(record: RawRecord) -> Native:
        context, data = _parts(record)
        if context.get("specversion") != "1.0":
            raise InputError("unmapped", "not a CloudEvent of version 1.0, by its `specversion`")
        attributes = dict(data)
        identifiers = attributes.pop("identifiers", None)
        if identifiers is None:
            identifiers = {
                extensions[name]: value for name, value in context.items() if name in extensions
            }
        fields = {
            "type": event_type(_text(context, "type")),
            "identifiers": identifiers,
            "id": _id(_text(context, "source"), _text(context, "id")),
            "attributes": attributes,
        }
        if "time" in context:
            fields["time"] = _text(context, "time")
        return from_fields(fields)

    return read


def _parts(record: RawRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the context attributes and the data of a record, in either mode."""
    headers = {name.lower(): value for name, value in record.headers}
    content_type = headers.get("content-type", b"").strip().lower()
    if content_type.startswith(_BATCH):
        raise InputError("unmapped", "a batch of CloudEvents; a record must hold one event")
    if _PREFIX + "specversion" not in headers or content_type.startswith(_STRUCTURED):
        context = read_object(record.value)
        if None in context.values():
            context = {name: value for name, value in context.items() if value is not None}
        return context, _structured_data(context)
    data = read_object(record.value) if record.value else {}
    return _binary_context(headers), data


def _binary_context(headers: dict[str, bytes]) -> dict[str, Any]:
    try:
        return {
            name.removeprefix(_PREFIX): value.decode()
            for name, value in headers.items()
            if name.startswith(_PREFIX)
        }
    except UnicodeDecodeError:
        raise InputError("malformed", "a header `ce_…` is not UTF-8") from None


def _structured_data(context: dict[str, Any]) -> dict[str, Any]:
    encoded = context.get("data_base64")
    if encoded is not None:
        try:
            return read_object(base64.b64decode(encoded, validate=True))
        except (InputError, TypeError, ValueError, binascii.Error):
            raise InputError("invalid", "`data_base64` does not hold a JSON object") from None
    data = context.get("data")
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InputError("invalid", "`data` must be a JSON object")
    return data


def _text(context: dict[str, Any], name: str) -> str:
    value = context.get(name)
    if not isinstance(value, str) or not value:
        raise InputError("invalid", f"the attribute `{name}` must be a text, and not empty")
    return value


def _id(source: str, id_: str) -> str:
    both = f"{source} {id_}"
    if len(both) <= _ID_CHARACTERS_MAX:
        return both
    return hashlib.sha256(both.encode()).hexdigest()
