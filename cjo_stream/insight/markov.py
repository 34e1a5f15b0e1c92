"""Removal effects in a Markov chain of touches.

A path begins, goes from touch to touch, and ends with a conversion or without one. The chain has
the shares of these moves as its probabilities; a touch that follows itself is no move. Without a
touch, whoever would come to it is lost. Its *removal effect* is the share of conversions that are
lost so (Anderl et al. 2016, Mapping the customer journey, International Journal of Research in
Marketing 33, section 4). It is computed from the linear equations, without simulation.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

Touch = str | None


class Chain(msgspec.Struct):
    """How often each move was made."""

    begins: Mapping[Touch, int]
    """Paths that begin with the touch."""
    moves: Mapping[tuple[Touch, Touch], int]
    """From one touch to another one."""
    converts: Mapping[Touch, int]
    """Paths that end with a conversion after the touch."""
    loses: Mapping[Touch, int]
    """Paths that end without one."""


def removal_effects(chain: Chain) -> dict[Touch, float]:
    """Return the removal effect of each touch, 0..1; empty if no path converts.

    The chain without a touch converts with P - h * c: P is the chance to convert, h the chance
    ever to come to the touch, c the chance to convert from it. All follow from the visits, that
    is the inverse of (identity - moves): h from a to b is visits[a][b] / visits[b][b].
    """
    touches = sorted({*chain.begins, *(to for _, to in chain.moves)}, key=_key)
    number = {touch: place for place, touch in enumerate(touches)}
    leaves = [0] * len(touches)
    for touch, count in (*chain.converts.items(), *chain.loses.items()):
        leaves[number[touch]] += count
    for (touch, _), count in chain.moves.items():
        leaves[number[touch]] += count
    equations = [[float(row == column) for column in number.values()] for row in number.values()]
    for (one, other), count in chain.moves.items():
        equations[number[one]][number[other]] -= count / leaves[number[one]]
    visits = _inverse(equations)
    last = [chain.converts.get(touch, 0) / leaves[number[touch]] for touch in touches]
    chance = [sum(v * c for v, c in zip(row, last, strict=True)) for row in visits]
    begins = [chain.begins.get(touch, 0) for touch in touches]
    total = sum(b * c for b, c in zip(begins, chance, strict=True))
    if not total:
        return {}
    return {
        touch: sum(b * row[place] for b, row in zip(begins, visits, strict=True))
        / visits[place][place]
        * chance[place]
        / total
        for touch, place in number.items()
    }


def _inverse(matrix: list[list[float]]) -> list[list[float]]:
    """Return the inverse, by Gauss and Jordan without exchanges of rows.

    None is needed: off the diagonal nothing is positive and no row's sum is negative, so the
    pivots stay positive as long as every touch can be left for good. Each step takes element by
    element, so all machines get the same digits.
    """
    size = len(matrix)
    rows = np.hstack([np.array(matrix).reshape(size, size), np.eye(size)])
    for place, pivot in enumerate(rows):
        pivot /= pivot[place]
        factors = rows[:, place].copy()
        factors[place] = 0.0
        rows -= np.outer(factors, pivot)
    inverse: list[list[float]] = rows[:, size:].tolist()
    return inverse


def _key(touch: Touch) -> str:
    return touch or ""
