"""An embedded run, and a worker's partition, over a disk that fails, from one seed.

Calls of a store fail, before or after they were applied; a file takes no more than so many bytes;
files are found torn, changed, emptied or gone; checkpoints are stored by half. Whoever runs may
end with an error of ours, that says what to do, and with no other; the operator does it, and runs
again. In the end the effects must be those of an undisturbed run, byte for byte.
"""

from __future__ import annotations

import logging
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.adversary.limit import failure_of
from tests.adversary.smallest import smallest as smallest_of
from tests.simulation.disk_embedded import Embedded, undisturbed
from tests.simulation.disk_fault import ERRORS, Fault, Step
from tests.simulation.disk_worker import Worker

BASES: Final = 4
"""Recorded logs that workers run through; each costs a simulated world."""


def plan(seed: int) -> list[Step]:
    """Return what happens in a seed."""
    draw = random.Random(seed)
    kinds = ["go", "go", "be killed", "go on a full disk", "spoil", "spoil"]
    if seed % 2:
        if draw.random() < 0.5:
            return _of_checkpoints(draw)
        kinds = ["go", "go on a full disk", "checkpoint", "checkpoint", "checkpoint"]
        kinds += ["spoil", "spoil", "lose", "cut", "tear"]
    return [_step(draw, draw.choice(kinds)) for _ in range(draw.randint(3, 7))]


def _of_checkpoints(draw: random.Random) -> list[Step]:
    """Return a story of checkpoints that are spoilt, perhaps where the log has no beginning."""
    kinds = ["checkpoint"] + ["cut"] * draw.randint(0, 1) + ["checkpoint"] * draw.randint(1, 2)
    kinds += ["spoil a checkpoint"] * draw.randint(1, 2)
    steps = [Step(what, draw.randint(1, 9), draw.randrange(1 << 30)) for what in kinds]
    after = ["go", "checkpoint", "lose", "cut", "spoil", "spoil a checkpoint"]
    return steps + [_step(draw, draw.choice(after)) for _ in range(draw.randint(0, 2))]


def _step(draw: random.Random, what: str) -> Step:
    far, number = draw.randint(1, 9), 0
    if what in ("go", "checkpoint") and draw.random() < 0.7:
        number = 1 + int(40 ** draw.random()) if what == "go" else draw.randint(1, 6)
    calls = (
        ["write", "write", "read"]
        if what == "go"
        else ["write", "write", "read", "look", "delete"]
    )
    how = draw.choice(sorted(ERRORS)) if what == "go" else "no space or an I/O error"
    fault = Fault(draw.choice(calls), number, how, draw.random() < 0.4)
    drawn = (
        int(500 * 120 ** draw.random()) if what == "go on a full disk" else draw.randrange(1 << 30)
    )
    return Step(what, far, drawn, fault if number else Fault())


def execute(seed: int, steps: Sequence[Step]) -> Counter[str]:
    """Let these things happen; return what was met. Raises where a promise is broken."""
    with tempfile.TemporaryDirectory(prefix="disk-") as root, _quiet():
        if seed % 2:
            worker = Worker(Path(root), seed // 2 % BASES)
            moves = {"spoil": worker.spoil, "lose": worker.lose, "cut": worker.cut}
            moves |= {"spoil a checkpoint": worker.spoil, "tear": worker.tear}
            for step in steps:
                moves.get(step.what, worker.go)(step)
            worker.end()
            return worker.met
        run_ = Embedded(Path(root), 1 + seed // 2 % 2)
        for step in steps:
            (run_.spoil if step.what == "spoil" else run_.go)(step)
        assert run_.end() == undisturbed(run_.partitions), "the files differ"
        return run_.met


@contextmanager
def _quiet() -> Iterator[None]:
    """Say nothing of what the faults make of the log."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def run(seed: int) -> Counter[str]:
    """Run one seed; return what it met, by name."""
    return execute(seed, plan(seed))


def smallest(seed: int) -> str:
    """Return the smallest part of a seed's steps that breaks a promise."""

    def broken(steps: Sequence[Step]) -> str | None:
        return failure_of(lambda: execute(seed, steps))

    steps = smallest_of(plan(seed), lambda some: broken(some) is not None)
    who = "a worker's partition" if seed % 2 else "an embedded run"
    return "\n".join([f"disk {seed}, {who}", *map(str, steps), str(broken(steps))])
