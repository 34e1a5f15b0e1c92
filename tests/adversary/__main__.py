"""Look for faults with every instrument: `python -m tests.adversary --minutes 60 [--seed N]`.

Seeds count up from N, or from a number drawn anew each time. What is found is cut down to its
smallest form. `--only NAME --seed N --minutes 0` runs one seed of one instrument again.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from tests.adversary.instrument import INSTRUMENTS, Instrument

RUN_S: Final = 120
"""Of CPU: what takes longer does not end."""
CUT_S: Final = 600
"""Of CPU, for cutting a fault down; what is not done by then is told by its seed alone."""
SEEDS_BELOW: Final = 1_000_000_000

BY_NAME: Final = {one.name: one for one in INSTRUMENTS}


class EndlessError(BaseException):
    """A run does not end: no `Exception`, so that a task does not take it for a handler's."""


class BrokenPromiseError(Exception):
    """A promise is broken: the kind of the fault, and all that is known of it."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self.kind, self.text = kind, text


@dataclass
class Score:
    """What an instrument did."""

    seeds: int = 0
    seconds: float = 0.0
    met: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    """By kind, how often; the first of each is told."""
    first: dict[str, tuple[int, float, str]] = field(default_factory=dict)
    """By kind: its seed, after how many seconds of the whole, what is known of it."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", choices=sorted(BY_NAME))
    asked = parser.parse_args()
    seed = secrets.randbelow(SEEDS_BELOW) if asked.seed is None else asked.seed
    chosen = [BY_NAME[asked.only]] if asked.only else list(INSTRUMENTS)
    print(f"seeds from {seed}: {', '.join(one.name for one in chosen)}", flush=True)
    scores = look(chosen, seed, asked.minutes * 60)
    tell(scores)
    return 1 if any(score.faults for score in scores.values()) else 0


def look(chosen: list[Instrument], first: int, seconds: float) -> dict[str, Score]:
    """Run instruments for so long, each by its share of the time; at least one seed of each."""
    scores = {one.name: Score() for one in chosen}
    began = time.monotonic()
    running: dict[Future[tuple[float, Counter[str]]], tuple[str, int]] = {}
    planned = Counter[str]()
    cpus = os.cpu_count() or 1
    with ProcessPoolExecutor(cpus) as pool:
        while True:
            while len(running) < 2 * cpus:
                late = time.monotonic() - began >= seconds
                left = [one for one in chosen if not (late and planned[one.name])]
                if not left:
                    break
                one = min(left, key=lambda one: _spent(scores[one.name], planned[one.name], one))
                seed = first + planned[one.name]
                planned[one.name] += 1
                running[pool.submit(run_one, one.name, seed)] = (one.name, seed)
            if not running:
                return scores
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                name, seed = running.pop(done)
                _note(scores[name], name, seed, done, time.monotonic() - began)


def _spent(score: Score, planned: int, one: Instrument) -> float:
    """Return how much of its share an instrument has had, what runs now included."""
    each = score.seconds / score.seeds if score.seeds else 1.0
    return each * planned / one.share


def _note(
    score: Score,
    name: str,
    seed: int,
    done: Future[tuple[float, Counter[str]]],
    after_s: float,
) -> None:
    score.seeds += 1
    try:
        took_s, met = done.result()
    except BrokenPromiseError as broken:
        score.faults[broken.kind] += 1
        if broken.kind not in score.first:
            score.first[broken.kind] = seed, after_s, broken.text
            print(f"{name} {seed} breaks a promise after {after_s:.0f} s: {broken.kind}")
            sys.stdout.flush()
        return
    score.seconds += took_s
    score.met.update({what: 1 for what, times in met.items() if times})


def run_one(name: str, seed: int) -> tuple[float, Counter[str]]:
    """Run one seed; return the seconds it took, and what it met. Raises BrokenPromiseError."""
    began = time.monotonic()
    _quiet()  # an instrument may have listened to what is logged
    try:
        _within(RUN_S)
        met = BY_NAME[name].run(seed)
    except (Exception, EndlessError) as error:
        raise BrokenPromiseError(
            _kind_of(error), "".join(traceback.format_exception(error))
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return time.monotonic() - began, met


def _quiet() -> None:
    logging.disable()  # what fails on purpose is no news


def _within(seconds: float) -> None:
    """Raise EndlessError in this process after so long."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise EndlessError(f"still running after {seconds:.0f} s of CPU")

    signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _kind_of(error: BaseException) -> str:
    """Return what tells faults apart: the type of the error and where it came up."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, {last.name}"


def tell(scores: dict[str, Score]) -> None:
    """Print what was met how often, and each kind of fault in its smallest form."""
    for name, score in scores.items():
        print(f"\n{name}: {score.seeds:,} seeds, {score.seconds:,.0f} s of CPU")
        for what, times in score.met.most_common():
            print(f"{times:10,}  {what}")
    for name, score in scores.items():
        for kind, (seed, after_s, text) in score.first.items():
            times = score.faults[kind]
            print(f"\nFAULT: {name} {seed}, first after {after_s:.0f} s, {times} times: {kind}")
            print(text.strip())
            print(_cut_down(name, seed), flush=True)
    faults = sum(len(score.first) for score in scores.values())
    print(f"\n{faults} kinds of fault" if faults else "\nno fault found")


def _cut_down(name: str, seed: int) -> str:
    _quiet()
    try:
        _within(CUT_S)
        return f"its smallest form:\n{BY_NAME[name].smallest(seed)}"
    except EndlessError:
        return f"it could not be cut down within {CUT_S} s of CPU"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    sys.exit(main())
