"""The guards' test: how often it stops a canary that is like the version beside it, or worse.

`make canary` plays a thousand pairs of each kind, 20,000 customers each.
"""

from __future__ import annotations

import os
import random

import pytest

from cjo_stream.core.canary.interval import VALUES_MIN, Interval, Sample, difference
from cjo_stream.core.canary.verdict import ALPHA, compare

IS_LONG = "CJO_LONG" in os.environ
PAIRS = 1_000 if IS_LONG else 40
EQUAL = 20_000 if IS_LONG else 3_000
WORSE = 20_000


def sample(number: int, positive: int) -> Sample:
    return Sample(number, positive, positive)


def stopped_after(
    seed: int,
    customers: int,
    rates: tuple[float, float],
    share: float = 0.5,
    worse_than: float = 0.0,
    is_lower_worse: bool = True,
) -> int | None:
    """Return how many customers had come when a pair was stopped, looked at after each."""
    draw = random.Random(seed)
    inside, outside = Sample(), Sample()
    for come in range(1, customers + 1):
        is_inside = draw.random() < share
        value = float(draw.random() < rates[0 if is_inside else 1])
        (inside if is_inside else outside).add(1, value, value)
        found = compare(
            inside, outside, guards=1, worse_than=worse_than, is_lower_worse=is_lower_worse
        )
        if found.is_worse:
            return come
    return None


@pytest.mark.parametrize(
    ("rate", "share", "is_lower_worse"),
    [(0.2, 0.5, True), (0.2, 0.05, True), (0.02, 0.05, False), (0.02, 0.5, False)],
)
def test_equal_pairs_are_seldom_stopped(rate: float, share: float, is_lower_worse: bool) -> None:
    stops = [
        stopped_after(seed, EQUAL, (rate, rate), share, is_lower_worse=is_lower_worse)
        for seed in range(PAIRS)
    ]
    assert sum(stop is not None for stop in stops) <= ALPHA * PAIRS


def test_a_worse_canary_is_stopped_before_half_of_the_customers_came() -> None:
    pairs = PAIRS if IS_LONG else 15
    stops = [stopped_after(seed, WORSE, (0.16, 0.2), worse_than=0.1) for seed in range(pairs)]
    in_time = sum(stop is not None and stop < WORSE / 2 for stop in stops)
    assert in_time >= 0.8 * pairs


def test_a_canary_that_is_worse_by_less_than_the_guard_bears_goes_on() -> None:
    inside, outside = sample(100_000, 19_000), sample(100_000, 20_000)
    found = compare(inside, outside, guards=1, worse_than=0.1, is_lower_worse=True)
    assert found.interval is not None
    assert found.interval.high < 0
    assert not found.is_worse
    assert compare(inside, outside, guards=1, worse_than=0.04, is_lower_worse=True).is_worse


def test_the_other_direction_is_no_harm() -> None:
    inside, outside = sample(10_000, 3_000), sample(10_000, 2_000)
    assert not compare(inside, outside, guards=1, worse_than=0.1, is_lower_worse=True).is_worse
    assert compare(inside, outside, guards=1, worse_than=0.1, is_lower_worse=False).is_worse
    nothing = sample(10_000, 0)
    assert compare(outside, nothing, guards=1, worse_than=0.1, is_lower_worse=False).is_worse


def test_the_interval_narrows_and_more_guards_widen_it() -> None:
    few = difference(sample(1_000, 200), sample(1_000, 200), ALPHA)
    many = difference(sample(10_000, 2_000), sample(10_000, 2_000), ALPHA)
    shared = difference(sample(10_000, 2_000), sample(10_000, 2_000), ALPHA / 4)
    assert few is not None
    assert many is not None
    assert shared is not None
    assert few.high > shared.high > many.high > 0.0 > many.low
    assert few.estimate == many.estimate == 0.0
    # The standard error is 0.0056569, and the interval reaches 3.1531 of them.
    assert many.high == pytest.approx(0.0056569 * 3.1531, rel=1e-4)
    assert many.high == -many.low


def test_there_is_no_interval_of_few_values() -> None:
    enough = sample(VALUES_MIN, 0)
    assert difference(sample(VALUES_MIN - 1, 0), enough, ALPHA) is None
    assert difference(enough, enough, ALPHA) == Interval(0.0, 0.0, 0.0)
    assert not compare(Sample(), Sample(), guards=1, worse_than=0, is_lower_worse=True).is_worse


def test_a_small_group_that_saw_nothing_has_the_variance_of_both() -> None:
    found = difference(sample(100, 0), sample(1_900, 190), ALPHA)
    assert found is not None
    assert found.estimate == -0.1
    assert found.high > 0


def test_values_may_be_any_numbers_and_change_later() -> None:
    assert Sample().mean is None
    group = Sample()
    group.add(1, 3.0, 9.0)
    group.add(1, -1.0, 1.0)
    group.add(0, 4.0, 40.0)  # 3 became 7
    assert (group.number, group.mean, group.squares) == (2, 3.0, 50.0)
