"""Rates against their baselines, by numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from cjo_stream.insight.friction import rate
from cjo_stream.insight.friction.rate import DAY_HOURS, Numbers


def looks(count: Numbers, of: Numbers, window: int) -> rate.Looks:
    usable = np.ones(len(count), dtype=np.bool_)
    return rate.look(count, window, usable, rate.days_before(rate.rolled(of, window)))


def test_a_rolled_sum_is_that_of_the_last_hours() -> None:
    assert rate.rolled(np.arange(6.0), 3).tolist() == [0, 0, 3, 6, 9, 12]
    assert rate.rolled(np.arange(2.0), 3).tolist() == [0, 0]


def test_a_rise_is_judged_by_the_binomial_of_both_counts() -> None:
    hours = 15 * DAY_HOURS
    of = np.full(hours, 10.0)
    count = np.tile(np.eye(DAY_HOURS)[12] * 4.0, 15)
    count[-1] = 30.0
    found = looks(count, of, 24)
    assert (found.counted[-1], found.base_count[-1], found.days[-1]) == (34.0, 56.0, 14.0)
    chance = rate.chances(found, rises=True, least=8.0, factor=2.2)[-1]
    assert chance == pytest.approx(binom.sf(33, 90, 240 / (240 + 14 * 240)))
    assert rate.chances(found, rises=True, least=31.0, factor=2.2)[-1] == 1.0
    assert rate.chances(found, rises=False, least=8.0, factor=1.4)[-1] == 1.0


def test_a_fall_is_judged_likewise() -> None:
    hours = 15 * DAY_HOURS
    count, of = np.full(hours, 2.0), np.full(hours, 10.0)
    count[-24:] = 0.5
    found = looks(count, of, 24)
    chance = rate.chances(found, rises=False, least=8.0, factor=1.4)[-1]
    assert chance == pytest.approx(binom.cdf(12, 12 + 14 * 48, 240 / (240 + 14 * 240)))


def test_there_is_no_look_without_seven_days() -> None:
    flat = np.full(12 * DAY_HOURS, 3.0)
    found = rate.chances(looks(flat, flat, 24), rises=True, least=8.0, factor=2.2)
    assert np.flatnonzero(~np.isnan(found))[0] == 8 * DAY_HOURS - 1


def test_days_that_differ_lower_the_evidence() -> None:
    of = np.full(15 * DAY_HOURS, 10.0)
    even, restless = np.full(len(of), 4.0), np.full(len(of), 4.0)
    for day in range(14):
        restless[day * DAY_HOURS : (day + 1) * DAY_HOURS] += 3.0 if day % 2 else -3.0
    for one in (even, restless):
        one[-24:] = 12.0
    first, second = (
        rate.chances(looks(one, of, 24), rises=True, least=8.0, factor=2.2)[-1]
        for one in (even, restless)
    )
    assert first < 1e-20 < 1e-3 * second


def test_a_rate_that_drifts_is_compared_with_its_last_days() -> None:
    hours = 15 * DAY_HOURS
    of = np.full(hours, 100.0)
    count = np.repeat(np.arange(15.0) * 4, DAY_HOURS)
    found = looks(count, of, 24)
    assert rate.rate_before(found, rises=True)[-1] == pytest.approx((13 + 12 + 11 + 10) / 100)
    assert rate.chances(found, rises=True, least=8.0, factor=1.1)[-1] > 1e-6


def test_benjamini_and_hochberg_reject_as_their_example_does() -> None:
    """The 15 p-values of Benjamini and Hochberg 1995, section 3.2, of which four are rejected."""
    chances = (
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.0000,
    )  # fmt: skip
    found = [(chance, number) for number, chance in enumerate(chances)]
    assert rate.rejected(found[::-1], 15, 0.05) == [0, 1, 2, 3]
    assert rate.rejected([(0.5, 1)], 15, 0.05) == []


def test_a_change_begins_where_its_evidence_is_greatest_and_ends_when_it_is_over() -> None:
    expected = np.full(100, 5.0)
    count = expected.copy()
    count[40:60] = 20.0
    assert rate.began(count, expected, 45, 6) == 40
    assert rate.ended(count, expected, 40, 45, 6) == pytest.approx(63, abs=2)
    count[40:] = 0.0
    assert rate.began(count, expected, 45, 6) == 40
    assert rate.ended(count, expected, 40, 45, 6) == 100


@pytest.mark.parametrize("hours", [5, 24 * 4, 24 * 14, 24 * 14 + 1, 24 * 30 + 7])
@pytest.mark.parametrize("window", rate.WINDOWS)
def test_a_look_at_a_share_is_the_look_with_the_exposure_of_each_day(
    hours: int, window: int
) -> None:
    draw = np.random.default_rng(hours)
    count, of = (draw.integers(0, 9, hours).astype(np.float64) for _ in range(2))
    of[draw.random(hours) < 0.5] = 0.0
    usable = draw.random(hours) < 0.99
    whole = rate.look(count, window, usable, rate.days_before(rate.rolled(of, window)))
    share = rate.look_at_share(count, of, window, usable)
    assert all((one == other).all() for one, other in zip(whole, share, strict=True))
