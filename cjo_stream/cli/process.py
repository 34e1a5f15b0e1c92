"""`cjo-stream intake`, `worker`, `dispatch`, `learn`, `webhook`, `up`: the processes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.option import settings_of
from cjo_stream.cli.terminal import note
from cjo_stream.errors import CjoError

if TYPE_CHECKING:
    from cjo_stream.settings import Settings


RestoreOffsets = Annotated[
    bool,
    typer.Option(
        "--restore-offsets",
        help="If the consumer group's offsets are gone: continue from their copies.",
    ),
]


WithoutLost = Annotated[
    bool,
    typer.Option(
        "--without-lost",
        help="If records are gone that were never read: continue without them. "
        "Use it for one start only.",
    ),
]


def intake(
    context: typer.Context,
    restore_offsets: RestoreOffsets = False,
    without_lost: WithoutLost = False,
) -> int:
    """Read events from the channels' topics. Run one process or several.

    Each process needs a CJO_SLOT of its own.
    """
    from cjo_stream.kafka.position.position import Words
    from cjo_stream.kafka.stage import intake as process

    words = Words(restore_offsets, without_lost)
    return run_to_end(lambda: process.run(begin(context), words))


def dispatch(
    context: typer.Context,
    restore_offsets: RestoreOffsets = False,
    without_lost: WithoutLost = False,
) -> int:
    """Write commands and records to their topics. Run one process or several.

    Each process needs a CJO_SLOT of its own.
    """
    from cjo_stream.kafka.position.position import Words
    from cjo_stream.kafka.stage import dispatch as process

    words = Words(restore_offsets, without_lost)
    return run_to_end(lambda: process.run(begin(context), words))


def worker(context: typer.Context) -> int:
    """Run identity, journeys and decisions for some partitions. Run one process or several.

    Each process needs a CJO_SLOT of its own.
    """
    from cjo_stream.kafka.worker import process

    return run_to_end(lambda: process.run(begin(context)))


def learn(context: typer.Context) -> int:
    """Learn from rewards how likely each action is accepted. Run one process."""
    from cjo_stream.kafka.stage import learn as process

    return run_to_end(lambda: process.run(begin(context)))


def webhook(
    context: typer.Context,
    endpoints: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The endpoints: a YAML document for each channel."),
    ],
) -> int:
    """Post the commands of channels without Kafka to their endpoints. Run one process or several.

    Each process needs a CJO_SLOT of its own.
    """
    from cjo_stream.webhook import process
    from cjo_stream.webhook.endpoint import read_endpoints

    found = read_endpoints(endpoints)
    return run_to_end(lambda: process.run(begin(context), found))


def up(
    context: typer.Context,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of worker processes.")] = 1,
    layer: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Also run the sink of insight, into this layer."),
    ] = None,
    webhooks: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also post commands to the endpoints of this file."),
    ] = None,
) -> int:
    """Run intake, workers, dispatch and learn on this machine; restart a process that ends.

    Each line of the log begins with the name of its process. If no process can work (a missing
    topic, an unknown host), all end, with the reason.
    """
    from cjo_stream.kafka.client.handshake import wait_until_away
    from cjo_stream.kafka.process import slot
    from cjo_stream.kafka.process import up as supervisor
    from cjo_stream.telemetry import log

    settings = begin(context)
    as_json = log.is_json(settings.log_format, sys.stderr)
    program = [sys.executable, "-m", "cjo_stream"]
    if context.obj is not None:
        program += ["--config", str(context.obj)]
    children = supervisor.children(
        program,
        workers,
        settings.slot,
        settings.metrics_port,
        {"CJO_LOG_FORMAT": "json" if as_json else "text"},
        layer,
        webhooks,
    )
    with slot.held(slot.folder(settings, "up")):
        return supervisor.supervise(
            children,
            lambda name, line: note(log.with_process(name, line, as_json=as_json)),
            wait_until_away=lambda: wait_until_away(settings),
        )


def begin(context: typer.Context) -> Settings:
    """Return the settings of a long-running process, and set up its log by them.

    Raises UsageError where the broker's host is unknown. A child of `up` does not check that: `up`
    has, so a host that is unknown later is an outage, which the child waits out.
    """
    from cjo_stream.kafka.client.property import check_address
    from cjo_stream.settings import is_supervised
    from cjo_stream.telemetry import log

    settings = settings_of(context)
    log.set_up(settings.log_level, settings.log_format)
    if not is_supervised():
        check_address(settings)
    return settings


def run_to_end(process: Callable[[], int]) -> int:
    """Return the exit code of a process, by which its supervisor decides what to do next."""
    from cjo_stream.kafka.process.ending import exit_code

    try:
        return process()
    except CjoError as error:
        note(f"error: {error}")
        return exit_code(error)
