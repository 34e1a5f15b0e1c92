"""BG/NBD and Gamma-Gamma against their formulas, simulated customers and published numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import hyp2f1

from cjo_stream.errors import UsageError
from cjo_stream.insight.value import (
    Numbers,
    expected_purchases,
    expected_value,
    fit_purchases,
    fit_spend,
    probability_alive,
    purchase_scores,
    spend_scores,
)

PURCHASES = (0.6, 4.0, 0.8, 2.5)
SPEND = (6.0, 4.0, 15.0)
YEAR = 52.0


class People(NamedTuple):
    """Simulated customers, seen until now; what they do later is known too."""

    frequency: Numbers
    recency: Numbers
    age: Numbers
    monetary: Numbers
    alive: Numbers
    later: Numbers
    """Purchases in the year to come."""
    mean: Numbers
    """The true mean value of a customer's purchases."""


def simulate(number: int, seed: int, purchases: tuple[float, ...] = PURCHASES) -> People:
    """Return customers as the two models describe them, one purchase after the other."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b = purchases
    p, q, v = SPEND
    rate = np.maximum(rng.gamma(r, 1.0 / alpha, number), 1e-12)
    leaving = rng.beta(a, b, number)
    age = rng.integers(7, 364, number) / 7.0
    at, last, here = np.zeros(number), np.zeros(number), np.full(number, True)
    seen, later, alive = np.zeros(number), np.zeros(number), np.full(number, True)
    while here.any():
        at = at + rng.exponential(1.0 / rate)
        here &= at <= age + YEAR
        early = here & (at <= age)
        seen += early
        later += here & ~early
        last = np.where(early, at, last)
        gone = here & (rng.random(number) < leaving)
        alive &= ~(gone & early)
        here &= ~gone
    spread = rng.gamma(q, 1.0 / v, number)
    bought = rng.gamma(p * np.maximum(seen, 1.0), 1.0 / spread)
    monetary = np.where(seen > 0, bought / np.maximum(seen, 1.0), 0.0)
    return People(seen, last, age, monetary, alive.astype(float), later, p / spread)


@pytest.fixture(scope="module")
def people() -> People:
    return simulate(40_000, seed=15)


def array(*numbers: float) -> Numbers:
    return np.array(numbers)


def places(frequency: Numbers) -> tuple[Numbers, np.ndarray]:
    return np.unique(frequency, return_inverse=True)


# --- likelihoods


def beta(a: float, b: float) -> float:
    return math.gamma(a) * math.gamma(b) / math.gamma(a + b)


def plain_purchases(parameters: tuple[float, ...], x: int, recency: float, age: float) -> float:
    """Equation 6 of Fader, Hardie and Lee 2005, as it is printed."""
    r, alpha, a, b = parameters
    rate = math.gamma(r + x) * alpha**r / math.gamma(r)
    found = beta(a, b + x) / beta(a, b) * rate / (alpha + age) ** (r + x)
    if x:
        found += beta(a + 1, b + x - 1) / beta(a, b) * rate / (alpha + recency) ** (r + x)
    return found


def plain_spend(parameters: tuple[float, ...], x: int, mean: float) -> float:
    """Equation 1a of Fader and Hardie 2013, as it is printed."""
    p, q, v = parameters
    return (
        math.gamma(p * x + q)
        / (math.gamma(p * x) * math.gamma(q))
        * v**q
        * mean ** (p * x - 1)
        * x ** (p * x)
        / (v + x * mean) ** (p * x + q)
    )


CASES = [(0, 0.0, 30.0), (1, 2.0, 30.0), (1, 30.0, 30.0), (7, 25.5, 38.9), (20, 1.0, 60.0)]


@pytest.mark.parametrize("parameters", [(0.24, 4.4, 0.79, 2.4), (2.0, 9.0, 3.0, 0.1)])
def test_the_likelihood_of_purchases_is_the_formula(parameters: tuple[float, ...]) -> None:
    x, recency, age = np.array(CASES).T
    logs, _ = purchase_scores(np.array(parameters), x, recency, age, places(x))
    wanted = [plain_purchases(parameters, int(one), t, whole) for one, t, whole in CASES]
    assert np.exp(logs) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("parameters", [(6.2, 3.7, 15.4), (0.7, 0.9, 200.0)])
def test_the_likelihood_of_values_is_the_formula(parameters: tuple[float, ...]) -> None:
    cases = [(1, 0.5), (1, 35.0), (4, 12.25), (9, 120.0)]
    x, mean = np.array(cases).T
    logs, _ = spend_scores(np.array(parameters), x, mean)
    wanted = [plain_spend(parameters, int(one), m) for one, m in cases]
    assert np.exp(logs) == pytest.approx(wanted, rel=1e-10)


def test_slopes_are_those_of_the_likelihoods() -> None:
    x, recency, age = np.array(CASES).T
    of, mean = array(1.0, 4.0, 9.0), array(0.5, 12.25, 120.0)

    def check(score: Callable[[Numbers], tuple[Numbers, Numbers]], at: Numbers) -> None:
        _, slopes = score(at)
        for slope, step in zip(slopes, 1e-6 * np.eye(at.size), strict=True):
            rise = (score(at + step)[0] - score(at - step)[0]) / 2e-6
            assert slope == pytest.approx(rise, rel=1e-6, abs=1e-8)

    check(lambda at: purchase_scores(at, x, recency, age, places(x)), np.array(PURCHASES))
    check(lambda at: spend_scores(at, of, mean), np.array(SPEND))


# --- fits


def test_parameters_are_recovered_within_their_intervals(people: People) -> None:
    purchases = fit_purchases(people.frequency, people.recency, people.age)
    spend = fit_spend(people.frequency, people.monetary)
    assert not purchases.open + spend.open
    for fit, true in ((purchases, PURCHASES), (spend, SPEND)):
        for estimate, low, high, one in zip(fit.estimates, fit.lows, fit.highs, true, strict=True):
            assert low is not None
            assert high is not None
            assert low < one < high
            assert low < estimate < high < 1.5 * low


def test_no_neighbour_is_likelier_than_the_estimate(people: People) -> None:
    few = [column[:500] for column in people]
    fit = fit_purchases(*few[:3])

    def likelihood(parameters: Numbers) -> float:
        return float(purchase_scores(parameters, *few[:3], places(few[0]))[0].sum())

    best = np.array(fit.estimates)
    assert likelihood(best) == pytest.approx(fit.log_likelihood, abs=1e-6)
    for factor in (0.999, 1.001):
        for place in range(4):
            moved = best.copy()
            moved[place] *= factor
            assert likelihood(moved) < fit.log_likelihood


def test_the_units_of_time_and_money_change_nothing_else(people: People) -> None:
    few = [column[:2_000] for column in people]
    weeks, days = fit_purchases(*few[:3]), fit_purchases(few[0], 7 * few[1], 7 * few[2])
    assert days.estimates == pytest.approx(np.array(weeks.estimates) * [1, 7, 1, 1], rel=1e-4)
    euros, cents = fit_spend(few[0], few[3]), fit_spend(few[0], 100 * few[3])
    assert cents.estimates == pytest.approx(np.array(euros.estimates) * [1, 1, 100], rel=1e-4)
    repeat = few[0] > 0
    logs, _ = spend_scores(np.array(euros.estimates), few[0][repeat], few[3][repeat])
    assert logs.sum() == pytest.approx(euros.log_likelihood, abs=1e-6)


def test_means_of_nothing_and_below_take_no_part_in_the_fit_of_values(people: People) -> None:
    frequency, monetary = people.frequency[:2_000], people.monetary[:2_000]
    fit = fit_spend(frequency, monetary)
    more = fit_spend(np.append(frequency, [3.0, 2.0, 0.0]), np.append(monetary, [0.0, -5.0, 0.0]))
    assert more == fit
    assert fit.customers == ((frequency > 0) & (monetary > 0)).sum()


def test_parameters_that_nothing_determines_are_named_and_have_no_interval() -> None:
    rng = np.random.default_rng(1)
    age = np.full(3_000, 50.0)
    frequency = rng.poisson(5.0, age.size).astype(float)  # all alike, and nobody leaves
    recency = np.where(frequency > 0, 50.0 - rng.exponential(5.0, age.size).clip(0, 49), 0.0)
    fit = fit_purchases(frequency, recency, age)
    assert {"a", "b"} <= set(fit.open)
    assert fit.lows[2] is fit.highs[2] is None
    expected = expected_purchases(fit.estimates, frequency, recency, age, 50.0)
    assert np.isfinite(expected).all()
    assert expected.mean() == pytest.approx(5.0, rel=0.15)
    assert "p" in fit_spend(frequency, np.full(age.size, 20.0)).open


def test_without_anyone_who_returned_there_is_nothing_to_fit() -> None:
    none, age = array(0.0, 0.0), array(5.0, 9.0)
    with pytest.raises(UsageError, match="no customer bought again on another day"):
        fit_purchases(none, none, age)
    with pytest.raises(UsageError, match="fewer than two customers bought again"):
        fit_spend(array(1.0, 2.0, 0.0), array(9.0, 0.0, 0.0))


# --- what is expected


def closed_form(
    parameters: tuple[float, ...], x: Numbers, recency: Numbers, age: Numbers, weeks: float
) -> Numbers:
    """Equation 10 of Fader, Hardie and Lee 2005, as it is printed."""
    r, alpha, a, b = parameters
    ratio = ((alpha + age) / (alpha + age + weeks)) ** (r + x)
    series = hyp2f1(r + x, b + x, a + b + x - 1, weeks / (alpha + age + weeks))
    gone = np.where(
        x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + recency)) ** (r + x), 0.0
    )
    found: Numbers = (a + b + x - 1) / (a - 1) * (1 - ratio * series) / (1 + gone)
    return found


@pytest.mark.parametrize("a", [0.05, 0.79, 1.5, 8.0])
@pytest.mark.parametrize("b", [0.4, 2.4, 30.0])
def test_expected_purchases_are_the_closed_form(a: float, b: float) -> None:
    x, recency, age = np.array([*CASES, (3, 0.5, 1.0)]).T
    for weeks in (1.0, 39.0, 200.0):
        parameters = (0.6, 4.0, a, b)
        found = expected_purchases(parameters, x, recency, age, weeks)
        wanted = closed_form(parameters, x, recency, age, weeks)
        assert found == pytest.approx(wanted, rel=1e-6)


def test_expected_purchases_pass_smoothly_where_the_closed_form_is_nothing_by_nothing() -> None:
    x, recency, age = np.array(CASES).T
    at, *beside = (
        expected_purchases((0.6, 4.0, a, 2.5), x, recency, age, 39.0) for a in (1.0, 0.999, 1.001)
    )
    assert at == pytest.approx(sum(beside) / 2, rel=1e-5)


def test_a_published_customer_is_expected_to_buy_as_published() -> None:
    """Fader and Hardie, Implementing the BG/NBD Model for Customer Base Analysis in Excel."""
    of = array(2.0), array(30.43), array(38.86)
    found = expected_purchases((0.243, 4.414, 0.793, 2.426), *of, 39.0)
    assert found[0] == pytest.approx(1.226, abs=5e-4)


def test_simulated_customers_do_what_was_expected_of_them(people: People) -> None:
    of = people.frequency, people.recency, people.age
    alive = probability_alive(PURCHASES, *of)
    expected = expected_purchases(PURCHASES, *of, YEAR)
    value = expected_value(SPEND, people.frequency, people.monetary)
    for low, high in ((0, 0), (1, 1), (2, 3), (4, 9), (10, 999)):
        some = (people.frequency >= low) & (people.frequency <= high)
        for true, found in ((people.alive, alive), (people.later, expected), (people.mean, value)):
            off = (true - found)[some]
            assert some.sum() > 500
            assert abs(off.mean()) <= 4.0 * off.std() / math.sqrt(off.size), (low, high)
    assert (alive[people.frequency == 0] == 1.0).all()


def test_a_value_lies_between_a_customers_own_and_that_of_all() -> None:
    everybody = 6.0 * 15.0 / 3.0
    none, one, many = expected_value(SPEND, array(0.0, 1.0, 1e6), array(0.0, 90.0, 90.0))
    assert none == pytest.approx(everybody)
    assert everybody < one < many
    assert many == pytest.approx(90.0, rel=1e-5)
    heavy = expected_value((6.0, 0.9, 15.0), array(0.0, 1.0), array(0.0, 90.0))
    assert np.isnan(heavy[0])
    assert heavy[1] > 90.0


def test_large_parameters_give_numbers() -> None:
    x, recency, age = np.array(CASES).T
    for parameters in ((1e5, 3e6, 0.01, 1e3), (0.5, 4.0, 1e-5, 1e5), (0.5, 4.0, 1e5, 1e5)):
        found = expected_purchases(parameters, x, recency, age, 39.0)
        assert np.isfinite(found).all()
        assert (found >= 0.0).all()
