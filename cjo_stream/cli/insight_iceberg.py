"""`cjo-stream insight iceberg`: the views, as tables of an Iceberg catalogue."""

from __future__ import annotations

from typing import Annotated

import typer

from cjo_stream.cli.insight_figure import LayerAt, note_reach
from cjo_stream.cli.terminal import numbered, say, warn
from cjo_stream.core.likeness import nearest
from cjo_stream.errors import UsageError


def iceberg(
    catalog: Annotated[
        str, typer.Option(metavar="NAME", help="The catalogue, as PyIceberg knows it.")
    ],
    layer: LayerAt,
    views: Annotated[
        list[str] | None, typer.Argument(metavar="[VIEW…]", help="Default: all views.")
    ] = None,
    property_: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            metavar="KEY=VALUE",
            help="Of the catalogue, such as uri=https://…. May be repeated.",
        ),
    ] = None,
    namespace: Annotated[
        str, typer.Option(metavar="NAME", help="Where the tables are in the catalogue.")
    ] = "cjo",
) -> None:
    """Write views into tables of an Iceberg catalogue, each in one commit.

    A table that is up to date is left alone.
    """
    from cjo_stream.insight.iceberg import open_catalogue, write_view
    from cjo_stream.insight.layer.reading import VIEWS, connect

    for view in views or ():
        if view not in VIEWS:
            near = nearest(view, VIEWS)
            hint = f"did you mean {near}? " if near else ""
            raise UsageError(f"there is no view `{view}`: {hint}there are {', '.join(VIEWS)}")
    properties = dict(_property(one) for one in property_ or ())
    connection, manifest = connect(layer)
    erasing = []
    with open_catalogue(catalog, properties) as catalogue:
        for view in dict.fromkeys(views or VIEWS):
            name = f"{namespace}.{view}"
            written = write_view(catalogue, namespace, view, connection, manifest)
            say(
                f"{name}: {numbered(written.rows, 'row')}"
                + ("" if written.is_new else ", as before")
            )
            if written.is_erasing:
                erasing.append(name)
            if written.kept:
                warn(
                    f"{name}: a tag or a branch keeps {numbered(written.kept, 'snapshot')} with "
                    "customers who were erased: drop it, and give the command again"
                )
    if erasing:
        warn(
            f"customers were erased: earlier snapshots of {', '.join(erasing)} are expired, but "
            "their files are still there, with these customers: remove them, in Spark with CALL "
            f"{catalog}.system.remove_orphan_files(table => '{erasing[0]}', older_than => …)"
        )
    note_reach(manifest)


def _property(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"--property {text}: write KEY=VALUE, such as uri=https://catalogue")
    return key, value
