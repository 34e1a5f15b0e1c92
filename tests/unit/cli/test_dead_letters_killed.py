"""100,000 dead letters, whose redrive and whose next run are killed with -9 at any moment."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.test_dead_letters import EDIT, TOPOLOGY, visit

LETTERS = 100_000
FIRST = 30_000
"""Letters that are sent again in a file of their own, before the others."""
LETTER_BYTES = 120
"""At least that is written for each letter, by a redrive and by a run."""
KILLS = 3
"""Of each process."""
ENDED_WITHIN_S = 90
LOOKED_EVERY_S = 0.002


@pytest.mark.slow
def test_each_of_100000_letters_is_taken_once_however_often_processes_are_killed(
    tmp_path: Path,
) -> None:
    (tmp_path / "topology").mkdir()
    (tmp_path / "topology" / "all.yaml").write_text(TOPOLOGY)
    out, kept = tmp_path / "out", ["--state", tmp_path / "state"]
    with (tmp_path / "events.jsonl").open("w") as file:
        for number in range(LETTERS):
            at = {"at": "2026-03-01T10:00:00Z", "number": number}
            print(json.dumps(visit(number, attributes=at)), file=file)
        print(json.dumps(visit(LETTERS, time="2026-03-01T10:00:00Z")), file=file)
    run = ["run", tmp_path / "topology"]
    ended([*run, tmp_path / "events.jsonl", "--out", out, *kept])
    assert sum(1 for _ in rows(out / "dead_letters.jsonl")) == LETTERS

    draw = random.Random(5)
    again = ["dead-letters", "redrive", out, *kept, "--yes", "--edit", EDIT]
    some = [*again, "--where", f"row.attributes.number < {FIRST}"]
    for command, letters in ((some, FIRST), (again, LETTERS - FIRST)):
        killed(command, out / "redriven", "*.new/*", goals(draw, letters * LETTER_BYTES))
    ended(again)  # there is nothing left
    files = sorted((out / "redriven").iterdir())
    assert [path.name for path in files] == ["1", "2"]
    sent = Counter(
        row["identifiers"]["user"] for path in files for row in rows(path / "events.jsonl")
    )
    assert sent == Counter(f"u{number}" for number in range(LETTERS))

    for path, letters in zip(files, (FIRST, LETTERS - FIRST), strict=True):
        into = tmp_path / f"out_{path.name}"
        next_ = [*run, path / "events.jsonl", "--out", into, *kept]
        killed(next_, into, "*", goals(draw, letters * LETTER_BYTES))
    customers = list(rows(tmp_path / "out_2" / "customers.jsonl"))
    assert len(customers) == LETTERS + 1
    assert all(one["traits"]["visits"] == 1 for one in customers)


def goals(draw: random.Random, most: int) -> list[int]:
    """Return how many bytes are there at each kill."""
    return sorted(draw.randrange(most) for _ in range(KILLS))


def killed(arguments: Sequence[object], folder: Path, files: str, at: Sequence[int]) -> None:
    """Run a command to its end, but before kill it whenever `files` have so many bytes."""
    for goal in at:
        process = started(arguments)
        while size(folder, files) < goal:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(LOOKED_EVERY_S)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    ended(arguments)


def size(folder: Path, files: str) -> int:
    try:
        return sum(path.stat().st_size for path in folder.glob(files))
    except FileNotFoundError:  # it was there a moment ago
        return 0


def ended(arguments: Sequence[object]) -> None:
    process = started(arguments)
    _, errors = process.communicate(timeout=ENDED_WITHIN_S)
    assert process.returncode == 0, errors


def started(arguments: Sequence[object]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cjo_stream", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as file:
        yield from map(json.loads, file)
