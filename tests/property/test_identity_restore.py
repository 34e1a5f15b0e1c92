"""A partition comes back from a checkpoint that was taken in the middle of a merge."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from cjo_stream.core.state import Customer
from tests.simulation.chain import Chain, actor_states, copy_of
from tests.simulation.identity import LIMITED, Life, topology_of
from tests.simulation.identity_oracle import check

PARTITIONS = 3


def under_way(chain: Chain) -> Iterator[str]:
    """Yield what of merges is under way in the stores: frozen, or room reserved."""
    for _, state in actor_states([partition.store for partition in chain.partitions]):
        if isinstance(state, Customer) and state.membership is not None:
            if state.membership.pending is not None:
                yield "frozen"
            if state.membership.reserved:
                yield "reserved"


@pytest.mark.parametrize("stage", ["frozen", "reserved"])
@pytest.mark.parametrize("number", range(PARTITIONS))
def test_the_merge_is_done_once_more_and_has_its_effect_once(stage: str, number: int) -> None:
    met = 0
    for seed in range(15):
        rng = random.Random(f"restore {stage} {number} {seed}")
        chain = Chain(rng, [topology_of(LIMITED).content], PARTITIONS, faults=0.0)
        life = Life(f"restore {seed}", LIMITED, chain)
        for thing in range(8):
            life.go_on(thing)
        for _ in range(1_000):
            if stage in under_way(chain):
                break
            chain.step()
        else:
            continue
        met += 1
        checkpoints = [copy_of(partition.store) for partition in chain.partitions]
        chain.rest()
        chain.restore(number, checkpoints[number])
        life.go_on(8)
        chain.run_out()
        check(chain, life.history)
    assert met > 10
