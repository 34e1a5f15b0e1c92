"""`cjo-stream report`: evaluations of results, and reports over a layer."""

from __future__ import annotations

from typing import Final

import typer

from cjo_stream.cli import identity, lift, reports, shadow

app: Final = typer.Typer(
    help="Reports over a layer, for people who decide; and lift, shadow, identity over results.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Reports."""


app.command("journeys")(reports.journeys)
app.command("attribution")(reports.attribution)
app.command("friction")(reports.friction)
app.command("value")(reports.value)
app.command("leadership")(reports.leadership)
app.command("lift")(lift.lift)
app.command("shadow")(shadow.shadow)
app.command("identity")(identity.identity)
