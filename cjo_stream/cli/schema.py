"""`cjo-stream schema`."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from cjo_stream.cli.terminal import say
from cjo_stream.errors import UsageError

WEBHOOK: Final = "webhook"
"""Of the endpoints in the file of `cjo-stream webhook`."""


def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A kind of document, or a record such as cjo.event.v1. Default: list all names."
        ),
    ] = None,
) -> None:
    """Print a JSON Schema: of definitions and endpoints, for editors; of events and records."""
    import json

    if name is None:
        for known in names():
            say(known)
    else:
        say(json.dumps(_schema(name), indent=2, ensure_ascii=False))


def names() -> list[str]:
    """Return the names of all schemas."""
    from cjo_stream.definition.schema import DOCUMENTS
    from cjo_stream.engine.schema import RECORDS
    from cjo_stream.ingest.schema import EVENT

    return [*DOCUMENTS, WEBHOOK, EVENT, *RECORDS]


def _schema(name: str) -> dict[str, Any]:
    from cjo_stream import definition
    from cjo_stream.definition.schema import DOCUMENTS, schema_of
    from cjo_stream.engine.schema import RECORDS, record_schema
    from cjo_stream.ingest.schema import EVENT, event_schema

    if name in DOCUMENTS:
        return definition.schema(name)
    if name == WEBHOOK:
        from cjo_stream.webhook.endpoint import ENDPOINT

        return schema_of(WEBHOOK, ENDPOINT)
    if name == EVENT:
        return event_schema()
    if name in RECORDS:
        return record_schema(name)
    raise UsageError(f"there is no schema `{name}`: name one of {', '.join(names())}")
