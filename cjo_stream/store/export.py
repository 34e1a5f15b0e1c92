"""An export: a folder with a customer base, which is whole or is none.

    manifest.json           which files there are, with their sizes and digests, then a digest of
                            all this; written last
    base.msgpack            the base, apart from its actors (installation/customer_base.py)
    partition-0003.pairs    the actors of a partition: keys and values of its store (engine/codec)
    held.pairs              commands that operators hold: a customer's key, an effect, in order

    a pair    length of the key (4, BE), length of the value (4, BE), key, value

An export that was killed has no manifest, and is begun anew in the same folder. Everything is
compared with the manifest before the first pair is taken.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.engine.codec import BEHAVIOUR
from cjo_stream.engine.moving import Pair
from cjo_stream.errors import RefusalError, UsageError
from cjo_stream.installation.customer_base import CustomerBase
from cjo_stream.store.private import make_private

FORM: Final = 1
MANIFEST: Final = "manifest.json"
_BASE: Final = "base.msgpack"
_HELD: Final = "held.pairs"
_UNFINISHED: Final = "manifest.unfinished"
_OURS: Final = ("partition-*.pairs", _BASE, _HELD, _UNFINISHED)
_STATE: Final = b"s"
"""How the key of an actor's state begins; others are of its timeline and its next due time."""
_LENGTHS: Final = struct.Struct(">II")
_BUFFER_BYTES: Final = 1 << 20


class ExportedFile(msgspec.Struct, frozen=True):
    """One file of an export."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an export holds."""

    form: int = FORM
    created_ms: int
    release: str
    behaviour: int
    """Of the stores that it was made from (engine/codec.py)."""
    topology: str
    source: str
    """The place that it was made from."""
    partitions: int
    actors: int
    held: int
    files: tuple[ExportedFile, ...]


class NewExport:
    """An export that is being written: actors first, then `close`."""

    def __init__(self, folder: Path) -> None:
        """Begin in a new folder, or in that of an export that was killed; raises UsageError."""
        if (folder / MANIFEST).exists():
            raise UsageError(f"{folder} holds an export already: name a new folder")
        make_private(folder)
        ours = {path for pattern in _OURS for path in folder.glob(pattern)}
        others = sorted(path.name for path in set(folder.iterdir()) - ours)
        if others:
            raise UsageError(
                f"{folder} holds {others[0]}, which is no part of an export: name a new folder"
            )
        for path in ours:
            path.unlink()
        self._folder = folder
        self._files: list[ExportedFile] = []
        self._actors = self._held = 0

    def add_partition(self, number: int, pairs: Iterable[Pair]) -> None:
        """Write the actors of a partition."""
        self._write(_partition_file(number), map(_packed, self._counted(pairs)))

    def _counted(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        for pair in pairs:
            self._actors += pair[0][:1] == _STATE
            yield pair

    def add_held(self, commands: Iterable[Pair]) -> None:
        """Write the commands that operators hold: each customer's key, and the effect."""
        self._held = self._write(_HELD, map(_packed, commands))

    def close(self, base: CustomerBase, release: str, source: str) -> Manifest:
        """Write the rest, and the manifest, which makes it an export."""
        self._write(_BASE, [msgspec.msgpack.encode(base)])
        manifest = Manifest(
            created_ms=time.time_ns() // 1_000_000,
            release=release,
            behaviour=base.common.behaviour,
            topology=base.topology,
            source=source,
            partitions=base.partitions,
            actors=self._actors,
            held=self._held,
            files=tuple(self._files),
        )
        text = msgspec.json.encode(manifest)
        digest = hashlib.sha256(text).hexdigest().encode()
        unfinished = self._folder / _UNFINISHED
        with unfinished.open("wb") as file:
            file.write(text + b"\n" + digest + b"\n")
            _sync(file.fileno())
        unfinished.rename(self._folder / MANIFEST)
        opened = os.open(self._folder, os.O_RDONLY)
        try:
            _sync(opened)
        finally:
            os.close(opened)
        return manifest

    def _write(self, name: str, parts: Iterable[bytes]) -> int:
        digest, size, number = hashlib.sha256(), 0, 0
        with (self._folder / name).open("wb", _BUFFER_BYTES) as file:
            for part in parts:
                file.write(part)
                digest.update(part)
                size += len(part)
                number += 1
            file.flush()
            _sync(file.fileno())
        self._files.append(ExportedFile(name, size, digest.hexdigest()))
        return number


class Export:
    """A whole export, its files compared with the manifest."""

    def __init__(self, folder: Path) -> None:
        """Look at all of it.

        Raises UsageError if it is none; RefusalError if it is damaged, or of a later behaviour.
        """
        self.folder = folder
        self.manifest = read_manifest(folder)
        _check_behaviour(folder, self.manifest)
        for file in self.manifest.files:
            _check(folder / file.name, file)
        self.base = msgspec.msgpack.decode((folder / _BASE).read_bytes(), type=CustomerBase)

    @property
    def id(self) -> str:
        """Tells this export from others."""
        return hashlib.sha256(msgspec.json.encode(self.manifest)).hexdigest()[:16]

    def actors(self) -> Iterator[Pair]:
        """Yield the actors of all partitions."""
        for number in range(self.manifest.partitions):
            yield from _pairs(self.folder / _partition_file(number))

    def held(self) -> Iterator[Pair]:
        """Yield the commands that operators hold, each with its customer's key."""
        yield from _pairs(self.folder / _HELD)


def read_manifest(folder: Path) -> Manifest:
    """Return what an export holds; raises UsageError, RefusalError."""
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(
            f"{folder} holds no whole export: name a folder that `cjo-stream base export` has "
            "written to its end"
        )
    text, _, digest = path.read_bytes().rstrip(b"\n").rpartition(b"\n")
    form = _Form()
    try:
        form = msgspec.json.decode(text, type=_Form)
        if hashlib.sha256(text).hexdigest().encode() == digest and form.form == FORM:
            return msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise _damaged(path) from error
    if form.form not in (0, FORM):
        raise RefusalError(
            f"{folder} is an export of form {form.form}; this release reads form {FORM}. Import "
            "it with the release that wrote it"
        )
    raise _damaged(path)


class _Form(msgspec.Struct):
    form: int = 0


def _check_behaviour(folder: Path, manifest: Manifest) -> None:
    """Raise RefusalError where this release does not know what the actors' states mean."""
    if manifest.behaviour > BEHAVIOUR:
        raise RefusalError(
            f"the export in {folder} was made by release {manifest.release}, of behaviour "
            f"{manifest.behaviour}; this one is {BEHAVIOUR}. Import it by that release, or a "
            "later one"
        )


def _partition_file(number: int) -> str:
    return f"partition-{number:04d}.pairs"


def _packed(pair: Pair) -> bytes:
    key, value = pair
    return _LENGTHS.pack(len(key), len(value)) + key + value


def _pairs(path: Path) -> Iterator[Pair]:
    with path.open("rb", _BUFFER_BYTES) as file:
        while lengths := file.read(_LENGTHS.size):
            key, value = _LENGTHS.unpack(lengths)
            yield file.read(key), file.read(value)


def _check(path: Path, file: ExportedFile) -> None:
    """Raise RefusalError where a file is not as it was written."""
    try:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise _damaged(path) from error
    if digest != file.sha256:
        raise _damaged(path)


def _damaged(path: Path) -> RefusalError:
    return RefusalError(
        f"{path} is missing or not as it was written: bring the export back from a copy, or "
        "export again"
    )


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)
