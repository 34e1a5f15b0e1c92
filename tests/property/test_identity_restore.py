"""A partition comes back from a checkpoint that was taken in the middle of a merge."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from cjo_stream.core.state import Customer
from tests.simulation.identity import LIMITED, Life, topology_of
from tests.simulation.identity_oracle import check
from tests.world.mesh import Mesh
from tests.world.stored import actor_states, copy_of

PARTITIONS = 3


def under_way(mesh: Mesh) -> Iterator[str]:
    """Yield what of merges is under way in the stores: frozen, or room reserved."""
    for _, state in actor_states([partition.store for partition in mesh.partitions]):
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
        mesh = Mesh(rng, [topology_of(LIMITED).content], PARTITIONS, faults=0.0)
        life = Life(f"restore {seed}", LIMITED, mesh)
        for thing in range(8):
            life.go_on(thing)
        for _ in range(1_000):
            if stage in under_way(mesh):
                break
            mesh.step()
        else:
            continue
        met += 1
        checkpoints = [copy_of(partition.store) for partition in mesh.partitions]
        mesh.rest()
        mesh.restore(number, checkpoints[number])
        life.go_on(8)
        mesh.run_out()
        check(mesh, life.history)
    assert met > 10
