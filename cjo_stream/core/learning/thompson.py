"""A choice drawn from the posterior (Thompson sampling), and its probability.

A candidate's posterior is a table of TABLE quantiles of equal weight. A draw picks one quantile
for each candidate; the candidate whose quantile, times its other factors, is highest wins. The
first of DRAWS draws decides; the share of draws that its winner wins is the probability in the
decision record. The picks are bytes of BLAKE2b over the decision id and a counter.

The tables leave out the first and last 1/512 of the posterior; in return 256 draws take some
microseconds a candidate. Quantiles depend only on the weights in force, and are cached.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, Final

import msgspec

from cjo_stream.core.learning import number
from cjo_stream.core.learning.number import log
from cjo_stream.core.learning.weight import Weights

DRAWS: Final = 256
TABLE: Final = 256
_DEVIATIONS: Final = 9.0
_DIGEST_BYTES: Final = 64
_BLOCKS: Final = DRAWS // _DIGEST_BYTES
"""Digests that hold a candidate's picks, one byte a draw."""
_TABLES_KEPT: Final = 2_048
"""Tables cached of each kind; a table takes 8 KB."""

Table = tuple[float, ...]
"""TABLE propensities of equal weight, ascending."""


class Drawn(msgspec.Struct, frozen=True):
    """The index of the candidate that was drawn, and the probability with which it wins."""

    place: int
    probability: float


def posterior_table(weights: Weights, prior: int | float, features: Sequence[int]) -> Table:
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
    blocks = _blocks(decision_id)
    opening = blocks(range(0, _BLOCKS * len(candidates), _BLOCKS))
    first = [
        table[drawn[0]] * factor
        for drawn, (table, factor) in zip(opening, candidates, strict=True)
    ]

    def picks(place: int) -> bytes:
        rest = range(_BLOCKS * place + 1, _BLOCKS * (place + 1))
        return b"".join((opening[place], *blocks(rest)))

    winner = first.index(max(first))
    return Drawn(winner, _wins(winner, candidates, picks) / DRAWS)


def _wins(
    winner: int, candidates: Sequence[tuple[Table, float]], picks: Callable[[int], bytes]
) -> int:
    """Return how many draws the winner of the first one wins; `picks` gives a candidate's.

    A rival is compared only in the draws that the winner has not lost to another one before.
    """
    table, factor = candidates[winner]
    own = [table[pick] * factor for pick in picks(winner)]
    won: Sequence[int] = range(DRAWS)
    for place, (table, factor) in enumerate(candidates):
        if place == winner:
            continue
        if len(won) == 1:
            break
        picked = picks(place)
        if place < winner:
            won = [n for n in won if not table[picked[n]] * factor >= own[n]]
        else:
            won = [n for n in won if not table[picked[n]] * factor > own[n]]
    return len(won)


def _blocks(seed: str) -> Callable[[Iterable[int]], list[bytes]]:
    """Return the function that gives blocks of _DIGEST_BYTES drawn bytes, by their numbers."""
    key = hashlib.blake2b(seed.encode(), digest_size=_DIGEST_BYTES).digest()
    keyed = hashlib.blake2b(key=key)

    def blocks(places: Iterable[int]) -> list[bytes]:
        found = []
        for place in places:
            digest = keyed.copy()
            digest.update(place.to_bytes(8, "big"))
            found.append(digest.digest())
        return found

    return blocks


@lru_cache(maxsize=1)
def _arithmetic() -> ModuleType:
    """Return `vector` where numpy is installed, else `number`: the same bits, but slower."""
    try:
        from cjo_stream.core.learning import vector
    except ImportError:
        return number
    return vector


@lru_cache(maxsize=1)
def _normal() -> Table:
    return number.quantiles(lambda t: -t * t / 2.0, -_DEVIATIONS, _DEVIATIONS, TABLE)


@lru_cache(maxsize=_TABLES_KEPT)
def _logit_normal(mean: float, variance: float) -> Table:
    deviation = math.sqrt(variance)
    table: Table = _arithmetic().sigmoids([mean + deviation * z for z in _normal()])
    return table


@lru_cache(maxsize=_TABLES_KEPT)
def _beta(a: float, b: float) -> Table:
    """Return a Beta posterior's table, computed over the log odds, where its density is smooth."""
    of = _arithmetic()

    def log_density(t: Any) -> Any:
        # a log(p) + b log(1 - p), with p the sigmoid of t
        low = of.log(1.0 + of.exp(-abs(t)))
        return -a * (low + of.positive(-t)) - b * (low + of.positive(t))

    peak = log(a / b)
    deviation = math.sqrt(1.0 / a + 1.0 / b)
    # Near the peak the density is Gaussian; far from it exp(a t) to the left, exp(-b t) right.
    left = peak - _DEVIATIONS * (1.0 / a + deviation)
    right = peak + _DEVIATIONS * (1.0 / b + deviation)
    table: Table = of.sigmoids(of.quantiles(log_density, left, right, TABLE))
    return table
