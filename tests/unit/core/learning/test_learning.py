"""docs/learning.md, propensity and Thompson: features, posteriors, weights, draws."""

from __future__ import annotations

import bisect
import math
import random
from statistics import NormalDist

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjo_stream.core.expression import MISSING
from cjo_stream.core.learning import number, thompson, weight
from cjo_stream.core.learning.feature import BIAS, DIMENSION, FEATURES_MAX, features
from cjo_stream.core.learning.posterior import (
    POSITIVES_MIN,
    Model,
    Posterior,
    learn,
    learn_outcome,
    prediction_name,
    treatment_name,
)
from cjo_stream.core.learning.weight import NOTHING_KNOWN, PART_BYTES_MAX, publish, read
from cjo_stream.core.record import Prediction
from tests.world.predicted import predict

# --- numbers


@given(st.floats(-700, 700))
def test_exp_is_the_librarys_to_its_last_digits(x: float) -> None:
    assert number.exp(x) == pytest.approx(math.exp(x), rel=1e-15)


@given(st.floats(1e-300, 1e300))
def test_log_is_the_librarys_to_its_last_digits(x: float) -> None:
    assert number.log(x) == pytest.approx(math.log(x), rel=1e-14, abs=1e-15)


def test_functions_have_the_same_bits_as_when_this_was_written() -> None:
    assert number.exp(-3.7).hex() == "0x1.9511fc6871044p-6"
    assert number.log(0.02).hex() == "-0x1.f4bd2b7ac1bafp+1"
    assert number.sigmoid(1.25).hex() == "0x1.8dfa3f55dc7cap-1"


def test_quantiles_are_the_normal_ones() -> None:
    found = number.quantiles(lambda t: -t * t / 2, -9, 9, 64)
    wanted = [NormalDist().inv_cdf((k + 0.5) / 64) for k in range(64)]
    assert found == pytest.approx(wanted, abs=1e-3)


# --- features


def test_the_same_values_are_the_same_features_and_others_are_others() -> None:
    one = features([("profile.tier", "gold"), ("event.channel", "web")])
    assert one == features([("profile.tier", "gold"), ("event.channel", "web")])
    assert one[0] == BIAS
    assert len(one) == 3
    assert features([("profile.tier", "silver")]) != features([("profile.tier", "gold")])
    assert features([("a", "b")]) != features([("b", "b")])


def test_a_type_is_part_of_a_feature() -> None:
    told = [features([("x", v)]) for v in ("1", 1, True, [], MISSING, "true")]
    assert len({tuple(one) for one in told}) == len(told)
    assert features([("x", 1)]) == features([("x", 1.0)])


def test_near_numbers_share_a_bin_and_far_ones_do_not() -> None:
    assert features([("age", 33)]) == features([("age", 34)])
    assert features([("age", 33)]) != features([("age", 66)])
    assert features([("age", 33)]) != features([("age", -33)])
    assert features([("age", 0)]) != features([("age", 0.001)])


def test_a_list_is_its_elements() -> None:
    both = features([("profile.products", ["dsl", "tv"])])
    assert both == [BIAS, features([("profile.products", "dsl")])[1], both[2]]


@given(
    st.lists(st.tuples(st.text(max_size=9), st.text() | st.integers() | st.floats()), max_size=99)
)
def test_features_are_bounded_whatever_comes(named: list[tuple[str, object]]) -> None:
    found = features(named)
    assert len(found) == len(set(found)) <= FEATURES_MAX
    assert all(0 <= feature < DIMENSION for feature in found)


# --- posteriors

REWARDS = [([BIAS, 1 + n % 7, 10 + n % 3], n % 7 == 0 or n % 11 == 0) for n in range(500)]


def taught(rewards: list[tuple[list[int], bool]], treatment: str = "a/mail") -> Model:
    model = Model()
    for present, positive in rewards:
        learn(model, treatment, present, positive=positive)
    return model


def test_the_same_rewards_give_the_same_bytes() -> None:
    encode = msgspec.msgpack.encode
    assert encode(taught(REWARDS)) == encode(taught(REWARDS))
    assert publish(taught(REWARDS)) == publish(taught(REWARDS))


def test_a_model_goes_on_from_its_bytes() -> None:
    half = msgspec.msgpack.encode(taught(REWARDS[:250]))
    model = msgspec.msgpack.decode(half, type=Model)
    for present, positive in REWARDS[250:]:
        learn(model, "a/mail", present, positive=positive)
    assert msgspec.msgpack.encode(model) == msgspec.msgpack.encode(taught(REWARDS))


def test_each_reward_ends_where_the_algorithm_asks_for_its_minimum() -> None:
    """At the new means, the slope of the penalised loss is 0 in each weight."""
    model = taught(REWARDS[:50])
    before = dict(model.treatments["a/mail"].weights)
    present = [BIAS, 2, 11]
    learn(model, "a/mail", present, positive=True)
    after = model.treatments["a/mail"]
    p = predict(after, present)
    for feature in present:
        mean, precision = before[feature]
        slope = precision * (after.weights[feature][0] - mean) - (1 - p)
        assert slope == pytest.approx(0, abs=1e-9)
        assert after.weights[feature][1] == pytest.approx(precision + p * (1 - p))


def test_a_response_is_learnt() -> None:
    chance = random.Random(7)
    rates = {1: 0.3, 2: 0.05}
    model = Model()
    for _ in range(4_000):
        kind = chance.choice((1, 2))
        learn(model, "a/mail", [BIAS, kind], positive=chance.random() < rates[kind])
    for kind, rate in rates.items():
        assert predict(model.treatments["a/mail"], [BIAS, kind]) == pytest.approx(rate, rel=0.2)


@pytest.mark.parametrize("positive", [True, False])
def test_one_sided_rewards_stay_finite(*, positive: bool) -> None:
    model = taught([([BIAS, 5], positive)] * 3_000)
    p = predict(model.treatments["a/mail"], [BIAS, 5])
    assert (p > 0.99) if positive else (p < 0.01)
    assert all(math.isfinite(x) for w in model.treatments["a/mail"].weights.values() for x in w)


def test_a_treatment_is_an_action_on_a_channel() -> None:
    model = taught(REWARDS[:3], treatment_name("a", "mail"))
    learn(model, treatment_name("a", "push"), [BIAS], positive=True)
    assert sorted(model.treatments) == ["a/mail", "a/push"]
    assert model.rewards == 4


# --- weights in force


def test_before_20_acceptances_the_prior_counts_as_one_acceptance() -> None:
    assert NOTHING_KNOWN.propensity(0.02, [BIAS, 5]) == 0.02
    few = read(1, publish(taught([([BIAS], n < 3) for n in range(100)]))).weights("a/mail")
    assert not few.is_warm
    assert few.propensity(0.02, [BIAS]) == pytest.approx((1 + 3) / (50 + 100), rel=1e-5)
    for prior in (0.0, 1.0):
        assert 0.0 < NOTHING_KNOWN.propensity(prior, [BIAS]) < 1.0


def test_from_20_acceptances_on_the_features_count() -> None:
    model = taught(REWARDS)
    assert model.treatments["a/mail"].positives >= POSITIVES_MIN
    weights = read(1, publish(model)).weights("a/mail")
    for present in ([BIAS, 1, 10], [BIAS, 2, 11], [BIAS, 999]):
        wanted = predict(model.treatments["a/mail"], present)
        assert weights.propensity(0.5, present) == pytest.approx(wanted, rel=2e-3)


def test_a_treatment_without_rewards_has_its_prior() -> None:
    in_force = read(7, publish(taught(REWARDS)))
    assert in_force.number == 7
    assert in_force.weights("never/seen") is NOTHING_KNOWN


def test_a_large_model_is_published_in_parts_that_fit() -> None:
    spread = dict.fromkeys(range(DIMENSION), (-1.5, 3.0))
    model = Model(0, {f"a{n:02}/mail": Posterior(20, 80, spread) for n in range(20)})
    parts = publish(model)
    assert len(parts) > 1
    assert all(len(part) <= PART_BYTES_MAX for part in parts)
    assert sorted(read(1, parts).treatments) == sorted(model.treatments)
    assert publish(Model()) == []


def test_a_part_of_a_model_is_filled_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a/mail", "b/mail", "c/mail"]
    model = Model(0, {name: Posterior(20, 80, {7: (-1.5, 3.0)}) for name in names})
    (alone,) = publish(Model(0, {names[0]: model.treatments[names[0]]}))
    for room, parts in ((len(alone) - 1) * 2, [2, 1]), ((len(alone) - 1) * 2 - 1, [1, 1, 1]):
        monkeypatch.setattr(weight, "PART_BYTES_MAX", room)
        assert [len(read(1, [part]).treatments) for part in publish(model)] == parts


# --- draws


@pytest.mark.parametrize(("a", "b"), [(1, 49), (5, 300), (1, 1), (30, 10), (900, 1), (1, 5_000)])
def test_a_cold_posterior_is_the_beta_distribution(a: int, b: int) -> None:
    chance = random.Random(1)
    drawn = sorted(chance.betavariate(a, b) for _ in range(40_000))
    table = thompson._beta(float(a), float(b))
    for k, x in enumerate(table):
        share = bisect.bisect(drawn, x) / len(drawn)
        assert share == pytest.approx((k + 0.5) / len(table), abs=0.012)
    assert sum(table) / len(table) == pytest.approx(a / (a + b), rel=0.01)


def test_a_warm_posterior_is_the_weights_sum() -> None:
    weights = read(1, publish(taught(REWARDS))).weights("a/mail")
    mean, variance = weights.logit([BIAS, 1])
    table = thompson.posterior_table(weights, 0.5, [BIAS, 1])
    for k in (10, 128, 250):
        z = NormalDist().inv_cdf((k + 0.5) / 256)
        wanted = 1 / (1 + math.exp(-(mean + z * math.sqrt(variance))))
        assert table[k] == pytest.approx(wanted, rel=1e-3)


def test_the_decision_id_alone_decides_a_draw() -> None:
    candidates = [(thompson._beta(1.0, 9.0), 1.0), (thompson._beta(1.0, 4.0), 1.0)]
    drawn = [thompson.choose(f"c-d{n}", candidates) for n in range(200)]
    assert drawn == [thompson.choose(f"c-d{n}", candidates) for n in range(200)]
    assert {one.place for one in drawn} == {0, 1}


def test_the_probability_told_is_that_with_which_the_choice_is_made() -> None:
    candidates = [(thompson._beta(2.0, 8.0), 1.0), (thompson._beta(3.0, 7.0), 0.8)]
    drawn = [thompson.choose(f"c-d{n}", candidates) for n in range(4_000)]
    for place in (0, 1):
        share = sum(one.place == place for one in drawn) / len(drawn)
        told = [one.probability for one in drawn if one.place == place]
        assert sum(told) / len(told) == pytest.approx(share, abs=0.02)


def test_where_nothing_learns_the_best_is_chosen_and_ties_go_to_the_first() -> None:
    fixed = thompson.fixed_table
    assert thompson.choose("x", [(fixed(0.1), 1.0), (fixed(0.2), 1.0)]) == thompson.Drawn(1, 1.0)
    assert thompson.choose("x", [(fixed(0.2), 1.0), (fixed(0.2), 1.0)]) == thompson.Drawn(0, 1.0)


# --- predictions


def test_a_prediction_follows_customers_that_change_and_a_treatment_weighs_all_alike() -> None:
    draw = random.Random(5)
    model = Model()
    for share, number_ in ((0.8, 4_000), (0.2, 1_000)):
        for _ in range(number_):
            came = draw.random() < share
            learn(model, "card/web", [BIAS, 7], positive=came)
            learn_outcome(model, outcome_of([BIAS, 7], came=came))
    posteriors = model.treatments
    assert predict(posteriors["card/web"], [BIAS, 7]) > 0.5
    forgetful = posteriors[prediction_name("buys", "d")]
    assert predict(forgetful, [BIAS, 7]) == pytest.approx(0.2, abs=0.06)
    assert (forgetful.positives, forgetful.negatives) == (
        posteriors["card/web"].positives,
        posteriors["card/web"].negatives,
    )


def outcome_of(present: list[int], *, came: bool) -> Prediction:
    return Prediction(
        prediction_id="c-p1",
        customer_id="c",
        predict="buys",
        definition="d",
        probability=0.5,
        model_version=0,
        features=present,
        outcome=1 if came else 0,
        opened_at=1,
        time=2,
    )
