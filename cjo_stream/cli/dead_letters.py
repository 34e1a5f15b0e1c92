"""`cjo-stream dead-letters`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import Json, Yes, operator_settings, settings_of
from cjo_stream.cli.place import Results, records_of
from cjo_stream.cli.terminal import (
    confirm,
    count,
    moment,
    note,
    numbered,
    say,
    say_json,
    say_table,
    warn,
)
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.ingest.mending import Mending
    from cjo_stream.installation.answer import Redriven, Refused

app: Final = typer.Typer(
    help="Refused records: list them, see why, mend them and send them again.",
    no_args_is_help=True,
)
CAUSES_SHOWN: Final = 20

Reason = Annotated[
    str | None, typer.Option("--reason", metavar="REASON", help="Only this reason.")
]


@app.command("list")
def list_(
    context: typer.Context,
    results: Results = None,
    reason: Reason = None,
    json: Json = False,
) -> None:
    """List dead letters; with --json also their values, one on each line.

    The counts by reason go to stderr.
    """
    from collections import Counter

    counts: Counter[str] = Counter()
    rows = []
    for refused in records_of(context, results).refused():
        counts[refused.reason] += 1
        if reason in (None, refused.reason):
            if json:
                say_json(refused)
            else:
                rows.append(_row(refused))
    if rows:
        say_table("", ("refused", "reason", "record", "detail"), rows)
    if not json and not counts:
        say("no dead letters")
    elif not json and reason not in (None, *counts):
        say(_no_such(reason, counts))
    for name, number in sorted(counts.items()):
        note(f"{name}: {number}")


@app.command()
def show(
    context: typer.Context,
    record: Annotated[
        str,
        typer.Argument(
            metavar="RECORD",
            help="The refused record, as `list` names it: TOPIC/PARTITION/OFFSET.",
        ),
    ],
    results: Results = None,
) -> None:
    """Print the dead letters of one record in full, a JSON object on each line."""
    found = False
    for refused in records_of(context, results).refused():
        if _place(refused) == record:
            found = True
            say_json(refused)
    if not found:
        raise UsageError(
            f"there is no dead letter of {record}: name a record as `dead-letters list` prints it"
        )


@app.command()
def redrive(
    context: typer.Context,
    results: Results = None,
    reason: Reason = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPR",
            help="Only where this is true of the refused record (`row`) and its dead letter "
            "(`item`).",
        ),
    ] = None,
    edit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'PATH = EXPR'",
            help="Set a field of the record; an expression that gives nothing removes it. May be "
            "repeated.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    yes: Yes = False,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With the --out folder of a run: the state whose next run takes the records.",
        ),
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="With the --out folder of a run: the channel of records without one.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Mend dead letters, and send them again, each once.

    Sent are those that intake would accept now; the others are left, and counted by cause. So are
    outcomes that their customer refused, unless an --edit changes them. On Kafka letters go to the
    topics that they came from. Of a run's letters a file is written for the next run.

    If it is interrupted, the same command continues where it stopped.
    """
    from cjo_stream.ingest.mending import Mending

    mending = Mending(reason, where, edit or [])
    if not dry_run:
        what = "all dead letters" if reason is where is None else "the dead letters chosen"
        confirm(f"Send {what} again that intake would accept now?", yes)
    if results is None:
        if state is not None or channel is not None:
            raise UsageError("--state and --channel are for the letters of a run: name its --out")
        redriven = _on_kafka(context, mending, is_dry=dry_run)
    else:
        redriven = _of_run(context, results, state, channel, mending, is_dry=dry_run)
    if reason not in (None, *redriven.letters):
        raise UsageError(_no_such(reason, redriven.letters))
    if json:
        say_json(redriven)
    else:
        _say(redriven, state, channel, is_dry=dry_run)


def _on_kafka(context: typer.Context, mending: Mending, *, is_dry: bool) -> Redriven:
    from cjo_stream.kafka.operator import redrive

    return redrive.redrive(operator_settings(context), mending, is_dry=is_dry)


def _of_run(
    context: typer.Context,
    results: Path,
    state: Path | None,
    channel: str | None,
    mending: Mending,
    *,
    is_dry: bool,
) -> Redriven:
    from cjo_stream.embedded import redrive

    if state is None:
        raise UsageError(
            f"whose definitions check the letters of {results}? Name the state folder of the run "
            "with --state"
        )
    return redrive.redrive(
        results,
        state,
        settings_of(context).tenant_key_bytes(),
        mending,
        channel=channel,
        now_ms=time.time_ns() // 1_000_000,
        is_dry=is_dry,
    )


def _say(redriven: Redriven, state: Path | None, channel: str | None, *, is_dry: bool) -> None:
    letters = numbered(redriven.sent, "dead letter")
    edited = f", {count(redriven.edited)} of them mended" if redriven.edited else ""
    if redriven.file is not None:
        by = "" if channel is None else f" --channel {channel}"
        say(f"{letters} written into {redriven.file}{edited}. Take them with")
        say(f"  cjo-stream run TOPOLOGY {redriven.file}{by} --state {state} --out ANOTHER")
    else:
        say(f"{letters} {'would be sent' if is_dry else 'sent'} again{edited}")
    if redriven.failed:
        say(f"{count(redriven.failed)} of them failed inside the engine, and may fail again")
    if redriven.before:
        say(f"{numbered(redriven.before, 'dead letter')} sent before, and not again")
    if redriven.left:
        total = sum(one.number for one in redriven.left)
        say(f"{numbered(total, 'dead letter')} left, which would be refused again:")
        rows = [(one.reason, one.detail, one.number) for one in redriven.left[:CAUSES_SHOWN]]
        say_table("", ("reason", "detail", "#letters"), rows)
        if len(redriven.left) > CAUSES_SHOWN:
            say(f"and {len(redriven.left) - CAUSES_SHOWN} other causes; --json prints all")
    if redriven.letters and not (redriven.sent or redriven.before or redriven.left):
        note(_none_of(redriven.letters))
    for name, number in redriven.unread.items():
        warn(f"{name}: {numbered(number, 'value')} could not be used, and counted as missing")


def _none_of(letters: Mapping[str, int]) -> str:
    of = ", ".join(f"{reason} {count(number)}" for reason, number in letters.items())
    return f"--where chose none of the dead letters; there are {of}"


def _no_such(reason: str | None, counts: Mapping[str, int]) -> str:
    if not counts:
        return "no dead letters"
    return f"no dead letters of reason {reason}; there are of {', '.join(sorted(counts))}"


def _row(refused: Refused) -> tuple[str, str, str, str]:
    when = "" if refused.time is None else moment(refused.time)
    return when, refused.reason, _place(refused), refused.detail


def _place(refused: Refused) -> str:
    return f"{refused.topic}/{refused.partition}/{refused.offset}"
