"""Functions of numbers that give the same bits on every machine.

`math.exp` and `math.log` are the C library's, whose last bit differs between systems. These use
only operations that IEEE 754 fixes: the four basic ones, scaling by powers of two, rounding to an
integer. `vector` has the same functions of arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

LN2_HIGH: Final = 0.6931471803691238
LN2_LOW: Final = 1.9082149292705877e-10
LOG2_E: Final = 1.4426950408889634
HALF_ROOT: Final = 0.7071067811865476
EXP_MAX: Final = 709.0
EXP_MIN: Final = -708.0
EXP_TERMS: Final = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
LOG_TERMS: Final = tuple(1.0 / n for n in range(23, 0, -2))
STEPS: Final = 1_024
"""Of the trapezoidal rule."""


def exp(x: float) -> float:
    """Return e to the power of `x`, relative error about 1e-15; x is clamped to -708..709.

    >>> abs(exp(1.0) - 2.718281828459045) < 1e-15
    True
    """
    x = min(max(x, EXP_MIN), EXP_MAX)
    halvings = math.floor(x * LOG2_E + 0.5)
    rest = (x - halvings * LN2_HIGH) - halvings * LN2_LOW
    total = 0.0
    for term in EXP_TERMS:
        total = total * rest + term
    return math.ldexp(total, halvings)


def log(x: float) -> float:
    """Return the natural logarithm of `x` > 0, error about 1e-15."""
    part, halvings = math.frexp(x)
    if part < HALF_ROOT:
        part, halvings = part * 2.0, halvings - 1
    ratio = (part - 1.0) / (part + 1.0)
    square = ratio * ratio
    total = 0.0
    for term in LOG_TERMS:
        total = total * square + term
    return halvings * LN2_HIGH + (2.0 * ratio * total + halvings * LN2_LOW)


def sigmoid(x: float) -> float:
    """Return 1 / (1 + exp(-x))."""
    if x >= 0.0:
        return 1.0 / (1.0 + exp(-x))
    odds = exp(x)
    return odds / (1.0 + odds)


def sigmoids(xs: Iterable[float]) -> tuple[float, ...]:
    """Return the sigmoid of each."""
    return tuple(map(sigmoid, xs))


def positive(x: float) -> float:
    """Return `x`, but at least 0."""
    return max(x, 0.0)


def quantiles(
    log_density: Callable[[float], float], low: float, high: float, number: int
) -> tuple[float, ...]:
    """Return the (k + 1/2) / number quantiles, k ascending, of a density on low..high.

    The density must be smooth, with one peak; it need not integrate to 1, and its tails beyond
    low..high are ignored. The trapezoidal rule on STEPS steps: for a smooth density that vanishes
    at both ends it converges faster than any power of the step (Trefethen and Weideman 2014, SIAM
    Review 56).
    """
    width = (high - low) / STEPS
    heights = [log_density(low + width * k) for k in range(STEPS + 1)]
    top = max(heights)
    below = [0.0]
    last = exp(heights[0] - top)
    for height in heights[1:]:
        here = exp(height - top)
        below.append(below[-1] + (last + here) / 2.0)
        last = here
    found = []
    cell = 0
    for k in range(number):
        wanted = below[-1] * (k + 0.5) / number
        while below[cell + 1] < wanted:
            cell += 1
        share = (wanted - below[cell]) / (below[cell + 1] - below[cell])
        found.append(low + width * (cell + share))
    return tuple(found)


def significant(x: float, digits: int = 6) -> float:
    """Return `x` rounded to `digits` significant digits.

    >>> significant(0.0123456789)
    0.0123457
    """
    return float(f"{x:.{digits}g}")
