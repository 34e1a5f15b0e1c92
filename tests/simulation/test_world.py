"""Nothing lost, nothing done twice, the same log gives the same actions: fifty
times, each from its seed.

CJO_SIMULATION_SEEDS sets how many (default 50); `make simulate SEED=7` runs one again.
"""

from __future__ import annotations

import json
import os

import pytest

from cjo_stream.engine.frame import Effect
from tests.simulation.world import run
from tests.world.situation import RARE

SEEDS = int(os.environ.get("CJO_SIMULATION_SEEDS", "50"))
CHUNK = 50


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_event_counts_once_and_every_command_leaves_once_whatever_crashes(
    first: int,
) -> None:
    crashes = commands = rewards = sets = 0
    models: set[int | None] = set()
    met: set[str] = set()
    for seed in range(first, min(first + CHUNK, SEEDS)):
        world = run(seed)
        crashes += world.crashes
        met |= world.met
        sets += world.applied
        out = [effect for effects in world.out for effect in effects]
        commands += sum(effect.kind == "action" for effect in out)
        rewards += sum(effect.kind == "reward" for effect in out)
        models |= {model_of(effect) for effect in out if effect.kind == "decision"}
    assert crashes > CHUNK
    assert commands > CHUNK
    assert rewards > CHUNK // 5  # half of the seeds decide
    assert len(models) > 3
    bounds = [what for what in met if what.startswith("the bound of")]
    assert len(bounds) > 3, "bounds are small, and few are met"
    assert len(met.intersection(RARE)) > 40
    assert sets > 2 * CHUNK, "definitions hardly change"
    assert "a guard trips" in met, f"no guard trips in {CHUNK} worlds"


def test_the_rare_situations_are_many_and_each_has_one_name() -> None:
    assert len(set(RARE)) == len(RARE) >= 120


def model_of(decision: Effect) -> int | None:
    """Return the model that a decision went by."""
    number: int | None = json.loads(decision.value)["model_version"]
    return number
