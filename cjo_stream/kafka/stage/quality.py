"""How good and how old predictions are, as gauges of the process that learns from their outcomes.

taken        an outcome was read: it counts for the calibration
remembered   the model that was remembered has learnt from all that were taken
in force     that model decides in every partition: from here on the age is counted
"""

from __future__ import annotations

from cjo_stream.core.learning.calibration import Outcomes
from cjo_stream.core.record import Prediction
from cjo_stream.telemetry import Metrics


class Quality:
    """The calibration and the model's age of each prediction."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._outcomes = Outcomes()
        self._remembered: dict[str, int] = {}
        """By prediction, when the latest outcome was recorded that the model has learnt from."""
        self._in_force: dict[str, int] = {}

    def take(self, prediction: Prediction) -> None:
        """Count an outcome."""
        self._outcomes.add(prediction)

    def remembered(self) -> None:
        """Measure, now that a model which has learnt from all outcomes was remembered."""
        self._remembered = self._outcomes.times()
        for name, of in self._outcomes.calibrations():
            self._metrics.set("cjo_prediction_calibration_error", (name,), of.error)
            self._metrics.set("cjo_prediction_calibration_outcomes", (name,), of.outcomes)

    def show_ages(self, now_ms: float, *, is_in_force: bool) -> None:
        """Show the ages; `is_in_force`: every partition has the model that was remembered."""
        if is_in_force:
            self._in_force = self._remembered
        for name, time_ms in self._in_force.items():
            age_s = max(0.0, now_ms - time_ms) / 1000
            self._metrics.set("cjo_prediction_model_age_seconds", (name,), age_s)
