"""A rate over hours against its baseline.

A rate is a count over an exposure: events over customers, or departures over those expected. A
*look* at hour `h` compares the window of some hours that ends with it with the same hours of the
days before. Under the hypothesis that nothing changed, the count of the window, given the sum of
both counts, is binomial (the conditional test of two Poisson rates; Przyborowski and Wilenski
1940), conservative for two proportions. Days that differ by more than chance lower the counts by
that factor (quasi-Poisson), so restless rates need more.

The change point is that of Page's CUSUM (1954): the hour from which on the evidence is greatest.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from scipy.special import betainc

Numbers = NDArray[np.float64]
DAY_HOURS: Final = 24
WINDOWS: Final = (6, 24)
"""Hours of the windows in which rates are looked at."""
BASE_DAYS: Final = 14
BASE_DAYS_MIN: Final = 7
"""Days before, with exposure, that are a baseline; with fewer there is no look."""
LATE_DAYS: Final = 4
"""The last days of a baseline: a rate that drifts is compared with these."""
_SEEK_HOURS: Final = 36


class Looks(NamedTuple):
    """A rate at each hour: of the window that ends with it, and of its baseline."""

    counted: Numbers
    exposure: Numbers
    base_count: Numbers
    base_exposure: Numbers
    squares: Numbers
    """Of the days of the baseline, the sum of count² / exposure."""
    days: Numbers
    late_count: Numbers
    late_exposure: Numbers
    """Of the last days of the baseline."""


def rolled(hourly: Numbers, hours: int) -> Numbers:
    """Return the sums over the last `hours` at each hour (first axis); shorter ones are 0."""
    return within(np.cumsum(hourly, axis=0), hours)


def within(sums: Numbers, hours: int) -> Numbers:
    """Return the sums over the last `hours` at each hour, of the sums up to each hour."""
    found = np.zeros_like(sums)
    found[hours - 1 : hours] = sums[hours - 1 : hours]
    found[hours:] = sums[hours:] - sums[:-hours]
    return found


def days_before(hourly: NDArray[Any]) -> NDArray[Any]:
    """Return at each hour the values of so many days before (first axis), from 0 on.

    Each day is a view of the same values, shifted.
    """
    none = np.zeros((BASE_DAYS * DAY_HOURS, *hourly.shape[1:]), dtype=hourly.dtype)
    padded = np.append(none, hourly, axis=0)
    strides = (-DAY_HOURS * padded.strides[0], *padded.strides)
    shape = (BASE_DAYS + 1, *hourly.shape)
    return as_strided(padded[len(none) :], shape, strides, writeable=False)


def whole(usable: NDArray[np.bool_], hours: int) -> NDArray[np.bool_]:
    """Return where all of the last hours are usable."""
    return np.asarray(rolled(usable.astype(np.float64), hours) == hours)


def look(count: Numbers, hours: int, usable: NDArray[np.bool_], exposure: Numbers) -> Looks:
    """Return the looks at a rate, through windows of `hours`.

    `exposure` is that of the window which ended so many days before each hour (first axis), as it
    is weighed at that hour. Hours that are not `usable` are in no baseline.
    """
    in_window = rolled(count, hours)
    before, at = days_before(in_window)[1:], exposure[1:]
    fits = days_before(whole(usable, hours))[1:] & (at > 0)
    counted, exposed = np.where(fits, before, 0.0), np.where(fits, at, 0.0)
    squares = np.divide(before**2, at, out=np.zeros_like(at), where=fits)
    base = counted.sum(axis=0), exposed.sum(axis=0), squares.sum(axis=0), fits.sum(axis=0) + 0.0
    late = counted[:LATE_DAYS].sum(axis=0), exposed[:LATE_DAYS].sum(axis=0)
    return Looks(in_window, exposure[0], *base, *late)


def look_at_share(count: Numbers, of: Numbers, hours: int, usable: NDArray[np.bool_]) -> Looks:
    """Return the looks at a count over another, whose exposure is the same at every later hour."""
    in_window, exposure = rolled(count, hours), rolled(of, hours)
    fits = whole(usable, hours) & (exposure > 0)
    squares = np.divide(in_window**2, exposure, out=np.zeros_like(exposure), where=fits)
    by_hour = np.array([in_window * fits, exposure * fits, squares, fits])
    base, late = np.zeros_like(by_hour), np.zeros((0, 0))
    for day in range(1, BASE_DAYS + 1):
        base[:, day * DAY_HOURS :] += by_hour[:, : -day * DAY_HOURS]
        if day == LATE_DAYS:
            late = base[:2].copy()
    return Looks(in_window, exposure, *base, *late)


def rate_before(looks: Looks, *, rises: bool) -> Numbers:
    """Return the rate of the baselines, or of their last days if that is nearer to a change.

    It is a little above 0 where nothing was counted.
    """
    rate = np.maximum(looks.base_count, 0.5) / np.maximum(looks.base_exposure, 1e-9)
    late = looks.late_count / np.maximum(looks.late_exposure, 1e-9)
    drifted = np.maximum(rate, late) if rises else np.minimum(rate, late)
    return np.where(looks.late_exposure > 0, drifted, rate)


def excess(looks: Looks, *, rises: bool, least: float, factor: float) -> Numbers:
    """Return at each hour by how many counts a rate is from its baseline.

    It is 0 for fewer than `least` counts, and for less than `factor`; NaN without a baseline.
    """
    possible = (looks.days >= BASE_DAYS_MIN) & (looks.exposure > 0)
    rate = rate_before(looks, rises=rises)
    exposure = _exposure(looks, rises=rises)
    if rises:
        found = looks.counted - rate * exposure
        strong = looks.counted >= factor * rate * exposure
    else:
        found = rate * exposure - looks.counted
        strong = looks.counted * factor <= rate * exposure
    return np.where(possible, np.where(strong & (found >= least), found, 0.0), np.nan)


def _exposure(looks: Looks, *, rises: bool) -> Numbers:
    if not rises:
        return looks.exposure
    # With fewer to share it, a share rises of itself: the count has to rise as well.
    usual = looks.base_exposure / np.maximum(looks.days, 1.0)
    return np.maximum(looks.exposure, usual)


def chances(looks: Looks, *, rises: bool, least: float, factor: float) -> Numbers:
    """Return at each hour the chance of a rate as far from its baseline; NaN without a baseline.

    Changes by fewer than `least` counts, or by less than `factor`, have the chance 1.
    """
    far = excess(looks, rises=rises, least=least, factor=factor)
    found = np.where(np.isnan(far), np.nan, 1.0)
    at = np.flatnonzero(far > 0)
    if not at.size:
        return found
    rate = rate_before(looks, rises=rises)
    exposure = _exposure(looks, rises=rises)
    mean = np.maximum(looks.base_count[at], 0.5) / looks.base_exposure[at]
    spread = (looks.squares[at] / mean - looks.base_count[at]) / (looks.days[at] - 1)
    spread = np.maximum(spread, 1.0)
    count = looks.counted[at] / spread
    total = count + rate[at] * looks.base_exposure[at] / spread
    share = exposure[at] / (exposure[at] + looks.base_exposure[at])
    rest = np.maximum(total - count, 1e-9)
    if rises:
        found[at] = betainc(count, rest + 1.0, share)
    else:
        found[at] = betainc(rest, count + 1.0, 1.0 - share)
    return found


def usual_by_hour(
    counted: Numbers, exposure: Numbers, usable: NDArray[np.bool_], hour: int, rate: float
) -> Numbers:
    """Return the count to be expected by hour, as an hour sees it: at night rates may differ.

    `rate` is that of the baseline as a whole, to which an hour of the day with little exposure
    comes close.
    """
    span = slice(max(0, hour + 1 - (BASE_DAYS + 1) * DAY_HOURS), max(0, hour + 1 - DAY_HOURS))
    at = np.arange(len(counted))[span][usable[span]]
    did = np.bincount(at % DAY_HOURS, counted[at], DAY_HOURS)
    could = np.bincount(at % DAY_HOURS, exposure[at], DAY_HOURS)
    mean = max(did.sum(), 0.5) / max(could.sum(), 1e-9)
    weight = 1.0 / mean
    of_day = rate / mean * (did + 1.0) / np.maximum(could + weight, 1e-9)
    return np.asarray(exposure * of_day[np.arange(len(counted)) % DAY_HOURS])


def rejected(found: list[tuple[float, int]], tests: int, rate: float) -> list[int]:
    """Return what the procedure of Benjamini and Hochberg (1995) rejects, of pairs (chance, what).

    `tests` are all that were made, `rate` is the rate of false discoveries.
    """
    ordered = sorted(found)
    passed = [n for n, (chance, _) in enumerate(ordered, 1) if chance <= rate * n / tests]
    return [what for _, what in ordered[: max(passed, default=0)]]


def began(count: Numbers, expected: Numbers, hour: int, window: int) -> int:
    """Return the first hour of a change that is seen at `hour`, at most 36 hours before.

    `count` and `expected` are by hour; the change is looked for as a constant factor.
    """
    first = max(0, hour + 1 - _SEEK_HOURS)
    counted, usual = count[first : hour + 1], expected[first : hour + 1]
    start = max(0, len(counted) - window)
    for _ in range(3):
        factor = max(counted[start:].sum(), 0.02) / max(usual[start:].sum(), 0.02)
        gain = counted * np.log(factor) - usual * (factor - 1.0)
        evidence = np.cumsum(gain[::-1])[::-1]
        start = int(np.argmax(evidence))
    return first + start


def ended(count: Numbers, expected: Numbers, began_at: int, hour: int, window: int) -> int:
    """Return the hour behind the last in which a change still shows, from `hour` on.

    It shows while a window is nearer to the changed rate than to the former one.
    """
    changed = count[began_at : hour + 1].sum() / max(expected[began_at : hour + 1].sum(), 0.02)
    limit = np.sqrt(max(changed, 0.02))
    counted, usual = rolled(count, window), rolled(expected, window)
    is_over = ((counted < limit * usual) == (changed > 1.0)) & (usual > 0)
    over = np.flatnonzero(is_over[hour + 1 :])
    return hour + 1 + int(over[0]) if over.size else len(count)
