"""Run seeds of a simulated world: `python -m tests.simulation [identity] [--seed N | --seeds N]`.

`identity` runs the histories of identifiers, links and operators' orders, N of each kind, and N
paced ones that are held against links told one by one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from tests.simulation.identity import KINDS, live
from tests.simulation.identity_oracle import check
from tests.simulation.identity_paced import check as check_paced
from tests.simulation.world import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", nargs="?", choices=("whole", "identity"), default="whole")
    parser.add_argument("--seed", type=int, help="run this one seed")
    parser.add_argument("--seeds", type=int, default=10_000, help="run seeds 0..N-1")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else range(asked.seeds)
    run_identity(seeds) if asked.world == "identity" else run_whole(seeds)


def run_whole(seeds: Sequence[int]) -> None:
    """Run the whole chain; raises where a promise is broken."""
    began = time.monotonic()
    crashes = commands = 0
    for seed in seeds:
        try:
            world = run(seed)
        except BaseException:
            print(f"seed {seed} breaks a promise: run it again with --seed {seed}")
            raise
        crashes += world.crashes
        commands += sum(effect.kind == "action" for out in world.out for effect in out)
    print(
        f"{len(seeds)} seeds: exact; {crashes} crashes, {commands} commands, "
        f"{time.monotonic() - began:.0f} s"
    )


def run_identity(seeds: Sequence[int]) -> None:
    """Run histories of every kind, and one that is paced; raises where a promise is broken."""
    began = time.monotonic()
    crashes = merges = refusals = 0
    for seed in seeds:
        try:
            refusals += check_paced(seed).total()
        except BaseException:
            print(f"seed {seed}, paced, breaks a promise: --seed {seed} again")
            raise
        for kind in KINDS:
            try:
                chain, history = live(seed, kind)
                merges += check(chain, history).counts["Accept"]
            except BaseException:
                print(f"seed {seed}, kind {kind.name}, breaks a promise: --seed {seed} again")
                raise
            crashes += chain.crashes
    print(
        f"{len(seeds)} seeds of {len(KINDS)} kinds: the invariants hold; {crashes} crashes, "
        f"{merges} merges, {refusals} links refused as told one by one, "
        f"{time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
