"""Two groups of a report side by side: periods, versions, or treated and held out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from cjo_stream.errors import UsageError
from cjo_stream.insight.figure.figure import DWELL, GOALS, OUTCOMES
from cjo_stream.insight.lift import Group, compare_rates
from cjo_stream.insight.report import word
from cjo_stream.insight.report.asking import Asking, Period, Row
from cjo_stream.insight.report.content import Cell, Section, Table

_NOTE: Final = (
    "Customers count once, however often they began; the interval (95 %) is of the difference of "
    "their shares (Newcombe)."
)


class Periods(NamedTuple):
    """The report's own period, against another."""

    other: Period


class Versions(NamedTuple):
    """A version of each journey against another."""

    first: int
    second: int


class Holdout(NamedTuple):
    """Treated customers against those held out, from their entry."""


Comparison = Periods | Versions | Holdout


def compared(asking: Asking, comparison: Comparison) -> Section:
    """Return the section: goals of customers, with intervals, and times of whole journeys."""
    if isinstance(comparison, Versions):
        _check_versions(asking, comparison)
    names = _names(comparison, asking)
    goals = {side: _goals(asking, comparison, side) for side in (0, 1)}
    rows = list(_rows(goals[0], goals[1]))
    columns = ["journey", f"#customers, {names[0]}", f"#customers, {names[1]}",
               f"#at the goal, {names[0]}", f"#at the goal, {names[1]}", "#difference (points)",
               "#from", "#to (95 %)"]  # fmt: skip
    tables = [Table("Customers at the goal", columns, rows, _command(asking, comparison), _NOTE)]
    if not isinstance(comparison, Holdout):
        tables.append(_times(asking, comparison, names))
    return Section(f"Compared: {names[0]} with {names[1]}", list(tables))


def _check_versions(asking: Asking, versions: Versions) -> None:
    """Raise UsageError for a version that no journey of the report has a record of."""
    found = {row["version"] for row in asking.rows(OUTCOMES, Period())}
    for one in versions:
        if one not in found:
            there_are = ", ".join(map(str, sorted(found)))
            there = f"there are {there_are}" if found else "the layer has no transitions"
            raise UsageError(f"no journey has records of version {one}: {there}")


def _names(comparison: Comparison, asking: Asking) -> tuple[str, str]:
    match comparison:
        case Periods():
            return _short(asking.period), _short(comparison.other)
        case Versions():
            return f"version {comparison.first}", f"version {comparison.second}"
        case Holdout():
            return "treated", "held out"


def _short(period: Period) -> str:
    if period == (None, None):
        return "all records"
    begin = "…" if period.begin is None else word.day(period.begin)
    return f"{begin} to {'…' if period.end is None else word.day(period.end)}"


def _command(asking: Asking, comparison: Comparison) -> str:
    first = asking.command("goals")
    if isinstance(comparison, Periods):
        return f"{first}; {asking.command('goals', timed=False)}{comparison.other.options}"
    return first


def _goals(asking: Asking, comparison: Comparison, side: int) -> dict[str, Row]:
    """Return the rows of one side's goals, by journey."""
    period = comparison.other if isinstance(comparison, Periods) and side else asking.period
    rows = asking.rows(GOALS, period)
    match comparison:
        case Periods():
            return {row["journey"]: row for row in asking.again(GOALS, keys=["journey"])}
        case Versions():
            version = comparison[side]
            of = [row for row in rows if row["holdout"] is None and row["version"] == version]
            return {row["journey"]: row for row in of}
        case Holdout():
            both = asking.again(GOALS, keys=["journey", "holdout"])
            return {row["journey"]: row for row in both if row["holdout"] is bool(side)}


def _rows(first: dict[str, Row], second: dict[str, Row]) -> Iterator[list[Cell]]:
    for name in sorted(first.keys() & second.keys()):
        one, other = first[name], second[name]
        sides = (Group(row["customers"], row["reached_by"]) for row in (one, other))
        found = compare_rates(next(sides), next(sides))
        if found is None or not (one["reached_by"] or other["reached_by"]):
            continue
        lift = found.lift
        yield [
            name, one["customers"], other["customers"], word.share(found.treated),
            word.share(found.held_out), _points(lift.value), _points(lift.low), _points(lift.high),
        ]  # fmt: skip


def _points(difference: float) -> str:
    return f"{difference * 100:+.1f}".replace("-", "−")


def _times(asking: Asking, comparison: Comparison, names: tuple[str, str]) -> Table:
    """Return how long whole journeys took on each side."""
    sides: list[dict[str, Row]] = []
    for side in (0, 1):
        period = comparison.other if isinstance(comparison, Periods) and side else asking.period
        rows = asking.rows(DWELL, period)
        if isinstance(comparison, Versions):
            rows = [row for row in rows if row["version"] == comparison[side]]
        else:
            rows = asking.again(DWELL, keys=["journey", "state"])
        sides.append({row["journey"]: row for row in rows if row["state"] is None})
    cells: list[list[Cell]] = [
        [name, sides[0][name]["count"], sides[1][name]["count"],
         *(word.span(side[name][which]) for which in ("p50_ms", "p90_ms") for side in sides)]
        for name in sorted(sides[0].keys() & sides[1].keys())
    ]  # fmt: skip
    told = ("ended", "half within", "nine in ten within")
    columns = ["journey", *(f"#{what}, {name}" for what in told for name in names)]
    command = _command(asking, comparison).replace(" goals ", " dwell ")
    return Table("Times from the entry to the end", columns, cells, command)
