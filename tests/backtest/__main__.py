"""Try random edits: `python -m tests.backtest [foretold] [--seed N | --edits N] [--topology T]`.

With `foretold`: plans of random changes, held against what the `apply` then does.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.backtest.foretold import Foretellings
from tests.backtest.trial import TOPOLOGIES, Trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=("backtests", "foretold"), default="backtests")
    parser.add_argument("--seed", type=int, help="try this one edit")
    parser.add_argument("--edits", type=int, default=40, help="try edits 0..N-1 of each topology")
    parser.add_argument("--topology", choices=TOPOLOGIES, action="append")
    parser.add_argument("--people", type=int, default=150, help="simulated; 0: the own sample")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else range(asked.edits)
    tell = _foretold if asked.what == "foretold" else _backtests
    for topology in asked.topology or TOPOLOGIES:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            for line in tell(topology, Path(folder), asked.people, seeds):
                print(f"{topology} {line}", flush=True)
        print(f"{topology}: {len(seeds)} edits agree; {time.monotonic() - began:.0f} s")


def _backtests(topology: str, folder: Path, people: int, seeds: Iterable[int]) -> Iterator[str]:
    with _quiet():
        trials = Trials(topology, folder, people, seed=1)
        trials.against_itself()
    yield "against itself: nothing is changed"
    for seed in seeds:
        with _quiet():
            found = trials.trial(seed)
        edit = found.edit
        yield (
            f"{seed}: {edit.kind} at {edit.at}: {found.changed} of {found.groups} changed "
            f"({found.several} joined or split), {found.commands} other commands; {edit.after}"
        )


def _foretold(topology: str, folder: Path, people: int, seeds: Iterable[int]) -> Iterator[str]:
    with _quiet():
        foretellings = Foretellings(topology, folder, people, seed=1)
    total = Counter[str]()
    for seed in seeds:
        with _quiet():
            found = foretellings.trial(seed)
        total += found.fates
        yield (
            f"{seed}: {found.changed} of {found.customers} customers changed, all as told; "
            f"{_counts(found.fates)} ({'; '.join(found.changes)})"
        )
    yield f"altogether: {_counts(total)}"


def _counts(fates: Counter[str]) -> str:
    return ", ".join(f"{number:,} {fate}" for fate, number in sorted(fates.items()))


def _quiet() -> contextlib.AbstractContextManager[object]:
    stack = contextlib.ExitStack()
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
    return stack


if __name__ == "__main__":
    main()
