"""The value of `predict.NAME`: by the model in force, else the definition's prior."""

from __future__ import annotations

from cjo_stream.core.expression import Scope
from cjo_stream.core.learning.feature import features
from cjo_stream.core.learning.posterior import prediction_name
from cjo_stream.core.learning.weight import NOTHING_KNOWN, ModelInForce
from cjo_stream.core.program.prediction import PredictionRule


def features_now(rule: PredictionRule, scope: Scope) -> list[int]:
    """Return the hashed features of a customer; their names are the expressions as written."""
    return features((one.text, one.evaluate(scope)) for one in rule.features)


def probability(rule: PredictionRule, present: list[int], model: ModelInForce | None) -> float:
    """Return the probability, 0..1, that the prediction comes true, given its features."""
    weights = NOTHING_KNOWN
    if model is not None:
        weights = model.weights(prediction_name(rule.name, rule.definition))
    return weights.propensity(rule.prior, present)
