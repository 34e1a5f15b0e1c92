"""The report on attribution: what is credited by seven models, beside what holdouts measured."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final, Literal

from cjo_stream.errors import UsageError
from cjo_stream.insight.figure.attribution import MODELS, counting, open_attribution
from cjo_stream.insight.figure.figure import OUTCOMES
from cjo_stream.insight.figure.incremental import (
    Contradiction,
    LeftOut,
    contradictions,
    open_measured,
)
from cjo_stream.insight.report import word
from cjo_stream.insight.report.asking import Asking
from cjo_stream.insight.report.content import (
    Bar,
    Bars,
    Box,
    Cell,
    Findings,
    Report,
    Section,
    Sentence,
    Table,
)

By = Literal["channel", "journey", "action"]
LOOKBACK: Final = "30d"
HALF_LIFE: Final = "7d"
DAY_MS: Final = 86_400_000
DRAWN: Final = "markov"
BARS_MAX: Final = 20
_MEASURED: Final = "SELECT touch, measured AS conversions, low, high FROM measured"
_TITLES: Final[Mapping[By, str]] = {
    "channel": "By channel",
    "journey": "By journey",
    "action": "By action",
}


def attribution(asking: Asking, goal: str | None, shares: Mapping[str, float]) -> Report:
    """Return the report; without `goal`, on the journey whose goal was reached most often.

    `shares`: by journey, the share that its holdout holds out, where it is known.
    """
    goals = {
        row["journey"]: row["count"]
        for row in asking.rows(OUTCOMES, keys=["journey", "what"])
        if row["what"] == "goal"
    }
    if goal is None:
        if not goals:
            raise UsageError(
                "no goal was reached, so there is nothing to credit: take records of a longer time"
            )
        goal = max(sorted(goals), key=lambda name: goals[name])
    sections: list[Section] = []
    sentences: list[Sentence] = []
    told: set[str] = set()
    for by, title in _TITLES.items():
        found = _Credits(asking, goal, by, shares)
        sentences += [one for one in found.sentences() if one.text not in told]
        told = {one.text for one in sentences}
        sections.append(Section(title, [found.bars(), found.table()]))
    if not sentences:
        text = "No model contradicts what a holdout measured, as far as there is one."
        sentences.append(Sentence(text, found.command))
    number = goals.get(goal, 0)
    return Report(
        title="Attribution",
        period=asking.period.text,
        as_of=asking.manifest.until,
        missing=asking.missing(),
        boxes=[
            Box("Goal", goal, "each time it is reached is a conversion"),
            Box("Conversions", f"{number:,}", "credited below, by seven models"),
            Box("Looking back", LOOKBACK, "from a conversion to the commands before it"),
        ],
        sections=[Section("What stands out", [Findings(sentences)]), *sections],
    )


class _Credits:
    """The credits of one kind of touch, and what holdouts measured of it."""

    def __init__(self, asking: Asking, goal: str, by: By, shares: Mapping[str, float]) -> None:
        self._by = by
        begin, end = asking.period
        connection = asking.connection
        asking.forget_list()
        open_attribution(connection, goal, by, 30 * DAY_MS, 7 * DAY_MS, begin, end)
        self._credits: dict[str, dict[str, float]] = {}
        for row in asking.query(counting()):
            of = self._credits.setdefault(row["touch"] or "(none of a journey)", {})
            of[row["model"]] = row["conversions"]
        self._left = LeftOut([], {})
        self._contradictions: list[Contradiction] = []
        self._measured = {}
        if by != "action":
            self._left = open_measured(connection, goal, by, shares, begin, end)
            self._contradictions = contradictions(connection, counting())
            self._measured = {row["touch"]: row for row in asking.query(_MEASURED)}
        words = f"attribution --goal {shlex.quote(goal)} --by {by}"
        words += f" --lookback {LOOKBACK} --half-life {HALF_LIFE}"
        self.command = asking.command(words)

    def sentences(self) -> list[Sentence]:
        """Return what holdouts contradict, and what they could not measure."""
        found = []
        for one in self._contradictions:
            value, low, high = (one.measured.value, one.measured.low, one.measured.high)
            least, most = min(one.credited.values()), max(one.credited.values())
            models = ", ".join(one.credited)
            text = (
                f"{one.touch} caused {value:,.0f} conversions, by its holdout (between {low:,.0f} "
                f"and {high:,.0f}); {models} credit it with {least:,.0f} to {most:,.0f}."
            )
            found.append(Sentence(text, self.command))
        for lost in self._left.withheld:
            text = (
                f"What the holdout of {lost.journey} measured is withheld: {lost.treated:,} "
                f"treated and {lost.held_out:,} held-out customers are no holdout of "
                f"{word.share(lost.share)}."
            )
            found.append(Sentence(text, self.command))
        for journey, mixed in self._left.mixed.items():
            text = f"Of what the holdout of {journey} measured, {mixed.told}."
            found.append(Sentence(text, self.command))
        return found

    def bars(self) -> Bars:
        """Return the credits of one model, the largest first."""
        of = [(touch, models.get(DRAWN, 0.0)) for touch, models in self._credits.items()]
        ranked = sorted(of, key=lambda pair: (-pair[1], pair[0]))[:BARS_MAX]
        bars = [Bar(touch, credit, f"{credit:,.1f}") for touch, credit in ranked if credit]
        return Bars(f"Conversions credited by the Markov model, by {self._by}", bars, self.command)

    def table(self) -> Table:
        """Return the credits by all models."""
        rows: list[list[Cell]] = []
        ranked = sorted(self._credits, key=lambda one: (-self._credits[one].get("linear", 0), one))
        for touch in ranked:
            credits_ = self._credits[touch]
            cells: list[Cell] = [_number(credits_.get(model)) for model in MODELS]
            rows.append([touch, *cells, *([self._told(touch)] if self._by != "action" else [])])
        columns = [self._by, *(f"#{model.replace('_', ' ')}" for model in MODELS)]
        note = ""
        if self._by != "action":
            columns.append("#measured by holdouts")
            note = (
                "Models share out what happened; a holdout measures what would not have happened "
                "otherwise, with its 95 % interval."
            )
        return Table(f"Conversions credited, by {self._by}", columns, rows, self.command, note)

    def _told(self, touch: str) -> str:
        if touch == "(none)":
            return ""
        row = self._measured.get(touch)
        if row is None:
            return "not measured"
        return f"{row['conversions']:,.1f} ({row['low']:,.1f} to {row['high']:,.1f})"


def _number(credit: float | None) -> str:
    return "" if credit is None else f"{credit:,.1f}"
