"""`cjo-stream insight retention`, `satisfaction` and `worth`: who stays, and what for."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.attribution import note_left_out, shares_of
from cjo_stream.cli.insight_figure import (
    Format,
    From,
    LayerAt,
    List,
    Until,
    note_beyond,
    period_of,
    show_figure,
)
from cjo_stream.cli.option import Shares, read_duration, read_length
from cjo_stream.cli.relation import Form
from cjo_stream.cli.terminal import moment, note, numbered
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.insight.figure.attribute import Left
    from cjo_stream.insight.figure.place import By

On = Annotated[str, typer.Option("--on", metavar="TYPE", help="The type of event.")]
Within = Annotated[
    str,
    typer.Option(
        "--within",
        metavar="7d",
        help="A journey that was left so long before still counts, if it is not gone on with.",
    ),
]


def retention(
    on: On,
    layer: LayerAt,
    every: Annotated[
        str, typer.Option("--every", metavar="7d", help="The length of a period.")
    ] = "7d",
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Of the customers whose first event of a type lies in one period, how many have one later."""
    from cjo_stream.insight.figure.retention import COUNTING, open_retention
    from cjo_stream.insight.layer.reading import connect

    period = period_of(from_, until)
    every_ms = read_length(every, "--every")
    connection, manifest = connect(layer, ["event"])
    open_ms = open_retention(connection, on, every_ms, period["from"], period["until"])
    show_figure("Retention", connection, COUNTING, manifest, format_, list_)
    if open_ms is not None:
        note(f"left out: the period from {moment(open_ms)} UTC on, which is not over")
    if period["until"] is not None:
        note_beyond(manifest, period["until"], "nobody is retained where there are no records")


class SurveyBy(enum.StrEnum):
    """What scores are parted by."""

    JOURNEY = "journey"
    STATE = "state"
    CHANNEL = "channel"


class Scale(enum.StrEnum):
    """The answers that a survey offers."""

    NPS = "0..10"
    CSAT = "1..5"


def satisfaction(
    on: On,
    score: Annotated[
        str,
        typer.Option(
            "--score",
            metavar="ATTRIBUTE",
            help="Its attribute with the score, a number; of a nested one the path, with points.",
        ),
    ],
    layer: LayerAt,
    by: Annotated[
        SurveyBy | None,
        typer.Option("--by", help="By where customers were, or by the event's channel."),
    ] = None,
    scale: Annotated[
        Scale | None,
        typer.Option("--scale", help="Default: the smallest of them that has all scores."),
    ] = None,
    within: Within = "7d",
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """The scores of a survey: their mean, and NPS or CSAT."""
    from cjo_stream.insight.figure import satisfaction as figure
    from cjo_stream.insight.figure.attribute import open_numbers
    from cjo_stream.insight.figure.place import open_places
    from cjo_stream.insight.layer.reading import connect

    period = period_of(from_, until)
    within_ms = read_duration(within, "--within")
    connection, manifest = connect(layer, ("event", "stay"))
    left = open_numbers(connection, on, score, period["from"], period["until"])
    used = figure.told(connection) if scale is None else scale.value
    if scale is not None:
        left += figure.leave_outside(connection, scale.value)
    parted: By = "all" if by is None else by.value
    open_places(connection, parted, within_ms)
    query = (figure.shown if format_ is Form.TABLE else figure.counting)(parted, used)
    show_figure("Satisfaction", connection, query, manifest, format_, list_)
    note_left(left, on)
    if used is None:
        note("some score is neither of 0..10 nor of 1..5: neither NPS nor CSAT is given")
    elif scale is None:
        other = "1..5" if used == "0..10" else "0..10"
        note(
            f"all scores are of {used}, so they are read as such; --scale {other} takes the other"
        )


class WorthBy(enum.StrEnum):
    """What values are parted by."""

    JOURNEY = "journey"
    STATE = "state"


def worth(
    layer: LayerAt,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="TYPE",
            help="The type of event. Without it: the outcomes of commands.",
        ),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option(
            "--value",
            metavar="ATTRIBUTE",
            help="Of an event: its attribute with the value, a number; of a nested one the path.",
        ),
    ] = None,
    by: Annotated[
        WorthBy, typer.Option("--by", help="What values are parted by.")
    ] = WorthBy.JOURNEY,
    within: Within = "7d",
    topology: Shares = None,
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """What customers were worth while they were in a journey, and what its holdout measured."""
    from cjo_stream.insight.figure.attribute import open_numbers
    from cjo_stream.insight.figure.incremental import open_measured_value
    from cjo_stream.insight.figure.place import open_outcomes, open_places
    from cjo_stream.insight.figure.worth import counting
    from cjo_stream.insight.layer.reading import connect

    period = period_of(from_, until)
    within_ms = read_duration(within, "--within")
    shares = {} if topology is None else shares_of(topology)
    if (on is None) is not (value is None):
        raise UsageError(
            "--on and --value go together: name the type of event and its attribute, or neither, "
            "for the outcomes of commands"
        )
    is_measured = on is not None and by is WorthBy.JOURNEY
    views = ("outcome", "action") if on is None else ("event", "stay")
    connection, manifest = connect(layer, (*views, *(("decision",) if is_measured else ())))
    left: list[Left] = []
    if on is not None and value is not None:
        left = open_numbers(connection, on, value, period["from"], period["until"])
        open_places(connection, by.value, within_ms)
        if is_measured:
            note_left_out(open_measured_value(connection, shares, period["until"]))
    else:
        open_outcomes(connection, by.value, period["from"], period["until"])
    query = counting(by.value, is_measured=is_measured, is_shown=format_ is Form.TABLE)
    show_figure("Worth", connection, query, manifest, format_, list_)
    note_left(left, on or "")


def note_left(left: Iterable[Left], on: str) -> None:
    """Say on stderr which events of a type were left out."""
    for one in left:
        events = numbered(one.events, "event")
        note(f"left out: {events} `{on}` {one.why}; the first is {one.example}")
