"""`cjo-stream decisions explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from cjo_stream.cli.option import Json
from cjo_stream.cli.place import Results, records_of
from cjo_stream.cli.terminal import say, say_json
from cjo_stream.cli.unrecorded import note_unrecorded
from cjo_stream.errors import UsageError


def explain(
    context: typer.Context,
    decision_id: Annotated[
        str,
        typer.Argument(
            metavar="DECISION_ID", help="The `decision_id` of a command or a decision."
        ),
    ],
    results: Results = None,
    json: Json = False,
) -> None:
    """Explain a decision: for each candidate the gate that stopped it, or its priority.

    Predictions that it read are shown with the number of the model, and when that was first used.
    """
    from cjo_stream.core.decision.explain import explain as lines
    from cjo_stream.core.record import Decision

    records = records_of(context, results)
    decision = next((d for d in records.read(Decision) if d.decision_id == decision_id), None)
    if decision is None:
        note_unrecorded(records.switched(), "decision")
        raise UsageError(
            f"no decision {decision_id} in {records.place}: a command's decision_id names it"
        )
    if json:
        say_json(decision)
        return
    since_ms = None
    if decision.predictions and decision.model_version is not None:
        by_model = (
            d.time for d in records.read(Decision) if d.model_version == decision.model_version
        )
        since_ms = min(by_model, default=None)
    for line in lines(decision, since_ms):
        say(line)
