"""`cjo-stream debug`: the internal log of an installation on Kafka, for whoever doubts it."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any, Final

import typer

from cjo_stream.cli.option import settings_of
from cjo_stream.cli.terminal import say_json

app: Final = typer.Typer(
    help="Look into the internal log: JSON lines, with customers' data in them.",
    no_args_is_help=True,
)

Partition = Annotated[int | None, typer.Option(min=0, help="Only this one; else all, in turn.")]
Most = Annotated[int | None, typer.Option("--count", min=1, help="So many lines at most.")]


@app.command()
def frames(
    context: typer.Context,
    partition: Partition = None,
    start: Annotated[
        int, typer.Option("--from", metavar="OFFSET", min=0, help="Begin at this offset.")
    ] = 0,
    most: Most = None,
) -> None:
    """Print the frames of the internal log, a record a line."""
    from cjo_stream.kafka import replay as log

    for seen in islice(log.frames(settings_of(context), partition, start), most):
        say_json(seen)


@app.command()
def replay(context: typer.Context, partition: Partition = None, most: Most = None) -> None:
    """Run the internal log through fresh stores; print the effects, one a line.

    They are what the effect topic must hold, whatever was killed on the way. Dead letters that
    intake writes itself are not among them.
    """
    from cjo_stream.kafka import replay as log

    for number, effect in islice(log.replay(settings_of(context), partition), most):
        say_json(
            {
                "partition": number,
                "kind": effect.kind,
                "channel": effect.channel,
                "key": effect.key,
                "headers": {name: value.decode() for name, value in effect.headers},
                "value": _readable(effect.value),
            }
        )


def _readable(value: bytes) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(value)
    except msgspec.MsgspecError:
        return value.decode("utf-8", "replace")
