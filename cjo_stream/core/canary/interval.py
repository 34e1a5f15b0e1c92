"""Confidence sequences for a difference of two means: intervals that hold at all times at once.

They are the asymptotic confidence sequences of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas
("Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics
52(6), 2024, theorem 2.2), which generalise the normal mixture of Robbins (1970). After t values of
standard error s, the interval reaches

    s * sqrt((x + 1) / x * log((x + 1) / alpha^2)),    x = t * rho^2

to either side of the estimate. With probability 1 - alpha it contains the true difference at every
t from the first look on. So one may look after each value, and stop at any time for any reason.

For a difference the standard error is that of two independent means; t is the number of values
that two groups of one size would need for the same precision. The theorem holds for large groups;
no interval is given before each has VALUES_MIN values. As long as an effect is not known, the
variance within the two groups together is as true as their own; the larger one is used, because a
small group of rare events may have seen none by chance.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from cjo_stream.core.learning.number import log

VALUES_MIN: Final = 100
"""No interval before each group has so many values."""
TUNED_AT: Final = 4_000
"""The number of values, of both groups, for which the interval is narrowest."""


class Sample(msgspec.Struct, array_like=True):
    """The values of a group: how many there are, their sum, and the sum of their squares."""

    number: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, number: int, total: float, squares: float) -> None:
        """Add values, or a change of values that are counted already."""
        self.number += number
        self.total += total
        self.squares += squares

    @property
    def mean(self) -> float | None:
        """The mean of the values; None without any."""
        return self.total / self.number if self.number else None


class Interval(msgspec.Struct, frozen=True):
    """A difference of means, inside less outside, and the interval around it."""

    estimate: float
    low: float
    high: float


def difference(inside: Sample, outside: Sample, alpha: float) -> Interval | None:
    """Return the difference of two means with its interval at this time; None for too few values.

    The intervals of all times contain the true difference with probability 1 - `alpha`.
    """
    if min(inside.number, outside.number) < VALUES_MIN:
        return None
    estimate = inside.total / inside.number - outside.total / outside.number
    reach = math.sqrt(_squared_error(inside, outside) * _factor(inside, outside, alpha))
    return Interval(estimate, estimate - reach, estimate + reach)


def _squared_error(inside: Sample, outside: Sample) -> float:
    """Return the square of the standard error of the difference."""
    both = Sample(
        inside.number + outside.number,
        inside.total + outside.total,
        inside.squares + outside.squares,
    )
    own = _variance(inside) / inside.number + _variance(outside) / outside.number
    return max(own, _variance(both) * (1 / inside.number + 1 / outside.number))


def _variance(sample: Sample) -> float:
    mean = sample.total / sample.number
    return max(0.0, sample.squares / sample.number - mean * mean)


def _factor(inside: Sample, outside: Sample, alpha: float) -> float:
    """Return the square of the number of standard errors that the interval reaches."""
    values = 4 * inside.number * outside.number / (inside.number + outside.number)
    level = -2 * log(alpha)
    x = values * (level + log(level + 1)) / TUNED_AT
    return (x + 1) / x * log((x + 1) / (alpha * alpha))
