"""JSON Schemas of the records that go out (docs/records.md), drawn from their structs."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cjo_stream.core import catalogue, record
from cjo_stream.core.record import DeadLetter
from cjo_stream.engine.description import descriptions
from cjo_stream.engine.example import EXAMPLES

RECORDS: Final[dict[str, type[msgspec.Struct]]] = {
    kind.schema: kind.struct for kind in catalogue.RECORDS if kind.schema is not None
}


def record_schema(name: str) -> dict[str, Any]:
    """Return the schema of a record, by the name in its field `schema`.

    A dead letter's is that of a line in `dead_letters.jsonl`; on Kafka its value is the original
    bytes, and the other fields are headers.

    >>> record_schema("cjo.action.v1")["properties"]["issued_at"]
    {'type': 'integer', 'description': 'When the command was issued, ms.'}
    """
    struct = RECORDS[name]
    (drawn,), shared = msgspec.json.schema_components([struct])
    for title, part in shared.items():
        _describe(part, getattr(record, title))
    body = shared.pop(drawn["$ref"].rpartition("/")[2])
    if struct is DeadLetter:
        body["properties"].pop("key")
        body["properties"]["value"] |= {"type": "string"}
        del body["properties"]["value"]["contentEncoding"]
    else:
        # Every record names its schema, and has every field but those that may be unset.
        fields = msgspec.structs.fields(struct)
        unset = {one.encode_name for one in fields if one.default is msgspec.UNSET}
        body["required"] = [name for name in body["properties"] if name not in unset]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", **body, "title": name}
    return {**head, "examples": [EXAMPLES[name]], **({"$defs": shared} if shared else {})}


def _describe(drawn: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    """Add to each property what its field means."""
    for name, text in descriptions(struct).items():
        drawn["properties"][name]["description"] = text
