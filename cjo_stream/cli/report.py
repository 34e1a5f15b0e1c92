"""`cjo-stream report`: evaluations of results."""

from __future__ import annotations

from typing import Final

import typer

from cjo_stream.cli import identity, lift, shadow

app: Final = typer.Typer(
    help="Report on results: lift, shadow, and the quality of identity.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    """Reports."""


app.command("lift")(lift.lift)
app.command("shadow")(shadow.shadow)
app.command("identity")(identity.identity)
