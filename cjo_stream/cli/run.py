"""`cjo-stream run`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.option import (
    Json,
    Topology,
    read_duration,
    read_moment,
    settings_of,
    topology_folder,
)
from cjo_stream.cli.terminal import Ticker, count, moment, note, numbered, say, say_json, warn

if TYPE_CHECKING:
    from cjo_stream.embedded.run import Start, Summary

LATE_SHARE_MAX = 0.01
HEAD_BYTES = 64 * 1024


def run(
    context: typer.Context,
    topology: Topology,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES...",
            help="Files of events: .jsonl, .csv (each also .gz) or .parquet; - is stdin.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the results.")],
    channel: Annotated[
        str | None,
        typer.Option(help="The channel of all events. Default: each event's field `channel`."),
    ] = None,
    sort: Annotated[bool, typer.Option("--sort", help="Order all events by time first.")] = False,
    drain: Annotated[
        str,
        typer.Option(
            metavar="30d", help="Let the clock run on for this long after the last event."
        ),
    ] = "0",
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep the state in this folder. A killed run continues from it."
        ),
    ] = None,
    partitions: Annotated[int, typer.Option(min=1, max=64, help="Partitions of a new state.")] = 1,
    now: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Reference time; events more than 24 h later are refused. Default: now.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace earlier results; continue a killed run without files that are gone.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Run recorded events through the engine, and write the results to files."""
    folder = topology_folder(topology)
    drain_ms = read_duration(drain, "--drain")
    now_ms = read_moment(now, "--now") if now else time.time_ns() // 1_000_000
    tenant_key = settings_of(context).tenant_key_bytes()

    from cjo_stream import definition, ingest
    from cjo_stream.embedded.run import Start
    from cjo_stream.embedded.run import run as run_files
    from cjo_stream.ingest.files import choose_channel, read

    definitions = definition.load(folder)
    for found in definitions.warnings:
        note(str(found))
    decode = ingest.decoder(definitions.program, tenant_key)
    records = read(
        files,
        decode,
        channel=choose_channel(definitions.program, channel),
        now=now_ms,
        sort=sort,
    )
    start = Start()
    with Ticker(quiet=json) as ticker:
        summary = run_files(
            definitions,
            lambda _: (lane_of(files, channel, sort=sort), records),
            out,
            drain_ms=drain_ms,
            state=state,
            partitions=partitions,
            force=force,
            tenant_key=tenant_key,
            report=ticker.show,
            start=start,
        )
    if 0 < start.set_before < start.set:
        note(
            f"definition set {start.set} governs the state from this run on, after set "
            f"{start.set_before}"
        )
    _warn_late(summary, start, definitions.program.max_late_ms, sort=sort)
    if json:
        say_json(summary)
    else:
        _say(summary, out)


def lane_of(files: Sequence[str], channel: str | None, *, sort: bool) -> str:
    """Return the name of an input: the same for the same files, read the same way.

    A killed run goes on behind what it has read of the same input; standard input is never the
    same twice.
    """
    if "-" in files:
        return f"stdin-{time.time_ns()}"
    digest = hashlib.sha256(f"{channel or ''}|{int(sort)}".encode())
    for name in files:
        path = Path(name)
        digest.update(f"|{path.name}|".encode())
        if path.is_file():
            with path.open("rb") as file:
                digest.update(file.read(HEAD_BYTES))
    return f"files-{digest.hexdigest()[:32]}"


def _warn_late(summary: Summary, start: Start, max_late_ms: int, *, sort: bool) -> None:
    """Warn if many events were late, with the cause: the state's clock, or their order."""
    from cjo_stream.core.duration import duration_text
    from cjo_stream.embedded.run import late_share

    if late_share(summary) <= LATE_SHARE_MAX:
        return
    by_order = summary.late - start.behind
    causes = []
    if start.behind:
        causes.append(
            f"the clock of this state stood at {moment(start.clock)} UTC when the run began, and "
            f"an event more than {duration_text(max_late_ms)} older (`max_late`) is late. An "
            "earlier --drain moves the clock for good: run without it where later events follow"
        )
    if by_order > 0 and not sort:
        causes.append("if the files are not in the order of event times, add --sort")
    if causes:
        warn(
            f"{count(summary.late)} of {numbered(summary.events, 'event')} came too late to move "
            f"a journey: {'; '.join(causes)}"
        )


def _say(summary: Summary, out: Path) -> None:
    say(
        f"{numbered(summary.events, 'event')} of {numbered(summary.customers, 'customer')} in "
        f"{summary.wall_seconds:.1f} s ({count(round(summary.events_per_second))} events/s)"
    )
    say(
        f"{numbered(summary.transitions, 'transition')}, "
        f"{numbered(summary.decisions, 'decision')}, {numbered(summary.actions, 'action')}"
    )
    say(
        f"{count(summary.repeated)} repeated, {count(summary.late)} late, "
        f"{numbered(summary.dead_letters, 'dead letter')}"
    )
    say(f"results in {out}")
