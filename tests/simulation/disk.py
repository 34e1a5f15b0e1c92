"""An embedded run, and a worker's partition, over a disk that fails, from one seed.

Calls of a store fail, before or after they were applied; a file takes no more than so many bytes;
files are found torn, changed, emptied or gone; checkpoints are stored by half. Whoever runs may
end with an error of ours, that says what to do, and with no other; the operator does it, and runs
again. In the end the effects must be those of an undisturbed run, byte for byte.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import random
import re
import resource
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Final
from unittest.mock import patch

import msgspec
from fsspec.implementations.local import LocalFileSystem

from cjo_stream.core.event import Event, Identifier
from cjo_stream.definition import load
from cjo_stream.embedded import state as embedded_state
from cjo_stream.embedded.installation import open_installation
from cjo_stream.engine.frame import decode_effect_frame
from cjo_stream.engine.port import LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.errors import CjoError, RebuildError, RefusalError
from cjo_stream.kafka.worker import state as worker_state
from cjo_stream.kafka.worker.state import LogRange, StateFolder
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.memory import MemoryStore
from cjo_stream.store.rocks import Memory, RocksStore, named
from tests.adversary.limit import failure_of
from tests.adversary.smallest import smallest as smallest_of
from tests.simulation.world import START_MS, World, open_task, replay
from tests.world import TOPOLOGY
from tests.world.partition import hash_of
from tests.world.stored import actors

ERRORS: Final = {
    "no space": "IO error: No space left on device: While appending to file: /d/000010.log",
    "I/O error": "IO error: Input/output error: While appending to file: /d/000010.log",
    "a block is damaged": "Corruption: block checksum mismatch: stored = 1, computed = 2",
}
KINDS: Final = ("torn", "changed", "emptied", "gone")
EVENTS: Final = 24
DEFINITIONS: Final = load(TOPOLOGY)
BASES: Final = 4
"""Recorded logs that workers run through; each costs a simulated world."""
FLUSHED_EVERY: Final = 30
"""After so many writes what was written goes to a table, as in a large store it does."""
LEFT: Final = 8
"""So often an operator tries at the most."""


WAYS_OUT: Final = re.compile(
    r"[Mm]ake room|move it aside|[Dd]elete (/|its manifest)|[Bb]ring |[Ss]tart |restore "
)
"""What an operator can do."""


class Fault(msgspec.Struct, frozen=True):
    """The `number`-th call of a kind fails so; 0: none does."""

    call: str = "write"
    number: int = 0
    how: str = ""
    is_applied: bool = False


class Step(msgspec.Struct, frozen=True):
    """One thing that happens: what, how far, by which draw, with which fault in it."""

    what: str
    far: int = 0
    draw: int = 0
    fault: Fault = Fault()

    def __str__(self) -> str:
        told = f"{self.what} {self.far} (draw {self.draw})"
        fault = self.fault
        if fault.number:
            told += f", {fault.call} {fault.number} fails: {fault.how}"
            told += ", after it was applied" if fault.is_applied else ""
        return told


class Failing(RocksStore):
    """A store of which one call fails as RocksDB fails."""

    fault: ClassVar[Fault] = Fault()
    calls: ClassVar[Counter[str]] = Counter()
    met: ClassVar[Counter[str]] = Counter()

    def __init__(self, folder: str | Path, memory: Memory | None = None) -> None:
        super().__init__(folder, memory or _memory())
        # A kill is a copy of all files at once: nothing may move among them meanwhile.
        many = str(1 << 20)
        self._db.set_options(
            {
                "disable_auto_compactions": "true",
                "level0_slowdown_writes_trigger": many,
                "level0_stop_writes_trigger": many,
            }
        )

    def get(self, key: bytes) -> bytes | None:
        self._call("read")
        return super().get(key)

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        self._call("read")
        return super().scan(start, end)

    def write(self, batch: Sequence[tuple[bytes, bytes | None]]) -> None:
        self._call("write", lambda: super(Failing, self).write(batch))
        super().write(batch)
        if Failing.calls["write"] % FLUSHED_EVERY == 0:
            super().purge([])

    def _call(self, call: str, apply: Any = None) -> None:
        cls, fault = Failing, Failing.fault
        cls.calls[call] += 1
        if fault.call == call and cls.calls[call] == fault.number:
            if fault.is_applied and apply is not None:
                apply()
            late = " after it was applied" if fault.is_applied and apply is not None else ""
            cls.met[f"{fault.how} at a {call} of a store{late}"] += 1
            raise named(Exception(ERRORS[fault.how]), self._folder)


@functools.cache
def _memory() -> Memory:
    return Memory(8 << 20, 8 << 20)


@contextmanager
def failing(fault: Fault, met: Counter[str]) -> Iterator[None]:
    """Let a call of the stores that are opened meanwhile fail."""
    Failing.fault, Failing.calls, Failing.met = fault, Counter(), met
    with (
        patch.object(embedded_state, "RocksStore", Failing),
        patch.object(worker_state, "RocksStore", Failing),
    ):
        try:
            yield
        finally:
            Failing.fault = Fault()


@contextmanager
def room(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes; 0: any may."""
    if not size:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def spoil(path: Path, kind: str, draw: random.Random) -> None:
    """Let the disk give other bytes than were written."""
    data = bytearray(path.read_bytes())
    if kind == "gone":
        path.unlink()
        return
    at = draw.randrange(max(1, len(data)))
    if kind == "torn":
        del data[at:]
    elif kind == "changed" and data:
        data[at] ^= 1 << draw.randrange(8)
    elif kind == "emptied":
        data[at : at + 512] = bytes(len(data[at : at + 512]))
    path.write_bytes(data)


def choose(draw: random.Random, folder: Path) -> Path | None:
    """Draw a file, each kind of them alike; None where there is none."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*")):
        if path.is_file() and path.name != "LOCK":
            kinds.setdefault(name_of(path), []).append(path)
    return draw.choice(kinds[draw.choice(sorted(kinds))]) if kinds else None


def name_of(path: Path) -> str:
    """Return what a file of a store is."""
    if path.suffix in (".sst", ".log"):
        return {".sst": "table", ".log": "log of writes"}[path.suffix]
    return "info log" if path.name.startswith("LOG") else path.name.split("-")[0].lower()


def no_room(error: CjoError) -> str:
    """Return where a file was not allowed to grow; that the error says so."""
    assert re.search("File too large|No space", str(error)), str(error)
    where = "results" if "/out " in str(error) else "a store"
    return f"no space in the middle of what is written to {where}"


# --- an embedded run


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

    def go(self, step: Step) -> None:
        """Run on by some events, on a disk with a fault, and perhaps be killed."""
        size = step.draw if step.what == "go on a full disk" else 0
        try:
            with failing(step.fault, self.met), room(size):
                self._run(step.far, killed=step.what == "be killed")
        except CjoError as error:
            self.met[f"ended: {type(error).__name__}"] += 1
            if size:
                self.met[no_room(error)] += 1
            check_told(error)
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
        copies = {name: self.root / f"{name}.before" for name in ("out", "state")}
        for name, copy in copies.items():
            shutil.rmtree(copy, ignore_errors=True)
            if (self.root / name).exists():
                shutil.copytree(self.root / name, copy)
        what = f"{name_of(path)} {kind}"
        spoil(path, kind, draw)
        try:
            with failing(Fault(), self.met), suppress(_KilledError):
                self._run(step.far)
        except CjoError as error:
            check_told(error)
            self.met[f"state: {what}: told"] += 1
            for name, copy in copies.items():
                shutil.rmtree(self.root / name, ignore_errors=True)
                if copy.exists():
                    copy.rename(self.root / name)
        else:
            self.met[f"state: {what}: no harm"] += 1

    def end(self) -> dict[str, bytes]:
        """Run to the end on a disk that is whole; return the files."""
        with failing(Fault(), self.met):
            self._run(EVENTS, to_end=True)
        return {path.name: path.read_bytes() for path in sorted(self.out.iterdir())}

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


# --- a worker's partition


class Recorded(msgspec.Struct, frozen=True):
    """The log of a partition, and what it gives without any fault."""

    partitions: int
    log: list[LogRecord]
    bounds: dict[str, Any]
    effects: list[Any]
    store: MemoryStore


@functools.cache
def recorded(base: int) -> Recorded:
    """Return the log of a partition of a simulated world."""
    world = World(base)
    for step in range(200):
        world.step(step)
    world.settle()
    number = len(world.partitions)
    log = world.partitions[0].log
    effects, store = replay(0, number, log, world.bounds)
    return Recorded(number, log, world.bounds, effects, store)


class FailingFiles(LocalFileSystem):
    """A checkpoint store of which one call fails, half done."""

    cachable = False

    def __init__(self, fault: Fault, met: Counter[str]) -> None:
        super().__init__()
        self._fault, self._met = fault, met
        self._calls = Counter[str]()

    def _is_due(self, call: str, what: str) -> bool:
        self._calls[call] += 1
        due = self._fault.call == call and self._calls[call] == self._fault.number
        if due:
            self._met[f"{self._fault.how} while {what}"] += 1
        return due

    def pipe_file(self, path: str, value: bytes, **named: Any) -> None:
        """Write a manifest; a torn one may be told, or not."""
        if self._is_due("write", "a checkpoint's manifest is written"):
            super().pipe_file(path, value[: len(value) // 2], **named)
            if self._fault.is_applied:
                return
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().pipe_file(path, value, **named)

    def open(self, path: str, mode: str = "rb", **named: Any) -> Any:
        """Open a file of a checkpoint."""
        file = super().open(path, mode, **named)
        if mode == "wb" and self._is_due("write", "a checkpoint's file is written"):
            file.write(b"half")
            file.close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if mode == "rb" and self._is_due("read", "a checkpoint's file is read"):
            file.close()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return file

    def cat_file(self, path: str, *args: Any, **named: Any) -> bytes:
        """Read a manifest."""
        if self._is_due("read", "a checkpoint's manifest is read"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        content: bytes = super().cat_file(path, *args, **named)
        return content

    def ls(self, path: str, detail: bool = False, **named: Any) -> Any:
        """Look what is there."""
        if self._is_due("look", "checkpoints are looked for"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().ls(path, detail, **named)

    def rm_file(self, path: str) -> None:
        """Delete a file."""
        if self._is_due("delete", "an old checkpoint is deleted"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        super().rm_file(path)


class Worker:
    """One partition's folder and checkpoints, the log before it, the effects after it."""

    def __init__(self, root: Path, base: int) -> None:
        self.root, self.base = root, recorded(base)
        self.path, self.url = root / "tasks" / "0000", str(root / "checkpoints")
        self.first = 0
        self.frames: list[bytes] = []
        self.met = Counter[str]()
        self.is_refused = False
        """Whether the last start was refused: until a copy is back, no new one is taken."""

    def go(self, step: Step) -> None:
        """Open the partition, take records, perhaps store a checkpoint; then be killed."""
        try:
            size = step.draw if step.what == "go on a full disk" else 0
            fault = Fault() if step.what == "checkpoint" else step.fault
            with failing(fault, self.met), room(size):
                self._run(step)
            self.is_refused = False
        except CjoError as error:
            check_told(error)
            self.is_refused |= isinstance(error, RebuildError | RefusalError)
            self.met[f"ended: {type(error).__name__}"] += 1
            if step.what == "go on a full disk":
                self.met[no_room(error)] += 1

    def lose(self, step: Step) -> None:
        """The host is gone with its disk."""
        self._keep()
        shutil.rmtree(self.path, ignore_errors=True)
        self.met["the host was lost"] += 1
        self.go(step)

    def cut(self, step: Step) -> None:
        """The log's beginning goes, as far as the newest checkpoint reaches."""
        with suppress(CjoError):
            newest = Checkpoints(self.url, "0").newest()
            if newest is not None and newest.applied >= self.first and not self.is_refused:
                self._keep()
                self.first = newest.applied + 1
                self.met["the log begins behind a checkpoint"] += 1
        self.go(step)

    def spoil(self, step: Step) -> None:
        """Spoil a file of the store, or of the checkpoints."""
        draw = random.Random(step.draw)
        where = draw.choice(
            [self.path, Path(self.url, "0", "files"), Path(self.url, "0", "manifests")]
        )
        path, kind = choose(draw, where), draw.choice(KINDS)
        if path is None:
            return
        self._keep()
        what = name_of(path) if where is self.path else where.name.removesuffix("s")
        of = "store" if where is self.path else "checkpoint"
        spoil(path, kind, draw)
        self.met[f"{of}: {what} {kind}"] += 1
        if draw.random() < 0.5:
            shutil.rmtree(self.path, ignore_errors=True)
        self.go(step)

    def tear(self, step: Step) -> None:
        """A record of the log comes torn: it is refused, and nothing of it is taken."""
        try:
            with failing(Fault(), self.met):
                self._run(step, torn=True)
        except RefusalError as error:
            check_told(error)
            self.met["a torn record of the log: told"] += 1
        except CjoError as error:
            check_told(error)

    def end(self) -> None:
        """Let an operator do what he is told until the whole log is taken; then check."""
        for _ in range(LEFT):
            try:
                with failing(Fault(), self.met):
                    self._run(Step("go", len(self.base.log)))
            except (RebuildError, RefusalError) as error:
                check_told(error)
                self.met[f"an operator brought state back: {type(error).__name__}"] += 1
                self._bring_back()
            else:
                break
        else:
            raise AssertionError("what the errors say does not lead on")
        last, effects = (-1, -1), []
        for frame in self.frames:
            for item in decode_effect_frame(frame).items:
                if (item.offset, item.index) > last:
                    last = (item.offset, item.index)
                    effects.append((item.effect.kind, item.effect.key, item.effect.value))
        assert effects == self.base.effects, "the effects differ from an undisturbed run's"
        with _closing(RocksStore(self.path, _memory())) as store:
            copy = MemoryStore()
            copy.write(list(store.scan(b"", b"\xff")))
        assert actors(copy) == actors(self.base.store), "the state differs"

    def _run(self, step: Step, *, torn: bool = False) -> None:
        draw = random.Random(step.draw)
        copies = Checkpoints(self.url, "0")
        copies._fs = FailingFiles(step.fault if step.what == "checkpoint" else Fault(), self.met)
        folder = StateFolder(self.path, 0, copies)
        log = LogRange(self.first, len(self.base.log))
        with _closing(folder.open(log)) as store:
            task = open_task(0, self.base.partitions, store, **self.base.bounds)
            folder.check(task.applied, log)
            if folder.restore_s is not None:
                self.met["a checkpoint was restored"] += 1
            until = min(len(self.base.log), task.applied + 1 + step.far)
            while task.applied + 1 < until:
                self._take(task, min(until, task.applied + 1 + draw.randint(1, 6)), torn=torn)
            if step.what == "checkpoint":
                self._store(folder, store, task)

    def _take(self, task: Task, until: int, *, torn: bool) -> None:
        records = self.base.log[task.applied + 1 : until]
        if torn:
            last = records[-1]
            if len(last.value) > 4:
                cut = 2 + last.offset % (len(last.value) - 2)
                records[-1] = LogRecord(last.offset, last.time, last.value[:cut])
        self.frames += task.process(records).effects
        task.commit()

    def _store(self, folder: StateFolder, store: RocksStore, task: Task) -> None:
        folder.save(folder.take_copy(store), task.applied, _never())
        self.met["a checkpoint was stored"] += 1

    def _keep(self) -> None:
        """Let the operator have a copy of everything."""
        if self.is_refused:
            return
        copy = self.root / "kept"
        shutil.rmtree(copy, ignore_errors=True)
        for path in (self.path, Path(self.url)):
            if path.exists():
                shutil.copytree(path, copy / path.name)

    def _bring_back(self) -> None:
        for path in (self.path, Path(self.url)):
            copy = self.root / "kept" / path.name
            if copy.exists():
                shutil.rmtree(path, ignore_errors=True)
                shutil.copytree(copy, path)


def _never() -> threading.Event:
    return threading.Event()


@contextmanager
def _closing(store: RocksStore) -> Iterator[RocksStore]:
    """Close a store as the end of its process does: whatever it says."""
    try:
        yield store
    finally:
        with suppress(CjoError):
            store.close()


# --- the instrument


def check_told(error: CjoError) -> None:
    """Raise AssertionError where an error does not say what to do."""
    assert WAYS_OUT.search(str(error)), str(error)


def plan(seed: int) -> list[Step]:
    """Return what happens in a seed."""
    draw = random.Random(seed)
    kinds = ["go", "go", "be killed", "go on a full disk", "spoil", "spoil"]
    if seed % 2:
        kinds = ["go", "go on a full disk", "checkpoint", "checkpoint", "checkpoint"]
        kinds += ["spoil", "spoil", "lose", "cut", "tear"]
    return [_step(draw, draw.choice(kinds)) for _ in range(draw.randint(3, 7))]


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
            moves["tear"] = worker.tear
            for step in steps:
                moves.get(step.what, worker.go)(step)
            worker.end()
            return worker.met
        run_ = Embedded(Path(root), 1 + seed // 2 % 2)
        for step in steps:
            (run_.spoil if step.what == "spoil" else run_.go)(step)
        assert run_.end() == undisturbed(run_.partitions), "the files differ"
        return run_.met


@functools.cache
def undisturbed(partitions: int) -> dict[str, bytes]:
    """Return the files of an embedded run without a fault."""
    with tempfile.TemporaryDirectory(prefix="disk-") as root:
        return Embedded(Path(root), partitions).end()


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
