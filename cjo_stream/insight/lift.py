"""Held out and treated customers compared.

The difference of two rates has Newcombe's interval (1998, Statistics in Medicine 17, method 10),
built from two Wilson intervals; it is also valid for small groups and rare goals. The difference
of two means has Welch's interval, in its normal form. *Detectable* is the smallest true difference
that groups of this size show with probability POWER.

Groups whose sizes the share held out does not explain are not comparable, whatever their rates:
something has lost customers of one of them (sample ratio mismatch; Fabijan et al. 2019, KDD).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import msgspec

from cjo_stream.insight.estimate import LEVEL, Estimate

POWER: Final = 0.8
SIZES_MIN: Final = 0.001
"""Below this chance of their sizes, groups are not comparable."""
_ROUNDS: Final = 20


class Group(msgspec.Struct):
    """Customers of one group: how many, how many reached the goal, and their values summed."""

    customers: int = 0
    goals: int = 0
    value: float = 0.0
    squares: float = 0.0

    def add(self, *, goal: bool, value: float = 0.0) -> None:
        """Count one customer."""
        self.customers += 1
        self.goals += goal
        self.value += value
        self.squares += value * value

    @property
    def rate(self) -> float:
        """Share of customers who reached the goal, 0..1."""
        return self.goals / self.customers if self.customers else 0.0

    @property
    def mean(self) -> float:
        """Value a customer."""
        return self.value / self.customers if self.customers else 0.0


class Mixed(msgspec.Struct):
    """Customers of both groups, who are left out: how many were in which group first."""

    treated: int = 0
    held_out: int = 0

    @property
    def customers(self) -> int:
        """How many they are."""
        return self.treated + self.held_out

    @property
    def told(self) -> str:
        """A clause that says who is left out, and why."""
        are = "1 customer is" if self.customers == 1 else f"{self.customers:,} customers are"
        return (
            f"{are} left out: they were in both groups, by a merge "
            f"({self.treated:,} treated first, {self.held_out:,} held out first)"
        )


class Difference(msgspec.Struct, frozen=True):
    """Treated minus held out, with its interval and the smallest detectable difference."""

    treated: float
    held_out: float
    lift: Estimate
    detectable: float

    @property
    def is_seen(self) -> bool:
        """Whether the interval excludes 0."""
        return self.lift.low > 0.0 or self.lift.high < 0.0


def compare_rates(treated: Group, held_out: Group, level: float = LEVEL) -> Difference | None:
    """Return the difference of the goal rates; None if a group is empty."""
    if not (treated.customers and held_out.customers):
        return None
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    t_low, t_high = _wilson(treated, z)
    h_low, h_high = _wilson(held_out, z)
    lift = treated.rate - held_out.rate
    estimate = Estimate(
        lift,
        lift - math.hypot(treated.rate - t_low, h_high - held_out.rate),
        lift + math.hypot(t_high - treated.rate, held_out.rate - h_low),
    )
    return Difference(
        treated.rate, held_out.rate, estimate, _detectable_rate(treated, held_out, z)
    )


def compare_values(treated: Group, held_out: Group, level: float = LEVEL) -> Difference | None:
    """Return the difference of the mean values; None if a group has fewer than two customers."""
    if treated.customers < 2 or held_out.customers < 2:
        return None
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    error = math.sqrt(_variance_of_mean(treated) + _variance_of_mean(held_out))
    lift = treated.mean - held_out.mean
    estimate = Estimate(lift, lift - z * error, lift + z * error)
    detectable = (z + NormalDist().inv_cdf(POWER)) * error
    return Difference(treated.mean, held_out.mean, estimate, detectable)


def gained(difference: Difference, treated: Group) -> Estimate:
    """Return what all treated customers had more than if they had been held out."""
    lift, number = difference.lift, treated.customers
    return Estimate(lift.value * number, lift.low * number, lift.high * number)


def chance_of_sizes(treated: Group, held_out: Group, share: float) -> float:
    """Return the chance of sizes as far from `share` held out as these, or farther.

    It is the test of one proportion, in its normal form; `share` lies between 0 and 1.
    """
    number = treated.customers + held_out.customers
    off = abs(held_out.customers - number * share)
    scale = math.sqrt(number * share * (1.0 - share))
    return math.erfc(off / scale / math.sqrt(2.0)) if scale else 1.0


def _detectable_rate(treated: Group, held_out: Group, z: float) -> float:
    """Return the rise over the held-out rate that is seen with probability POWER (fixed point)."""
    share = treated.customers / (treated.customers + held_out.customers)
    base = (held_out.goals + 0.5) / (held_out.customers + 1.0)
    rise = 0.0
    for _ in range(_ROUNDS):
        raised = min(1.0, base + rise)
        pooled = share * raised + (1.0 - share) * base
        none = pooled * (1.0 - pooled) * (1.0 / treated.customers + 1.0 / held_out.customers)
        some = raised * (1.0 - raised) / treated.customers
        some += base * (1.0 - base) / held_out.customers
        rise = z * math.sqrt(none) + NormalDist().inv_cdf(POWER) * math.sqrt(some)
    return min(rise, 1.0 - base)


def _wilson(group: Group, z: float) -> tuple[float, float]:
    number, rate = group.customers, group.rate
    middle = rate + z * z / (2.0 * number)
    half = z * math.sqrt(rate * (1.0 - rate) / number + (z / (2.0 * number)) ** 2)
    scale = 1.0 + z * z / number
    return (middle - half) / scale, (middle + half) / scale


def _variance_of_mean(group: Group) -> float:
    number = group.customers
    variance = max(0.0, group.squares - number * group.mean**2) / (number - 1)
    return variance / number
