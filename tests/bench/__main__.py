"""`make bench`: figures of this machine, as a table and as JSON in build/bench.json.

It fails where a ratio to the floor is much worse than `expected.json` says (`gate.py`).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.bench import decision, embedded, gate, identity, kafka, newcomer, registry


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--no-kafka", action="store_true")
    asked = parser.parse_args()
    figures: dict[str, object] = {
        "embedded shop": embedded.shop(asked.events),
        "embedded yardstick": embedded.yardstick(asked.events),
        "restore from the log": embedded.restore(asked.events),
    }
    figures |= {
        f"decision {name}": value for name, value in decision.run(asked.events // 10).items()
    }
    figures |= {f"registry {name}": value for name, value in registry.run().items()}
    figures |= {f"identity {name}": value for name, value in identity.run(asked.events).items()}
    show(figures)
    if not asked.no_kafka:
        on_kafka = {f"kafka {name}": value for name, value in kafka.run().items()}
        two = kafka.run(workers=2, rates=())
        on_kafka |= {f"kafka, 2 workers, {name}": value for name, value in two.items()}
        on_kafka |= {f"kafka {rate}": value for rate, value in newcomer.run().items()}
        show(on_kafka)
        figures |= on_kafka
    build = Path("build")
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(f"written to {build / 'bench.json'}")
    if asked.no_kafka:
        return 0  # without the floor there is nothing to compare with
    lines = gate.check(figures)
    for line in lines:
        print(f"worse than expected: {line}", file=sys.stderr)
    return 1 if lines else 0


def show(figures: dict[str, object]) -> None:
    for name, value in figures.items():
        print(f"{name:32} {json.dumps(value)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
