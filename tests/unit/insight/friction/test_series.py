"""Series from a day on: what is looked at is as in the whole, where the baseline lies in both."""

from __future__ import annotations

import numpy as np
import pytest

from cjo_stream.insight.friction import rank
from cjo_stream.insight.friction.hazard import AGES, Leaving
from cjo_stream.insight.friction.rate import BASE_DAYS, DAY_HOURS, WINDOWS, Looks, Numbers
from cjo_stream.insight.friction.series import Departures, Lengths, Series, Shown, Tally

HOURS = 40 * DAY_HOURS
BEGIN = 12 * DAY_HOURS
WHOLE = (BASE_DAYS + 1) * DAY_HOURS
"""So many hours behind the beginning a look has all its baseline."""
DRAW = np.random.default_rng(3)
USABLE = DRAW.random(HOURS) > 0.02


def drawn(*width: int) -> Numbers:
    return DRAW.poisson(3.0, (HOURS, *width)).astype(np.float64)


def departures() -> Departures:
    left = [drawn(len(AGES)) for _ in range(2)]
    waiting = [one + drawn(len(AGES)) for one in left]
    parts = [
        Leaving(of, np.cumsum(of, axis=0), one) for of, one in zip(waiting, left, strict=True)
    ]
    return Departures(sum(left).sum(axis=1), tuple(parts))


def same(found: Looks, whole: Looks) -> None:
    for one, other in zip(found, whole, strict=True):
        assert (one[WHOLE:] == other[BEGIN + WHOLE :]).all()


@pytest.mark.parametrize("window", WINDOWS)
def test_looks_from_a_day_on_are_those_of_the_whole(window: int) -> None:
    for of in (Tally(drawn(), drawn()), departures()):
        same(of.since(BEGIN).look(window, USABLE[BEGIN:]), of.look(window, USABLE))


@pytest.mark.parametrize("window", WINDOWS)
def test_ranks_from_a_day_on_are_those_of_the_whole(window: int) -> None:
    by_class = drawn(20)
    tally = Tally(drawn(), drawn())
    limit = Series("p", "dwell", "", True, tally, Shown("long"))
    of = Lengths(by_class.sum(axis=1), by_class, (limit,))
    found = of.since(BEGIN)
    chances, whole = (
        rank.chances(one.by_class, window, usable)
        for one, usable in ((found, USABLE[BEGIN:]), (of, USABLE))
    )
    assert np.array_equal(chances[WHOLE:], whole[BEGIN + WHOLE :], equal_nan=True)
    assert np.isfinite(chances[WHOLE:]).any()
    rate = found.limits[0].rate
    assert isinstance(rate, Tally)
    assert (rate.of == tally.of[BEGIN:]).all()
