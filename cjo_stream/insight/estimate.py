"""Estimates what a candidate policy would have earned, from the choices of the logged policy.

With w the candidate policy's probability of a logged choice, divided by the logged policy's:

    IPW      mean(w r)                     unbiased; Horvitz and Thompson 1952
    SNIPW    sum(w r) / sum(w)             a little biased, steadier; Swaminathan and Joachims 2015
    DR       mean(e + w (r - q))           unbiased where w or q is right; Dudik et al. 2011

where r is the reward, q the reward that a model expects for the logged choice, and e the one it
expects under the candidate policy. Intervals are normal, for SNIPW by the delta method. They are
meaningless if few choices have most of the weight: the *effective sample size*, sum(w)^2 /
sum(w^2), is the number of equally weighted choices with the same information, and below
EFFECTIVE_MIN there are no estimates.
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
    """One logged choice. Rewards are in the unit of the log."""

    reward: float
    logged: float
    """The probability with which the logged policy made this choice, above 0."""
    wanted: float
    """The probability with which the candidate policy makes it."""
    expected: float = 0.0
    """The reward that a model expects under the candidate policy."""
    believed: float = 0.0
    """The reward that the same model expects for the logged choice."""


class Estimate(msgspec.Struct, frozen=True):
    """A mean reward a choice, with its interval."""

    value: float
    low: float
    high: float


class Evaluation(msgspec.Struct, frozen=True):
    """The rewards of the logged policy, and the estimates for the candidate policy."""

    cases: int
    effective: float
    """The effective sample size."""
    clipped: int
    """The number of choices whose weight was clipped."""
    logged: Estimate
    ipw: Estimate | None
    snipw: Estimate | None
    dr: Estimate | None

    @property
    def is_enough(self) -> bool:
        """Whether the effective sample size suffices for estimates."""
        return self.ipw is not None


def evaluate(
    cases: Iterable[Case],
    *,
    clip: float = math.inf,
    effective_min: float = EFFECTIVE_MIN,
    level: float = LEVEL,
) -> Evaluation:
    """Return the estimates; weights above `clip` are set to it (some bias, less variance)."""
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
