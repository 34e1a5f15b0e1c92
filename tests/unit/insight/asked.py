"""Figures with options drawn by chance, each with what a plain count has for it."""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.bench.prediction import OWN_PREDICT
from tests.unit.insight import plain, plain_credit, plain_event
from tests.unit.insight.changing import Raw
from tests.unit.insight.heard import CHANNELS, TYPES
from tests.unit.insight.plain import Record
from tests.unit.insight.plain_event import Places, Wanted
from tests.unit.insight.test_figures import Filters
from tests.unit.insight.test_measures import counted, shop_with_measures
from tests.world.command_line import Cli

HOUR = 3_600_000
PREDICT = """\
predict:
  buys:
    {on: cart_updated, event: order_placed, within: 12h, prior: 0.5, features: [profile.orders]}
  leaves:
    {on: logged_in, without: product_viewed, within: 1d, prior: 0.5, features: [profile.tier]}

"""


def shop_with_all(folder: Path) -> Path:
    """Return the folder of a shop that measures and predicts."""
    topology = shop_with_measures(folder)
    main = topology / "topology.yaml"
    text, found = re.subn(OWN_PREDICT, PREDICT, main.read_text(), flags=re.MULTILINE)
    assert found == 1
    main.write_text(text)
    return topology


class Asked(NamedTuple):
    words: list[str]
    wanted: Wanted


class Asking:
    """Figures over a world's records and the events beside them."""

    def __init__(self, raw: Raw, events: Sequence[Record], filters: Filters) -> None:
        self.raw, self.events, self.filters = raw, list(events), filters
        self.random = filters.random
        self.places = Places(raw)
        self.judged = plain_credit.judged(raw)
        self.goals = sorted({one["journey"] for one in raw.ordered if one["reason"] == "goal"})
        self.figures: tuple[Callable[[], Asked], ...] = (
            self.retention, self.satisfaction, self.worth, self.predictions, self.automation,
            self.attribution, self.measures,
        )  # fmt: skip

    def figure(self, number: int) -> Asked:
        """Return one of the figures, in turn."""
        return self.figures[number % len(self.figures)]()

    def time(self, name: str, *hours: int) -> tuple[int, list[str]]:
        """Draw a time; return it in ms, with the words that ask for it."""
        drawn = self.random.choice(hours)
        return drawn * HOUR, [name, f"{drawn}h" if drawn else "0"]

    def retention(self) -> Asked:
        period, options = self.filters.period()
        type_ = self.random.choice(sorted(TYPES))
        every, more = self.time("--every", 7, 24, 60)
        wanted = plain_event.retention(self.events, type_, every, period)
        return Asked(["retention", "--on", type_, *more, *options], wanted)

    def satisfaction(self) -> Asked:
        period, options = self.filters.period()
        type_ = self.random.choice(sorted(TYPES))
        by = self.random.choice((None, "journey", "state", "channel"))
        scale = self.random.choice((None, "0..10", "1..5"))
        most, more = self.time("--within", 0, 5, 24, 168)
        of = plain_event.numbered(self.events, type_, period)
        more += [] if by is None else ["--by", by]
        more += [] if scale is None else ["--scale", scale]
        return Asked(
            ["satisfaction", "--on", type_, "--score", "x", *more, *options],
            plain_event.satisfaction(of, self.places, by, most, scale),
        )

    def worth(self) -> Asked:
        period, options = self.filters.period()
        by = self.random.choice(("journey", "state"))
        if self.random.random() < 0.3:
            wanted = plain_event.worth_of_outcomes(self.raw, by, period)
            return Asked(["worth", "--by", by, *options], wanted)
        type_ = self.random.choice(sorted(TYPES))
        most, more = self.time("--within", 0, 5, 24, 168)
        of = plain_event.numbered(self.events, type_, period)
        return Asked(
            ["worth", "--on", type_, "--value", "x", "--by", by, *more, *options],
            plain_event.worth_of_events(of, self.places, by, most),
        )

    def predictions(self) -> Asked:
        period, options = self.filters.period()
        return Asked(["predictions", *options], plain_credit.predictions(self.judged, period))

    def automation(self) -> Asked:
        period, options = self.filters.period()
        by_hand = self.random.sample(CHANNELS, self.random.randint(1, 2))
        apart, more = self.time("--apart", 3, 24, 168)
        more += [word for channel in by_hand for word in ("--by-hand", channel)]
        wanted = plain_event.automation(self.events, self.raw, by_hand, apart, period)
        return Asked(["automation", *more, *options], wanted)

    def attribution(self) -> Asked:
        period, options = self.filters.period()
        goal = self.random.choice(self.goals)
        by = self.random.choice(("channel", "action", "journey"))
        lookback, more = self.time("--lookback", 6, 48, 720)
        half_life, other = self.time("--half-life", 5, 48)
        wanted = plain_credit.attribution(self.raw, goal, by, lookback, half_life, period)
        words = ["attribution", "--goal", goal, "--by", by, *more, *other, *options]
        return Asked(words, wanted)

    def measures(self) -> Asked:
        period, options = self.filters.period()
        every, more = self.time("--every", 1, 24)
        is_parted = self.random.random() < 0.6
        of = [one for one in self.raw.measures if plain.within(one["time"], period)]
        by_key = counted(of, every if is_parted else None)
        wanted: Wanted = {key: tuple(numbers) for key, numbers in by_key.items()}
        return Asked(["measures", *(more if is_parted else []), *options], wanted)


def hold(cli: Cli, layer: Path, listed: Path, asked: Asked) -> int:
    """Ask for a figure, and hold it and its list against the plain count; return its rows."""
    done = cli(
        "insight", *asked.words, "--layer", layer, "--format", "csv", "--list", listed
    )  # fmt: skip
    what, wanted = asked.words[0], asked.wanted
    if done.code:
        assert not wanted, done.err
        return 0
    rows = list(csv.reader(done.out.splitlines()))[1:]
    keys = KEYS[what](asked.words)
    found = {tuple(row[:keys]): [_number(one) for one in row[keys:]] for row in rows}
    if what == "worth":
        # A journey without an event has a row if its holdout measured something.
        found = {key: row[:6] for key, row in found.items() if row[0]}
    assert found.keys() == wanted.keys(), (asked.words, found.keys() ^ wanted.keys())
    for key, numbers in wanted.items():
        close = [
            None if one is None else pytest.approx(one, rel=1e-9, abs=1e-8) for one in numbers
        ]
        assert found[key] == close, (asked.words, key, found[key], numbers)
    with listed.open(newline="") as file:
        of = list(csv.DictReader(file))
    if what == "attribution":
        parts: dict[tuple[str, ...], list[float]] = defaultdict(list)
        for one in of:
            parts[one["model"], one["touch"]].append(float(one["credit"]))
        for key, (number,) in wanted.items():
            assert math.fsum(parts.pop(key, ())) == pytest.approx(number, abs=1e-8)
        assert not parts
    else:
        # Of predictions, the rows of the bins are those of the row for all.
        in_bins = (key for key in wanted if what != "predictions" or key[-1])
        counts = [wanted[key][0] or 0 for key in in_bins]
        assert len(of) == sum(counts), asked.words
    return len(wanted)


def near(number: float) -> Any:
    return pytest.approx(number, rel=1e-9, abs=1e-8)


def _number(text: str) -> float | None:
    return float(text) if text else None


KEYS: dict[str, Callable[[list[str]], int]] = {
    "retention": lambda _: 2,
    "satisfaction": lambda words: {"journey": 1, "state": 2, "channel": 1}.get(_by(words), 0),
    "worth": lambda words: {"journey": 1, "state": 2}[_by(words)],
    "predictions": lambda _: 3,
    "automation": lambda _: 2,
    "attribution": lambda _: 2,
    "measures": lambda words: 4 + ("--every" in words),
}
"""Of each figure: how many columns say what the numbers are of."""


def _by(words: list[str]) -> str:
    return words[words.index("--by") + 1] if "--by" in words else ""
