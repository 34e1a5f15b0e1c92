"""A worker's partition over a disk that fails: its store, and its checkpoints."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import random
import re
import shutil
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from fsspec.implementations.local import LocalFileSystem

from cjo_stream.engine.frame import decode_effect_frame
from cjo_stream.engine.port import LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.errors import CjoError, RebuildError, RefusalError
from cjo_stream.kafka.worker.state import LogRange, StateFolder, stored_offset
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.memory import MemoryStore
from cjo_stream.store.rocks import RocksStore
from tests.simulation.disk_fault import (
    KINDS,
    Fault,
    Step,
    check_told,
    choose,
    closing,
    failing,
    name_of,
    no_room,
    room,
    small_memory,
    spoil,
)
from tests.simulation.world import World, replay
from tests.world.mesh import open_task
from tests.world.stored import actors

LEFT: Final = 12
"""So often an operator tries at the most."""
SPOILT_FILE: Final = re.compile(
    r"Delete (/\S+/files/\w+): checkpoints that name it are passed over"
)
SPOILT_MANIFEST: Final = re.compile(r"checkpoint at offset (\d+) .*[Dd]elete its manifest")


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


class Kept(msgspec.Struct, frozen=True):
    """A checkpoint whose files are there, each with its size."""

    applied: int
    is_whole: bool
    """Whether they hold what was stored."""


def kept_in(folder: Path) -> list[Kept]:
    """Return the checkpoints in a folder, oldest first; read without the product's reader."""
    found = []
    for path in sorted((folder / "manifests").glob("*.json")):
        text, _, digest = path.read_bytes().rstrip(b"\n").rpartition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() != digest:
            continue
        manifest = msgspec.json.decode(text)
        files = [(folder / "files" / name, size) for _, size, name in manifest["files"]]
        if all(file.is_file() and file.stat().st_size == size for file, size in files):
            is_whole = all(_digest(file.read_bytes()).hex() == file.name for file, _ in files)
            found.append(Kept(manifest["applied"], is_whole))
    return found


@functools.cache
def state_at(base: int, applied: int) -> list[tuple[bytes, bytes]]:
    """Return the actors of a partition that has taken the log up to this offset."""
    its = recorded(base)
    _, store = replay(0, its.partitions, its.log[: applied + 1], its.bounds)
    return actors(store)


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
        self.root, self.number, self.base = root, base, recorded(base)
        self.path, self.url = root / "tasks" / "0000", str(root / "checkpoints")
        self.first = 0
        self.frames: list[bytes] = []
        self.met = Counter[str]()
        self.is_refused = False
        """Whether the last start was refused: until a copy is back, no new one is taken."""
        self.is_spoiled = False
        """Whether a file was spoiled, which may be read only much later."""
        self.unseen = set[bytes]()
        """Digests of spoiled files that kept their size: only who reads them is told."""

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
            found_spoiled = self.is_spoiled and isinstance(error, RebuildError | RefusalError)
            if step.what == "go on a full disk" and not found_spoiled:
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
            if newest is not None and newest.applied >= self.first and self._keep():
                self.first = newest.applied + 1
                self.met["the log begins behind a checkpoint"] += 1
        self.go(step)

    def spoil(self, step: Step) -> None:
        """Spoil a file of the store, or of the checkpoints."""
        draw = random.Random(step.draw)
        folders = [Path(self.url, "0", "files"), Path(self.url, "0", "manifests"), self.path]
        where = draw.choice(folders[:2] if step.what == "spoil a checkpoint" else folders)
        path, kind = choose(draw, where), draw.choice(KINDS)
        if path is None:
            return
        self._keep()
        what = name_of(path) if where is self.path else where.name.removesuffix("s")
        of = "store" if where is self.path else "checkpoint"
        before = path.read_bytes()
        spoil(path, kind, draw)
        if kind != "gone" and len(after := path.read_bytes()) == len(before) and after != before:
            self.unseen.add(_digest(after))
        self.met[f"{of}: {what} {kind}"] += 1
        self.is_spoiled = True
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
                for path in (spoilt := self._spoilt(error)):
                    path.unlink()
                if not spoilt:
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
        with closing(RocksStore(self.path, small_memory())) as store:
            assert _actors(store) == actors(self.base.store), "the state differs"

    def _run(self, step: Step, *, torn: bool = False) -> None:
        draw = random.Random(step.draw)
        copies = Checkpoints(self.url, "0")
        copies._fs = FailingFiles(step.fault if step.what == "checkpoint" else Fault(), self.met)
        copies._at_once = 1  # which read fails must not depend on threads
        folder = StateFolder(self.path, 0, copies)
        log = LogRange(self.first, len(self.base.log))
        with closing(self._open(folder, log)) as store:
            task = open_task(0, self.base.partitions, store, **self.base.bounds)
            until = min(len(self.base.log), task.applied + 1 + step.far)
            while task.applied + 1 < until:
                self._take(task, min(until, task.applied + 1 + draw.randint(1, 6)), torn=torn)
            if step.what == "checkpoint":
                self._store(folder, store, task)

    def _open(self, folder: StateFolder, log: LogRange) -> RocksStore:
        """Open the partition, and hold what was done against what lies in the checkpoints.

        The newest checkpoint whose files are there, each with its size, is taken if it is whole.
        If it is not, no operator's copy is needed as long as an older one is whole.
        """
        kept = [one for one in kept_in(Path(self.url, "0")) if one.applied + 1 >= log.first]
        faults = self.met.total()
        try:
            store = folder.open(log)
            try:
                applied = stored_offset(store)
                folder.check(applied, log)
            except CjoError:
                store.close()
                raise
        except (RebuildError, RefusalError) as error:
            if self.met.total() == faults:
                self._check_refused(error, kept)
            raise
        if self.met.total() == faults and kept and kept[-1].is_whole:
            assert applied >= kept[-1].applied, "a whole checkpoint is there, and was not taken"
        if folder.restore_s is not None:
            self.met["a checkpoint was restored"] += 1
            self._check_restored(store, applied)
        return store

    def _check_refused(self, error: CjoError, kept: list[Kept]) -> None:
        if any(one.is_whole for one in kept):
            assert not kept[-1].is_whole, f"a whole checkpoint is there, but: {error}"
            assert self._spoilt(error), f"an older whole checkpoint is there, but: {error}"
            self.met["the newest checkpoint is spoilt, an older one is whole: told"] += 1

    def _check_restored(self, store: RocksStore, applied: int) -> None:
        with failing(Fault(), self.met):
            try:
                state = _actors(store)
            except RebuildError as error:
                raise AssertionError(f"a spoilt checkpoint was restored: {error}") from error
        assert state == state_at(self.number, applied), "another state was restored"

    def _spoilt(self, error: CjoError) -> list[Path]:
        """Return what an error tells the operator to delete of the checkpoints."""
        if found := SPOILT_FILE.search(str(error)):
            return [Path(found[1])]
        if found := SPOILT_MANIFEST.search(str(error)):
            return list(Path(self.url, "0", "manifests").glob(f"{int(found[1]):020d}-*"))
        return []

    def _take(self, task: Task, until: int, *, torn: bool) -> None:
        assert task.applied + 1 >= self.first, "it goes on over records that the log has no more"
        records = self.base.log[task.applied + 1 : until]
        if torn:
            last = records[-1]
            if len(last.value) > 4:
                cut = 2 + last.offset % (len(last.value) - 2)
                records[-1] = LogRecord(last.offset, last.time, last.value[:cut])
        self.frames += task.process(records).effects
        task.commit()

    def _store(self, folder: StateFolder, store: RocksStore, task: Task) -> None:
        faults = self.met.total()
        folder.save(folder.take_copy(store), task.applied, _never())
        if self.met.total() == faults:
            kept = kept_in(Path(self.url, "0"))
            assert kept, "a checkpoint was stored, and is not whole"
            assert kept[-1].applied >= task.applied, "a checkpoint was stored, and is not whole"
        self.met["a checkpoint was stored"] += 1

    def _keep(self) -> bool:
        """Let the operator have a copy of everything; return whether it is whole.

        None is taken after a refused start, nor while a spoiled file may be there unseen: the copy
        before is the one that counts, and the log must go on from there.
        """
        places = [path for path in (self.path, Path(self.url)) if path.exists()]
        if self.is_refused or self._holds_unseen(places):
            return False
        copy = self.root / "kept"
        shutil.rmtree(copy, ignore_errors=True)
        for path in places:
            shutil.copytree(path, copy / path.name)
        return True

    def _holds_unseen(self, places: list[Path]) -> bool:
        files = [path for place in places for path in place.rglob("*") if path.is_file()]
        return bool(self.unseen) and any(
            _digest(file.read_bytes()) in self.unseen for file in files
        )

    def _bring_back(self) -> None:
        for path in (self.path, Path(self.url)):
            copy = self.root / "kept" / path.name
            if copy.exists():
                shutil.rmtree(path, ignore_errors=True)
                shutil.copytree(copy, path)


def _never() -> threading.Event:
    return threading.Event()


def _actors(store: RocksStore) -> list[tuple[bytes, bytes]]:
    copy = MemoryStore()
    copy.write(list(store.scan(b"", b"\xff")))
    return actors(copy)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
