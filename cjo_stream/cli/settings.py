"""`cjo-stream settings`."""

from __future__ import annotations

import typer

from cjo_stream.cli.option import Json, settings_of
from cjo_stream.cli.terminal import say_json, say_table


def settings(context: typer.Context, json: Json = False) -> None:
    """Print the settings in force, and where each comes from. Secrets are masked.

    Each is a variable, `CJO_` and its name in capitals, or a key of the file given with --config.
    """
    from cjo_stream.settings import sources

    found = sources(settings_of(context), context.obj)
    if json:
        say_json([one._asdict() for one in found])
    else:
        rows = ((one.name, one.value, one.source, one.description) for one in found)
        say_table("", ("setting", "value", "from", "what"), rows)
