"""Look for faults with every instrument: `python -m tests.adversary --minutes 60 [--seed N]`.

Seeds count up from N, or from a number drawn anew each time. What is found is cut down to its
smallest form. `--only NAME --seed N --minutes 0` runs one seed of one instrument again.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tests.adversary.child import Fault, Job, run_all
from tests.adversary.instrument import BY_NAME, INSTRUMENTS, Instrument

SEEDS_BELOW: Final = 1_000_000_000


@dataclass
class Found:
    """Faults of one kind: the first of them, and how many there were."""

    job: Job
    after_s: float
    text: str
    times: int = 0
    smallest: str = ""


@dataclass
class Score:
    """What an instrument did."""

    seeds: int = 0
    cpu_s: float = 0.0
    met: Counter[str] = field(default_factory=Counter)
    faults: dict[str, Found] = field(default_factory=dict)
    """By kind."""


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


def look(chosen: Sequence[Instrument], first: int, seconds: float) -> dict[str, Score]:
    """Run instruments for so long, each by its share of the time; at least one seed of each."""
    scores = {one.name: Score() for one in chosen}
    planned: Counter[str] = Counter()
    began_s = time.monotonic()

    def give() -> Job | None:
        late = time.monotonic() - began_s >= seconds
        left = [one for one in chosen if not (late and planned[one.name])]
        if not left:
            return None
        one = min(left, key=lambda one: _spent(scores[one.name], planned[one.name], one))
        planned[one.name] += 1
        return Job(one.name, first + planned[one.name] - 1)

    with suppress(KeyboardInterrupt):  # what was found until then is told
        for job, done in run_all(give):
            score = scores[job.name]
            score.seeds += 1
            score.cpu_s += done.cpu_s
            score.met.update({what: 1 for what, times in done.met.items() if times})
            if done.fault is not None:
                _note(score, job, done.fault, time.monotonic() - began_s)
    _cut_down(scores)
    return scores


def _spent(score: Score, planned: int, one: Instrument) -> float:
    """Return how much of its share an instrument has had, what runs now included."""
    each = score.cpu_s / score.seeds if score.seeds else 1.0
    return each * planned / one.share


def _note(score: Score, job: Job, fault: Fault, after_s: float) -> None:
    found = score.faults.setdefault(fault.kind, Found(job, after_s, fault.text))
    found.times += 1
    if found.times == 1:
        print(f"{job.name} {job.seed} breaks a promise after {after_s:.0f} s: {fault.kind}")
        sys.stdout.flush()


def _cut_down(scores: dict[str, Score]) -> None:
    """Let the first fault of each kind be cut down to its smallest form."""
    found = {
        one.job._replace(broken=True): one
        for score in scores.values()
        for one in score.faults.values()
    }
    left = list(found)
    for job, done in run_all(lambda: left.pop() if left else None):
        found[job].smallest = done.smallest
        if done.fault is not None:
            found[job].smallest = f"not found: {done.fault.text}"


def tell(scores: dict[str, Score]) -> None:
    """Print what was met how often, and each kind of fault in its smallest form."""
    for name, score in scores.items():
        print(f"\n{name}: {score.seeds:,} seeds, {score.cpu_s:,.0f} s of CPU")
        for what, times in score.met.most_common():
            print(f"{times:10,}  {what}")
    faults = [(kind, found) for one in scores.values() for kind, found in one.faults.items()]
    for kind, found in faults:
        print(
            f"\nFAULT: {found.job.name} {found.job.seed}, first after {found.after_s:.0f} s, "
            f"{found.times} times: {kind}\n{found.text.strip()}\nits smallest form:\n"
            f"{found.smallest}"
        )
    print(f"\n{len(faults)} kinds of fault" if faults else "\nno fault found")


if __name__ == "__main__":
    sys.exit(main())
