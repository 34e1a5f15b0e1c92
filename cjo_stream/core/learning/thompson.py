"""A choice drawn from the posterior (Thompson sampling), and its probability.

A candidate's posterior is a table of TABLE quantiles of equal weight. A draw picks one quantile
for each candidate; the candidate whose quantile, times its other factors, is highest wins. The
first of DRAWS draws decides; the share of draws that its winner wins is the probability in the
decision record. The picks are bytes of BLAKE2b over the decision id and a counter.

The tables leave out the first and last 1/512 of the posterior; in return 256 draws take some tens
of microseconds a candidate. Quantiles depend only on the weights in force, and are cached.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from cjo_stream.core.learning.number import exp, log, quantiles, sigmoid
from cjo_stream.core.learning.weight import Weights

DRAWS: Final = 256
TABLE: Final = 256
_DEVIATIONS: Final = 9.0
_DIGEST_BYTES: Final = 64
_TABLES_KEPT: Final = 2_048
"""Tables cached of each kind; a table takes 8 KB."""

Table = tuple[float, ...]
"""TABLE propensities of equal weight, ascending."""


class Drawn(msgspec.Struct, frozen=True):
    """The index of the candidate that was drawn, and the probability with which it wins."""

    place: int
    probability: float


def posterior_table(weights: Weights, prior: float, features: Sequence[int]) -> Table:
    """Return the posterior of a propensity that learns."""
    if weights.is_warm:
        return _logit_normal(*weights.logit(features))
    return _beta(*weights.beta(prior))


def fixed_table(propensity: float) -> Table:
    """Return the table of a propensity that does not learn."""
    return (propensity,) * TABLE


def choose(decision_id: str, candidates: Sequence[tuple[Table, float]]) -> Drawn:
    """Draw among candidates, each its table and the product of its other factors.

    On a tie the earlier one wins. Raises ValueError without candidates.
    """
    picks = _bytes(decision_id, DRAWS * len(candidates))
    columns = [
        [table[pick] * factor for pick in picks[DRAWS * place : DRAWS * (place + 1)]]
        for place, (table, factor) in enumerate(candidates)
    ]
    draws = list(zip(*columns, strict=True))
    winners = [draw.index(max(draw)) for draw in draws]
    return Drawn(winners[0], winners.count(winners[0]) / DRAWS)


def _bytes(seed: str, number: int) -> bytes:
    key = hashlib.blake2b(seed.encode(), digest_size=_DIGEST_BYTES).digest()
    blocks = range((number + _DIGEST_BYTES - 1) // _DIGEST_BYTES)
    drawn = b"".join(
        hashlib.blake2b(block.to_bytes(8, "big"), key=key).digest() for block in blocks
    )
    return drawn[:number]


@lru_cache(maxsize=1)
def _normal() -> Table:
    return quantiles(lambda t: -t * t / 2.0, -_DEVIATIONS, _DEVIATIONS, TABLE)


@lru_cache(maxsize=_TABLES_KEPT)
def _logit_normal(mean: float, variance: float) -> Table:
    deviation = math.sqrt(variance)
    return tuple(sigmoid(mean + deviation * z) for z in _normal())


@lru_cache(maxsize=_TABLES_KEPT)
def _beta(a: float, b: float) -> Table:
    """Return a Beta posterior's table, computed over the log odds, where its density is smooth."""

    def log_density(t: float) -> float:
        # a log(p) + b log(1 - p), with p the sigmoid of t
        low = log(1.0 + exp(-abs(t)))
        return -a * (low + max(-t, 0.0)) - b * (low + max(t, 0.0))

    peak = log(a / b)
    deviation = math.sqrt(1.0 / a + 1.0 / b)
    # Near the peak the density is Gaussian; far from it exp(a t) to the left, exp(-b t) right.
    left = peak - _DEVIATIONS * (1.0 / a + deviation)
    right = peak + _DEVIATIONS * (1.0 / b + deviation)
    return tuple(sigmoid(t) for t in quantiles(log_density, left, right, TABLE))
