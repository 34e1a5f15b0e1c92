"""`cjo-stream report journeys` and its like: reports over a layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.attribution import shares_of
from cjo_stream.cli.insight_figure import From, LayerAt, Until
from cjo_stream.cli.insight_friction import check_types
from cjo_stream.cli.option import (
    Complaint,
    Json,
    Shares,
    Valued,
    read_duration,
    read_moment,
    read_period,
)
from cjo_stream.cli.reported import say_report
from cjo_stream.cli.terminal import note, say_json
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.insight.report.asking import Asking
    from cjo_stream.insight.report.compare import Comparison
    from cjo_stream.insight.report.content import Report

Journeys = Annotated[
    list[str] | None,
    typer.Option("--journey", metavar="NAME", help="Only this journey. May be repeated."),
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write a page that opens without a network."),
]
Compare = Annotated[
    str | None,
    typer.Option(
        "--compare",
        metavar="WHAT",
        help="period:FROM/UNTIL (with that period), versions:1,2, or holdout (treated with "
        "held out).",
    ),
]
Horizon = Annotated[
    str, typer.Option("--horizon", metavar="13w", help="How far to look ahead from the end.")
]


def journeys(
    layer: LayerAt,
    journey: Journeys = None,
    compare: Compare = None,
    from_: From = None,
    until: Until = None,
    html: Html = None,
    json: Json = False,
) -> None:
    """Who is in the journeys, who reaches the goal, and which ways they take."""
    from cjo_stream.insight.report.journeys import journeys

    comparison = _comparison(compare)
    _show(journeys(ask(layer, journey, from_, until), comparison), html, json=json)


def attribution(
    layer: LayerAt,
    goal: Annotated[
        str | None,
        typer.Option(
            metavar="JOURNEY",
            help="The journey whose goals are conversions. Default: the one with most.",
        ),
    ] = None,
    topology: Shares = None,
    from_: From = None,
    until: Until = None,
    html: Html = None,
    json: Json = False,
) -> None:
    """What is credited to channels, journeys and actions, beside what holdouts measured."""
    from cjo_stream.insight.report.attribution import attribution

    shares = {} if topology is None else shares_of(topology)
    _show(attribution(ask(layer, None, from_, until), goal, shares), html, json=json)


def value(
    layer: LayerAt,
    on: Annotated[
        str, typer.Option("--on", metavar="TYPE", help="The type of event that is a purchase.")
    ],
    attribute: Annotated[
        str, typer.Option("--value", metavar="ATTRIBUTE", help="Its attribute with the value.")
    ],
    horizon: Horizon = "13w",
    score: Annotated[
        str | None,
        typer.Option(
            "--score",
            metavar="TYPE.ATTRIBUTE",
            help="The scores of a survey: its type of event, and the attribute with the number.",
        ),
    ] = None,
    from_: From = None,
    until: Until = None,
    html: Html = None,
    json: Json = False,
) -> None:
    """What customers are expected to buy after the period, and who of them most."""
    _check_scipy()
    from cjo_stream.insight.report.value import value

    asking = ask(layer, None, from_, until)
    span_ms = read_duration(horizon, "--horizon")
    _show(value(asking, on, attribute, horizon, span_ms, score), html, json=json)


def friction(
    layer: LayerAt,
    value: Valued = None,
    complaint: Complaint = None,
    from_: From = None,
    until: Until = None,
    html: Html = None,
    json: Json = False,
) -> None:
    """Where customers fare worse than before, since when, and whom it met."""
    _check_scipy()
    from cjo_stream.insight.report.friction import friction

    asking = ask(layer, None, from_, until)
    check_types(asking.connection, complaint or ())
    _show(friction(asking, value, complaint or ()), html, json=json)


def leadership(
    layer: LayerAt,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="TYPE", help="The type of event that is a purchase."),
    ] = None,
    attribute: Annotated[
        str | None,
        typer.Option("--value", metavar="ATTRIBUTE", help="Its attribute with the value."),
    ] = None,
    horizon: Horizon = "13w",
    topology: Shares = None,
    compare: Compare = None,
    from_: From = None,
    until: Until = None,
    html: Html = None,
    json: Json = False,
) -> None:
    """One page for leaders: people, goals, lift, value, what stands out, what is missing."""
    _check_scipy()
    from cjo_stream.insight.report.leadership import Purchases, leadership

    purchases = None
    if (on is None) != (attribute is None):
        raise UsageError("--on and --value go together: name the purchases and their value")
    if on is not None and attribute is not None:
        purchases = Purchases(on, attribute, horizon, read_duration(horizon, "--horizon"))
    shares = {} if topology is None else shares_of(topology)
    asking = ask(layer, None, from_, until)
    _show(leadership(asking, shares, purchases, _comparison(compare)), html, json=json)


def _check_scipy() -> None:
    try:
        import cjo_stream.insight.figure.purchase  # noqa: F401 # it needs NumPy and SciPy
    except ImportError:
        raise UsageError(
            "this report needs NumPy and SciPy: pip install 'cjo-stream[insight]'"
        ) from None


def _comparison(text: str | None) -> Comparison | None:
    """Read what a report compares."""
    from cjo_stream.insight.report.asking import Period
    from cjo_stream.insight.report.compare import Holdout, Periods, Versions

    if text is None:
        return None
    kind, _, of = text.partition(":")
    first, separator, second = of.partition("/" if kind == "period" else ",")
    if kind == "period" and separator:
        begin, end = (
            None if not one else read_moment(one, "--compare") for one in (first, second)
        )
        if begin is not None and end is not None and begin >= end:
            raise UsageError(f"--compare {text}: no time lies between {first} and {second}")
        return Periods(Period(begin, end))
    if kind == "versions" and first.isdecimal() and second.isdecimal():
        return Versions(int(first), int(second))
    if text == "holdout":
        return Holdout()
    raise UsageError(
        f"--compare {text}: write period:2026-03-01/2026-03-08, versions:1,2 or holdout"
    )


def ask(
    layer: str,
    journeys: list[str] | None = None,
    from_: str | None = None,
    until: str | None = None,
) -> Asking:
    """Open a layer for a report."""
    from cjo_stream.insight.report.asking import Asking, Period

    return Asking(layer, Period(*read_period(from_, until)), journeys or ())


def _show(report: Report, html: Path | None, *, json: bool) -> None:
    """Print a report, as text or JSON; with `html` write the page, and print where it is."""
    if html is not None:
        write(report, html)
    if json:
        say_json(report)
    elif html is None:
        say_report(report)
    else:
        note(f"the report is in {html}")


def write(report: Report, path: Path) -> None:
    """Write a report as a page."""
    from cjo_stream.insight.report.html import write_html

    try:
        write_html(path, report)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}): name another file with --html"
        ) from None
