"""The looks at all series: each full hour of stream time, over the records up to then.

At each look the procedure of Benjamini and Hochberg runs over all tests that are possible then, at
a rate so small that a week of 168 looks raises a false alarm in less than one case of ten, by the
sum of the looks' chances alone. An alarm is one for its place: until the change ends, and a day
longer, the place is not looked at, and these hours are in no baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from cjo_stream.insight.friction import rank, rate
from cjo_stream.insight.friction.rate import Numbers
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


class Watch:
    """All series, and which hours of each place are usable."""

    def __init__(self, series: Sequence[Series], hours: int) -> None:
        self._series = series
        self._hours = hours
        self._usable: dict[str, NDArray[np.bool_]] = {}
        self._of_place: dict[str, list[int]] = {}
        self._pending: list[dict[int, list[tuple[float, int]]]] = [{} for _ in range(hours)]
        self._tests = np.zeros(hours)
        for number, one in enumerate(series):
            self._usable.setdefault(one.place, np.arange(hours) >= _WARM_HOURS)
            self._of_place.setdefault(one.place, []).append(number)
        for number in range(len(series)):
            self._test(number, -1, counted=True)

    def alarms(self, accept: Callable[[Alarm], bool]) -> Iterator[Alarm]:
        """Yield the alarms in order of time; those that are not accepted are as if not raised."""
        quiet: dict[str, int] = {}
        for hour in range(self._hours):
            found = [one for some in self._pending[hour].values() for one in some]
            if not found:
                continue
            for test in rate.rejected(found, int(self._tests[hour]), FALSE_RATE):
                series = self._series[test // len(rate.WINDOWS)]
                if quiet.get(series.place, -1) >= hour:
                    continue
                alarm = self._alarm(test, hour, {what: p for p, what in found}[test])
                if accept(alarm):
                    yield alarm
                    quiet[series.place] = alarm.ended + _REST_HOURS
                    self._blank(series.place, alarm.began, alarm.ended + _REST_HOURS)

    def _alarm(self, test: int, hour: int, chance: float) -> Alarm:
        series = self._series[test // len(rate.WINDOWS)]
        window = rate.WINDOWS[test % len(rate.WINDOWS)]
        if isinstance(series.rate, Lengths):
            excess = self._excess(series.rate, window)[:, hour]
            series = series.rate.limits[int(np.argmax(excess))]
        assert not isinstance(series.rate, Lengths)
        usable = self._usable[series.place].copy()
        looks = self._look(series, window)
        usual = float(rate.rate_before(looks, rises=series.rises)[hour])
        exposure = series.rate.hourly(hour, usable)
        expected = rate.usual_by_hour(series.rate.counted, exposure, usable, hour, usual)
        began = rate.began(series.rate.counted, expected, hour, window)
        ended = rate.ended(series.rate.counted, expected, began, hour, window)
        return Alarm(series, hour, window, chance, began, ended, expected, usable)

    def _look(self, series: Series, window: int) -> rate.Looks:
        assert not isinstance(series.rate, Lengths)
        return series.rate.look(window, self._usable[series.place])

    def _test(self, number: int, after: int, *, counted: bool = False) -> None:
        """Note the looks at a series from which something may follow."""
        series = self._series[number]
        seen = np.cumsum(series.rate.counted) > 0
        for place, window in enumerate(rate.WINDOWS):
            found = self._chances(series, window)
            if counted:
                self._tests += seen & ~np.isnan(found)
            for hour in np.flatnonzero(found <= FALSE_RATE):
                if hour > after:
                    test = number * len(rate.WINDOWS) + place
                    self._pending[hour].setdefault(number, []).append((float(found[hour]), test))

    def _chances(self, series: Series, window: int) -> Numbers:
        if not isinstance(series.rate, Lengths):
            return rate.chances(self._look(series, window), **_least(series))
        usable = self._usable[series.place]
        found = rank.chances(series.rate.by_class, window, usable)
        if (found <= FALSE_RATE).any():
            strong = self._excess(series.rate, window).max(axis=0) > 0
            found[(found <= FALSE_RATE) & ~strong] = 1.0
        return found

    def _excess(self, lengths: Lengths, window: int) -> Numbers:
        """Return for each limit by how many waits there are more than usual, by hour."""
        looks = ((one, self._look(one, window)) for one in lengths.limits)
        return np.stack([rate.excess(look, **_least(one)) for one, look in looks])

    def _blank(self, place: str, begin: int, end: int) -> None:
        self._usable[place][begin:end] = False
        for number in self._of_place[place]:
            for hour in range(end, self._hours):
                self._pending[hour].pop(number, None)
            self._test(number, end)
