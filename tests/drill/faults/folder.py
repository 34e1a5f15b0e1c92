"""Disks that are full, stores that are away."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.drill.fault import Fault, Hand, Run

if TYPE_CHECKING:
    from tests.drill.drilling import Drill

DISK_MIB: Final = 96
BALLAST: Final = "ballast"
FILLS_EVERY_S: Final = 0.05
"""Far more often than Prometheus asks, or it saw room now and then."""


def _small_disk(drill: Drill) -> None:
    """Give a worker a small disk of its own; its state is restored from the checkpoint."""
    if os.geteuid() != 0:
        raise AssertionError("NO DISK IS FILLED: only root may mount one; run the drill as root")
    folder = drill.installation.data["worker-1"]
    drill.installation.end("worker-1")
    drill.installation.mount(folder, DISK_MIB)
    drill.installation.start("worker-1")
    drill.installation.wait_ready()


def _fill(drill: Drill) -> None:
    """Take all room, and what the worker gives back when it begins anew, until it is deleted.

    Whenever the worker ends, its supervisor starts it.
    """
    ballast = drill.installation.data["worker-1"] / BALLAST
    ballast.touch()

    def fill(stop: threading.Event) -> None:
        while ballast.exists() and not stop.wait(FILLS_EVERY_S):
            _pour(ballast)

    def supervise(stop: threading.Event) -> None:
        while not stop.wait(0.5):
            if not drill.installation.runs("worker-1"):
                drill.installation.start("worker-1")

    drill.go_on(fill, "what fills the disk")
    drill.go_on(supervise, "the supervisor")


def _pour(ballast: Path) -> None:
    """Write to the end of a file, if it is there, until there is no room at all."""
    with contextlib.suppress(OSError), ballast.open("r+b", buffering=0) as file:
        file.seek(0, os.SEEK_END)
        while True:
            file.write(bytes(64 << 10))


def _make_room(drill: Drill) -> None:
    (drill.installation.data["worker-1"] / BALLAST).unlink()


def _away(which: Callable[[Drill], Path]) -> Callable[[Drill], None]:
    """Return a cause: a store is away, and in its place is what nothing can be written into."""

    def cause(drill: Drill) -> None:
        folder = which(drill)
        folder.rename(folder.with_suffix(".away"))
        folder.write_text("in the way")

    return cause


def _back(which: Callable[[Drill], Path]) -> Callable[[Drill], None]:
    def mend(drill: Drill) -> None:
        folder = which(drill)
        folder.unlink()
        folder.with_suffix(".away").rename(folder)

    return mend


def _checkpoints(drill: Drill) -> Path:
    return drill.installation.checkpoints


def _layer(drill: Drill) -> Path:
    return drill.installation.layer


FAULTS: Final = (
    Fault(
        "disk-full",
        "CjoDiskFull",
        _fill,
        (Hand("Delete what is not of cjo-stream", _make_room),),
        "worker-1",
        prepare=_small_disk,
        labels={"process": "worker-1"},
    ),
    Fault(
        "checkpoints-stale",
        "CjoCheckpointOld",
        _away(_checkpoints),
        (Hand("Make room, or mend the credentials", _back(_checkpoints)),),
    ),
    Fault(
        "layer-away",
        "CjoLearnOrInsightDown",
        _away(_layer),
        (
            Hand("Do what the log says", _back(_layer)),
            Run("cjo-stream insight sink --layer LAYER", "insight"),
        ),
        "insight",
        labels={"process": "insight"},
    ),
)
