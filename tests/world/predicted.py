"""What a posterior predicts by its means alone: the yardstick for tests of learning."""

from __future__ import annotations

from collections.abc import Sequence

from cjo_stream.core.learning.number import sigmoid
from cjo_stream.core.learning.posterior import Posterior


def predict(posterior: Posterior, features: Sequence[int]) -> float:
    """Return how likely a positive reward is, 0..1."""
    weights = posterior.weights
    return sigmoid(sum(weights[f][0] for f in features if f in weights))
