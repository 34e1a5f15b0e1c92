"""A published model: quantised weights, in parts that fit the log.

    part (msgpack)   [[treatment, positives, negatives, figures], ...], treatments in order of name
    figures          for each weight, in order of feature: the difference to the feature before,
                     the mean, the standard deviation; the last two in steps of 1/4096

Decisions use these quantised numbers only, so they can be replayed from the log alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from cjo_stream.core.learning.feature import BIAS
from cjo_stream.core.learning.number import sigmoid, significant
from cjo_stream.core.learning.posterior import (
    BIAS_PRECISION,
    POSITIVES_MIN,
    PRECISION,
    Model,
    Posterior,
)

PART_BYTES_MAX: Final = 100_000
STEP: Final = 4_096.0
PRIOR_MIN: Final = 0.0001
PRIOR_MAX: Final = 0.9999

_ENCODER: Final = msgspec.msgpack.Encoder()


class _Published(msgspec.Struct, array_like=True):
    """One treatment within a part."""

    treatment: str
    positives: int
    negatives: int
    figures: list[int]


_DECODER: Final = msgspec.msgpack.Decoder(list[_Published])


class Weights(msgspec.Struct, frozen=True):
    """One treatment's weights in force. `values`: feature -> (mean, variance)."""

    positives: int
    negatives: int
    values: dict[int, tuple[float, float]] = {}

    @property
    def is_warm(self) -> bool:
        """Whether the propensity is computed from the features, no longer from the prior."""
        return self.positives >= POSITIVES_MIN

    def propensity(self, prior: int | float, features: Sequence[int]) -> float:
        """Return the probability of an acceptance, 0..1, to six significant digits."""
        if self.is_warm:
            return significant(sigmoid(self.logit(features)[0]))
        return _share(*self.beta(prior))

    def logit(self, features: Sequence[int]) -> tuple[float, float]:
        """Return the mean and the variance of the log odds."""
        mean = variance = 0.0
        for feature in features:
            known = self.values.get(feature)
            if known is None:
                variance += 1.0 / (BIAS_PRECISION if feature == BIAS else PRECISION)
            else:
                mean += known[0]
                variance += known[1]
        return mean, variance

    def beta(self, prior: int | float) -> tuple[float, float]:
        """Return the two parameters of the Beta posterior around `prior`."""
        accepted, refused = _offers(prior)
        return accepted + self.positives, refused + self.negatives


NOTHING_KNOWN: Final = Weights(0, 0)


@lru_cache(maxsize=1_024)
def _offers(prior: int | float) -> tuple[float, float]:
    """Return the acceptances and refusals that a prior stands for."""
    prior = min(max(prior, PRIOR_MIN), PRIOR_MAX)
    offers = 1.0 / min(prior, 1.0 - prior)
    return prior * offers, (1.0 - prior) * offers


@lru_cache(maxsize=2_048)
def _share(accepted: float, refused: float) -> float:
    return significant(accepted / (accepted + refused))


class ModelInForce(msgspec.Struct, frozen=True):
    """The weights that decisions use; records show `number` as the model version."""

    number: int
    treatments: dict[str, Weights]

    def weights(self, treatment: str) -> Weights:
        """Return a treatment's weights; NOTHING_KNOWN if it has had no rewards."""
        return self.treatments.get(treatment, NOTHING_KNOWN)


def publish(model: Model) -> list[bytes]:
    """Return the model's parts: the same bytes for the same model."""
    parts: list[bytes] = []
    gathered: list[_Published] = []
    size = 0
    for treatment, posterior in sorted(model.treatments.items()):
        published = _publish(treatment, posterior)
        bytes_ = len(_ENCODER.encode(published))
        if gathered and size + bytes_ > PART_BYTES_MAX:
            parts.append(_ENCODER.encode(gathered))
            gathered, size = [], 0
        gathered.append(published)
        size += bytes_
    return [*parts, _ENCODER.encode(gathered)] if gathered else parts


def read(number: int, parts: Iterable[bytes]) -> ModelInForce:
    """Return the model in parts; raises msgspec.MsgspecError if `publish` did not write them."""
    treatments = {}
    for part in parts:
        for published in _DECODER.decode(part):
            treatments[published.treatment] = Weights(
                published.positives, published.negatives, _values(published.figures)
            )
    return ModelInForce(number, treatments)


def _publish(treatment: str, posterior: Posterior) -> _Published:
    figures: list[int] = []
    last = 0
    for feature, (mean, precision) in sorted(posterior.weights.items()):
        deviation = 1.0 / math.sqrt(precision)
        figures += [feature - last, _quantised(mean), max(1, _quantised(deviation))]
        last = feature
    return _Published(treatment, posterior.positives, posterior.negatives, figures)


def _quantised(value: float) -> int:
    return math.floor(value * STEP + 0.5)


def _values(figures: list[int]) -> dict[int, tuple[float, float]]:
    values = {}
    feature = 0
    for ahead, mean, deviation in zip(*[iter(figures)] * 3, strict=True):
        feature += ahead
        values[feature] = (mean / STEP, (deviation / STEP) ** 2)
    return values
