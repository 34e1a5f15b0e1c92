"""`cjo-stream debug`."""

from __future__ import annotations

import itertools
from typing import Annotated, Final

import typer

from cjo_stream.cli.option import operator_settings
from cjo_stream.cli.terminal import say_json

app: Final = typer.Typer(
    help="Print the private logs. They hold customers' data.", no_args_is_help=True
)

Partition = Annotated[int | None, typer.Option(min=0, help="Only this partition.")]


@app.command()
def frames(
    context: typer.Context,
    partition: Partition = None,
    start: Annotated[int, typer.Option("--from", min=0, help="The first offset.")] = 0,
    most: Annotated[int | None, typer.Option(min=1, help="At most this many frames.")] = None,
    effects: Annotated[
        bool, typer.Option("--effects", help="Print the effect log instead of the internal log.")
    ] = False,
) -> None:
    """Print frames, one JSON object on each line."""
    from cjo_stream.kafka.operator import replay as log

    found = log.frames(operator_settings(context), partition, start, effects=effects)
    for place, frame in itertools.islice(found, most):
        say_json({"at": place, "frame": frame})


@app.command()
def replay(context: typer.Context, partition: Partition = None) -> None:
    """Replay the internal log through fresh stores, and print the effects as JSON lines."""
    import msgspec

    from cjo_stream.kafka.operator import replay as log

    for place, effect in log.replay(operator_settings(context), partition):
        value = msgspec.Raw(effect.value) if effect.kind != "dead_letter" else effect.value
        say_json({"at": place, "kind": effect.kind, "key": effect.key, "value": value})
