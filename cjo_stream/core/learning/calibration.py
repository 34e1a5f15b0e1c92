"""How far predicted probabilities lie from what came: the expected calibration error.

Predictions are sorted by probability and cut into tenths. The error is the mean over the tenths,
weighted by their sizes, of the distance between mean probability and the share that came true
(Naeini, Cooper and Hauskrecht 2015, AAAI, with bins of equal size). `insight predictions` counts
the same from the layer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from cjo_stream.core.record import Prediction

BINS: Final = 10
LATEST: Final = 5_000
"""Outcomes of a prediction that count: probabilities without fault have an error of 0.01 then."""


class Calibration(NamedTuple):
    """How far a prediction was from what came, over how many outcomes."""

    error: float
    outcomes: int
    predicted: float
    """The mean probability."""
    came: float
    """The share that came true."""


class Outcomes:
    """The latest outcomes of each prediction, as it was defined last."""

    def __init__(self) -> None:
        self._definitions: dict[str, str] = {}
        self._latest: dict[str, deque[tuple[float, str, int]]] = {}
        self._times: dict[str, int] = {}

    def add(self, prediction: Prediction) -> None:
        """Add an outcome; one of another definition than before begins anew."""
        name = prediction.predict
        if self._definitions.get(name) != prediction.definition:
            self._definitions[name] = prediction.definition
            self._latest[name] = deque(maxlen=LATEST)
        told = prediction.probability, prediction.prediction_id, prediction.outcome
        self._latest[name].append(told)
        self._times[name] = prediction.time

    def calibrations(self) -> Iterator[tuple[str, Calibration]]:
        """Yield the name of each prediction with its calibration."""
        for name, latest in self._latest.items():
            ranked = sorted(latest)
            probabilities = [p for p, _, _ in ranked]
            came = [one for _, _, one in ranked]
            error, number = calibration_error(probabilities, came), len(ranked)
            yield name, Calibration(error, number, sum(probabilities) / number, sum(came) / number)

    def times(self) -> dict[str, int]:
        """Return when the latest outcome of each prediction was recorded, in ms."""
        return dict(self._times)


def calibration_error(ranked: Sequence[float], outcomes: Sequence[int]) -> float:
    """Return the expected calibration error over tenths of ascending probabilities.

    `outcomes` has 1 for those that came true, else 0. The first tenths take the rest.

    >>> calibration_error([0.5] * 20, [0, 1] * 10)
    0.0
    """
    size, rest = divmod(len(ranked), BINS)
    error, begin = 0.0, 0
    for bin_ in range(BINS):
        end = begin + size + (bin_ < rest)
        error += abs(sum(ranked[begin:end]) - sum(outcomes[begin:end]))
        begin = end
    return error / len(ranked)
