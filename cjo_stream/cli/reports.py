"""`cjo-stream report journeys` and its like: reports over a layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.insight import From, LayerAt, Until
from cjo_stream.cli.option import Json, read_moment
from cjo_stream.cli.reported import say_report
from cjo_stream.cli.terminal import note, say_json
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.insight.report.asking import Asking
    from cjo_stream.insight.report.content import Report

Journeys = Annotated[
    list[str] | None,
    typer.Option("--journey", metavar="NAME", help="Only this journey. May be repeated."),
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write a page that opens without a network."),
]


def journeys(
    layer: LayerAt,
    journey: Journeys = None,
    from_: From = None,
    until: Until = None,
    html: Html = None,
    json: Json = False,
) -> None:
    """Who is in the journeys, who reaches the goal, and which ways they take."""
    from cjo_stream.insight.report.journeys import journeys

    _show(journeys(ask(layer, journey, from_, until)), html, json=json)


def ask(
    layer: str,
    journeys: list[str] | None = None,
    from_: str | None = None,
    until: str | None = None,
) -> Asking:
    """Open a layer for a report."""
    from cjo_stream.insight.report.asking import Asking, Period

    begin = None if from_ is None else read_moment(from_, "--from")
    end = None if until is None else read_moment(until, "--until")
    return Asking(layer, Period(begin, end), journeys or ())


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
