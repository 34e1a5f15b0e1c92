"""Run seeds of the simulated world: `python -m tests.simulation [--seed N | --seeds N]`."""

from __future__ import annotations

import argparse
import time

from tests.simulation.world import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one seed")
    parser.add_argument("--seeds", type=int, default=10_000, help="run seeds 0..N-1")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else range(asked.seeds)
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


if __name__ == "__main__":
    main()
