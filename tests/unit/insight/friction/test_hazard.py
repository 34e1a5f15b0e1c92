"""Waits that have not ended: who waits, who leaves, and who would have left."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cjo_stream.insight.friction.hazard import (
    AGES,
    Leaving,
    Waits,
    affected,
    hazards,
    line,
)
from cjo_stream.insight.friction.rate import Numbers

HOURS = 24 * 12
DRAW = random.Random(5)
UNITS = [
    (since, since + DRAW.randrange(60) if DRAW.random() < 0.8 else 1 << 40, DRAW.randrange(-1, 2))
    for since in (DRAW.randrange(HOURS) for _ in range(500))
]


def waits() -> Waits:
    since, until, target = (np.array(column) for column in zip(*UNITS, strict=True))
    return Waits(since, until, target, np.ones(len(UNITS)))


def leaving(waiting: Numbers, left: Numbers) -> Leaving:
    return Leaving(waiting, np.cumsum(waiting, axis=0), left)


def age_class(age: int) -> int:
    return int(np.searchsorted(AGES, age, side="right")) - 1


def test_who_waits_and_who_leaves_are_counted_by_hour_and_age() -> None:
    waiting = np.zeros((HOURS, len(AGES)))
    left = np.zeros((2, HOURS, len(AGES)))
    for since, until, target in UNITS:
        for hour in range(since, min(until + 1, HOURS)):
            waiting[hour, age_class(hour - since)] += 1
        if until < HOURS and target >= 0:
            left[target, until, age_class(until - since)] += 1
    found = line(waits(), HOURS)
    assert (found.waiting == waiting).all()
    assert (found.left[0] == left[0]).all()
    assert (found.left[1] == left[1]).all()


def test_a_day_is_expected_to_be_as_the_days_before_were() -> None:
    waiting = np.zeros((HOURS, len(AGES)))
    waiting[:, 0], waiting[:, 1] = 10.0, 6.0
    left = waiting * np.array([0.4, 0.25, *np.zeros(len(AGES) - 2)])
    usable = np.ones(HOURS, dtype=np.bool_)
    usable[24:48] = False
    left[24:48] = 0.0
    found = hazards(waiting, left, usable)
    assert found[0].sum() == found[1].sum() == 0.0
    assert found[5, :3] == pytest.approx([0.4, 0.25, 0.0])
    expected = leaving(waiting, left).expecting(usable, 24)
    assert expected[0, -1] == pytest.approx(24 * (4.0 + 1.5))
    assert expected[3, -1] == pytest.approx(24 * (4.0 + 1.5))


def test_nobody_is_expected_behind_the_ages_at_which_most_have_left() -> None:
    waiting = np.full((HOURS, len(AGES)), 100.0)
    left = np.zeros_like(waiting)
    left[:, 0], left[:, 5] = 98.0, 2.0
    found = hazards(waiting, left, np.ones(HOURS, dtype=np.bool_))
    assert found[5, 0] == pytest.approx(0.98)
    assert found[5, 5] == 0.0


def test_who_stays_would_have_left_by_the_rule_of_bayes() -> None:
    hazard = np.zeros(len(AGES))
    hazard[:2] = 0.5, 0.5
    found = affected(hazard, np.array([0, 0, 1, 2]), np.array([1, 2, 2, 9]), 0.8)
    assert found == pytest.approx([0.4 / 0.9, 0.6 / 0.85, 0.4 / 0.9, 0.0])


def test_hazards_that_are_kept_are_those_of_the_hours_that_are_usable() -> None:
    draw = np.random.default_rng(1)
    shape = (HOURS, len(AGES))
    waiting = draw.integers(5, 20, shape).astype(np.float64)
    left = draw.integers(0, 5, shape).astype(np.float64)
    usable = np.ones(HOURS, dtype=np.bool_)
    of = leaving(waiting, left)
    first = of.hazards(usable)
    assert of.hazards(usable.copy()) is first
    usable[24:72] = False  # the same array, with other hours
    assert (of.hazards(usable) == hazards(waiting, left, usable)).all()
    assert (of.hazards(usable) != first).any()
