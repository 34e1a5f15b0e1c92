"""`cjo-stream dead-letters`."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from cjo_stream.cli.option import Json, operator_settings
from cjo_stream.cli.terminal import moment, note, say, say_json, say_table

app: Final = typer.Typer(help="See what was refused, and why.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Dead letters."""


@app.command("list")
def list_(
    context: typer.Context,
    reason: Annotated[str | None, typer.Option(help="Only those of this reason.")] = None,
    json: Json = False,
) -> None:
    """List the dead letters on Kafka; with --json, their values too, a line each.

    The counts by reason are on stderr. Those of a `run` are in its dead_letters.jsonl.
    """
    from collections import Counter

    from cjo_stream.kafka import dead_letter

    counts: Counter[str] = Counter()
    rows = []
    for refused in dead_letter.read(operator_settings(context)):
        counts[refused.reason] += 1
        if reason in (None, refused.reason):
            if json:
                say_json(refused)
            else:
                place = f"{refused.topic}/{refused.partition}/{refused.offset}"
                rows.append((moment(refused.time), refused.reason, place, refused.detail))
    if rows:
        say_table("", ("refused", "reason", "record", "detail"), rows)
    if not counts and not json:
        say("no dead letters")
    for name, number in sorted(counts.items()):
        note(f"{name}: {number}")
