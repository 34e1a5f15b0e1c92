"""docs/learning.md, off-policy evaluation: what another policy would have earned."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from cjo_stream.core.record import Reward
from cjo_stream.definition import load
from cjo_stream.insight.case import Row, cases_of_decisions, cases_of_rows
from cjo_stream.insight.estimate import Case, evaluate
from cjo_stream.insight.policy import arbitrated, fixed, uniform
from tests.world.record import decision
from tests.world.scene import HEAD

DAY_MS = 86_400_000
WINDOW_MS = 7 * DAY_MS


def test_estimates_are_those_of_the_formulas() -> None:
    cases = [Case(1.0, 0.5, 1.0, 0.7, 0.6), Case(0.0, 0.25, 0.5, 0.2, 0.1), Case(2.0, 0.5, 0.0)]
    found = evaluate(cases, effective_min=0)
    assert found.ipw is not None
    assert found.snipw is not None
    assert found.dr is not None
    assert found.ipw.value == pytest.approx((2 * 1 + 2 * 0 + 0) / 3)
    assert found.snipw.value == pytest.approx(2 / 4)
    assert found.dr.value == pytest.approx((0.7 + 2 * 0.4 + 0.2 - 2 * 0.1 + 0) / 3)
    assert found.logged.value == pytest.approx(1.0)
    assert found.effective == pytest.approx(16 / 8)


def test_a_weight_above_the_bound_is_cut_down_and_counted() -> None:
    cases = [Case(1.0, 0.01, 1.0), Case(1.0, 0.5, 0.5)]
    found = evaluate(cases, clip=10, effective_min=0)
    assert found.ipw is not None
    assert found.ipw.value == pytest.approx(11 / 2)
    assert found.clipped == 1


def test_where_few_choices_carry_the_weight_there_is_no_estimate() -> None:
    few = [Case(1.0, 0.001, 1.0)] + [Case(0.0, 0.5, 0.0)] * 10_000
    assert not evaluate(few).is_enough
    assert evaluate([Case(1.0, 0.5, 0.5)] * 100).is_enough
    assert not evaluate([]).is_enough


@pytest.mark.parametrize("name", ["ipw", "snipw", "dr"])
def test_intervals_cover_the_truth(name: str) -> None:
    """A log of a policy that knows one arm in three; what the uniform one earns is known."""
    rates = {"a": 0.1, "b": 0.2, "c": 0.6}
    logged = {"a": 0.2, "b": 0.2, "c": 0.6}
    truth = sum(rates.values()) / 3
    covered = 0
    for seed in range(100):
        chance = random.Random(seed)
        rows = [
            Row(arm, float(chance.random() < rates[arm]), logged[arm])
            for arm in chance.choices(list(logged), list(logged.values()), k=500)
        ]
        estimate = getattr(evaluate(cases_of_rows(rows)), name)
        covered += estimate.low <= truth <= estimate.high
    assert covered >= 90


def test_rows_of_a_fixed_action_weigh_only_where_it_was_chosen() -> None:
    rows = [Row("a", 1.0, 0.5), Row("b", 5.0, 0.5)]
    found = evaluate(cases_of_rows(rows, "a"), effective_min=0)
    assert found.ipw is not None
    assert found.ipw.value == pytest.approx(1.0)
    assert found.effective == pytest.approx(1.0)


# --- the engine's own records


def accepted(number: int, value: float | None = None, time: int = 100) -> Reward:
    return Reward(
        decision_id=f"d{number}",
        action_id=f"a{number}",
        customer_id="c",
        action="a",
        channel="mail",
        features=None,
        probability=0.5,
        outcome="accept",
        value=value,
        reward=1,
        issued_at=number,
        time=time,
    )


END = decision(WINDOW_MS + 100, None)


def test_a_case_is_a_sent_choice_with_the_probabilities_of_both_policies() -> None:
    found = cases_of_decisions([decision(1), END], [accepted(1)], uniform, WINDOW_MS)
    assert found.pending == 0
    (case,) = found.cases
    assert case == Case(
        reward=10.0, logged=0.5, wanted=0.5, expected=0.5 * 1 + 0.5 * 6, believed=1.0
    )


def test_an_acceptance_is_worth_what_its_outcome_says() -> None:
    found = cases_of_decisions([decision(1), END], [accepted(1, 99.0)], uniform, WINDOW_MS)
    assert found.cases[0].reward == 99.0


def test_choices_whose_window_is_open_are_left_out_accepted_or_not() -> None:
    late = decision(WINDOW_MS)
    found = cases_of_decisions([late, END], [accepted(WINDOW_MS)], uniform, WINDOW_MS)
    assert (found.cases, found.pending) == ([], 1)


def test_what_was_not_sent_or_not_arbitrated_is_no_case() -> None:
    others = [
        decision(1, None),
        decision(2, suppressed="holdout"),
        decision(3, suppressed="shadow"),
        decision(4, request={"act": "a"}),
    ]
    assert cases_of_decisions([*others, END], [], uniform, WINDOW_MS).cases == []


def test_a_fixed_policy_chooses_only_what_passed() -> None:
    one = decision(1)
    assert fixed("b", "mail")(one) == {("b", "mail"): 1.0}
    assert fixed("z", "mail")(one) == {}
    assert fixed("nobody", "mail")(one) == {}
    found = cases_of_decisions([one, END], [], fixed("z", "mail"), WINDOW_MS)
    assert found.cases[0].wanted == 0.0
    assert math.isclose(found.cases[0].expected, 0.0)


def test_an_action_without_a_propensity_is_weighed_as_sure(tmp_path: Path) -> None:
    """As the product weighs it: 1 x 10 before 0.2 x 30, whatever another set recorded."""
    offers = """
action: a
value: 10
treatments: {mail: {}}
---
action: b
value: 30
propensity: 0.2
treatments: {mail: {}}
---
journey: j
version: 1
entry: {on: ask}
initial: asked
states:
  asked: {enter: [{decide: {actions: [a, b]}}], after: {9d: over}}
  over: {end: over}
"""
    (tmp_path / "all.yaml").write_text(HEAD + "---" + offers)
    program = load(tmp_path).program
    assert max(arbitrated(program)(decision(1)).items(), key=lambda one: one[1])[0][0] == "a"
