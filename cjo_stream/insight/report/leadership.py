"""One page for leaders: people, goals, lift, value, the main findings, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from cjo_stream.insight.figure.incremental import LeftOut, open_measured
from cjo_stream.insight.friction.span import first_look
from cjo_stream.insight.report import friction, journeys, word
from cjo_stream.insight.report.asking import Asking
from cjo_stream.insight.report.compare import Comparison, compared
from cjo_stream.insight.report.content import (
    Box,
    Cell,
    Findings,
    Report,
    Section,
    Sentence,
    Table,
)
from cjo_stream.insight.report.journeys import Found
from cjo_stream.insight.report.measure import measured

FRICTION_MAX: Final = 3
_MEASURED = "SELECT measured AS conversions, low, high FROM measured WHERE touch = $goal"


class Purchases(NamedTuple):
    """What purchases are, for the value of customers."""

    on: str
    attribute: str
    horizon: str
    horizon_ms: int


class _Lift(NamedTuple):
    """The goals that a journey's holdout measured as caused by it."""

    journey: str
    goals: float
    low: float
    high: float

    @property
    def is_seen(self) -> bool:
        return self.low > 0.0 or self.high < 0.0


def leadership(
    asking: Asking,
    shares: Mapping[str, float],
    purchases: Purchases | None,
    comparison: Comparison | None = None,
) -> Report:
    """Return the report. `shares`: by journey, the share that its holdout holds out, if known."""
    found = Found(asking)
    of_measures = list(measured(asking, by_state=False))
    lifts, left = _measure(found, shares)
    value, missing = _value(asking, purchases)
    missing += [f"the lift of {one.journey}: the sizes of its groups do not fit its holdout"
                for one in left.withheld]  # fmt: skip
    missing += [f"of the lift of {name}, {one.told}" for name, one in left.mixed.items()]
    slower = list(friction.detected(asking, None, ()))
    command = friction.command_of(asking, None, ())
    first = first_look(asking.connection)
    if first is not None and first > asking.end:
        missing.append(f"friction: nothing can be found before {word.minute(first)} UTC")
    if not lifts:
        missing.append("no journey holds customers out, so no lift is measured")
    sentences = [*_of_lifts(asking, lifts), *journeys.sentences(found)]
    return Report(
        title="Customer journeys at a glance",
        period=asking.period.text,
        as_of=asking.manifest.until,
        missing=[*asking.missing(), *missing],
        boxes=[*journeys.boxes(found), *value],
        sections=[
            Section("What matters", [Findings(sentences)]),
            *journeys.of_begun(
                found,
                Section("People in journeys", [journeys.people_over_time(found)]),
                Section("Goals", [journeys.goals_over_time(found), _goals(found, lifts)]),
            ),
            Section(
                "Where customers get stuck",
                [Findings(friction.sentences(slower[:FRICTION_MAX], command))],
            ),
            *of_measures,
            *([compared(asking, comparison)] if comparison is not None else []),
        ],
    )


def _measure(found: Found, shares: Mapping[str, float]) -> tuple[list[_Lift], LeftOut]:
    """Return what the holdout of each journey with a goal measured, and what is left out."""
    asking, lifts = found.asking, []
    left = LeftOut([], {})
    for name in found.journeys:
        if not journeys.has_goal(found, name):
            continue
        kept = open_measured(asking.connection, name, "journey", shares, *asking.period)
        left.withheld.extend(one for one in kept.withheld if one.journey == name)
        left.mixed.update((of, one) for of, one in kept.mixed.items() if of == name)
        lifts += [
            _Lift(name, row["conversions"], row["low"], row["high"])
            for row in asking.query(_MEASURED, {"goal": name})
        ]
    return lifts, left


def _of_lifts(asking: Asking, lifts: list[_Lift]) -> Iterator[Sentence]:
    for one in sorted(lifts, key=lambda one: (not one.is_seen, -one.goals)):
        within = f"(between {one.low:,.0f} and {one.high:,.0f}, by its held-out customers)"
        if one.is_seen and one.goals > 0:
            text = (
                f"{one.journey} has caused {one.goals:,.0f} goals that would not have come "
                f"without it {within}."
            )
        elif one.is_seen:
            text = (
                f"{one.journey} has cost {-one.goals:,.0f} goals that would have come without it "
                f"{within}."
            )
        else:
            text = f"Whether {one.journey} causes goals is not known yet {within}."
        yield Sentence(text, asking.command(f"attribution --goal {one.journey} --by journey"))


def _goals(found: Found, lifts: list[_Lift]) -> Table:
    caused = {one.journey: one for one in lifts}
    rows: list[list[Cell]] = []
    for name in found.journeys:
        row, now, lift = found.goals.get(name), found.now.get(name), caused.get(name)
        if row is None:
            continue
        reached = journeys.has_goal(found, name)
        told = "" if lift is None else f"{lift.goals:,.0f} ({lift.low:,.0f} to {lift.high:,.0f})"
        rows.append([
            name, now["customers"] if now else 0, row["entered"],
            row["reached"] if reached else None,
            word.share(row["goal_rate"]) if reached else "", told,
        ])  # fmt: skip
    columns = ["journey", "#people now", "#begun", "#at the goal", "#goal rate",
               "#goals caused (95 %)"]  # fmt: skip
    note = (
        "Goals caused: of the treated customers, against those held out, from the first message "
        "on. Empty: the journey holds nobody out, or has no goal."
    )
    return Table("Goals by journey", columns, rows, found.asking.command("goals"), note)


def _value(asking: Asking, purchases: Purchases | None) -> tuple[list[Box], list[str]]:
    """Return the boxes of value, or why there are none."""
    if purchases is None:
        return [], ["value: --on TYPE and --value ATTRIBUTE name the events that are purchases"]
    from cjo_stream.insight.figure.purchase import open_value
    from cjo_stream.insight.report import value

    of = (asking.connection, purchases.on, purchases.attribute, asking.period.begin, asking.end)
    found = open_value(*of, purchases.horizon_ms)
    return value.boxes(found, purchases.horizon), []
