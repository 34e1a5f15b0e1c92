"""What the learner shows of predictions: how good they are, and how old what they go by is."""

from __future__ import annotations

from typing import Literal

from cjo_stream.core.learning.calibration import LATEST
from cjo_stream.core.record import Prediction
from cjo_stream.kafka.stage.quality import Quality
from cjo_stream.telemetry import Metrics


def outcome(
    number: int, probability: float, came: Literal[0, 1], definition: str = "d", time: int = 0
) -> Prediction:
    return Prediction(
        prediction_id=f"p{number}",
        customer_id=f"customer-{number}",
        predict="buys",
        definition=definition,
        probability=probability,
        model_version=1,
        features=[0],
        outcome=came,
        opened_at=0,
        time=time,
    )


def shown(metrics: Metrics) -> dict[str, float]:
    """Return the values of the gauges of the prediction `buys`, by their names' ends."""
    text = metrics.render().decode()
    assert "customer-" not in text
    found = {}
    for line in text.splitlines():
        if line.startswith("cjo_prediction_"):
            name, _, value = line.partition('{prediction="buys"} ')
            found[name.removeprefix("cjo_prediction_")] = float(value)
    return found


def test_an_outcome_is_shown_once_it_is_learnt_and_its_age_once_the_model_is_in_force() -> None:
    metrics = Metrics()
    quality = Quality(metrics)
    quality.show_ages(9_000, is_in_force=True)
    for number in range(10):
        quality.take(outcome(number, 0.75, 1, time=1_000 + number))
    assert shown(metrics) == {}
    quality.remembered()
    quality.show_ages(9_000, is_in_force=False)
    assert shown(metrics) == {"calibration_error": 0.25, "calibration_outcomes": 10}
    quality.show_ages(9_009, is_in_force=True)
    assert shown(metrics)["model_age_seconds"] == 8.0
    # The next model is on its way: the one in force grows older.
    quality.take(outcome(10, 0.75, 0, time=20_000))
    quality.remembered()
    quality.show_ages(21_009, is_in_force=False)
    assert shown(metrics)["model_age_seconds"] == 20.0
    quality.show_ages(21_009, is_in_force=True)
    assert shown(metrics)["model_age_seconds"] == 1.009


def test_the_latest_outcomes_count_and_none_of_what_was_defined_before() -> None:
    metrics = Metrics()
    quality = Quality(metrics)
    for number in range(LATEST):
        quality.take(outcome(number, 1.0, 0))
    for number in range(LATEST // 2):
        quality.take(outcome(LATEST + number, 0.0, 0))
    quality.remembered()
    assert shown(metrics) == {"calibration_error": 0.5, "calibration_outcomes": LATEST}
    quality.take(outcome(0, 0.125, 0, "another"))
    quality.remembered()
    assert shown(metrics) == {"calibration_error": 0.125, "calibration_outcomes": 1}
