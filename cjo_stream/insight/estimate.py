"""What another policy would have earned, estimated from the choices of the one that was logged.

With w the candidate's probability of a logged choice over that with which it was logged:

    IPW      mean(w r)                     unbiased; Horvitz and Thompson 1952
    SNIPW    sum(w r) / sum(w)             a little biased, steadier; Swaminathan and Joachims 2015
    DR       mean(e + w (r - q))           unbiased where w or q is right; Dudik et al. 2011

where q is what a model expects of the logged choice and e what it expects of the candidate's.
Intervals are the normal ones, of SNIPW by the delta method. Where few choices carry all the weight
they mean nothing: the *effective sample size*, sum(w)^2 / sum(w^2), says of how many equally
weighted choices this is worth, and below EFFECTIVE_MIN there are no estimates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist
from typing import Final

import msgspec

EFFECTIVE_MIN: Final = 100.0
LEVEL: Final = 0.95


class Case(msgspec.Struct, frozen=True):
    """One logged choice. Rewards in the unit of the log."""

    reward: float
    logged: float
    """The probability with which the logged policy made this choice, above 0."""
    wanted: float
    """With which the candidate makes it."""
    expected: float = 0.0
    """What a model expects of the candidate here."""
    believed: float = 0.0
    """What the same model expects of the logged choice."""


class Estimate(msgspec.Struct, frozen=True):
    """A value a choice, with its interval."""

    value: float
    low: float
    high: float


class Evaluation(msgspec.Struct, frozen=True):
    """What the logged policy earned, and what the candidate would have."""

    cases: int
    effective: float
    """The effective sample size."""
    clipped: int
    """Choices whose weight was cut down to the bound."""
    logged: Estimate
    ipw: Estimate | None
    snipw: Estimate | None
    dr: Estimate | None

    @property
    def is_enough(self) -> bool:
        """Whether there are estimates."""
        return self.ipw is not None


def evaluate(
    cases: Iterable[Case],
    *,
    clip: float = math.inf,
    effective_min: float = EFFECTIVE_MIN,
    level: float = LEVEL,
) -> Evaluation:
    """Return the estimates; weights above `clip` are cut down to it (some bias, less variance)."""
    rows = [(min(c.wanted / c.logged, clip), c) for c in cases]
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    total = math.fsum(w for w, _ in rows)
    squares = math.fsum(w * w for w, _ in rows)
    effective = total * total / squares if squares else 0.0
    is_enough = bool(rows) and effective >= effective_min
    return Evaluation(
        cases=len(rows),
        effective=effective,
        clipped=sum(c.wanted / c.logged > clip for _, c in rows),
        logged=_mean([c.reward for _, c in rows], z),
        ipw=_mean([w * c.reward for w, c in rows], z) if is_enough else None,
        snipw=_ratio(rows, total, z) if is_enough else None,
        dr=_mean([c.expected + w * (c.reward - c.believed) for w, c in rows], z)
        if is_enough
        else None,
    )


def _mean(values: list[float], z: float) -> Estimate:
    number = len(values)
    if not number:
        return Estimate(0.0, 0.0, 0.0)
    mean = math.fsum(values) / number
    spread = math.fsum((value - mean) ** 2 for value in values) / max(1, number - 1)
    half = z * math.sqrt(spread / number)
    return Estimate(mean, mean - half, mean + half)


def _ratio(rows: list[tuple[float, Case]], total: float, z: float) -> Estimate:
    value = math.fsum(w * c.reward for w, c in rows) / total
    half = z * math.sqrt(math.fsum((w * (c.reward - value)) ** 2 for w, c in rows)) / total
    return Estimate(value, value - half, value + half)
