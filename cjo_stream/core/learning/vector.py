"""The functions of `number`, of arrays, by numpy: the same bits, a thirtieth of the time.

Nothing here may round differently from `number`, on no machine. So each element goes through the
same operations in the same order, and only through those that IEEE 754 fixes, which numpy does one
by one: the four basic ones, scaling by powers of two, rounding to an integer, comparison. numpy's
own exp and log depend on the processor; its `sum` adds pairwise, but `cumsum` one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cjo_stream.core.learning.number import (
    EXP_MAX,
    EXP_MIN,
    EXP_TERMS,
    HALF_ROOT,
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    LOG_TERMS,
    STEPS,
)

Array = NDArray[np.floating[Any]]


def exp(x: Array) -> Array:
    """Return e to the power of each; see `number.exp`."""
    x = np.minimum(np.maximum(x, EXP_MIN), EXP_MAX)
    halvings = np.floor(x * LOG2_E + 0.5)
    rest = (x - halvings * LN2_HIGH) - halvings * LN2_LOW
    powers: Array = np.ldexp(_polynomial(EXP_TERMS, rest), halvings.astype(np.int32))
    return powers


def log(x: Array) -> Array:
    """Return the natural logarithm of each; see `number.log`."""
    part, halvings = np.frexp(x)
    is_low = part < HALF_ROOT
    part, halvings = np.where(is_low, part * 2.0, part), halvings - is_low
    ratio = (part - 1.0) / (part + 1.0)
    total = _polynomial(LOG_TERMS, ratio * ratio)
    return halvings * LN2_HIGH + (2.0 * ratio * total + halvings * LN2_LOW)


def sigmoids(xs: Sequence[float] | Array) -> tuple[float, ...]:
    """Return the sigmoid of each; see `number.sigmoid`."""
    x = np.asarray(xs)
    odds = exp(-abs(x))
    return tuple((np.where(x >= 0.0, 1.0, odds) / (1.0 + odds)).tolist())


def positive(x: Array) -> Array:
    """Return each, but at least 0."""
    return np.maximum(x, 0.0)


def quantiles(
    log_density: Callable[[Array], Array], low: float, high: float, number: int
) -> Array:
    """Return the quantiles of a density; see `number.quantiles`."""
    width = (high - low) / STEPS
    heights = log_density(low + width * np.arange(STEPS + 1))
    heights = exp(heights - heights.max())
    below = np.concatenate(([0.0], np.cumsum((heights[:-1] + heights[1:]) / 2.0)))
    wanted = below[-1] * (np.arange(number) + 0.5) / number
    cell = np.searchsorted(below[1:], wanted)
    share = (wanted - below[cell]) / (below[cell + 1] - below[cell])
    found: Array = low + width * (cell + share)
    return found


def _polynomial(terms: Sequence[float], x: Array) -> Array:
    total = np.zeros_like(x)
    for term in terms:
        total *= x
        total += term
    return total
