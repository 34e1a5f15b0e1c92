"""`cjo-stream insight automation`: what people do by hand, again and again."""

from __future__ import annotations

from typing import Annotated

import typer

from cjo_stream.cli.insight_figure import (
    Format,
    From,
    LayerAt,
    List,
    Until,
    period_of,
    show_figure,
)
from cjo_stream.cli.option import read_duration
from cjo_stream.cli.relation import Form
from cjo_stream.core.likeness import nearest
from cjo_stream.errors import UsageError


def automation(
    by_hand: Annotated[
        list[str],
        typer.Option(
            "--by-hand",
            metavar="CHANNEL",
            help="A channel on which people work, such as a service desk. May be repeated.",
        ),
    ],
    layer: LayerAt,
    apart: Annotated[
        str,
        typer.Option(metavar="7d", help="After so long without a step, another piece begins."),
    ] = "7d",
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """What people do by hand, again and again, and behind what: volume times time.

    --from and --until choose by when a piece of work began.
    """
    from cjo_stream.insight.figure.figure import AUTOMATION, counting, open_list
    from cjo_stream.insight.layer.reading import connect

    apart_ms = read_duration(apart, "--apart")
    period = period_of(from_, until)
    connection, manifest = connect(layer, AUTOMATION.views)
    rows = connection.execute(
        'SELECT channel FROM "event" UNION SELECT channel FROM "action" ORDER BY 1'
    ).fetchall()
    channels = [one for (one,) in rows]
    for one in by_hand:
        if one not in channels:
            near = nearest(one, channels)
            hint = f"did you mean {near}? " if near else ""
            raise UsageError(
                f"--by-hand {one}: nothing of the layer is on that channel; {hint}there are "
                f"{', '.join(channels) or 'none: sink the events with --events'}"
            )
    open_list(connection, AUTOMATION, {"channels": by_hand, "apart": apart_ms, **period})
    show_figure("Automation", connection, counting(AUTOMATION), manifest, format_, list_)
