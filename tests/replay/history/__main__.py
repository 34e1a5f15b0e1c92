"""`python -m tests.replay.history`: write the history of this release's behaviour number.

A history that stands is never written over: whoever changes a result or a layout raises BEHAVIOUR
in engine/codec.py and writes another one beside it. `--unreleased`: no release of that number is
out, so that nobody has a state of it.
"""

from __future__ import annotations

import argparse
import sys

from cjo_stream.engine.codec import BEHAVIOUR
from tests.replay.history.kept import path_of, write
from tests.replay.history.made import EVENTS, SEED, make


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--unreleased", action="store_true")
    asked = parser.parse_args()
    path = path_of(BEHAVIOUR)
    if path.exists() and not asked.unreleased:
        print(
            f"{path} stands already: raise BEHAVIOUR in cjo_stream/engine/codec.py, or, if no "
            "release of that number is out, say --unreleased"
        )
        return 1
    write(make(asked.seed, asked.events))
    print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
