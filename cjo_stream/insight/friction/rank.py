"""How long waits were, against how long they were on the days before: a rank test.

Waits are counted by class of length. Those of a window are ranked among those of its baseline,
with the mean rank for all of a class (Mann and Whitney 1947, corrected for ties). Under the
hypothesis that nothing changed, the window is a sample of all, without replacement. Its sum of
ranks has a mean, a variance and a skewness in closed form; the chance is that of Pearson's type
III curve with these, since with most waits in few classes the sum is as skewed as a count. Days
that differ by more than chance lower the counts by that factor, as in `rate`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, ndtr

from cjo_stream.insight.friction.rate import (
    BASE_DAYS_MIN,
    LATE_DAYS,
    Numbers,
    days_before,
    rolled,
    whole,
)

_SKEW_MIN: Final = 1e-3
"""Below, the curve is a normal one."""


def chances(lengths: Numbers, window: int, usable: NDArray[np.bool_]) -> Numbers:
    """Return at each hour the chance of waits so long; NaN without a baseline.

    `lengths` are counts of waits that ended, by hour and class of length. They have to be long
    against the whole baseline, and against its last days.
    """
    now = rolled(lengths, window)
    number = now.sum(axis=1)
    fits = days_before(whole(usable, window) & (number > 0))[1:]
    possible = (fits.sum(axis=0) >= BASE_DAYS_MIN) & (number > 0)
    found = np.full(len(lengths), np.nan)
    days = np.where(fits[:, possible, None], days_before(now)[1:, possible], 0.0)
    now = now[possible]
    base, late = days.sum(axis=0), days[:LATE_DAYS].sum(axis=0)
    spread = _spread(days, base)[:, None]
    chance = chance_of(now / spread, base / spread)
    has_late = late.sum(axis=1) > 0
    late_chance = chance_of(now[has_late] / spread[has_late], late[has_late] / spread[has_late])
    chance[has_late] = np.maximum(chance[has_late], late_chance)
    found[possible] = chance
    return found


def chance_of(sample: Numbers, others: Numbers) -> Numbers:
    """Return of each row the chance that a sample ranks so high among others; counts by class."""
    every = sample + others
    total, taken = every.sum(axis=1), sample.sum(axis=1)
    rank = _centred(every)
    square = (every * rank**2).sum(axis=1) / total
    varies = square > 0
    found = np.ones(len(sample))
    every, sample, rank, square, total, taken = (
        one[varies] for one in (every, sample, rank, square, total, taken)
    )
    size = taken * (total - taken) / np.maximum(total - 1.0, 1e-9)
    far = (sample * rank).sum(axis=1) / np.sqrt(square * size)
    skew = (every * rank**3).sum(axis=1) / total / square**1.5
    skew *= (total - 2.0 * taken) / np.maximum(total - 2.0, 1e-9) / np.sqrt(size)
    found[varies] = _above(far, skew)
    return found


def _centred(counts: Numbers) -> Numbers:
    """Return the mean rank of each class, less the mean of all."""
    below = np.cumsum(counts, axis=1) - counts / 2.0
    return np.asarray(below - counts.sum(axis=1, keepdims=True) / 2.0)


def _above(far: Numbers, skew: Numbers) -> Numbers:
    """Return the chance above a standardised value, of a curve with a skewness."""
    shape = 4.0 / np.maximum(skew**2, _SKEW_MIN**2)
    at = np.maximum(shape + np.sign(skew) * far * np.sqrt(shape), 0.0)
    curved = np.where(skew > 0, gammaincc(shape, at), gammainc(shape, at))
    return np.asarray(np.where(np.abs(skew) > _SKEW_MIN, curved, ndtr(-far)))


def _spread(days: Numbers, base: Numbers) -> Numbers:
    """Return by how much more than chance the days of baselines differ; at least 1."""
    rank = _centred(base)
    square = (base * rank**2).sum(axis=1) / np.maximum(base.sum(axis=1), 1e-9)
    number = days.sum(axis=2)
    sums = np.einsum("dhc,hc->dh", days, rank)
    far = np.divide(sums**2, number * square, out=np.zeros_like(sums), where=number * square > 0)
    spread = far.sum(axis=0) / np.maximum((number > 0).sum(axis=0) - 1.0, 1.0)
    return np.asarray(np.maximum(spread, 1.0))
