"""The looks at all series: each full hour of stream time, over the records up to then.

At each look the procedure of Benjamini and Hochberg runs over all tests that are possible then, at
a rate so small that a week of 168 looks raises a false alarm in less than one case of ten, by the
sum of the looks' chances alone. An alarm is one for its place: until the change ends, and a day
longer, the place is not looked at, and these hours are in no baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from cjo_stream.insight.friction import rank, rate
from cjo_stream.insight.friction.rate import BASE_DAYS, DAY_HOURS, Numbers
from cjo_stream.insight.friction.series import Lengths, Series

FALSE_RATE: Final = 5e-4
"""Of each look; 168 of them are 0.084."""
LEAST: Final = 8.0
"""Fewer than so many cases are not sought."""
LEAST_ERRORS: Final = 15.0
"""Of troubles more are asked: a rare type of event may come for the first time after weeks."""
RISE: Final = 2.2
"""A rate that rises: so that most of those in whom it shows are more than usual."""
FALL: Final = 1.4
_WARM_HOURS: Final = 24
_REST_HOURS: Final = 96
_CERTAIN: Final = FALSE_RATE / 10_000
"""A chance that is rejected whatever other tests there are, if these are 10,000 at most."""


class _Least(TypedDict):
    rises: bool
    least: float
    factor: float


def _least(series: Series) -> _Least:
    """Return how far a rate has to be from its baseline."""
    return {
        "rises": series.rises,
        "least": LEAST_ERRORS if series.kind == "error" else LEAST,
        "factor": RISE if series.rises else FALL,
    }


class Alarm(NamedTuple):
    """A change that is seen at a look. Hours count from the first of the span."""

    series: Series
    hour: int
    """The last hour whose records the look has."""
    window: int
    chance: float
    began: int
    ended: int
    """Behind the last hour in which it shows."""
    expected: Numbers
    """By hour, the count to be expected."""
    usable: NDArray[np.bool_]

    def counts(self, until: int) -> tuple[float, float]:
        """Return what was counted from the beginning on, and what was to be expected."""
        span = slice(self.began, until)
        return float(self.series.rate.counted[span].sum()), float(self.expected[span].sum())


class Watched(NamedTuple):
    """A series, and the chances of its looks by window."""

    series: Series
    chances: list[Numbers]

    @property
    def is_suspect(self) -> bool:
        """Whether an alarm will be looked into, unless another one at its place is before it."""
        return any((chances <= _CERTAIN).any() for chances in self.chances)


def watched(series: Series) -> Watched:
    """Look at a series for the first time."""
    return Watched(series, _chances(series, _usable(len(series.rate.counted))))


class Watch:
    """All series, and which hours of each place are usable."""

    def __init__(self, found: Iterable[Watched], hours: int) -> None:
        self._series: list[Series] = []
        self._hours = hours
        self._usable: dict[str, NDArray[np.bool_]] = {}
        self._of_place: dict[str, list[int]] = {}
        self._pending: list[dict[int, list[tuple[float, int]]]] = [{} for _ in range(hours)]
        self._tests = np.zeros(hours)
        for number, (one, chances) in enumerate(sorted(found, key=lambda one: one.series.order)):
            self._series.append(one)
            self._usable.setdefault(one.place, _usable(hours))
            self._of_place.setdefault(one.place, []).append(number)
            seen = np.cumsum(one.rate.counted) > 0
            self._tests += sum(seen & ~np.isnan(of) for of in chances)
            self._note(number, chances)

    def alarms(self, accept: Callable[[Alarm], bool]) -> Iterator[Alarm]:
        """Yield the alarms in order of time; those that are not accepted are as if not raised."""
        quiet: dict[str, int] = {}
        for hour in range(self._hours):
            for test, chance in self._rejected(hour).items():
                series = self._series[test // len(rate.WINDOWS)]
                if quiet.get(series.place, -1) >= hour:
                    continue
                alarm = self._alarm(test, hour, chance)
                if accept(alarm):
                    yield alarm
                    quiet[series.place] = alarm.ended + _REST_HOURS
                    self._blank(series.place, alarm.began, alarm.ended + _REST_HOURS)

    def _rejected(self, hour: int) -> dict[int, float]:
        """Return the tests of an hour that are rejected, the least chance first, with theirs."""
        found = [one for some in self._pending[hour].values() for one in some]
        chances = {test: chance for chance, test in found}
        tests = rate.rejected(found, int(self._tests[hour]), FALSE_RATE) if found else ()
        return {test: chances[test] for test in tests}

    def _alarm(self, test: int, hour: int, chance: float) -> Alarm:
        series = self._series[test // len(rate.WINDOWS)]
        window = rate.WINDOWS[test % len(rate.WINDOWS)]
        if isinstance(series.rate, Lengths):
            excess = _excess(series.rate, window, self._usable[series.place])[:, hour]
            series = series.rate.limits[int(np.argmax(excess))]
        assert not isinstance(series.rate, Lengths)
        usable = self._usable[series.place].copy()
        looks = _look(series, window, usable)
        usual = float(rate.rate_before(looks, rises=series.rises)[hour])
        exposure = series.rate.hourly(hour, usable)
        expected = rate.usual_by_hour(series.rate.counted, exposure, usable, hour, usual)
        began = rate.began(series.rate.counted, expected, hour, window)
        ended = rate.ended(series.rate.counted, expected, began, hour, window)
        return Alarm(series, hour, window, chance, began, ended, expected, usable)

    def _note(self, number: int, found: list[Numbers], begin: int = 0, after: int = -1) -> None:
        """Note the looks at a series from which something may follow."""
        for place, chances in enumerate(found):
            for hour in np.flatnonzero(chances <= FALSE_RATE).tolist():
                if begin + hour > after:
                    test = number * len(rate.WINDOWS) + place
                    of = self._pending[begin + hour].setdefault(number, [])
                    of.append((float(chances[hour]), test))

    def _blank(self, place: str, begin: int, end: int) -> None:
        self._usable[place][begin:end] = False
        baseline = max(0, (end + 1) // DAY_HOURS - BASE_DAYS - 1) * DAY_HOURS
        for number in self._of_place[place]:
            for hour in range(end, self._hours):
                self._pending[hour].pop(number, None)
            series = self._series[number]
            series = series._replace(rate=series.rate.since(baseline))
            chances = _chances(series, self._usable[place][baseline:])
            self._note(number, chances, baseline, end)


def _usable(hours: int) -> NDArray[np.bool_]:
    return np.arange(hours) >= _WARM_HOURS


def _look(series: Series, window: int, usable: NDArray[np.bool_]) -> rate.Looks:
    assert not isinstance(series.rate, Lengths)
    return series.rate.look(window, usable)


def _chances(series: Series, usable: NDArray[np.bool_]) -> list[Numbers]:
    return [_chances_in(series, window, usable) for window in rate.WINDOWS]


def _chances_in(series: Series, window: int, usable: NDArray[np.bool_]) -> Numbers:
    if not isinstance(series.rate, Lengths):
        return rate.chances(_look(series, window, usable), **_least(series))
    found = rank.chances(series.rate.by_class, window, usable)
    if (found <= FALSE_RATE).any():
        strong = _excess(series.rate, window, usable).max(axis=0) > 0
        found[(found <= FALSE_RATE) & ~strong] = 1.0
    return found


def _excess(lengths: Lengths, window: int, usable: NDArray[np.bool_]) -> Numbers:
    """Return for each limit by how many waits there are more than usual, by hour."""
    looks = ((one, _look(one, window, usable)) for one in lengths.limits)
    return np.stack([rate.excess(look, **_least(one)) for one, look in looks])
