"""`cjo-stream insight predictions` and `next`: what was predicted, and what is expected."""

from __future__ import annotations

from typing import Annotated

import typer

from cjo_stream.cli.insight_figure import (
    Format,
    From,
    LayerAt,
    List,
    Until,
    note_beyond,
    note_if_empty,
    note_reach,
)
from cjo_stream.cli.option import read_duration, read_moment, read_period
from cjo_stream.cli.relation import Form, show, write
from cjo_stream.cli.terminal import moment, note
from cjo_stream.errors import UsageError


def predictions(
    layer: LayerAt,
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """How good the topology's predictions were: calibration in tenths, and log-loss.

    Beside it is the log-loss of two plain guesses: the base rate, and the rate behind the
    customer's last state, both as known when it was predicted. The period is that of the
    predictions. A row without a bin is for all of a prediction.
    """
    from cjo_stream.insight.figure.prediction import counting, open_predictions
    from cjo_stream.insight.layer.reading import connect

    connection, manifest = connect(layer, ("prediction", "transition"))
    open_predictions(
        connection,
        *read_period(from_, until),
    )
    show("Predictions", connection, counting(), format_, ("predict", "definition"))
    if list_ is not None:
        write(connection, "SELECT * FROM list ORDER BY ALL", list_)
    note_if_empty(connection, "prediction")
    note_reach(manifest)


def expected(
    layer: LayerAt,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="As of this time. Default: that of the last record."),
    ] = None,
    within: Annotated[
        str, typer.Option(metavar="1d", help="How far to look ahead from there.")
    ] = "1d",
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Instead: hold the probabilities against what came. Needs --at."
        ),
    ] = False,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Where live instances are expected to go next, and when: a Markov chain with back-off.

    A row without a next state: it stays. The list has each instance with its next states.
    """
    from cjo_stream.insight.figure.next import CHECKED, EXPECTED, open_next
    from cjo_stream.insight.layer.reading import connect

    connection, manifest = connect(layer, ["stay"])
    within_ms = read_duration(within, "--within")
    at_ms = manifest.until if at is None else read_moment(at, "--at")
    if check and (at_ms is None or manifest.until is None or at_ms + within_ms > manifest.until):
        raise UsageError(
            "--check holds what was expected against what came: give --at TIME, by at least "
            f"--within {within} before the last record"
        )
    open_next(connection, at_ms or 0, within_ms)
    show("Next states", connection, CHECKED if check else EXPECTED, format_)
    if list_ is not None:
        write(connection, "SELECT * FROM list ORDER BY ALL", list_)
    if at_ms is not None:
        note_beyond(manifest, at_ms, "who was there then is taken to stand there still")
        note(f"expected within {within} from {moment(at_ms)} UTC")
    note_reach(manifest)
