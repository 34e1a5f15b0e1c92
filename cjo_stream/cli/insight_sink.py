"""`cjo-stream insight sink`: records and events into a layer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.insight_figure import LayerAt
from cjo_stream.cli.option import Channel, Json, read_duration, settings_of
from cjo_stream.cli.process import begin, run_to_end
from cjo_stream.cli.terminal import moment, note, numbered, say, say_json
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.core.program.program import Program
    from cjo_stream.insight.filling.sink import Sunk


def sink(
    context: typer.Context,
    layer: LayerAt,
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            help="The --out folder of a `run`, or a state folder. Without it: the topics of the "
            "installation on Kafka, until it is ended.",
        ),
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--events", metavar="FILE", help="A file of the run's events. May be repeated."
        ),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE…]", help="Behind --events FILE: more files of events."),
    ] = None,
    topology: Annotated[
        str | None,
        typer.Option(
            metavar="TOPOLOGY",
            help="By which the events are read. Default: the set in force of a state folder; of "
            "other folders the events are native.",
        ),
    ] = None,
    channel: Channel = None,
    interval: Annotated[
        str | None,
        typer.Option(metavar="5s", help="On Kafka: the time from manifest to manifest."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="On Kafka: take what the topics have now, then end.")
    ] = False,
    json: Json = False,
) -> int:
    """Take what is new in records and events into a layer: of a run, or of Kafka's topics.

    Each record and event comes in once, however often this command is called or killed. Erased
    customers leave the layer.
    """
    if run is None:
        if events or more or topology or channel:
            raise UsageError(
                "name the RUN whose events these are; on Kafka events come from their topics, and "
                "are read by the set in force"
            )
        return _from_kafka(context, layer, interval, once=once, json=json)
    if interval is not None or once:
        raise UsageError("--interval and --once are for Kafka: leave RUN out, or leave them out")
    from cjo_stream.insight.filling.sink import Sink, seldom_collected

    if more and not events:
        raise UsageError(f"{more[0]}: name files of events with --events")
    events = [*(events or ()), *(more or ())]
    key = settings_of(context).tenant_key_bytes()
    with seldom_collected():
        into = Sink(layer, tenant_key=key)
        into.take_run(run)
        if events:
            program = _program(run, topology)
            into.take_events(events, program, channel, key, time.time_ns() // 1_000_000)
        sunk = into.publish()
    _say_sunk(sunk, json=json)
    return 0


def _from_kafka(
    context: typer.Context, layer: str, interval: str | None, *, once: bool, json: bool
) -> int:
    from cjo_stream.insight.filling import live

    if once:
        if interval is not None:
            raise UsageError("--once publishes one manifest: leave --interval out")
        _say_sunk(live.take(begin(context), layer), json=json)
        return 0
    interval_s = read_duration(interval or "5s", "--interval") / 1000
    return run_to_end(lambda: live.run(begin(context), layer, interval_s))


def _program(run: Path, topology: str | None) -> Program | None:
    from cjo_stream.cli.option import topology_folder
    from cjo_stream.definition import load
    from cjo_stream.embedded.query import program_of
    from cjo_stream.embedded.state import holds_state

    if topology is not None:
        return load(topology_folder(topology)).program
    return program_of(run) if holds_state(run) else None


def _say_sunk(sunk: Sunk, *, json: bool) -> None:
    if json:
        say_json(sunk)
        return
    for table, number in sorted(sunk.rows.items()):
        say(f"{table}: {numbered(number, 'new row')}")
    if not sunk.rows:
        say("nothing new")
    if sunk.repeated:
        say(f"{numbered(sunk.repeated, 'event')} repeated: not taken again")
    if sunk.withheld:
        say(f"{numbered(sunk.withheld, 'event')} of customers who were erased: not taken")
    if sunk.refused:
        note(
            f"{numbered(sunk.refused, 'row')} of events refused: not taken; the first is "
            f"{sunk.example}"
        )
    if sunk.until is not None:
        say(f"the layer reaches until {moment(sunk.until)} UTC")
