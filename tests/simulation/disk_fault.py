"""Faults of a disk: calls of a store that fail, files without room, files with other bytes."""

from __future__ import annotations

import functools
import random
import re
import resource
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Final
from unittest.mock import patch

import msgspec

from cjo_stream.embedded import state as embedded_state
from cjo_stream.errors import CjoError
from cjo_stream.kafka.worker import state as worker_state
from cjo_stream.store.rocks import Memory, RocksStore, named

ERRORS: Final = {
    "no space": "IO error: No space left on device: While appending to file: /d/000010.log",
    "I/O error": "IO error: Input/output error: While appending to file: /d/000010.log",
    "a block is damaged": "Corruption: block checksum mismatch: stored = 1, computed = 2",
}
KINDS: Final = ("torn", "changed", "emptied", "gone")
FLUSHED_EVERY: Final = 30
"""After so many writes what was written goes to a table, as in a large store it does."""
WAYS_OUT: Final = re.compile(
    r"[Mm]ake room|move it aside|[Dd]elete (/|its manifest)|[Bb]ring |[Ss]tart |restore |"
    r"name another folder"
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
        super().__init__(folder, memory or small_memory())
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
def small_memory() -> Memory:
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


@contextmanager
def closing(store: RocksStore) -> Iterator[RocksStore]:
    """Close a store as the end of its process does: whatever it says."""
    try:
        yield store
    finally:
        with suppress(CjoError):
            store.close()


def check_told(error: CjoError) -> None:
    """Raise AssertionError where an error does not say what to do."""
    assert WAYS_OUT.search(str(error)), str(error)
