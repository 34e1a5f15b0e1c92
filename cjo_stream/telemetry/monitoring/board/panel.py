"""What a dashboard is made of."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

RATE: Final = "[$__rate_interval]"


class Query(NamedTuple):
    """One query; `legend` names its series by their labels, as `{{stage}}`."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One panel. `limits`: colours from a value on. `has_minus`: whether values may be below 0."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat", "table"] = "timeseries"
    width: int = 12
    limits: tuple[tuple[str, float], ...] = ()
    has_minus: bool = False


class Board(NamedTuple):
    """One dashboard."""

    name: str
    title: str
    about: str
    panels: tuple[Panel, ...]


def rate(metric: str, *by: str, where: str = "") -> Query:
    """Return the rate of a counter, summed by labels."""
    selected = f"{metric}{{{where}}}" if where else metric
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    grouped = f"sum by ({', '.join(by)}) " if by else "sum"
    return Query(f"{grouped}(rate({selected}{RATE}))", legend)


def quantile(share: float, metric: str, by: str = "", where: str = "") -> Query:
    """Return a quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    selected = f"{metric}_bucket{{{where}}}" if where else f"{metric}_bucket"
    legend = f"{{{{{by}}}}} p{share * 100:g}" if by else f"p{share * 100:g}"
    return Query(
        f"histogram_quantile({share}, sum by ({labels}) (rate({selected}{RATE})))", legend
    )


def stat(
    title: str,
    about: str,
    expr: str,
    unit: str = "short",
    limits: tuple[tuple[str, float], ...] = (),
) -> Panel:
    """Return a panel of one number."""
    return Panel(title, about, (Query(expr),), unit, "stat", 4, limits)
