"""A treatment's posterior from its rewards: online Bayesian logistic regression.

The weights of a treatment's features have independent Gaussian posteriors, each with a mean m and
a precision q (Chapelle and Li 2011, NIPS, algorithm 3), in batches of one reward. For one reward
the minimum that the algorithm seeks lies on a line: with z the sum of the means and v the sum of
the variances of the features present, the new means are m + s / q, where

    s = y - sigmoid(z + s v)

has exactly one root between y - 1 and y. So a model depends on the order of the rewards only, not
on how they are batched, and needs no learning rate.

Until a treatment has POSITIVES_MIN positive rewards, its weights learn, but its propensity is the
mean of a Beta posterior around the definition's prior. The prior counts as many offers as it needs
to expect one acceptance (or one refusal, if those are rarer). The weights do not depend on it, so
definitions may change it at any time.

A prediction forgets: no precision of its weights grows beyond PRECISION_MAX, so an outcome counts
less with each that follows. Customers are not the same ones in spring and in autumn, and a model
that weighs all it has ever seen alike lags behind them by half its age.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from cjo_stream.core.learning.feature import BIAS
from cjo_stream.core.learning.number import sigmoid
from cjo_stream.core.record import Prediction

POSITIVES_MIN: Final = 20
PRECISION: Final = 2.0
"""Precision of a weight before its first reward, around 0: few features move the odds fourfold."""
BIAS_PRECISION: Final = 0.01
"""Precision of the bias before its first reward: low, so that rewards set the general level."""
PRECISION_MAX: Final = 50.0
"""Of a weight that forgets: it keeps about 50 / (p (1 - p)) outcomes, 200 if half come true."""
_STEPS_MAX: Final = 60
_EXACT: Final = 1e-12


class Posterior(msgspec.Struct, array_like=True):
    """One treatment's posterior. `weights`: feature -> (mean, precision), for features seen."""

    positives: int = 0
    negatives: int = 0
    weights: dict[int, tuple[float, float]] = {}


class Model(msgspec.Struct, array_like=True):
    """All posteriors, by the names of treatments and predictions.

    `rewards` is the number of records learnt so far, of both.
    """

    rewards: int = 0
    treatments: dict[str, Posterior] = {}


def treatment_name(action: str, channel: str) -> str:
    """Return the name of a treatment.

    >>> treatment_name("fibre_upgrade", "email")
    'fibre_upgrade/email'
    """
    return f"{action}/{channel}"


def prediction_name(predict: str, definition: str) -> str:
    """Return the name under which a model keeps a prediction; no treatment has such a name.

    >>> prediction_name("buys", "3fa2c1d0")
    'predict.buys.3fa2c1d0'
    """
    return f"predict.{predict}.{definition}"


def learn(
    model: Model,
    treatment: str,
    features: Sequence[int],
    *,
    positive: bool,
    precision_max: float = math.inf,
) -> None:
    """Update the model by one reward; `features` are its decision's, each once."""
    posterior = model.treatments.get(treatment)
    if posterior is None:
        posterior = model.treatments[treatment] = Posterior()
    model.rewards += 1
    if positive:
        posterior.positives += 1
    else:
        posterior.negatives += 1
    _move(posterior.weights, features, 1.0 if positive else 0.0, precision_max)


def learn_outcome(model: Model, prediction: Prediction) -> str:
    """Update the model by a prediction whose outcome is known; return the name that has learnt."""
    name = prediction_name(prediction.predict, prediction.definition)
    came = prediction.outcome == 1
    learn(model, name, prediction.features, positive=came, precision_max=PRECISION_MAX)
    return name


def _move(
    weights: dict[int, tuple[float, float]],
    features: Sequence[int],
    y: float,
    precision_max: float,
) -> None:
    present = [(f, *weights.get(f, (0.0, _precision(f)))) for f in features]
    z = v = 0.0
    for _, mean, precision in present:
        z += mean
        v += 1.0 / precision
    s = _root(y, z, v)
    p = sigmoid(z + s * v)
    curvature = p * (1.0 - p)
    for feature, mean, precision in present:
        weights[feature] = (mean + s / precision, min(precision + curvature, precision_max))


def _precision(feature: int) -> float:
    return BIAS_PRECISION if feature == BIAS else PRECISION


def _root(y: float, z: float, v: float) -> float:
    """Return the s with s = y - sigmoid(z + s v): Newton's method, bisecting if a step leaves."""
    low, high = y - 1.0, y
    s = y - 0.5
    for _ in range(_STEPS_MAX):
        p = sigmoid(z + s * v)
        error = s - y + p
        if error > 0.0:
            high = s
        else:
            low = s
        step = s - error / (1.0 + v * p * (1.0 - p))
        following = step if low < step < high else (low + high) / 2.0
        if abs(following - s) < _EXACT:
            return following
        s = following
    return s
