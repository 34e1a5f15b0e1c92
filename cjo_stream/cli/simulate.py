"""`cjo-stream simulate`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import (
    Json,
    Topology,
    operator_settings,
    read_duration,
    read_moment,
    topology_folder,
)
from cjo_stream.cli.terminal import count, note, say, say_json
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.core.program import Program
    from cjo_stream.settings import Settings
    from cjo_stream.simulate import Simulated

FILES_DURATION: Final = "7d"
KAFKA_DURATION: Final = "1h"
TELL_EVERY_S: Final = 5.0


def simulate(
    context: typer.Context,
    topology: Topology,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write files into this folder.")
    ] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Send to the channels' topics, as time goes by.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(help="Events a second of simulated time; else as people are."),
    ] = None,
    people: Annotated[int, typer.Option(min=1, help="Simulated people.")] = 1_000,
    duration: Annotated[
        str | None,
        typer.Option(
            metavar="7d",
            help=f"Simulated time; else {FILES_DURATION}, with --kafka {KAFKA_DURATION}.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Of files: when it begins; else DURATION ago."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other people.")] = 1,
    by_channel: Annotated[
        bool, typer.Option("--by-channel", help="Files as the topics would hold it.")
    ] = False,
    truth: Annotated[
        bool, typer.Option("--truth", help="Also truth.jsonl, in DIR: who is really whom.")
    ] = False,
    json: Json = False,
) -> None:
    """Make traffic of people who share devices, clear cookies, and come late or twice."""
    if out is None and (truth or not kafka):
        raise UsageError("say where the files go: --out DIR; or --kafka, for no files but truth")
    if kafka and start:
        raise UsageError("--start is for files: with --kafka, traffic begins now")

    from cjo_stream import definition
    from cjo_stream import simulate as traffic

    duration = duration or (KAFKA_DURATION if kafka else FILES_DURATION)
    duration_ms = read_duration(duration, "--duration")
    now_ms = time.time_ns() // 1_000_000
    begin = now_ms if kafka else now_ms - duration_ms
    program = definition.load(topology_folder(topology)).program
    start_ms = read_moment(start, "--start") if start else begin
    records = traffic.traffic(
        program.topology,
        people=people,
        seed=seed,
        start_ms=start_ms,
        duration_ms=duration_ms,
        rate=rate,
    )
    if truth and out is not None:
        traffic.write_truth(traffic.truth(program.topology, people=people, seed=seed), out)
    if kafka:
        present = _until(records, start_ms + duration_ms)
        counts = _send(operator_settings(context), program, present, quiet=json)
    else:
        assert out is not None
        write = traffic.write_channels if by_channel else traffic.write_native
        counts = write(records, out)
    if json:
        say_json({"records": counts.total(), "channels": dict(sorted(counts.items()))})
        return
    channels = ", ".join(f"{channel} {count(n)}" for channel, n in sorted(counts.items()))
    say(f"{count(counts.total())} records {'sent' if kafka else f'in {out}'}: {channels}")


def _until(records: Iterable[Simulated], end_ms: int) -> Iterator[Simulated]:
    """Yield what arrives by `end_ms`: some of what happens comes days late."""
    for record in records:
        if record.arrives_ms > end_ms:
            return
        yield record


def _send(
    settings: Settings, program: Program, records: Iterable[Simulated], *, quiet: bool
) -> Counter[str]:
    from cjo_stream.kafka.feed import Feed
    from cjo_stream.kafka.topic import Names
    from cjo_stream.simulate import at_arrival

    names = Names(settings.topic_prefix)
    topics = {c.name: names.source(c.input) for c in program.channels.values() if c.input}
    counts: Counter[str] = Counter()
    tell_s = time.monotonic() + TELL_EVERY_S
    with Feed(settings) as feed:
        for record in at_arrival(records, time.time, time.sleep):
            feed.put(topics[record.channel], record.value, record.key)
            counts[record.channel] += 1
            if not quiet and time.monotonic() >= tell_s:
                tell_s = time.monotonic() + TELL_EVERY_S
                note(f"{count(feed.acknowledged)} records sent")
    return counts
