"""`cjo-stream insight friction`: places where customers fare worse than customers did before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cjo_stream.cli.insight_figure import Format, From, LayerAt, List, Until, note_reach
from cjo_stream.cli.option import Complaint, Valued, read_period
from cjo_stream.cli.relation import Form, show, write
from cjo_stream.cli.terminal import moment, note, say, say_json
from cjo_stream.core.likeness import nearest
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.insight.friction.finding import Finding


def friction(
    layer: LayerAt,
    value: Valued = None,
    complaint: Complaint = None,
    from_: From = None,
    until: Until = None,
    format_: Format = Form.TABLE,
    list_: List = None,
) -> None:
    """Where customers get stuck, since when, and who: against what was usual at the same place.

    --from and --until choose by when a finding was detected.
    """
    try:
        from cjo_stream.insight.friction.finding import VIEWS, findings
        from cjo_stream.insight.friction.series import COMPLAINTS
    except ImportError:
        raise UsageError(
            "friction needs NumPy and SciPy: pip install 'cjo-stream[insight]'"
        ) from None
    from cjo_stream.insight.layer.reading import connect

    begin, end = read_period(from_, until)
    connection, manifest = connect(layer, VIEWS)
    if complaint:
        check_types(connection, complaint)
    found = [
        one
        for one in findings(connection, value, complaint or COMPLAINTS)
        if (begin is None or begin <= one.detected) and (end is None or one.detected < end)
    ]
    _make_tables(connection, found)
    if format_ is Form.JSON:
        from msgspec.structs import asdict

        say_json([{**asdict(one), "customers": len(one.customers)} for one in found])
    else:
        show("Friction", connection, "FROM found ORDER BY finding", format_)
    if format_ is Form.TABLE:
        _say(found)
    if list_ is not None:
        write(connection, "SELECT * FROM list ORDER BY ALL", list_)
    if value is None:
        note("without --value TYPE.ATTRIBUTE nothing is said of the value that was lost")
    _note_baseline(connection)
    note_reach(manifest)


def check_types(connection: Any, complaints: Sequence[str]) -> None:
    """Raise UsageError for a complaint that is no type of event in the layer."""
    rows = connection.execute('SELECT DISTINCT "type" FROM part.event ORDER BY 1').fetchall()
    types = [one for (one,) in rows]
    for one in complaints:
        if one not in types:
            near = nearest(one, types)
            hint = f"did you mean {near}? " if near else ""
            raise UsageError(
                f"--complaint {one}: no event of the layer is of that type; {hint}"
                f"there are {', '.join(types) or 'none: add them with `insight sink --events`'}"
            )


def _make_tables(connection: Any, found: Sequence[Finding]) -> None:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE found (finding BIGINT, kind VARCHAR, place VARCHAR, "
        "began BIGINT, detected BIGINT, customers BIGINT, lost_value DOUBLE)"
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE list (finding BIGINT, customer_id VARCHAR)")
    for one in found:
        row = (one.finding, one.kind, one.place, one.began, one.detected)
        connection.execute(
            "INSERT INTO found VALUES (?, ?, ?, ?, ?, ?, ?)",
            [*row, len(one.customers), one.lost_value],
        )
        connection.execute(
            "INSERT INTO list SELECT ?, unnest(?::VARCHAR[])", [one.finding, one.customers]
        )


def _say(found: Sequence[Finding]) -> None:
    for one in found:
        say(f"{one.finding}. {one.sentence}")
        steps = ", ".join(f"{moment(at)} {step}" for at, step in one.path)
        say(f"   for example {one.example}: {steps}")
    if not found:
        say("no finding")


def _note_baseline(connection: Any) -> None:
    """Say from when on something can be found, where the layer is too short for more."""
    from cjo_stream.insight.friction.span import first_look

    first = first_look(connection)
    if first is not None:
        note(f"a baseline takes some days: nothing can be found before {moment(first)} UTC")
