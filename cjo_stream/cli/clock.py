"""`cjo-stream clock`."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from cjo_stream.cli.option import operator_settings
from cjo_stream.cli.terminal import say_json

app: Final = typer.Typer(
    help="Continue after a clock that was too far ahead.", no_args_is_help=True
)


@app.command()
def accept(
    context: typer.Context,
    partition: Annotated[int, typer.Argument(min=0, help="The partition of the internal topic.")],
    offset: Annotated[
        int, typer.Argument(min=0, help="The offset of the record at which the worker stopped.")
    ],
) -> None:
    """Let a partition continue that stopped at a frame with a clock more than an hour ahead.

    That frame, and later ones with clocks no higher, count as one hour ahead of their append
    times. Correct the broker's clock first.
    """
    from cjo_stream.kafka.position import clock

    say_json(clock.accept(operator_settings(context), partition, offset))
