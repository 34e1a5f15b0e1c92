"""`python -m tests.mutants`: draw mutants by a seed, and tell the share that tests kill.

Everything lies in .mutants: copies of the tree, which tests execute which line, and the report
with each survivor as a diff.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tests.mutants.choice import ROOMS, Reach, choose_tests
from tests.mutants.mutation import Mutation, mutated, mutations
from tests.mutants.trial import (
    BY_TIME,
    KILLED,
    SURVIVED,
    Trial,
    begin,
    copy_tree,
    ended,
    import_libraries,
)

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / ".mutants"
TESTS: Final = ("tests/unit", "tests/property", "tests/replay", "tests/simulation")
ELSEWHERE: Final = ("unit/cli/*", "*_killed.py", "test_assignment.py", "test_house.py")
"""Tests whose work is done by other processes, or that wait: they see little of a mutant."""
AT_ONCE: Final = 2
SLOWER: Final = 4.0
START_S: Final = 20.0
WITHIN_S: Final = 7_200.0
WANTED: Final = 0.85


class Mutant(NamedTuple):
    """One change of one source."""

    path: str
    mutation: Mutation


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--again", action="store_true", help="which tests reach what is known")
    asked = parser.parse_args()
    began_s = time.monotonic()
    trees = [copy_tree(ROOT, FOLDER / f"tree-{number}") for number in range(AT_ONCE)]
    reach = _reach(trees[0], again=asked.again)
    drawn = draw(asked.seed, asked.mutants)
    import_libraries()
    results = _try(drawn, reach, trees, began_s + WITHIN_S)
    text = report(asked.seed, results)
    path = FOLDER / f"seed-{asked.seed}.txt"
    path.write_text(text + "\n" + "\n".join(_told(m) for m, r in results.items() if r == SURVIVED))
    print(f"{text}\nthe survivors: {path}")
    killed = sum(result != SURVIVED for result in results.values())
    return 0 if killed >= WANTED * len(results) else 1


def draw(seed: int, most: int) -> list[Mutant]:
    """Return mutants of `core` and `engine`, drawn from all that there are."""
    every = [
        Mutant(str(path.relative_to(ROOT)), one)
        for room in ROOMS
        for path in sorted((ROOT / "cjo_stream" / room).rglob("*.py"))
        for one in mutations(path.read_text())
    ]
    return random.Random(seed).sample(every, min(most, len(every)))


def report(seed: int, results: dict[Mutant, str]) -> str:
    """Return the share that was killed, in all and by room."""
    rooms: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant, result in results.items():
        parts = Path(mutant.path).parts[1:-1]
        rooms["/".join(parts)][result] += 1
    lines = [f"{'room':<20}{'mutants':>8}{'killed':>8}{'by time':>8}{'survived':>9}"]
    for room, counts in sorted(rooms.items()):
        lines.append(_line(room, counts))
    whole = Counter(results.values())
    lines.append(_line("all", whole))
    killed = sum(whole.values()) - whole[SURVIVED]
    lines.append(f"seed {seed}: tests kill {killed / max(1, sum(whole.values())):.1%}")
    return "\n".join(lines)


def _line(room: str, counts: Counter[str]) -> str:
    figures = (sum(counts.values()), counts[KILLED], counts[BY_TIME], counts[SURVIVED])
    return f"{room:<20}" + "".join(
        f"{one:>{w}}" for one, w in zip(figures, (8, 8, 8, 9), strict=True)
    )


def _reach(tree: Path, *, again: bool) -> Reach:
    path = FOLDER / "reach.json"
    if not (again and path.exists()):
        ignored = [f"--ignore-glob=*/{name}" for name in ELSEWHERE]
        command = [sys.executable, "-m", "tests.mutants.reach", str(path), *ignored, *TESTS]
        environment = {**os.environ, "PYTHONPATH": str(tree)}
        output = FOLDER / "reach.txt"
        with output.open("w") as out:
            subprocess.run(command, cwd=tree, env=environment, stdout=out, stderr=out, check=False)
    return msgspec.json.decode(path.read_bytes(), type=Reach)


def _try(
    drawn: list[Mutant], reach: Reach, trees: list[Path], until_s: float
) -> dict[Mutant, str]:
    seconds = dict(zip(reach.tests, reach.seconds, strict=True))
    waiting, free = list(reversed(drawn)), list(trees)
    running: dict[Path, tuple[Mutant, Trial]] = {}
    results: dict[Mutant, str] = {}
    while running or (waiting and time.monotonic() < until_s):
        if waiting and free and time.monotonic() < until_s:
            mutant, tree = waiting.pop(), free.pop()
            _write(tree, mutant)
            tests = choose_tests(reach, mutant.path, mutant.mutation.line)
            limit_s = START_S + SLOWER * sum(seconds[test] for test in tests)
            running[tree] = (mutant, begin(tree, tests, limit_s))
            continue
        for tree, (mutant, trial) in list(running.items()):
            result = ended(trial)
            if result is not None:
                results[mutant] = result
                print(f"{len(results):>4} {result:<15} {_place(mutant)}", flush=True)
                del running[tree]
                _write(tree, mutant, whole=True)
                free.append(tree)
        time.sleep(0.05)
    if waiting:
        print(f"{len(waiting)} mutants were not tried: the time was over")
    return results


def _write(tree: Path, mutant: Mutant, *, whole: bool = False) -> None:
    source = (ROOT / mutant.path).read_text()
    (tree / mutant.path).write_text(source if whole else mutated(source, mutant.mutation))


def _place(mutant: Mutant) -> str:
    return f"{mutant.path}:{mutant.mutation.line} {mutant.mutation.kind}"


def _told(mutant: Mutant) -> str:
    source = (ROOT / mutant.path).read_text()
    changed = mutated(source, mutant.mutation)
    lines = difflib.unified_diff(
        source.splitlines(), changed.splitlines(), _place(mutant), mutant.path, n=2, lineterm=""
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
