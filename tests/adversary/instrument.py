"""What can find a fault: each runs from a seed, and cuts down what it found."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from tests.adversary.limit import failure_of
from tests.adversary.smallest import smallest
from tests.differential import worlds
from tests.replay.history import again
from tests.simulation import disk, identity_paced, world
from tests.simulation.identity import GUARDED, KINDS, Kind, done_in, live, things_of
from tests.simulation.identity_oracle import check
from tests.simulation.test_one_result import check as check_one_result
from tests.simulation.test_one_result import spun

ORDERS: Final = 20
"""In so many orders a history that was cut down is tried, before it counts as holding."""


class Instrument(NamedTuple):
    """`run` returns what it met, by name, and raises where a promise is broken."""

    name: str
    share: float
    """Of the time."""
    run: Callable[[int], Counter[str]]
    smallest: Callable[[int], str]


def run_world(seed: int) -> Counter[str]:
    """Run the whole chain with intake, tasks and dispatch."""
    return Counter(world.run(seed).met)


def smallest_world(seed: int) -> str:
    """Return the steps that break a promise."""

    def breaks(steps: Iterable[int]) -> str | None:
        return failure_of(lambda: world.run(seed, steps))

    steps = smallest(world.STEPS, lambda some: breaks(some) is not None)
    one = world.World(seed)
    failed = failure_of(lambda: list(map(one.step, steps)))
    lines = [f"step {step}: {told}" for step, told in one.told.items()]
    return "\n".join([f"world {seed}, bounds {one.bounds}", *lines, failed or str(breaks(steps))])


def run_identity(seed: int) -> Counter[str]:
    """Run a history of identifiers of one of the kinds."""
    mesh, history = live(seed, _kind(seed))
    return Counter(check(mesh, history).situations)


def smallest_identity(seed: int) -> str:
    """Return the visits and orders that break a promise in some order of what they cause."""
    kind = _kind(seed)

    def failure(things: Sequence[int], order: int) -> str | None:
        return failure_of(lambda: check(*live(seed, kind, things=things, order=order)))

    def order_of(things: Sequence[int]) -> int | None:
        return next((order for order in range(ORDERS) if failure(things, order)), None)

    things = smallest(things_of(kind), lambda some: order_of(some) is not None)
    order = order_of(things) or 0
    lines = [f"history {kind.name} {seed}, things {things}, order {order}"]
    lines += done_in(seed, kind, things, order)
    return "\n".join([*lines, str(failure(things, order))])


def _kind(seed: int) -> Kind:
    return (*KINDS, GUARDED)[seed % (len(KINDS) + 1)]


def run_paced(seed: int) -> Counter[str]:
    """Tell a history of identifiers offline and to tasks."""
    refusals = identity_paced.check(seed)
    return Counter({f"refused as told offline: {reason}": 1 for *_, reason in refusals})


def run_one_result(seed: int) -> Counter[str]:
    """Run the logs of a world, or one of states that spin, again and again."""
    draw = random.Random(seed)
    if seed % 4 == 0:
        check_one_result(list(spun(draw)), 0, 1, draw)
        return Counter({"states that spin": 1})
    one = world.run(seed)
    for number, partition in enumerate(one.partitions):
        check_one_result(partition.log, number, len(one.partitions), draw, one.bounds)
    return Counter({"a world's log": 1})


def as_it_is(name: str) -> Callable[[int], str]:
    """Return what tells that the seed is the smallest form there is."""
    return lambda seed: f"{name} {seed}: it is small, and is not cut down"


INSTRUMENTS: Final = (
    Instrument("world", 3, run_world, smallest_world),
    Instrument("identity", 3, run_identity, smallest_identity),
    Instrument("differential", 4, worlds.run, worlds.smallest),
    Instrument("paced", 1, run_paced, as_it_is("paced")),
    Instrument("one_result", 1, run_one_result, as_it_is("one_result")),
    Instrument("disk", 1, disk.run, disk.smallest),
    Instrument("walk", 1, again.run_walk, again.smallest_walk),
    Instrument("kept", 0.5, again.run_kept, as_it_is("kept")),
)
BY_NAME: Final = {one.name: one for one in INSTRUMENTS}
