"""Open Bandit, real choices and clicks: estimates as obp's, log loss against river's."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cjo_stream.core.learning.feature import features
from cjo_stream.core.learning.posterior import Model, Posterior, learn
from cjo_stream.insight.case import Row, cases_of_rows
from cjo_stream.insight.estimate import Case, Evaluation, evaluate
from tests.acceptance.open_bandit import FEATURES, FILES, FOLDER, rows
from tests.world.predicted import predict

DRAWS = 40_000
POSITIONS = 3
RIVER = Path(__file__).parents[1] / "bench" / "river_log_loss.json"


def expected(case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "expected_obp_0.4.1.json").read_text())[case]
    return found


def values(found: Evaluation) -> tuple[float, float]:
    assert found.ipw is not None
    assert found.snipw is not None
    return found.ipw.value, found.snipw.value


@pytest.mark.parametrize("campaign", ["men", "women"])
def test_the_uniform_policy_from_thompsons_log_is_obps_to_the_last_digit(campaign: str) -> None:
    log = [
        Row(row["item_id"], float(row["click"]), float(row["propensity_score"]))
        for row in rows(f"bts_{campaign}")
    ]
    found = evaluate(cases_of_rows(log), effective_min=0)
    wanted = expected(f"{campaign}_reverse")
    assert values(found) == pytest.approx((wanted["ipw"], wanted["snipw"]), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("campaign", ["men", "women"])
def test_the_thompson_policy_from_the_uniform_log_is_obps(campaign: str) -> None:
    """Both draw the policy's probabilities: 2 % between them."""
    wanted_by = _thompson(campaign)
    cases = [
        Case(
            reward=float(row["click"]),
            logged=float(row["propensity_score"]),
            wanted=wanted_by[int(row["position"]) - 1][int(row["item_id"])],
        )
        for row in rows(f"random_{campaign}")
    ]
    found = evaluate(cases, effective_min=0)
    wanted = expected(campaign)
    assert values(found) == pytest.approx((wanted["ipw"], wanted["snipw"]), rel=0.02)
    assert found.logged.value == pytest.approx(wanted["random_on_policy_ctr"])


def _thompson(campaign: str) -> list[dict[int, float]]:
    """Return, by position, how often the log's Beta posteriors put each item there."""
    prior = YAML(typ="safe").load(FOLDER / "prior_bts.yaml")[campaign]
    arms: Sequence[tuple[float, float]] = list(zip(prior["alpha"], prior["beta"], strict=True))
    chance = random.Random(12345)
    counts = [Counter[int]() for _ in range(POSITIONS)]
    for _ in range(DRAWS):
        drawn = [chance.betavariate(alpha, beta) for alpha, beta in arms]
        best = sorted(range(len(arms)), key=drawn.__getitem__, reverse=True)
        for position in range(POSITIONS):
            counts[position][best[position]] += 1
    return [{arm: n / DRAWS for arm, n in count.items()} for count in counts]


@pytest.mark.parametrize("name", FILES)
def test_log_loss_is_at_most_2_percent_above_rivers_best(name: str) -> None:
    """River's figures are of `tests/bench/river_log_loss.py`: its best of several rates."""
    river = json.loads(RIVER.read_text())["log_loss"][name]
    assert _log_loss(name) <= 1.02 * min(river.values())


def _log_loss(name: str) -> float:
    """Return the mean loss of predicting each click before learning it."""
    model = Model(treatments={"item": Posterior()})
    total = number = 0.0
    for row in rows(name):
        present = features([(feature, row[feature]) for feature in FEATURES])
        clicked = row["click"] == "1"
        p = min(max(predict(model.treatments["item"], present), 1e-9), 1 - 1e-9)
        total -= math.log(p if clicked else 1 - p)
        number += 1
        learn(model, "item", present, positive=clicked)
    return total / number
