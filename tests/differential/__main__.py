"""Run worlds: `python -m tests.differential [--seed N | --seeds N] [--smallest]`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.differential import canary, shared
from tests.differential.worlds import run, smallest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one seed")
    parser.add_argument("--seeds", type=int, default=1_000, help="run seeds 0..N-1")
    parser.add_argument("--smallest", action="store_true", help="shrink what the first one breaks")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else range(asked.seeds)
    met: Counter[str] = Counter()
    began = time.monotonic()
    for seed in seeds:
        try:
            met += run(seed) + canary.run(seed) + shared.run(seed)
        except Exception:
            print(f"seed {seed} breaks a promise: run it again with --seed {seed}", flush=True)
            if asked.smallest:
                sys.exit(smallest(seed))
            raise
    for name, times in sorted(met.items()):
        print(f"{times:8} {name}")
    print(f"{len(seeds)} worlds: the same every way; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
