"""Random worlds that move to another number of partitions: the same effects for each customer."""

from __future__ import annotations

import os

import pytest

from tests.differential import moved

SEEDS = range(40) if os.environ.get("CJO_LONG") else (0, 3, 9)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_that_moves_has_the_same_effects(seed: int) -> None:
    met = moved.run(seed)
    assert met["actors moved"]
    assert met["an effect before a move"]
