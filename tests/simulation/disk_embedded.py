"""An embedded run over a disk that fails."""

from __future__ import annotations

import functools
import random
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from cjo_stream.core.event import Event, Identifier
from cjo_stream.definition import load
from cjo_stream.embedded.installation import open_installation
from cjo_stream.errors import CjoError, RebuildError
from tests.simulation.disk_fault import (
    KINDS,
    Fault,
    Step,
    check_told,
    choose,
    failing,
    name_of,
    no_room,
    room,
    spoil,
)
from tests.simulation.world import START_MS
from tests.world import TOPOLOGY
from tests.world.partition import hash_of

EVENTS: Final = 24
DEFINITIONS: Final = load(TOPOLOGY)


def visit(number: int) -> Event:
    """Return an event of one of three users."""
    named_ = [Identifier("user", f"u{number % 3}", hash_of(number % 3))]
    what = "order" if number % 7 == 0 else "cart"
    attributes: dict[str, Any] = {"cart": "c", "total": number % 4}
    return Event(what, START_MS + 1_500 * number, attributes, f"e{number}", "web", named_)


class Embedded:
    """A run over a state folder and an output folder."""

    def __init__(self, root: Path, partitions: int) -> None:
        self.root = root
        self.partitions = partitions
        self.out, self.state = root / "out", root / "state"
        self.met = Counter[str]()
        self.is_spoiled = False
        """Whether a file was spoiled and not read since: it may be read only much later."""

    def go(self, step: Step) -> None:
        """Run on by some events, on a disk with a fault, and perhaps be killed."""
        size = step.draw if step.what == "go on a full disk" else 0
        try:
            with failing(step.fault, self.met), room(size):
                self._run(step.far, killed=step.what == "be killed")
        except CjoError as error:
            self.met[f"ended: {type(error).__name__}"] += 1
            check_told(error)
            if self.is_spoiled and isinstance(error, RebuildError):
                self._bring_back()
            elif size:
                self.met[no_room(error)] += 1
        except _KilledError:
            self.met["killed"] += 1
            for name in ("out", "state") if step.what == "be killed" else ():
                shutil.rmtree(self.root / name)
                (self.root / f"{name}.copy").rename(self.root / name)

    def spoil(self, step: Step) -> None:
        """Spoil a file of the state; where that is told, bring the state back."""
        draw = random.Random(step.draw)
        folder = self.state / "log"
        self.go(Step("be killed", step.far))
        path, kind = choose(draw, folder), draw.choice(KINDS)
        if path is None:
            return
        if not self.is_spoiled:
            self._keep()
        what = f"{name_of(path)} {kind}"
        spoil(path, kind, draw)
        self.is_spoiled = True
        try:
            with failing(Fault(), self.met), suppress(_KilledError):
                self._run(step.far)
        except CjoError as error:
            check_told(error)
            self.met[f"state: {what}: told"] += 1
            self._bring_back()
        else:
            self.met[f"state: {what}: no harm"] += 1

    def end(self) -> dict[str, bytes]:
        """Run to the end on a disk that is whole; return the files."""
        with failing(Fault(), self.met):
            try:
                self._run(EVENTS, to_end=True)
            except RebuildError as error:
                check_told(error)
                if not self.is_spoiled:
                    raise
                self._bring_back()
                self._run(EVENTS, to_end=True)
        return {path.name: path.read_bytes() for path in sorted(self.out.iterdir())}

    def _keep(self) -> None:
        """Let the operator have a copy of everything."""
        for name in ("out", "state"):
            copy = self.root / f"{name}.before"
            shutil.rmtree(copy, ignore_errors=True)
            if (self.root / name).exists():
                shutil.copytree(self.root / name, copy)

    def _bring_back(self) -> None:
        for name in ("out", "state"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            copy = self.root / f"{name}.before"
            if copy.exists():
                copy.rename(self.root / name)
        self.is_spoiled = False
        self.met["an operator brought state back: a spoiled file"] += 1

    def _run(self, far: int, *, killed: bool = False, to_end: bool = False) -> None:
        definitions = DEFINITIONS
        with open_installation(
            definitions, self.out, state=self.state, partitions=self.partitions
        ) as installation:
            runtime = installation.runtime
            begin = runtime.last_offset("lane") + 1
            for number in range(begin, EVENTS if to_end else min(EVENTS, begin + far)):
                runtime.offer("lane", number, visit(number))
                runtime.flush()
            for name in ("out", "state") if killed else ():
                _copy(self.root / name, self.root / f"{name}.copy")
            if not to_end:
                raise _KilledError
            runtime.advance(START_MS + 100_000)


def _copy(folder: Path, to: Path) -> None:
    """Copy a folder; once more where RocksDB let go of a file meanwhile."""
    while True:
        shutil.rmtree(to, ignore_errors=True)
        with suppress(shutil.Error):
            shutil.copytree(folder, to)
            return


class _KilledError(BaseException):
    """The process is gone."""


@functools.cache
def undisturbed(partitions: int) -> dict[str, bytes]:
    """Return the files of an embedded run without a fault."""
    with tempfile.TemporaryDirectory(prefix="disk-") as root:
        return Embedded(Path(root), partitions).end()
