"""`cjo-stream topics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import Json, operator_settings, topology_folder
from cjo_stream.cli.terminal import note, say, say_json, warn

if TYPE_CHECKING:
    from cjo_stream.core.program.program import Program
    from cjo_stream.kafka.topic.check import Difference

app: Final = typer.Typer(help="Create and check the installation's topics.")

TopologyOrNone = Annotated[
    str | None,
    typer.Argument(
        metavar="[TOPOLOGY]",
        help="Also the topics of its channels. Default: only the installation's own topics.",
    ),
]


@app.command()
def create(context: typer.Context, topology: TopologyOrNone = None, json: Json = False) -> int:
    """Create missing topics; existing topics are not changed.

    This also binds the installation to the tenant key.
    """
    from cjo_stream.kafka.definition.tenant import keep_key
    from cjo_stream.kafka.topic import check

    settings = operator_settings(context)
    outcome = check.create(settings, _program(topology))
    keep_key(settings)
    if json:
        say_json(outcome)
    else:
        for name in outcome.created:
            say(f"created {name}")
        if not outcome.created:
            say("nothing to create")
        for difference in outcome.differences:
            warn(_sentence(difference))
    return 1 if outcome.differences else 0


@app.command()
def verify(context: typer.Context, topology: TopologyOrNone = None, json: Json = False) -> int:
    """Print how topics differ from what they must be, and how to mend it; exit 1 if any does."""
    from cjo_stream.kafka.topic import check

    differences = check.verify(operator_settings(context), _program(topology))
    if json:
        say_json(differences)
    elif differences:
        for difference in differences:
            note(_sentence(difference))
    else:
        say("all topics are as they must be")
    return 1 if differences else 0


def _program(topology: str | None) -> Program | None:
    from cjo_stream import definition

    return definition.load(topology_folder(topology)).program if topology else None


def _sentence(difference: Difference) -> str:
    return (
        f"{difference.topic}: {difference.what} is {difference.found or 'unset'}, must be "
        f"{difference.wanted}: {difference.mend}"
    )
