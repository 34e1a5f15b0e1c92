"""`cjo-stream simulate`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from cjo_stream.cli.option import Json, read_duration, read_moment
from cjo_stream.cli.terminal import count, say, say_json
from cjo_stream.errors import UsageError


def simulate(
    topology: Annotated[str, typer.Argument(metavar="TOPOLOGY", help="shop or lending.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the files.")],
    people: Annotated[int, typer.Option(min=1, help="Simulated people.")] = 1_000,
    duration: Annotated[str, typer.Option(metavar="7d", help="Simulated time.")] = "7d",
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of the first event; else DURATION ago.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other people.")] = 1,
    by_channel: Annotated[
        bool, typer.Option("--by-channel", help="One file a channel, as its topic would hold it.")
    ] = False,
    truth: Annotated[
        bool, typer.Option("--truth", help="Also truth.jsonl: who is really whom.")
    ] = False,
    json: Json = False,
) -> None:
    """Make traffic of people who share devices, clear cookies, and come late or twice."""
    from cjo_stream import simulate as traffic

    duration_ms = read_duration(duration, "--duration")
    if not duration_ms:
        raise UsageError("--duration 0: there is nothing to simulate; write 7d")
    began = time.time_ns() // 1_000_000 - duration_ms
    start_ms = read_moment(start, "--start") if start else began
    records = traffic.traffic(
        topology, people=people, seed=seed, start_ms=start_ms, duration_ms=duration_ms
    )
    write = traffic.write_channels if by_channel else traffic.write_native
    counts = write(records, out)
    told = {"records": counts.total(), "channels": dict(sorted(counts.items()))}
    if truth:
        told["people"] = traffic.write_truth(
            traffic.truth(topology, people=people, seed=seed), out
        )
    if json:
        say_json(told)
        return
    channels = ", ".join(f"{channel} {count(n)}" for channel, n in sorted(counts.items()))
    say(f"{count(counts.total())} records in {out}: {channels}")
