"""The rank test of waits, against exact chances and chances that are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom, mannwhitneyu

from cjo_stream.insight.friction.rank import chance_of, chances
from cjo_stream.insight.friction.rate import BASE_DAYS, DAY_HOURS, Numbers

HOURS = (BASE_DAYS + 2) * DAY_HOURS


def counted(lengths: Numbers, classes: int) -> Numbers:
    return np.bincount(lengths.astype(np.int64), minlength=classes).astype(np.float64)


def one_of(sample: Numbers, others: Numbers) -> float:
    return float(chance_of(sample[None], others[None])[0])


def usable() -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(HOURS, dtype=np.bool_)


@pytest.mark.parametrize("more", [0, 1, 2])
def test_many_ties_of_any_classes_give_the_chance_of_scipy(more: int) -> None:
    draw = np.random.default_rng(more)
    sample, others = draw.integers(more, 6, 300), draw.integers(0, 6, 300)
    wanted = mannwhitneyu(
        sample, others, alternative="greater", method="asymptotic", use_continuity=False
    ).pvalue
    found = one_of(counted(sample, 6), counted(others, 6))
    assert found == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(("long", "of"), [(6, 40), (12, 40), (9, 400), (20, 800)])
def test_of_two_classes_the_chance_is_no_smaller_than_that_of_the_count(
    long: int, of: int
) -> None:
    sample, others = np.array([of - long, long]), np.array([9_900.0, 100.0])
    found = one_of(sample, others)
    exact = hypergeom(of + 10_000, long + 100, of)
    above, at = exact.sf(long), exact.pmf(long)
    assert above / 2 <= found
    normal = mannwhitneyu(
        *(np.repeat([0, 1], one.astype(int)) for one in (sample, others)),
        alternative="greater", method="asymptotic",
    ).pvalue  # fmt: skip
    assert abs(np.log(found / (above + at / 2))) < abs(np.log(normal / (above + at / 2)))


def test_where_nothing_changed_small_chances_are_as_rare_as_they_say() -> None:
    draw = np.random.default_rng(3)
    weights = np.array([0.6, 0.25, 0.1, 0.04, 0.01])
    sample, others = (draw.multinomial(size, weights, 20_000) + 0.0 for size in (60, 900))
    found = chance_of(sample, others)
    for chance in (0.1, 0.01, 0.001):
        assert 0.5 * chance <= np.mean(found <= chance) <= 1.5 * chance


def test_all_in_one_class_say_nothing() -> None:
    assert one_of(np.array([0.0, 9.0]), np.array([0.0, 90.0])) == 1.0
    assert one_of(np.array([0.0, 9.0]), np.array([0.0, 0.0])) == 1.0


def days_of(short: float, long: float) -> Numbers:
    """Return waits at noon of each day, of two classes."""
    found = np.zeros((HOURS, 2))
    found[12::DAY_HOURS] = short, long
    return found


def test_a_window_is_held_against_the_days_before_it_once_there_are_seven() -> None:
    lengths = days_of(60.0, 20.0)
    lengths[-12] = 20.0, 60.0
    found = chances(lengths, 24, usable())
    assert np.flatnonzero(~np.isnan(found))[0] == 7 * DAY_HOURS + DAY_HOURS - 1
    assert found[-13] > 0.3
    late, base = np.array([240.0, 80.0]), np.array([60.0 * BASE_DAYS, 20.0 * BASE_DAYS])
    assert found[-1] == max(one_of(lengths[-12], one) for one in (late, base))
    assert found[-1] < 1e-6
    assert chances(lengths[:, ::-1], 24, usable())[-1] > 0.99


def test_hours_that_are_not_usable_are_in_no_baseline() -> None:
    lengths = days_of(60.0, 20.0)
    lengths[-12] = 20.0, 60.0
    spoilt, left_out = lengths.copy(), usable()
    spoilt[12 + 5 * DAY_HOURS] = 0.0, 500.0
    left_out[5 * DAY_HOURS : 6 * DAY_HOURS] = False
    assert chances(spoilt, 24, left_out)[-1] < 1e-6
    assert chances(spoilt, 24, usable())[-1] > 1e-3


def test_days_that_differ_lower_the_evidence() -> None:
    even, restless = days_of(60.0, 20.0), days_of(60.0, 20.0)
    restless[12 :: 2 * DAY_HOURS] = 75.0, 5.0
    restless[12 + DAY_HOURS :: 2 * DAY_HOURS] = 45.0, 35.0
    for one in (even, restless):
        one[-12] = 40.0, 40.0
    assert chances(even, 24, usable())[-1] < 1e-4 < chances(restless, 24, usable())[-1]


def test_waits_have_to_be_long_against_the_last_days_too() -> None:
    drifting = days_of(60.0, 20.0)
    drifting[-12 - 4 * DAY_HOURS :: DAY_HOURS] = 30.0, 50.0
    assert chances(drifting, 24, usable())[-1] > 0.3
