"""Rates of waits that have not ended yet.

A unit waits from an hour on, until it leaves for a target, or is lost from sight. The *hazard* is
the share of those who have waited for an age, and leave for the target within the next hour; it
is estimated by age, from the days before. At each hour, those who could leave, by their age, give
the number of departures that is expected (as in the log-rank test). So a wait that has become
longer shows before it ends.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cjo_stream.insight.friction.rate import BASE_DAYS, DAY_HOURS, Numbers, days_before, within

Hours = NDArray[np.int64]
AGES: Final = np.array(
    [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 21, 24, 25, 27, 30, 36, 42, 48, 49, 54, 60, 66, 72,
     73, 84, 96, 108, 120, 144, 168, 169, 216, 264, 336, 504, 720, 721]
)  # fmt: skip
"""Where classes of ages begin, hours; timers mostly end after whole days."""
_NEVER: Final = 1 << 40
_MOST: Final = 0.97
"""Behind the ages at which so many have left, nobody is expected to leave: who is stuck since long
would be expected for ever."""


class Waits(NamedTuple):
    """Units with equal hours: from when on, until when, and how many; a target or -1."""

    since: Hours
    until: Hours
    """Beyond the last hour for those who still wait."""
    target: Hours
    units: Numbers


class Line(NamedTuple):
    """Waits at one place: who could leave, and who left for each target, by hour and age."""

    waiting: Numbers
    sums: Numbers
    """Of `waiting`, from the first hour on."""
    left: dict[int, Numbers]


def line(waits: Waits, hours: int) -> Line:
    """Return who waits at each hour, by class of age; those who leave in it included."""
    waiting = np.zeros((hours + 1, len(AGES)))
    behind = [*AGES[1:], _NEVER]
    for age, (low, high) in enumerate(zip(AGES, behind, strict=True)):
        start = waits.since + low
        end = np.minimum(np.minimum(waits.until, waits.since + high - 1), hours - 1)
        fits = start <= end
        np.add.at(waiting[:, age], start[fits], waits.units[fits])
        np.subtract.at(waiting[:, age], end[fits] + 1, waits.units[fits])
    left = {}
    ages = np.searchsorted(AGES, waits.until - waits.since, side="right") - 1
    for target in np.unique(waits.target[waits.target >= 0]):
        fits = (waits.target == target) & (waits.until < hours)
        counts = np.zeros((hours, len(AGES)))
        np.add.at(counts, (waits.until[fits], ages[fits]), waits.units[fits])
        left[int(target)] = counts
    waiting = np.cumsum(waiting, axis=0)[:hours]
    return Line(waiting, np.cumsum(waiting, axis=0), left)


class Leaving:
    """Who waits and who leaves, by hour and age."""

    def __init__(self, waiting: Numbers, sums: Numbers, left: Numbers) -> None:
        self.waiting = waiting
        self.left = left
        self._sums = sums
        self._usable = np.zeros(0, dtype=np.bool_)
        self._hazards = np.zeros(0)

    def since(self, hour: int) -> Leaving:
        """Return the same from an hour on, the beginning of a day."""
        return Leaving(self.waiting[hour:], self._sums[hour:], self.left[hour:])

    def hazards(self, usable: NDArray[np.bool_]) -> Numbers:
        """Return the hazards by day and age; they are kept until other hours are usable."""
        if not np.array_equal(usable, self._usable):
            self._usable = usable.copy()
            self._hazards = hazards(self.waiting, self.left, usable)
        return self._hazards

    def expecting(self, usable: NDArray[np.bool_], window: int) -> Numbers:
        """Return the departures expected in a window that ended so many days before each hour."""
        by_hour = np.repeat(self.hazards(usable), DAY_HOURS, axis=0)[: len(self.waiting)]
        before = days_before(within(self._sums, window))
        return np.asarray(np.einsum("dha,ha->dh", before, by_hour))


def hazards(waiting: Numbers, left: Numbers, usable: NDArray[np.bool_]) -> Numbers:
    """Return the hazard by day and age, each from the days that ended a day before it."""
    at_risk, gone = (_in_days_before(one, usable) for one in (waiting, left))
    found = np.divide(gone, at_risk, out=np.zeros_like(gone), where=at_risk > 0)
    before = np.cumsum(gone, axis=1) - gone
    found[before > _MOST * gone.sum(axis=1, keepdims=True)] = 0.0
    return found


def _in_days_before(hourly: Numbers, usable: NDArray[np.bool_]) -> Numbers:
    """Return by day the sums over the usable hours of its baseline: none of the day before it."""
    starts = np.arange(0, len(hourly), DAY_HOURS)
    by_day = np.add.reduceat(np.where(usable[:, None], hourly, 0.0), starts, axis=0)
    sums = np.append(np.zeros((1, hourly.shape[1])), np.cumsum(by_day, axis=0), axis=0)
    end = np.maximum(np.arange(len(starts)) - 1, 0)
    return np.asarray(sums[end] - sums[np.maximum(end - BASE_DAYS, 0)])


def affected(hazard: Numbers, from_age: Hours, to_age: Hours, lost: float) -> Numbers:
    """Return of units that did not leave the probability that they would have, but for a change.

    Ages in hours, from the change on, `to_age` exclusive; `lost` is the share of departures that
    the change prevents. Bayes: of those who stay, some would have stayed in any case.
    """
    by_age = hazard[np.searchsorted(AGES, np.arange(int(to_age.max(initial=0)) + 1), "right") - 1]
    steps = np.append(0.0, np.cumsum(-np.log1p(-np.minimum(by_age, 0.9999))))
    leaves = -np.expm1(-(steps[np.maximum(to_age, from_age)] - steps[from_age]))
    prevented = lost * leaves
    return np.asarray(prevented / np.maximum(1.0 - leaves + prevented, 1e-12))
