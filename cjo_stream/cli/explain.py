"""`cjo-stream decisions explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cjo_stream.cli.option import Json, operator_settings
from cjo_stream.cli.terminal import say
from cjo_stream.errors import UsageError

FILE: Final = "decisions.jsonl"


def explain(
    context: typer.Context,
    decision_id: Annotated[
        str, typer.Argument(metavar="DECISION_ID", help="As actions and decisions name it.")
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="The results of a `run` or a demo; none: on Kafka."),
    ] = None,
    json: Json = False,
) -> None:
    """Print every candidate of a decision: the gate and rule that stopped it, or its priority."""
    import msgspec

    from cjo_stream.core.decision.explain import explain as lines
    from cjo_stream.core.record import Decision

    value = _on_kafka(context, decision_id) if folder is None else _in(folder, decision_id)
    if value is None:
        place = "the decision topic" if folder is None else str(folder / FILE)
        raise UsageError(f"no decision {decision_id} in {place}: a command's decision_id names it")
    if json:
        say(value.decode())
        return
    for line in lines(msgspec.json.decode(value, type=Decision)):
        say(line)


def _on_kafka(context: typer.Context, decision_id: str) -> bytes | None:
    from cjo_stream.kafka import decision

    return decision.find(operator_settings(context), decision_id)


def _in(folder: Path, decision_id: str) -> bytes | None:
    wanted = f'"decision_id":"{decision_id}"'.encode()
    try:
        with (folder / FILE).open("rb") as lines:
            for line in lines:
                if wanted in line:
                    return line.rstrip()
    except OSError:
        raise UsageError(f"{folder} holds no {FILE}: name what was --out of a `run`") from None
    return None
