"""`cjo-stream schema`."""

from __future__ import annotations

from typing import Annotated

import typer

from cjo_stream.cli.terminal import say


def schema(
    name: Annotated[
        str | None, typer.Argument(help="A kind of definition; none: list the kinds.")
    ] = None,
) -> None:
    """Print the JSON Schema of a kind of definition, for editors."""
    import json

    from cjo_stream import definition
    from cjo_stream.definition.kind import KINDS

    if name is None:
        for kind in KINDS:
            say(kind)
    else:
        say(json.dumps(definition.schema(name), indent=2, ensure_ascii=False))
