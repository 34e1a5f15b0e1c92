"""`cjo-stream dead-letters`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from cjo_stream.cli.option import Json
from cjo_stream.cli.place import Results, records_of
from cjo_stream.cli.terminal import moment, note, say, say_json, say_table

if TYPE_CHECKING:
    from cjo_stream.installation.answer import Refused

app: Final = typer.Typer(
    help="List refused records, and why they were refused.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    """Dead letters."""


@app.command("list")
def list_(
    context: typer.Context,
    results: Results = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason.")] = None,
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
    if not json:
        if not counts:
            say("no dead letters")
        elif reason is not None and reason not in counts:
            say(f"no dead letters of reason {reason}; there are of {', '.join(sorted(counts))}")
    for name, number in sorted(counts.items()):
        note(f"{name}: {number}")


def _row(refused: Refused) -> tuple[str, str, str, str]:
    place = f"{refused.topic}/{refused.partition}/{refused.offset}"
    when = "" if refused.time is None else moment(refused.time)
    return when, refused.reason, place, refused.detail
