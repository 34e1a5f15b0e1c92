"""How many series a metric has at most, and what becomes of the label sets beyond.

    cjo_lag_records{stage="intake", partition="web/0"}      one of the first: a series of its own
    cjo_lag_records{stage="intake", partition="(other)"}    all further ones, folded

A label whose values are words of the code keeps them, because alerts select by words: the stage
that lags, the verdict about a canary. Every other label says `(other)`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Final

from cjo_stream.telemetry.metric import Metric

OTHER: Final = "(other)"
"""No definition can have this name."""

WORDS: Final = frozenset(
    (
        "bound", "engine", "gate", "kind", "library", "metric", "reason", "result", "reward",
        "rule", "sign", "stage", "table", "verdict",
    )
)  # fmt: skip
"""The labels whose values are words of the code."""
SETS_MAX: Final[Mapping[str, int]] = {
    "cjo_events_total": 50,
    "cjo_lag_records": 512,
    "cjo_journey_entries_total": 80,
    "cjo_journey_ends_total": 60,
    "cjo_journey_refusals_total": 60,
    "cjo_journey_instances": 100,
    "cjo_measures_total": 60,
    "cjo_measure_value_total": 80,
    "cjo_measures_ignored_total": 20,
    "cjo_actions_total": 75,
    "cjo_held_commands": 25,
    "cjo_rewards_total": 90,
    "cjo_predictions_total": 20,
    "cjo_prediction_model_age_seconds": 10,
    "cjo_prediction_calibration_error": 10,
    "cjo_prediction_calibration_outcomes": 10,
    "cjo_canary": 20,
    "cjo_identifiers_ignored_total": 20,
    "cjo_facts_ignored_total": 40,
    "cjo_fields_ignored_total": 20,
    "cjo_records_skipped_total": 10,
    "cjo_expression_errors_total": 50,
    "cjo_events_undeclared_total": 100,
    "cjo_values_unread_total": 100,
    "cjo_webhook_commands_total": 250,
    "cjo_webhook_retries_total": 200,
    "cjo_webhook_waiting": 50,
    "cjo_webhook_gone": 50,
    "cjo_webhook_seconds": 50,
    "cjo_channel_unread_seconds": 25,
    "cjo_library_info": 2,
    "cjo_build_info": 1,
}
"""Of each metric with other labels, how many label sets have a series of their own.

All series of a process together are to be 2,000 at most. A worker shows as many partitions as an
installation may have. A process of webhooks shows every result and reason of as many channels as
it may have endpoints: an alert compares what waits of a channel with its answers, which says
nothing where one of the two is folded and the other is not.
"""
LARGEST: Final = frozenset(
    (
        "cjo_canary",
        "cjo_channel_unread_seconds",
        "cjo_prediction_calibration_error",
        "cjo_prediction_model_age_seconds",
    )
)
"""The gauges whose folded sets show their largest value; of other gauges it is the sum."""

Labels = tuple[str, ...]

_LOG = logging.getLogger(__name__)


class Bound:
    """The series of one metric, of which each label set has one, alone or with others.

    A set keeps its series until it is dropped; what then has room is the next new one.
    """

    def __init__(self, metric: Metric) -> None:
        self._name = metric.name
        self._is_word = tuple(label in WORDS for label in metric.labels)
        self._sets_max = SETS_MAX.get(metric.name)
        self._series: dict[Labels, Labels] = {}
        self._folded: dict[Labels, dict[Labels, float]] = {}
        """The folded sets of each series, with a gauge's values."""
        self.has_folded = False
        """Whether there was ever a set without a series of its own."""

    def place(self, labels: Labels) -> Labels:
        """Return the labels of the series of a set, which is a new one if there is room."""
        found = self._series.get(labels)
        if found is not None:
            return found
        if len(labels) != len(self._is_word):
            raise ValueError(f"it has {len(self._is_word)} labels")
        found = labels
        if self._sets_max is not None and self._own() >= self._sets_max:
            pairs = zip(labels, self._is_word, strict=True)
            found = tuple(value if is_word else OTHER for value, is_word in pairs)
            self._folded.setdefault(found, {})[labels] = math.nan
            self._tell()
        self._series[labels] = found
        return found

    def keep(self, labels: Labels, value: float) -> None:
        """Keep a gauge's value of a folded set."""
        self._folded[self._series[labels]][labels] = value

    def drop(self, labels: Labels) -> Labels | None:
        """Forget a set; return the labels of its series if that has no set any more."""
        series = self._series.pop(labels, None)
        if series is None or series == labels:
            return series
        del self._folded[series][labels]
        if self._folded[series]:
            return None
        del self._folded[series]
        return series

    def clear(self) -> None:
        """Forget all sets."""
        self._series.clear()
        self._folded.clear()

    def folded(self) -> int:
        """Return how many sets have no series of their own."""
        return sum(len(sets) for sets in self._folded.values())

    def values(self) -> dict[Labels, float]:
        """Return what a gauge shows in each series of folded sets; NaN where no value is known."""
        found = {}
        for series, sets in self._folded.items():
            known = [value for value in sets.values() if not math.isnan(value)]
            add = max if self._name in LARGEST else sum
            found[series] = add(known) if known else math.nan
        return found

    def _own(self) -> int:
        return len(self._series) - self.folded()

    def _tell(self) -> None:
        if not self.has_folded:
            self.has_folded = True
            _LOG.warning(
                "%s has more label sets than the %d that have a series each: those that came "
                "later are in one that says %s; see 'How many series' in docs/metrics.md",
                self._name,
                self._sets_max,
                OTHER,
            )
