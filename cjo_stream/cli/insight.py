"""`cjo-stream insight`: figures over a layer of records, each with the list that it counts."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Final

import typer

from cjo_stream.cli.attribution import By, attribute
from cjo_stream.cli.insight_figure import (
    ByProfile,
    Format,
    From,
    LayerAt,
    List,
    Until,
    note_beyond,
    note_if_empty,
    open_and_show,
    period_of,
    show_figure,
)
from cjo_stream.cli.option import Shares, read_duration, read_length, read_moment
from cjo_stream.cli.relation import Form, Group, show, write
from cjo_stream.cli.terminal import note, numbered
from cjo_stream.errors import UsageError

app: Final = typer.Typer(
    cls=Group,
    help="Figures over records: people, flows, times, outcomes, funnels, attribution, value.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Figures."""


@app.command("sql")
def sql(
    query: Annotated[str, typer.Argument(metavar="SQL")],
    layer: LayerAt,
    format_: Format = Form.TABLE,
) -> None:
    """Answer a query over the views, which `docs/insight.md` lists."""
    import duckdb

    from cjo_stream.cli.query import unanswered
    from cjo_stream.ingest.archive.folder import Folder
    from cjo_stream.insight.layer.reading import connect

    connection, _ = connect(layer)
    try:
        if not connection.extract_statements(query):
            raise UsageError("the query is empty: write one, such as SELECT * FROM stay")
        show("", connection, query, format_)
    except duckdb.Error as error:
        raise unanswered(error, Folder(layer).at("")) from None


@app.command("export")
def export(
    view: Annotated[str, typer.Argument(metavar="VIEW", help="A view, such as transition.")],
    layer: LayerAt,
    format_: Annotated[
        Form | None,
        typer.Option("--format", help="How the rows are printed, without --out. Default: csv."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .csv, .parquet or .xlsx. Default: standard output."),
    ] = None,
) -> None:
    """Write all rows of a view."""
    from cjo_stream.insight.layer.reading import VIEWS, connect

    if view not in VIEWS:
        raise UsageError(f"there is no view `{view}`: name one of {', '.join(VIEWS)}")
    if out is not None and format_ is not None and out.suffix != f".{format_}":
        raise UsageError(
            f"--format {format_} and --out {out} are of two kinds: the ending of a file says how "
            "it is written, so leave --format out"
        )
    connection, _ = connect(layer, [view])
    query = f'FROM "{view}"'
    if out is None:
        show("", connection, query, format_ or Form.CSV)
    else:
        write(connection, query, out)


@app.command("people")
def people(
    layer: LayerAt,
    at: Annotated[list[str], typer.Option("--at", metavar="TIME", help="When. May be repeated.")],
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TIME…]", help="Behind --at TIME: more times."),
    ] = None,
    by: ByProfile = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Customers in each state of each journey, at one time or several."""
    from cjo_stream.insight.figure.figure import PEOPLE

    times = list({read_moment(one, "--at"): None for one in (*at, *(more or ()))})
    _, manifest = open_and_show("People", layer, PEOPLE, {"at": times}, format_, list_, by)
    note_beyond(manifest, max(times), "who was there then still stands there")


class Of(enum.StrEnum):
    """What flows are between."""

    STATES = "states"
    JOURNEYS = "journeys"


@app.command("flows")
def flows(
    layer: LayerAt,
    of: Annotated[Of, typer.Option("--of", help="Between states, or between journeys.")],
    within: Annotated[
        str | None,
        typer.Option(
            metavar="7d", help="Of journeys: the most until the next entry. Default: 7d."
        ),
    ] = None,
    from_: From = None,
    until: Until = None,
    by: ByProfile = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Passages between states, or from the end of a journey to the next."""
    from cjo_stream.insight.figure.figure import FLOWS_OF_JOURNEYS, FLOWS_OF_STATES

    if of is Of.STATES and within is not None:
        raise UsageError("--within is about the next journey: leave it out, or take --of journeys")
    figure = FLOWS_OF_STATES if of is Of.STATES else FLOWS_OF_JOURNEYS
    parameters = {**period_of(from_, until), "within": read_duration(within or "7d", "--within")}
    open_and_show("Flows", layer, figure, parameters, format_, list_, by)


@app.command("dwell")
def dwell(
    layer: LayerAt,
    from_: From = None,
    until: Until = None,
    by: ByProfile = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Time in each state, and without a state in the whole instance, for stays that ended."""
    from cjo_stream.insight.figure.figure import DWELL

    period = period_of(from_, until)
    folded = ("journey", "version")  # else the table would be too wide
    open_and_show("Dwell", layer, DWELL, period, format_, list_, by, folded)


@app.command("outcomes")
def outcomes(
    layer: LayerAt,
    from_: From = None,
    until: Until = None,
    by: ByProfile = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Entries, goals, ends and refusals of each journey, in all and by holdout."""
    from cjo_stream.insight.figure.figure import OUTCOMES

    open_and_show("Outcomes", layer, OUTCOMES, period_of(from_, until), format_, list_, by)


@app.command("goals")
def goals(
    layer: LayerAt,
    from_: From = None,
    until: Until = None,
    by: ByProfile = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Of the instances that were entered, those that have reached their goal."""
    from cjo_stream.insight.figure.figure import GOALS

    open_and_show("Goals", layer, GOALS, period_of(from_, until), format_, list_, by)


@app.command("measures")
def measures(
    layer: LayerAt,
    every: Annotated[
        str | None,
        typer.Option(metavar="1d", help="A row for each such time too; `begin` is its start."),
    ] = None,
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """The topology's measures: how often, by whom, sum and mean; by journey or state."""
    from cjo_stream.insight.figure.figure import MEASURES

    keys = MEASURES.keys
    every_ms = None if every is None else read_length(every, "--every")
    figure = MEASURES if every is None else MEASURES._replace(keys=(*keys, "begin"))
    parameters = {**period_of(from_, until), "every": every_ms}
    folded = () if every is None else keys
    connection, _ = open_and_show(
        "Measures", layer, figure, parameters, format_, list_, folded=folded
    )
    note_if_empty(connection, "measure")


@app.command("funnel")
def funnel(
    steps: Annotated[
        list[str],
        typer.Argument(
            metavar="STEP…", help="JOURNEY.STATE, JOURNEY:REASON or action:NAME[/CHANNEL]."
        ),
    ],
    layer: LayerAt,
    within: Annotated[
        str, typer.Option(metavar="7d", help="The most from the first step to the last.")
    ] = "7d",
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Customers who reach each of some steps, in order, within a time."""
    from cjo_stream.insight.figure.funnel import counting, open_funnel, unmet
    from cjo_stream.insight.layer.reading import connect

    connection, manifest = connect(layer, ("transition", "action"))
    period = period_of(from_, until)
    within_ms = read_duration(within, "--within")
    open_funnel(connection, steps, within_ms, period["from"], period["until"])
    show_figure("Funnel", connection, counting(steps), manifest, format_, list_)
    for step, near in unmet(connection, steps):
        meant = "" if near is None else f": did you mean {near}?"
        note(f"no record of the layer is {step}{meant}")


@app.command("attribution")
def attribution(
    goal: Annotated[
        str, typer.Option(metavar="JOURNEY", help="The journey whose goals are conversions.")
    ],
    by: Annotated[By, typer.Option("--by", help="What a command counts for.")],
    layer: LayerAt,
    lookback: Annotated[
        str, typer.Option(metavar="30d", help="The most from a command to the conversion.")
    ] = "30d",
    half_life: Annotated[
        str, typer.Option(metavar="7d", help="The age at which time decay halves a credit.")
    ] = "7d",
    topology: Shares = None,
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Conversions credited to the commands before them, by seven models.

    By journey and channel, the table has beside them what holdouts measured.
    """
    from cjo_stream.insight.layer.reading import connect

    views = ("transition", "action", "decision", "outcome", "identity")
    connection, manifest = connect(layer, views)
    spans = (lookback, half_life)
    query = attribute(connection, goal, by, spans, period_of(from_, until), topology, format_)
    show_figure("Attribution", connection, query, manifest, format_, list_)


class Process(enum.StrEnum):
    """The figures of process mining."""

    DFG = "dfg"
    VARIANTS = "variants"
    THROUGHPUT = "throughput"
    ENDS = "ends"


@app.command("process")
def process(
    what: Annotated[
        Process,
        typer.Argument(help="Pairs of events, paths, times from first to last, or ends."),
    ],
    layer: LayerAt,
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """The events as a process: a case is a customer, an activity an event type."""
    from cjo_stream.insight.figure import figure

    figures = {
        Process.DFG: figure.DFG,
        Process.VARIANTS: figure.VARIANTS,
        Process.THROUGHPUT: figure.THROUGHPUT,
        Process.ENDS: figure.ENDS,
    }
    period = period_of(from_, until)
    connection, _ = open_and_show("Process", layer, figures[what], period, format_, list_)
    if events := figure.without_customer(connection, period):
        note(f"{numbered(events, 'event')} without an identifier: in no case")
