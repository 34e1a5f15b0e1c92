"""Sections on customers: who comes again, what they were worth, and what they answered."""

from __future__ import annotations

import shlex
from typing import Final

from cjo_stream.insight.figure import retention, satisfaction, worth
from cjo_stream.insight.figure.attribute import open_numbers
from cjo_stream.insight.figure.incremental import open_measured_value
from cjo_stream.insight.figure.place import By, open_places
from cjo_stream.insight.friction.shown import read_value
from cjo_stream.insight.report import word
from cjo_stream.insight.report.asking import Asking
from cjo_stream.insight.report.content import Cell, Section, Table

WEEK_MS: Final = 7 * 86_400_000
COHORTS_MAX: Final = 12
PERIODS_MAX: Final = 6
ALL: Final = "(all answers)"
_PARTED: Final[tuple[By, ...]] = ("all", "journey")
_COLUMNS: Final[dict[satisfaction.Scale | None, tuple[str, ...]]] = {
    "0..10": ("#promoters", "#detractors", "#NPS (95 %)"),
    "1..5": ("#satisfied", "#CSAT, % (95 %)"),
    None: (),
}
_SCALES: Final[dict[satisfaction.Scale | None, str]] = {
    "0..10": "All scores are of 0..10: promoters give 9 or 10, detractors 6 or less.",
    "1..5": "All scores are of 1..5: satisfied are those who give 4 or 5.",
    None: "Some score is neither of 0..10 nor of 1..5, so there is neither NPS nor CSAT.",
}


def retained(asking: Asking, on: str) -> Section:
    """Return the section on retention: by the week of the first event of a type."""
    retention.open_retention(asking.connection, on, WEEK_MS, asking.period.begin, asking.end)
    by_cohort: dict[int, list[float]] = {}
    customers: dict[int, int] = {}
    for row in asking.query(retention.COUNTING):
        by_cohort.setdefault(row["cohort"], []).append(row["share"])
        customers[row["cohort"]] = row["customers"]
    rows: list[list[Cell]] = []
    for cohort in sorted(by_cohort)[-COHORTS_MAX:]:
        later = [word.share(one) for one in by_cohort[cohort][1 : PERIODS_MAX + 1]]
        cells = [*later, *[""] * (PERIODS_MAX - len(later))]
        rows.append([word.day(cohort), customers[cohort], *cells])
    columns = ["first week from", "#customers", *(f"#week {n + 1}" for n in range(PERIODS_MAX))]
    command = asking.command(f"retention --on {shlex.quote(on)}")
    note = f"Weeks that are over, after the first one; the last {COHORTS_MAX} first weeks."
    return Section(
        "Who comes again",
        [
            Table(
                f"Customers with {on} again, by the week of the first",
                columns,
                rows,
                command,
                note,
            )
        ],
    )


def worth_of_journeys(asking: Asking, on: str, attribute: str) -> Section:
    """Return the section on what customers were worth while they were in each journey."""
    begin, end = asking.period.begin, asking.end
    open_numbers(asking.connection, on, attribute, begin, end)
    open_places(asking.connection, "journey", WEEK_MS)
    left = open_measured_value(asking.connection, {}, end)
    rows: list[list[Cell]] = [
        [row["journey"], row["count"], row["customers"], f"{row['sum']:,.0f}",
         "" if row["mean"] is None else f"{row['mean']:,.2f}", row["incremental"] or ""]
        for row in asking.query(worth.counting("journey", is_measured=True, is_shown=True))
    ]  # fmt: skip
    columns = ["journey", "#count", "#customers", "#sum", "#mean", "#measured by its holdout"]
    words = f"worth --on {shlex.quote(on)} --value {shlex.quote(attribute)}"
    note = (
        "While customers were in the journey, or within 7 days of it; that is not what the "
        "journey has earned. What its holdout measured is, with its 95 % interval."
    )
    note += "".join(f" Of {journey}, {one.told}." for journey, one in left.mixed.items())
    table = Table("Value by journey", columns, rows, asking.command(words), note)
    return Section("What journeys are worth", [table])


def satisfied(asking: Asking, score: str) -> Section:
    """Return the section on the scores of a survey, `score` its TYPE.ATTRIBUTE."""
    on, attribute = read_value(asking.connection, score, "--score")
    left = open_numbers(asking.connection, on, attribute, asking.period.begin, asking.end)
    scale = satisfaction.told(asking.connection)
    rows: list[list[Cell]] = []
    for by in _PARTED:
        open_places(asking.connection, by, WEEK_MS)
        rows += [
            [row.pop("journey", ALL), *row.values()]
            for row in asking.query(satisfaction.shown(by, scale))
        ]
    note = (
        "In each journey in which customers were, or within 7 days of it; who was in two counts "
        "in both. " + _SCALES[scale]
    )
    if left:
        of = (f"{word.many(one.events, 'event')} {one.why.replace('`', '')}" for one in left)
        note += f" Left out: {', '.join(of)}."
    columns = ["journey", "#answers", "#customers", "#mean (95 %)", *_COLUMNS[scale]]
    words = f"satisfaction --on {shlex.quote(on)} --score {shlex.quote(attribute)} --by journey"
    table = Table(f"Scores of {on}", columns, rows, asking.command(words), note)
    return Section("Satisfaction", [table])
