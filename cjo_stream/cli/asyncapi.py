"""`cjo-stream asyncapi`."""

from __future__ import annotations

from typing import Annotated

import typer

from cjo_stream.cli.option import settings_of, topology_folder
from cjo_stream.cli.terminal import say


def asyncapi(
    context: typer.Context,
    topology: Annotated[str, typer.Argument(metavar="TOPOLOGY", help="The folder, or a name.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON. Default: YAML.")] = False,
) -> None:
    """Print an AsyncAPI 3.0 document of a topology's topics, for channel systems and producers.

    It has each topic with its messages, keys, headers and JSON Schemas, and the servers and names
    of your settings. It asks the broker nothing.
    """
    from json import dumps

    from cjo_stream.definition import load
    from cjo_stream.definition.text.written import as_yaml
    from cjo_stream.kafka.topic.asyncapi import document

    drawn = document(settings_of(context), load(topology_folder(topology)).program)
    text = dumps(drawn, indent=2, ensure_ascii=False) if json else as_yaml(drawn).rstrip("\n")
    say(text)
