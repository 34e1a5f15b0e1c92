"""What several cores bring a run over a file: `python -m tests.bench.cores`.

The simulated traffic of the bundled shop, as `cjo-stream simulate shop` writes it, goes through
`cjo-stream run` on one core and on several by turns. A machine that has other work shows less: a
run on several cores has as many processes, and one that reads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PEOPLE = 4_000
DURATION = "14d"


def command(*arguments: str) -> dict[str, Any]:
    """Return what a command says with --json."""
    called = [sys.executable, "-m", "cjo_stream", *arguments, "--json"]
    done = subprocess.run(called, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def measure(cores: int, times: int, people: int, folder: Path) -> dict[str, Any]:
    """Return the most events/s on one core and on several, and their ratio."""
    simulated = ("--people", str(people), "--duration", DURATION, "--seed", "5")
    command("simulate", "shop", *simulated, "--out", str(folder / "events"))
    events = str(folder / "events" / "events.jsonl")
    found: dict[int, float] = {1: 0.0, cores: 0.0}
    for _ in range(times):
        for number in found:
            out = str(folder / f"out-{number}")
            said = command("run", "shop", events, "--out", out, "--force", "--cores", str(number))
            found[number] = max(found[number], said["events_per_second"])
    written = [_files(folder / f"out-{number}") for number in found]
    assert written[0] == written[-1], "the results are the same bytes"
    return {
        "events": said["events"],
        "events_per_second": {str(number): round(speed) for number, speed in found.items()},
        "ratio": round(found[cores] / found[1], 2),
    }


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.jsonl"))}


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--times", type=int, default=2, help="runs on each number of cores")
    parser.add_argument("--people", type=int, default=PEOPLE)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(asked.cores, asked.times, asked.people, Path(folder)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
