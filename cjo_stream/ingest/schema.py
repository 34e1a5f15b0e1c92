"""JSON Schema of the native event, for producers (docs/events.md).

It does not cover rules that depend on the topology (channels, identifier types) or on the present
(a time too far ahead).
"""

from __future__ import annotations

from typing import Any

from cjo_stream.ingest.decoder import ID_CHARACTERS_MAX, TYPE_PATTERN

EVENT = "cjo.event.v1"


def event_schema() -> dict[str, Any]:
    """Return the schema.

    >>> event_schema()["required"]
    ['type', 'time', 'identifiers']
    """
    value = {"type": ["string", "number"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": EVENT,
        "description": "One event: what a customer did, or a channel did to them.",
        "type": "object",
        "required": ["type", "time", "identifiers"],
        "properties": {
            "type": {
                "description": "What happened, such as order_placed.",
                "type": "string",
                "pattern": f"^{TYPE_PATTERN}$",
            },
            "time": {
                "description": "When it happened: RFC 3339, or ms since the epoch.",
                "anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}],
            },
            "identifiers": {
                "description": "The customer: values by identifier type, one or a list.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"anyOf": [value, {"type": "array", "items": value}]},
            },
            "id": {
                "description": "The producer's own id; a repeated one is dropped.",
                "type": "string",
                "minLength": 1,
                "maxLength": ID_CHARACTERS_MAX,
            },
            "attributes": {
                "description": "Further values of the event, by name: any JSON, at most 64 KiB.",
                "type": "object",
            },
            "channel": {
                "description": "The channel; needed in files. On Kafka the topic determines it.",
                "type": "string",
            },
        },
        "examples": [
            {
                "type": "order_placed",
                "time": "2026-03-02T11:00:00Z",
                "id": "o-7",
                "identifiers": {"user_id": "u1", "email": ["ada@example.com"]},
                "attributes": {"order_id": "o-7", "total": 80},
            }
        ],
    }
