"""Run seeds of a simulated world: `python -m tests.simulation [identity] [--seed N | --seeds N]`.

A seed is one world and three histories of identifiers; `identity` runs the histories alone, N of
each kind, and N paced ones that are held against links told one by one.

A run of FULL seeds or more tells how many met each rare situation, and fails where fewer than
LEAST_MET in FULL did: what is never met is never tested.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Final

from tests.simulation.identity import GUARDED, KINDS, Kind, live
from tests.simulation.identity_oracle import check
from tests.simulation.identity_paced import check as check_paced
from tests.simulation.world import run
from tests.world.situation import RARE

FULL: Final = 10_000
LEAST_MET: Final = 50
CHUNK: Final = 25
TOLD_EVERY: Final = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", nargs="?", choices=("whole", "identity"), default="whole")
    parser.add_argument("--seed", type=int, help="run this one seed")
    parser.add_argument("--seeds", type=int, default=FULL, help="run seeds 0..N-1")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else range(asked.seeds)
    logging.disable()  # what fails on purpose is no news
    began = time.monotonic()
    totals = _sum(_identity if asked.world == "identity" else _whole, seeds)
    print(", ".join(f"{number:,} {what}" for what, number in totals.things.items()), end="")
    print(f", {time.monotonic() - began:.0f} s: all promises held")
    if asked.world == "identity":
        return 0
    return _tell(totals.met, len(seeds))


class Totals:
    """What came about in a number of seeds."""

    def __init__(self) -> None:
        self.things: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        """Situation -> in how many seeds."""

    def add(self, other: Totals) -> None:
        """Add another's."""
        self.things.update(other.things)
        self.met.update(other.met)


def _tell(met: Counter[str], seeds: int) -> int:
    """Print in how many seeds each rare situation was met; return 1 where one was in too few."""
    for name in sorted(RARE, key=lambda name: (-met[name], name)):
        if met[name] or seeds >= FULL:
            print(f"{met[name]:8,}  {name}")
    least = LEAST_MET * seeds // FULL if seeds >= FULL else 0
    few = [name for name in RARE if met[name] < least]
    unmet = sum(not met[name] for name in RARE)
    print(f"{len(RARE)} rare situations, {unmet} of them in no seed")
    if seeds >= FULL:
        others = [what for what, times in met.most_common() if what not in RARE and times < least]
        print(f"not in the list, for they are rarer: {'; '.join(others)}")
    for name in few:
        print(f"error: in fewer than {least} seeds: {name}. Draw it more often, or strike it out")
    return 1 if few else 0


def _sum(run_chunk: Callable[[Sequence[int]], Totals], seeds: Sequence[int]) -> Totals:
    totals = Totals()
    if len(seeds) <= CHUNK:
        totals.add(run_chunk(seeds))
        return totals
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(os.cpu_count(), initializer=logging.disable) as pool:
        running = [pool.submit(run_chunk, chunk) for chunk in chunks]
        try:
            for number, done in enumerate(as_completed(running), 1):
                totals.add(done.result())
                if number % TOLD_EVERY == 0:
                    print(f"{number * CHUNK:,} of {len(seeds):,} seeds hold", flush=True)
        except BaseException:
            for one in running:
                one.cancel()
            raise
    return totals


def _whole(seeds: Iterable[int]) -> Totals:
    """Run the whole chain and three histories a seed; raises where a promise is broken."""
    totals = Totals()
    for seed in seeds:
        with _told(f"seed {seed}"):
            world = run(seed)
            met = set(world.met)
            for kind in kinds_of(seed):
                mesh, history = live(seed, kind)
                met |= check(mesh, history).situations
                totals.things["crashes"] += mesh.crashes
        totals.met.update(met)
        totals.things["seeds"] += 1
        totals.things["crashes"] += world.crashes
        totals.things["commands"] += sum(e.kind == "action" for out in world.out for e in out)
    return totals


def kinds_of(seed: int) -> tuple[Kind, Kind, Kind]:
    """Return the kinds of a seed's histories: one, one that operators order, one with guards."""
    ordered = [kind for kind in KINDS if kind.orders]
    return KINDS[seed % len(KINDS)], ordered[seed // len(KINDS) % len(ordered)], GUARDED


def _identity(seeds: Iterable[int]) -> Totals:
    """Run histories of every kind, and one that is paced; raises where a promise is broken."""
    totals = Totals()
    for seed in seeds:
        totals.things["seeds of each kind"] += 1
        with _told(f"seed {seed}, paced,"):
            totals.things["links refused as told one by one"] += check_paced(seed).total()
        for kind in KINDS:
            with _told(f"seed {seed}, kind {kind.name},"):
                mesh, history = live(seed, kind)
                totals.things["merges"] += check(mesh, history).counts["Accept"]
            totals.things["crashes"] += mesh.crashes
    return totals


@contextmanager
def _told(seed: str) -> Iterator[None]:
    """Print which seed breaks a promise."""
    try:
        yield
    except BaseException:
        print(f"{seed} breaks a promise: run it again with --seed", flush=True)
        raise


if __name__ == "__main__":
    sys.exit(main())
