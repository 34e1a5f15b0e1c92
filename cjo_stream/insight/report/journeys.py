"""The report on journeys: who is in them, who reaches the goal, and which ways they take."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from cjo_stream.insight.figure.figure import (
    DWELL,
    FLOWS_OF_STATES,
    GOALS,
    PEOPLE,
    SPECTRUM,
)
from cjo_stream.insight.report import word
from cjo_stream.insight.report.asking import Asking, Row
from cjo_stream.insight.report.compare import Comparison, compared
from cjo_stream.insight.report.content import (
    Block,
    Box,
    Findings,
    Funnel,
    Report,
    Section,
    Sentence,
    Series,
    Step,
    Table,
)
from cjo_stream.insight.report.flow import Flows
from cjo_stream.insight.report.map import main_path, map_of
from cjo_stream.insight.report.measure import measured
from cjo_stream.insight.report.prediction import predicted
from cjo_stream.insight.report.spectrum import spectra

POINTS: Final = 28
"""Times at which people are counted."""
WITHIN: Final = "30d"
WITHIN_MS: Final = 30 * 86_400_000
DAY_MS: Final = 86_400_000
DAYS_MAX: Final = 60
"""A longer period has its goals by week."""
_GOALS: Final = """
SELECT ("time" - $first) // $step AS part, count(*) AS goals
FROM "transition"
WHERE reason = 'goal' AND "time" >= $begin AND "time" < $end AND list_contains($names, journey)
GROUP BY part
"""
STEPS_MAX: Final = 5
"""States of a funnel."""
SENTENCES_MAX: Final = 4
"""About goals."""


class Found:
    """The rows of all figures that the report shows, asked for once."""

    def __init__(self, asking: Asking) -> None:
        self.asking = asking
        self.times = times(asking)
        people = asking.rows(PEOPLE, at=self.times)
        last = self.times[-1]
        self.people = [row for row in people if row["at"] == last]
        self.trend = {row["at"]: row["customers"] for row in asking.again(PEOPLE, keys=["at"])}
        self.now = {
            row["journey"]: row
            for row in asking.again(PEOPLE, keys=["at", "journey"])
            if row["at"] == last
        }
        goals = asking.rows(GOALS)
        self.versions = [row for row in goals if row["holdout"] is None]
        self.goals = {
            row["journey"]: row for row in asking.again(GOALS, keys=["journey"])
        }  # fmt: skip
        self.all = asking.again(GOALS, keys=[])[0]
        self.dwell = asking.rows(DWELL)
        self.spectrum = asking.rows(SPECTRUM)
        self.spectra = spectra(asking, self.spectrum)
        self.states = asking.rows(FLOWS_OF_STATES)
        self.arrivals = asking.again(FLOWS_OF_STATES, keys=["journey", "version", "to"])
        self.flows = Flows(asking)
        order = sorted(self.goals.values(), key=lambda row: (-row["entered"], row["journey"]))
        self.journeys = [row["journey"] for row in order] if asking.is_all else asking.journeys

    def versions_of(self, journey: str) -> list[Row]:
        """Return the versions of a journey, that with most entries first."""
        of = [row for row in self.versions if row["journey"] == journey]
        return sorted(of, key=lambda row: (-row["entered"], row["version"]))


def times(asking: Asking) -> list[int]:
    """Return the times, ms, at which people are counted: the last is the end of the period."""
    last = max(asking.end - 1, asking.begin)
    return [
        asking.begin + (last - asking.begin) * place // POINTS for place in range(1, POINTS + 1)
    ]


def journeys(asking: Asking, comparison: Comparison | None = None) -> Report:
    """Return the report."""
    found = Found(asking)
    of_measures = list(measured(asking, by_state=True))
    sections = [
        Section("What stands out", [Findings(list(sentences(found)))]),
        *of_begun(
            found,
            Section(
                "All journeys", [people_over_time(found), goals_over_time(found), _overview(found)]
            ),
        ),
        *([compared(asking, comparison)] if comparison is not None else []),
        *of_measures,
        *_between(found),
        *(Section(name, list(_of_journey(found, name))) for name in found.journeys),
        *(predicted(asking) if asking.is_all else []),
    ]
    return Report(
        title="Journeys",
        period=asking.period.text,
        as_of=asking.manifest.until,
        missing=asking.missing(),
        boxes=boxes(found),
        sections=sections,
    )


def of_begun(found: Found, *sections: Section) -> Sequence[Section]:
    """Return sections about the journeys that have begun; none where none has."""
    return sections if found.journeys else ()


def _between(found: Found) -> Iterator[Section]:
    """Yield the flow between journeys; of one journey its own section has it."""
    if len(found.journeys) > 1:
        yield Section(
            "From journey to journey",
            [found.flows.between()],
            "Left the journey that ended, right the customer's next entry within seven days.",
        )


def boxes(found: Found) -> list[Box]:
    """Return the numbers at the head."""
    at = f"at {word.minute(found.times[-1])} UTC" if found.journeys else "none has begun yet"
    total = found.all
    customers = word.many(total["customers"], "customer")
    return [
        Box("People in journeys", f"{found.trend.get(found.times[-1], 0):,}", at),
        Box("Journeys begun", f"{total['entered']:,}", f"by {customers}"),
        Box("Goals reached", f"{total['reached']:,}", "by journeys that began in the period"),
    ]


def people_over_time(found: Found) -> Series:
    """Return how many people were in a journey."""
    return Series(
        "People in journeys",
        found.times,
        [found.trend.get(at, 0) for at in found.times],
        found.asking.command(f"people --at {found.times[-1]}", timed=False),
    )


def goals_over_time(found: Found) -> Series:
    """Return the goals of each day in UTC, or of each week in a long period."""
    asking = found.asking
    step = DAY_MS if asking.end - asking.begin <= DAYS_MAX * DAY_MS else 7 * DAY_MS
    first = asking.begin // DAY_MS * DAY_MS
    values = {
        "begin": asking.begin, "end": asking.end, "first": first, "step": step,
        "names": found.journeys,
    }  # fmt: skip
    goals = {row["part"]: row["goals"] for row in asking.query(_GOALS, values)}
    at = list(range(first, max(asking.end, asking.begin + 1), step))
    return Series(
        f"Goals reached, each {'day' if step == DAY_MS else 'week'}",
        at,
        [goals.get(part, 0) for part in range(len(at))],
        asking.command("outcomes"),
        "The last one may not be over.",
    )


def _overview(found: Found) -> Table:
    rows: list[list[str | int | float | None]] = []
    for name in found.journeys:
        for row in found.versions_of(name):
            whole = [one for one in found.dwell if _key(one) == (name, row["version"], None)]
            rows.append([
                name, row["version"], row["entered"], row["customers"], row["reached"],
                word.share(row["goal_rate"]) if row["reached"] else "",
                found.now[name]["customers"] if name in found.now else 0,
                word.span(whole[0]["p50_ms"]) if whole else "",
                word.span(whole[0]["p90_ms"]) if whole else "",
            ])  # fmt: skip
    columns = ["journey", "#version", "#begun", "#customers", "#at the goal", "#goal rate",
               "#people now", "#half end within", "#nine in ten within"]  # fmt: skip
    return Table(
        "Journeys",
        columns,
        rows,
        found.asking.command("goals"),
        "Who began lately may still reach the goal. A journey without a goal rate has no goal, or "
        "nobody has reached it. People now are those of all versions.",
    )


def _of_journey(found: Found, name: str) -> Iterator[Block]:
    for row in found.versions_of(name):
        figures = (found.dwell, found.spectrum, found.states, found.arrivals)
        drawn = map_of(found.asking, name, row["version"], *figures)
        if drawn.states:
            yield drawn
    yield from _funnel(found, name)
    yield found.flows.after(name)
    yield from found.spectra.get(name, ())


def _funnel(found: Found, name: str) -> Iterator[Funnel]:
    states = main_path(name, found.states)[:STEPS_MAX]
    steps = {f"{name}.{state}": state for state in states}
    if has_goal(found, name):
        steps[f"{name}:goal"] = "goal"
    if len(steps) < 2:
        return
    rows = found.asking.funnel(list(steps), WITHIN_MS)
    yield Funnel(
        f"{name}: who reaches each step",
        [
            Step(what, row["customers"], row["share"])
            for what, row in zip(steps.values(), rows, strict=True)
        ],
        found.asking.command(f"funnel {shlex.join(steps)} --within {WITHIN}"),
        "Customers who reach the steps in this order within 30 days. The states are the most "
        "trodden way from the entry; who reaches the goal by another way is not in the last "
        "step.",
    )


def sentences(found: Found) -> Iterator[Sentence]:
    """Yield what stands out: goals of the journeys with most entries, then ways and times."""
    goals = [found.goals[name] for name in found.journeys if has_goal(found, name)]
    for row in goals[:SENTENCES_MAX]:
        begun = word.many(row["entered"], "time")
        text = (
            f"{row['journey']} began {begun}, for {word.many(row['customers'], 'customer')}; "
            f"{row['reached']:,} of these ({word.share(row['goal_rate'])}) have reached the goal."
        )
        yield Sentence(text, found.asking.command("goals"))
    yield from _of_states(found)


def has_goal(found: Found, journey: str) -> bool:
    """Return whether a goal of the journey was reached: others may have none to reach."""
    return journey in found.goals and found.goals[journey]["reached"] > 0


def _of_states(found: Found) -> Iterator[Sentence]:
    spectrum, dwell = (found.asking.command(words) for words in ("spectrum", "dwell"))
    for row in _largest([one for one in found.spectrum if one["to"] is None], "passages"):
        times = word.many(row["passages"], "time")
        customers = word.many(row["customers"], "customer")
        yield Sentence(
            f"The state that most leave a journey from is {row['from']} of {row['journey']}: "
            f"{times}, {customers}, half of them within {word.span(row['p50_ms'])}.",
            spectrum,
        )
    for row in _largest([one for one in found.spectrum if one["to"] == one["from"]], "passages"):
        times = word.many(row["passages"], "time")
        customers = word.many(row["customers"], "customer")
        yield Sentence(
            f"The state that is most often entered again from itself is {row['from']} of "
            f"{row['journey']}: {times}, by {customers}.",
            spectrum,
        )
    for row in _largest([one for one in found.dwell if one["state"] is not None], "p90_ms"):
        stays = word.many(row["count"], "stay")
        yield Sentence(
            f"The longest stays are in {row['state']} of {row['journey']}: one in ten takes "
            f"{word.span(row['p90_ms'])} or more, of {stays} that ended.",
            dwell,
        )


def _key(row: Row) -> tuple[str, int, str | None]:
    return row["journey"], row["version"], row["state"]


def _largest(rows: Sequence[Row], by: str, most: int = 1) -> list[Row]:
    return sorted(rows, key=lambda row: -row[by])[:most]
