"""`cjo-stream insight spectrum`: each passage of a segment, over time."""

from __future__ import annotations

from cjo_stream.cli.insight_figure import (
    Format,
    From,
    LayerAt,
    List,
    Until,
    period_of,
    show_figure,
)
from cjo_stream.cli.relation import ROWS_SHOWN, Form

_ROWS = "SELECT * FROM list ORDER BY ALL"


def spectrum(
    layer: LayerAt,
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Each passage from a state to the next, by when it began and ended: the list itself.

    It shows queues and stalls that averages hide. `report journeys --html` draws it.
    """
    from cjo_stream.insight.figure.figure import SPECTRUM, open_list
    from cjo_stream.insight.layer.reading import connect

    connection, manifest = connect(layer, SPECTRUM.views)
    open_list(connection, SPECTRUM, period_of(from_, until))
    # Of a table the first rows are looked for, with one that says whether there are more.
    rows = f"{_ROWS} LIMIT {ROWS_SHOWN + 1}" if format_ is Form.TABLE else _ROWS
    show_figure("Spectrum", connection, rows, manifest, format_, list_)
