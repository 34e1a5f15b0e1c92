"""`cjo-stream dead-letters`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cjo_stream.cli.option import Json, operator_settings
from cjo_stream.cli.terminal import moment, note, say, say_json, say_table
from cjo_stream.errors import UsageError

FILE: Final = "dead_letters.jsonl"

app: Final = typer.Typer(help="See what was refused, and why.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Dead letters."""


@app.command("list")
def list_(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="The results of a `run` or a demo; none: on Kafka."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only those of this reason.")] = None,
    json: Json = False,
) -> None:
    """List dead letters; with --json, their values too, a line each.

    The counts by reason are on stderr.
    """
    from collections import Counter

    counts: Counter[str] = Counter()
    rows = []
    for refused in _on_kafka(context) if folder is None else _in(folder):
        counts[refused["reason"]] += 1
        if reason in (None, refused["reason"]):
            if json:
                say_json(refused)
            else:
                rows.append(_row(refused))
    if rows:
        say_table("", ("refused", "reason", "record", "detail"), rows)
    if not counts and not json:
        say("no dead letters")
    for name, number in sorted(counts.items()):
        note(f"{name}: {number}")


def _row(refused: dict[str, Any]) -> tuple[str, str, str, str]:
    place = f"{refused['topic']}/{refused['partition']}/{refused['offset']}"
    when = moment(refused["time"]) if "time" in refused else ""
    return when, refused["reason"], place, refused["detail"]


def _on_kafka(context: typer.Context) -> Iterable[dict[str, Any]]:
    import msgspec

    from cjo_stream.kafka import dead_letter

    return map(msgspec.structs.asdict, dead_letter.read(operator_settings(context)))


def _in(folder: Path) -> Iterable[dict[str, Any]]:
    import msgspec

    try:
        lines = (folder / FILE).read_bytes().splitlines()
    except OSError:
        raise UsageError(f"{folder} holds no {FILE}: name what was --out of a `run`") from None
    return map(msgspec.json.Decoder(dict[str, Any]).decode, lines)
