"""`cjo-stream clock`."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from cjo_stream.cli.option import operator_settings
from cjo_stream.cli.terminal import say_json

app: Final = typer.Typer(help="Clocks that are too far ahead.", no_args_is_help=True)


@app.command()
def accept(
    context: typer.Context,
    partition: Annotated[int, typer.Argument(min=0, help="Of the internal topic.")],
    offset: Annotated[int, typer.Argument(min=0, help="The record at which the worker stopped.")],
) -> None:
    """Let a partition go on that stopped at a frame whose clock is over an hour ahead.

    That frame, and those after it with clocks no higher, count as an hour ahead of their append
    times. Mend the brokers' clocks first.
    """
    from cjo_stream.kafka.position import clock

    say_json(clock.accept(operator_settings(context), partition, offset))
