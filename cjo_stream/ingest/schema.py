"""JSON Schema of the native event, for producers (docs/events.md).

What depends on the topology (which channels and identifier types there are) is not in it, nor what
depends on the moment (a time too far ahead).
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
            "type": {"type": "string", "pattern": f"^{TYPE_PATTERN}$"},
            "time": {
                "description": "When it happened: RFC 3339, or ms since the epoch.",
                "anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}],
            },
            "identifiers": {
                "description": "Values by type; of several of one type, the first counts first.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"anyOf": [value, {"type": "array", "items": value}]},
            },
            "id": {
                "description": "The producer's own; by it repeats are dropped.",
                "type": "string",
                "minLength": 1,
                "maxLength": ID_CHARACTERS_MAX,
            },
            "attributes": {"type": "object"},
            "channel": {
                "description": "In files; on Kafka the topic tells it.",
                "type": "string",
            },
        },
    }
