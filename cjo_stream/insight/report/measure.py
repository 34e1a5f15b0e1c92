"""The section on the topology's measures: a table, with how each sum went over the period."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from cjo_stream.insight.figure.figure import MEASURES
from cjo_stream.insight.report import word
from cjo_stream.insight.report.asking import Asking
from cjo_stream.insight.report.content import Cell, Section, Table

PARTS: Final = 14
"""Of the period, each with its sum."""
_TREND: Final = """
SELECT {keys},
    least($parts - 1, ("time" - first) * $parts // greatest(1, $end - first)) AS part,
    fsum("value") AS sum
FROM list, (SELECT least($begin, min("time")) AS first FROM list) GROUP BY ALL
"""
_NOTE: Final = (
    "Over time: the sum of each of 14 equal parts of the period, from the lowest to the highest. "
    "Without a journey: of customers, wherever they are."
)


def measured(asking: Asking, *, by_state: bool) -> Iterator[Section]:
    """Yield the section, by journey and, if wanted, state; none where nothing was measured."""
    keys = MEASURES.keys[:2] + (("state",) if by_state else ())
    rows = asking.rows(MEASURES, keys=keys, every=None)
    trends = _trends(asking, keys)
    shown: list[list[Cell]] = []
    for row in rows:
        key = tuple(row[name] for name in keys)
        if row["journey"] is None and not asking.is_all:
            continue
        numbers = [row["count"], row["customers"], _number(row["sum"]), _number(row["mean"])]
        shown.append([*(name or "" for name in key), *numbers, word.spark(trends[key])])
    if shown:
        columns = [*keys, "#count", "#customers", "#sum", "#mean", "sum over time"]
        table = Table("Measures", columns, shown, asking.command("measures"), _NOTE)
        yield Section("Measures", [table])


def _trends(asking: Asking, keys: tuple[str, ...]) -> dict[tuple[str | None, ...], list[float]]:
    """Return the sums by part of the period of the list that was made last."""
    values = {"parts": PARTS, "begin": asking.begin, "end": asking.end}
    found: dict[tuple[str | None, ...], list[float]] = defaultdict(lambda: [0.0] * PARTS)
    for row in asking.query(_TREND.format(keys=", ".join(keys)), values):
        found[tuple(row[name] for name in keys)][row["part"]] = row["sum"]
    return found


def _number(value: float) -> int | float:
    return round(value) if value.is_integer() or abs(value) >= 1_000 else round(value, 2)
