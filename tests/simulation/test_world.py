"""Nothing lost, nothing done twice, the same log gives the same actions: from one seed, hundreds
of times.

CJO_SIMULATION_SEEDS sets how many (default 300); `make simulate SEED=7` runs one again.
"""

from __future__ import annotations

import os

import pytest

from tests.simulation.world import run

SEEDS = int(os.environ.get("CJO_SIMULATION_SEEDS", "300"))
CHUNK = 50


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_event_counts_once_and_every_command_leaves_once_whatever_crashes(
    first: int,
) -> None:
    crashes = commands = 0
    for seed in range(first, min(first + CHUNK, SEEDS)):
        world = run(seed)
        crashes += world.crashes
        commands += sum(e.kind == "action" for out in world.out for e in out)
    assert crashes > CHUNK
    assert commands > CHUNK
