"""`cjo-stream intake`, `worker`, `dispatch`, `learn` and `up`: an installation's processes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.option import settings_of

if TYPE_CHECKING:
    from cjo_stream.settings import Settings


RestoreOffsets = Annotated[
    bool,
    typer.Option(
        "--restore-offsets",
        help="Where the group's positions are gone: go on from the copies kept of them.",
    ),
]


def intake(context: typer.Context, restore_offsets: RestoreOffsets = False) -> int:
    """Take events in from the channels' topics, one process or several.

    Each has a CJO_SLOT of its own.
    """
    from cjo_stream.kafka import intake as process

    return process.run(_begin(context), restore_offsets=restore_offsets)


def dispatch(context: typer.Context, restore_offsets: RestoreOffsets = False) -> int:
    """Send commands and records out to their topics, one process or several.

    Each has a CJO_SLOT of its own.
    """
    from cjo_stream.kafka import dispatch as process

    return process.run(_begin(context), restore_offsets=restore_offsets)


def worker(context: typer.Context) -> int:
    """Run the tasks of some partitions: identities, journeys, decisions.

    Start as many as you like, each with a CJO_SLOT of its own.
    """
    from cjo_stream.kafka.worker import process

    return process.run(_begin(context))


def learn(context: typer.Context) -> int:
    """Learn from rewards how likely each action is accepted, and publish it; one process."""
    from cjo_stream.kafka import learn as process

    return process.run(_begin(context))


def up(
    context: typer.Context,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 1,
) -> int:
    """Run intake, workers, dispatch and learn on this machine, restarting what ends."""
    from cjo_stream.kafka import up as supervisor

    settings = _begin(context)
    program = [sys.executable, "-m", "cjo_stream"]
    if context.obj is not None:
        program += ["--config", str(context.obj)]
    children = supervisor.children(program, workers, settings.slot, settings.metrics_port)
    return supervisor.supervise(children)


def _begin(context: typer.Context) -> Settings:
    """Return the settings of a long-running process; its log goes as they say from here on."""
    from cjo_stream.telemetry import log

    settings = settings_of(context)
    log.set_up(settings.log_level, settings.log_format)
    return settings
