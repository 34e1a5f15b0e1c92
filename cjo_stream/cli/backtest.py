"""`cjo-stream backtest`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Final, Self

import typer

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
    check_form_is_of_use,
    read_duration,
    read_moment,
    settings_of,
    topology_folder,
)
from cjo_stream.cli.terminal import LINE_EVERY_S, count, note, numbered, say, say_json, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from cjo_stream.embedded.progress import Progress
    from cjo_stream.governance.backtest.run import Result
    from cjo_stream.ingest.files import InputFile

LATE_SHARE_MAX: Final = 0.01
RECORDS_MIN: Final = 2_000
"""Fewer records are no progress worth a line."""


def backtest(
    context: typer.Context,
    live: Annotated[
        str,
        typer.Argument(
            metavar="LIVE", help="The definitions in force: a folder, or a bundled topology."
        ),
    ],
    candidate: Annotated[
        str, typer.Argument(metavar="CANDIDATE", help="The changed definitions, likewise.")
    ],
    files: Files,
    out: Out,
    channel: Channel = None,
    sort: Sort = False,
    drain: Drain = "0",
    now: Now = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal_comma: DecimalComma = None,
    identifiers: Annotated[
        bool,
        typer.Option(
            "--identifiers", help="Write identifiers as they are, not as hashes by the tenant key."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace earlier results.")] = False,
    json: Json = False,
) -> int:
    """Run two definition sets over the same events, and write which customers differ, and where.

    Both run from the first event, in two processes. The exit code is 0 also where customers
    differ; it is 1 if every row of a file is refused.
    """
    folders = topology_folder(live), topology_folder(candidate)
    drain_ms = read_duration(drain, "--drain")
    now_ms = read_moment(now, "--now") if now else time.time_ns() // 1_000_000
    tenant_key = settings_of(context).tenant_key_bytes()

    from cjo_stream import definition
    from cjo_stream.governance.backtest.result import Both
    from cjo_stream.governance.backtest.run import backtest as run_backtest
    from cjo_stream.governance.backtest.side import Order
    from cjo_stream.ingest.files import open_files
    from cjo_stream.ingest.form import read_form

    definitions = Both(*(definition.load(folder) for folder in folders))
    form = read_form(delimiter, encoding, decimal_comma)
    opened = open_files(files, form=form)
    check_form_is_of_use(opened, form)
    order = Order(
        files=files,
        tenant_key=tenant_key,
        now=now_ms,
        channel=channel,
        sort=sort,
        drain_ms=drain_ms,
        form=form,
    )
    with _Bars(quiet=json) as bars:
        bars.expect(opened)
        result = run_backtest(
            definitions,
            order,
            out,
            force=force,
            with_identifiers=identifiers,
            stdin=sys.stdin.buffer,
            report=bars.show,
        )
    _warn_late(result, sort=sort)
    if json:
        say_json(result.summary)
    else:
        _say(result, out)
    return _note_unread(result)


def _warn_late(result: Result, *, sort: bool) -> None:
    """Warn if many events were late, which --sort may mend."""
    from cjo_stream.embedded.run import late_share

    worst = max(late_share(ran.summary) for ran in (result.ran.live, result.ran.candidate))
    if worst > LATE_SHARE_MAX and not sort:
        warn(
            f"{worst:.0%} of the events came too late to move a journey: if the files are not in "
            "the order of event times, add --sort"
        )


def _say(result: Result, out: Path) -> None:
    from cjo_stream.governance.backtest.effect import effects
    from cjo_stream.governance.backtest.result import REPORT

    summary = result.summary
    customers = summary.customers
    say(
        f"{numbered(summary.events.live, 'event')} on each side in {summary.wall_seconds:.1f} s "
        f"({count(round(summary.events_per_second))} events/s)"
        if summary.events.live == summary.events.candidate
        else f"{numbered(summary.events.live, 'event')}, candidate "
        f"{count(summary.events.candidate)}, in {summary.wall_seconds:.1f} s "
        f"({count(round(summary.events_per_second))} events/s)"
    )
    say(
        f"{numbered(customers.live, 'customer')}, candidate {count(customers.candidate)}; "
        f"{count(summary.changed)} of {numbered(summary.groups, 'group')} changed"
    )
    if summary.commands:
        say(f"{count(summary.commands)} more get other commands: template, payload or expires_at")
    for effect in effects(summary):
        say(f"  {effect.sentence}")
    if unreached := len(summary.unreached):
        say(f"no event reached {numbered(unreached, 'part')} of the candidate: see {REPORT}")
    say(f"results in {out}: {REPORT} opens in a browser")


def _note_unread(result: Result) -> int:
    """Print the files whose rows were all refused on a side; return the exit code."""
    code = 0
    for side, ran in (("live", result.ran.live), ("candidate", result.ran.candidate)):
        for file in ran.summary.files:
            if file.cause is not None:
                code = 1
                which = f"all {count(file.rows)} rows were" if file.rows > 1 else "its row was"
                note(
                    f"error: {side}: {file.name}: {which} refused. {file.cause}. Mend the file, "
                    "or the topology, and give the command again"
                )
    return code


class _Bars:
    """Shows how far both sides are: bars on a terminal, else a line now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._next_s = time.monotonic() + LINE_EVERY_S
        self._records = {"live": 0, "candidate": 0}
        self._bars: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bars

            self._bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._tasks = {side: self._bars.add_task(side, total=None) for side in self._records}
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def expect(self, files: Sequence[InputFile]) -> None:
        """Find out how long the bars are; without a terminal there are none."""
        if self._bars is not None:
            records = sum(file.lines() for file in files)
            for task in self._tasks.values():
                self._bars.update(task, total=records or None)

    def show(self, side: str, progress: Progress) -> None:
        """Show how far a side is."""
        self._records[side] = progress.records
        if self._bars is not None:
            self._bars.update(self._tasks[side], completed=progress.records)
        elif self._is_due(progress.records):
            self._next_s = time.monotonic() + LINE_EVERY_S
            note(" · ".join(f"{name} {count(n)} records" for name, n in self._records.items()))

    def _is_due(self, records: int) -> bool:
        is_worth_it = records >= RECORDS_MIN and not self._quiet
        return is_worth_it and time.monotonic() >= self._next_s
