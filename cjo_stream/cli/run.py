"""`cjo-stream run`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.canary import say_decided
from cjo_stream.cli.notice import tell_notices
from cjo_stream.cli.option import (
    Channel,
    DecimalComma,
    Delimiter,
    Drain,
    Encoding,
    Files,
    Json,
    Now,
    Out,
    Sort,
    Topology,
    check_form_is_of_use,
    read_duration,
    read_moment,
    settings_of,
    topology_folder,
)
from cjo_stream.cli.terminal import Ticker, count, moment, note, numbered, say, say_json, warn
from cjo_stream.cli.undeclared import tell_undeclared
from cjo_stream.cli.unrecorded import note_unrecorded
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.definition import DefinitionSet
    from cjo_stream.embedded.run import Start, Summary

LATE_SHARE_MAX = 0.01
NAMES_MAX = 10


def run(
    context: typer.Context,
    topology: Topology,
    files: Files,
    out: Out,
    channel: Channel = None,
    sort: Sort = False,
    drain: Drain = "0",
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the state in this folder, and take of each file only what is new. A killed "
            "run continues from it.",
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Take a file that has changed whole, as new."),
    ] = False,
    partitions: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            help="Partitions of a new state. In memory there is one, with the same results.",
        ),
    ] = 1,
    cores: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            help="Run in so many processes, with the same results; not with --state.",
        ),
    ] = 1,
    now: Now = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal_comma: DecimalComma = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace earlier results; continue a killed run without files that are gone.",
        ),
    ] = False,
    profiles: Annotated[
        bool,
        typer.Option(
            "--profiles",
            help="Write each version of each customer's profile, too. A state goes on with it.",
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Run recorded events through the engine, and write the results to files.

    If every new row of a file is refused, the exit code is 1, with the likely cause.
    """
    folder = topology_folder(topology)
    drain_ms = read_duration(drain, "--drain")
    now_ms = read_moment(now, "--now") if now else time.time_ns() // 1_000_000
    if cores > 1 and state is not None:
        raise UsageError(
            "--cores keeps the state in memory, and --state in one database, which one process "
            "opens: leave out one of them"
        )
    if state is None and again:
        raise UsageError("--again is for a state: name its folder with --state")
    tenant_key = settings_of(context).tenant_key_bytes()

    from cjo_stream import definition, ingest
    from cjo_stream.embedded.collector import look_seldom
    from cjo_stream.embedded.recorded import Recorded, run_files
    from cjo_stream.embedded.run import Start
    from cjo_stream.ingest.files import choose_channel, open_files
    from cjo_stream.ingest.form import read_form
    from cjo_stream.installation.unrecorded import Switched

    definitions = definition.load(folder)
    for found in definitions.warnings:
        note(str(found))
    if cores > 1:
        cores = _cores_of_use(definitions, cores)
    form = read_form(delimiter, encoding, decimal_comma)
    opened = open_files(files, form=form)
    check_form_is_of_use(opened, form)
    recorded = Recorded(
        files=opened,
        decode=ingest.decoder(definitions.program, tenant_key),
        channel=choose_channel(definitions.program, channel),
        now=now_ms,
        sort=sort,
        again=again,
        form=form,
    )
    if state is not None:
        _check_permit(state, definitions, tenant_key)
    start = Start()
    look_seldom()
    with Ticker(quiet=json) as ticker:
        summary = run_files(
            definitions,
            recorded,
            out,
            drain_ms=drain_ms,
            state=state,
            partitions=partitions,
            force=force,
            tenant_key=tenant_key,
            report=ticker.show,
            start=start,
            profiles=profiles,
            cores=cores,
        )
    if 0 < start.set_before < start.set:
        note(
            f"definition set {start.set} governs the state from this run on, after set "
            f"{start.set_before}"
        )
    _warn_late(summary, start, definitions.program.max_late_ms, sort=sort)
    note_unrecorded([Switched(start.set, None, summary.records or {})])
    tell_notices(summary)
    tell_undeclared(summary.undeclared or (), topology)
    if json:
        say_json(summary)
    else:
        _say(summary, out, is_kept=state is not None)
    return _note_unread(summary, out, is_kept=state is not None)


def _cores_of_use(definitions: DefinitionSet, cores: int) -> int:
    """Return how many cores a run can use; say so where that is one."""
    from cjo_stream.embedded.cores import can_share

    if can_share(definitions.program):
        return cores
    note("a guarded canary is decided from all customers at once: the run uses one core")
    return 1


def _check_permit(state: Path, definitions: DefinitionSet, tenant_key: bytes) -> None:
    """Raise RefusalError where a team must approve the set that this run would put in force."""
    from cjo_stream.embedded.operator import InFolder
    from cjo_stream.embedded.state import holds_state
    from cjo_stream.governance.permit import Permit

    if holds_state(state):
        Permit(InFolder(state, tenant_key).in_force(), definitions, None, None)


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


def _note_unread(summary: Summary, out: Path, *, is_kept: bool) -> int:
    """Print the files whose new rows were all refused; return the exit code."""
    unread = [file for file in summary.files if file.cause is not None]
    for file in unread:
        which = f"all {count(file.rows)} new rows were" if file.rows > 1 else "its new row was"
        note(
            f"error: {file.name}: {which} refused. {file.cause}. `cjo-stream dead-letters list "
            f"{out}` shows them. Mend the file, or the topology, and run it again"
            f"{' with --again' if is_kept else ''}"
        )
    return 1 if unread else 0


def _say(summary: Summary, out: Path, *, is_kept: bool) -> None:
    if is_kept:
        _say_taken(summary)
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
    say_decided(summary.verdicts)
    waiting = summary.waiting
    if waiting.last is not None:
        of = ((waiting.timers, "timer"), (waiting.requests, "request"))
        what = " and ".join(numbered(number, noun) for number, noun in of if number)
        say(
            f"still waiting: {what}, the last until {moment(waiting.last)}; --drain 30d lets the "
            "clock run on"
        )
    say(f"results in {out}")


def _say_taken(summary: Summary) -> None:
    """Print how much was new in the files of a state, and which had nothing new."""
    for standing in ("new", "grown", "changed"):
        of = [file for file in summary.files if file.rows and file.standing.value == standing]
        if of:
            rows = numbered(sum(file.rows for file in of), "row")
            say(f"{rows} of {numbered(len(of), f'{standing} file')}")
    known = [file.name for file in summary.files if not file.rows]
    if known:
        more = f" and {count(len(known) - NAMES_MAX)} more" if len(known) > NAMES_MAX else ""
        say(f"nothing new (taken already, or empty): {', '.join(known[:NAMES_MAX])}{more}")
