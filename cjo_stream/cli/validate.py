"""`cjo-stream validate`."""

from __future__ import annotations

import typer

from cjo_stream.cli.option import Json, Topology, topology_folder
from cjo_stream.cli.terminal import note_diagnostic, numbered, say, say_json
from cjo_stream.errors import DefinitionError


def validate(topology: Topology, json: Json = False) -> None:
    """Check a topology; print every error with its file, line and column."""
    from cjo_stream.definition import load

    folder = topology_folder(topology)
    try:
        loaded = load(folder)
    except DefinitionError as error:
        if not json:
            raise
        say_json({"valid": False, "diagnostics": [found._asdict() for found in error.diagnostics]})
        raise typer.Exit(error.exit_code) from None
    program = loaded.program
    if json:
        diagnostics = [found._asdict() for found in loaded.warnings]
        say_json({"valid": True, "digest": loaded.digest, "diagnostics": diagnostics})
        return
    for found in loaded.warnings:
        note_diagnostic(found)
    say(
        f"{program.topology} is valid: {numbered(len(program.journeys), 'journey')}, "
        f"{numbered(len(program.actions), 'action')}, {numbered(len(program.channels), 'channel')}"
    )
