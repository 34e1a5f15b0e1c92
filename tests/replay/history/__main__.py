"""`python -m tests.replay.history`: write the history of this release's behaviour number.

It tries walks, seed by seed, and keeps the first that meets every field, word and kind; of each
other one it prints what was missing. A history is not overwritten, except with `--unreleased`: no
release has that number, so nobody has a state of it. CHANGELOG.md says which numbers are released.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cjo_stream.engine.codec import BEHAVIOUR
from tests.replay.history import kept
from tests.replay.history.made import make, run_killed
from tests.replay.history.missing import met_in_run, missing_in, missing_in_walk
from tests.replay.history.walk import Walk

EVENTS = 520
"""Of walks of this length one in a few meets everything; of 300 events, one in hundreds."""
TRIES = 60
SHOWN = 8


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed to try")
    parser.add_argument("--tries", type=int, default=TRIES, help="how many seeds to try")
    parser.add_argument("--events", type=int, default=EVENTS, help="raw records of a walk")
    parser.add_argument("--unreleased", action="store_true", help="overwrite the history")
    asked = parser.parse_args(arguments)
    path = kept.path_of(BEHAVIOUR)
    if path.exists() and BEHAVIOUR in kept.released():
        print(f"a release has number {BEHAVIOUR}: raise BEHAVIOUR in cjo_stream/engine/codec.py")
        return 1
    if path.exists() and not asked.unreleased:
        print(
            f"{path} exists; no release has number {BEHAVIOUR}, so --unreleased may overwrite it"
        )
        return 1
    run = run_killed()
    in_run = met_in_run(run)
    always: set[str] | None = None
    for seed in range(asked.seed, asked.seed + asked.tries):
        walk = Walk(seed, asked.events)
        walk.run()
        missing = missing_in_walk(walk, in_run)
        if not missing:
            history = make(walk, run)
            missing = missing_in(history)
            if not missing:
                kept.write(history)
                print(f"seed {seed}: everything\n{path}: {path.stat().st_size:,} bytes")
                return 0
        always = missing if always is None else always & missing
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        print(f"seed {seed}: missing {', '.join(sorted(missing)[:SHOWN])}{more}", flush=True)
    if always:
        print(f"missing in every walk: {', '.join(sorted(always))}: let walk.py produce it")
    else:
        print("each walk lacks something else: try more seeds, or longer walks with --events")
    return 1


if __name__ == "__main__":
    sys.exit(main())
