"""How every command of `cjo-stream insight` takes its options, and shows a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from cjo_stream.cli.option import read_period
from cjo_stream.cli.relation import Form, show, write
from cjo_stream.cli.terminal import moment, note, numbered

if TYPE_CHECKING:
    from cjo_stream.insight.figure.figure import Figure
    from cjo_stream.insight.layer.manifest import Manifest

_DAY_MS: Final = 86_400_000
LayerAt = Annotated[
    str,
    typer.Option("--layer", metavar="DIR", help="The folder of the layer, or a URL."),
]
Format = Annotated[Form, typer.Option("--format", help="How the rows are printed.")]
List = Annotated[
    Path | None,
    typer.Option(
        "--list",
        metavar="FILE",
        help="Also write whom the figure counts: .csv, .parquet or .xlsx.",
    ),
]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="From this time on.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before this time.")]
ByProfile = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="profile.NAME",
        help="A row for each value of a fact or trait, as it was at the time that is counted.",
    ),
]


def period_of(from_: str | None, until: str | None) -> dict[str, int | None]:
    """Return `--from` and `--until` in ms, as the parameters of a figure."""
    begin, end = read_period(from_, until)
    return {"from": begin, "until": end}


def open_and_show(
    title: str,
    layer: str,
    figure: Figure,
    parameters: Mapping[str, Any],
    form: Form,
    list_: Path | None,
    by: str | None = None,
    folded: Sequence[str] = (),
) -> tuple[Any, Manifest]:
    """Open a layer, and show a figure of it, `by` a fact or trait as of then.

    Return the connection and the manifest.
    """
    from cjo_stream.insight.figure.as_of import VIEWS, open_by_profile
    from cjo_stream.insight.figure.figure import counting, open_list
    from cjo_stream.insight.layer.reading import connect

    connection, manifest = connect(layer, (*figure.views, *(() if by is None else VIEWS)))
    without_version = 0
    if by is None:
        open_list(connection, figure, parameters)
    else:
        figure, without_version = open_by_profile(connection, figure, parameters, by)
    show_figure(title, connection, counting(figure), manifest, form, list_, folded)
    if without_version:
        rows = numbered(without_version, "row")
        note(f"{rows} of the list from before any version of the profile: {by} is empty")
    return connection, manifest


def show_figure(
    title: str,
    connection: Any,
    query: str,
    manifest: Manifest,
    form: Form,
    list_: Path | None,
    folded: Sequence[str] = (),
) -> None:
    """Print a figure, write its list, and say on stderr how far the layer reaches."""
    if list_ is not None:
        write(connection, "SELECT * FROM list ORDER BY ALL", list_)
    show(title, connection, query, form, folded)
    note_reach(manifest)


def note_if_empty(connection: Any, view: Literal["measure", "prediction"]) -> None:
    """Say on stderr that a layer has no record of a kind that a topology asks for."""
    if not connection.table(f"part.{view}").limit(1).fetchall():
        word = {"measure": "measure", "prediction": "predict"}[view]
        note(f"the layer has no {view} records: a topology with `{word}` makes them")


def note_beyond(manifest: Manifest, at_ms: int, so: str) -> None:
    """Say on stderr that a time lies more than a day after the last record, and what follows."""
    if manifest.until is not None and at_ms > manifest.until + _DAY_MS:
        note(f"{moment(at_ms)} UTC lies after the last record, of {moment(manifest.until)}: {so}")


def note_reach(manifest: Manifest) -> None:
    """Say on stderr how far the layer reaches, and what it lacks."""
    from cjo_stream.insight.report.asking import lacks

    until = manifest.until
    reach = "nothing yet" if until is None else f"records until {moment(until)} UTC"
    note("; ".join([f"as of {reach}", *lacks(manifest)]))
