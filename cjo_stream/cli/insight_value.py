"""`cjo-stream insight value`: what customers are expected to buy, and for how much."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cjo_stream.cli.insight_figure import Format, From, LayerAt, note_beyond, note_reach
from cjo_stream.cli.insight_worth import note_left
from cjo_stream.cli.option import read_duration, read_moment, read_period
from cjo_stream.cli.relation import Form, show, write
from cjo_stream.cli.terminal import moment, note, numbered, say, say_table
from cjo_stream.errors import UsageError

if TYPE_CHECKING:
    from cjo_stream.insight.figure.purchase import Value
    from cjo_stream.insight.value import Fit


def value(
    on: Annotated[
        str, typer.Option("--on", metavar="TYPE", help="The type of event that is a purchase.")
    ],
    attribute: Annotated[
        str,
        typer.Option(
            "--value",
            metavar="ATTRIBUTE",
            help="Its attribute with the value, a number; of a nested one the path, with points.",
        ),
    ],
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="TIME", help="The models are fitted to purchases before this time."
        ),
    ],
    horizon: Annotated[
        str, typer.Option("--horizon", metavar="39w", help="How far to look ahead from there.")
    ],
    layer: LayerAt,
    from_: From = None,
    format_: Format = Form.TABLE,
    customers: Annotated[
        Path | None,
        typer.Option(
            "--customers",
            metavar="FILE",
            help="Also write the figures of each customer: .csv or .parquet.",
        ),
    ] = None,
) -> None:
    """What customers are expected to buy, and for how much: BG/NBD and Gamma-Gamma.

    Purchases of one customer on one day (UTC) are one.
    """
    try:
        from cjo_stream.insight.figure.purchase import open_value, parameters
    except ImportError:
        raise UsageError(
            "the value of customers needs NumPy and SciPy: pip install 'cjo-stream[insight]'"
        ) from None
    from cjo_stream.insight.layer.reading import connect

    until_ms = read_moment(until, "--until")
    from_ms, _ = read_period(from_, until)
    horizon_ms = read_duration(horizon, "--horizon")
    connection, manifest = connect(layer, ["event"])
    found = open_value(connection, on, attribute, from_ms, until_ms, horizon_ms)
    if customers is not None:
        write(connection, "SELECT * FROM list ORDER BY customer_id", customers)
    if format_ is Form.TABLE:
        _say(found, until_ms, horizon)
    else:
        show("", connection, parameters(found), format_)
    _note(found, on)
    note_beyond(manifest, until_ms, "days without records count as days without a purchase")
    note_reach(manifest)


def _say(found: Value, until_ms: int, horizon: str) -> None:
    rows = [*_rows("BG/NBD", found.purchases), *_rows("Gamma-Gamma", found.spend)]
    columns = ["model", "parameter", "#estimate", "#95 % from", "#to"]
    say_table("Value of customers", columns, rows)
    say(f"{numbered(found.customers, 'customer')}, {found.again:,} with a repeat purchase")
    limits = ""
    if found.clv_limits is not None:
        low, high = found.clv_limits
        limits = f" (95 %: {low:,.2f} to {high:,.2f})"
    say(
        f"expected in the {horizon} from {moment(until_ms)} UTC: "
        f"{found.expected_purchases:,.1f} purchases, worth {found.clv:,.2f}{limits}"
    )


def _rows(model: str, fit: Fit) -> list[tuple[str, ...]]:
    columns = (fit.names, fit.estimates, fit.lows, fit.highs)
    return [
        (model, name, f"{estimate:.6g}", _limit(low), _limit(high))
        for name, estimate, low, high in zip(*columns, strict=True)
    ]


def _limit(number: float | None) -> str:
    """Return a limit in five digits; in further ones the processors of two machines differ."""
    return "" if number is None else f"{float(f'{number:.5g}'):.10g}"


def _note(found: Value, on: str) -> None:
    note_left(found.left, on)
    for model, fit in (("BG/NBD", found.purchases), ("Gamma-Gamma", found.spend)):
        if fit.open:
            note(
                f"{model}: quite other values of {' and '.join(fit.open)} fit these purchases "
                "about as well, so they have no interval"
            )
    if found.without_value:
        note(
            f"{numbered(found.without_value, 'customer')} without an expected value, because q is "
            "at most 1: then purchases have no mean"
        )
