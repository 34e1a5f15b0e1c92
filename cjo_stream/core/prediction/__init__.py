"""Predictions: the probability that something will happen at a customer (docs/prediction.md).

    value     `predict.NAME` now, by the model in force
    moment    a moment at which a prediction was made, until it is known whether it came true

What learns from the outcomes is `core.learning`; it treats a prediction as it treats a treatment.
"""
