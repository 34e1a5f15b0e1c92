"""Checkpoints: copies of one task's store that outlive its host.

    <url>/<name>/files/<sha256>                      one file of RocksDB, named by what is in it
    <url>/<name>/manifests/<applied>-<digest>.json   one checkpoint: its files, then a checksum

A file is stored once, however many checkpoints hold it, so that a checkpoint costs what RocksDB
wrote since the last one. The manifest comes last: what was interrupted was never there. A manifest
carries the digest of its own text, and each file that of its bytes: a torn write on a plain folder
is seen, and the checkpoint before it is taken instead.

`url` is anything fsspec opens: a folder, `s3://bucket/path`, ...
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import fsspec
import msgspec

from cjo_stream.errors import CjoError, RebuildError, RetryError

MANIFEST_VERSION: Final = 1
KEEP: Final = 3
GRACE_S: Final = 3_600.0
"""A file that no manifest names may belong to a checkpoint on its way, for this long."""
CHUNK_BYTES: Final = 1 << 20


class StoredFile(msgspec.Struct, frozen=True, array_like=True):
    """One file of a store: its name there, its size, and the digest under which it is kept."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """One checkpoint. `applied` is the last internal offset in its state."""

    applied: int
    created_ms: int
    files: tuple[StoredFile, ...]
    version: int = MANIFEST_VERSION


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Manifest).decode


class Checkpoints:
    """The checkpoints of one store, by name, under a URL. Not for two threads at once.

    All methods raise RetryError when the checkpoint store is away or refuses.
    """

    def __init__(self, url: str, name: str, keep: int = KEEP) -> None:
        with _away(url):
            self._fs, root = fsspec.core.url_to_fs(url)
        self._files = f"{root.rstrip('/')}/{name}/files"
        self._manifests = f"{root.rstrip('/')}/{name}/manifests"
        self._keep = keep
        self._digests: dict[tuple[str, int, int], str] = {}
        """Of files that never change, by name, size and time of writing."""

    def newest(self) -> Manifest | None:
        """Return the whole checkpoint with the highest applied offset; None when there is none."""
        with _away(self._manifests):
            for path in reversed(self._manifest_paths()):
                manifest = self._read(path)
                if manifest is not None:
                    return manifest
        return None

    def save(self, folder: Path, applied: int, stop: threading.Event | None = None) -> Manifest:
        """Store the copy of a store in `folder`; returns its manifest once it is whole.

        A `stop` that is set on the way ends it with RetryError; nothing half-made can be seen.
        """
        with _away(self._files):
            self._fs.makedirs(self._files, exist_ok=True)
            self._fs.makedirs(self._manifests, exist_ok=True)
            files = tuple(self._stored(path) for path in sorted(folder.iterdir()))
            self._upload(folder, files, stop)
            manifest = Manifest(applied, int(time.time() * 1000), files)
            text = _encode(manifest)
            digest = hashlib.sha256(text).hexdigest()
            path = f"{self._manifests}/{applied:020d}-{digest[:16]}.json"
            self._fs.pipe_file(path, text + b"\n" + digest.encode() + b"\n")
            # What was there before may have been collected since it was looked for.
            self._upload(folder, files, stop)
        return manifest

    def restore(
        self, manifest: Manifest, folder: Path, on_file: Callable[[], None] = lambda: None
    ) -> None:
        """Put the checkpoint in the place of whatever is in `folder`, whose store is closed.

        Killed on the way, it leaves the old store or none. `on_file` is told of each file that
        has come. Raises RebuildError where a file is missing or not what was stored.
        """
        arriving = folder.with_name(folder.name + ".restoring")
        shutil.rmtree(arriving, ignore_errors=True)
        arriving.mkdir(parents=True)
        for file in manifest.files:
            try:
                with _away(self._files):
                    self._fs.get_file(f"{self._files}/{file.sha256}", str(arriving / file.name))
            except RetryError as error:
                if isinstance(error.__cause__, FileNotFoundError):
                    raise RebuildError(_spoilt(manifest, file, "is missing")) from error
                raise
            if _sha256(arriving / file.name) != file.sha256:
                raise RebuildError(_spoilt(manifest, file, "is not what was stored"))
            on_file()
        shutil.rmtree(folder, ignore_errors=True)
        arriving.rename(folder)

    def collect(self) -> int:
        """Delete all but the newest checkpoints, and files that none names; returns how many."""
        with _away(self._files):
            paths = self._manifest_paths()
            kept, whole = set[str](), 0
            for path in reversed(paths):
                manifest = self._read(path) if whole < self._keep else None
                if manifest is not None:
                    whole += 1
                    kept.update(file.sha256 for file in manifest.files)
                elif whole >= self._keep:
                    self._fs.rm_file(path)
            spare = [name for name in self._sizes() if name not in kept]
            old = [f"{self._files}/{name}" for name in spare]
            old = [path for path in old if self._age_s(path) > GRACE_S]
            for path in old:
                self._fs.rm_file(path)
        return len(old)

    def _upload(
        self, folder: Path, files: tuple[StoredFile, ...], stop: threading.Event | None
    ) -> None:
        sizes = self._sizes()
        for file in files:
            if sizes.get(file.sha256) == file.bytes:
                continue
            if stop is not None and stop.is_set():
                raise RetryError("the checkpoint was interrupted; the one before it holds")
            self._fs.put_file(str(folder / file.name), f"{self._files}/{file.sha256}")
            sizes[file.sha256] = file.bytes

    def _stored(self, path: Path) -> StoredFile:
        status = path.stat()
        key = (path.name, status.st_size, status.st_mtime_ns)
        digest = self._digests.get(key)
        if digest is None:
            digest = _sha256(path)
            if path.suffix == ".sst":
                self._digests[key] = digest
        return StoredFile(path.name, status.st_size, digest)

    def _sizes(self) -> dict[str, int]:
        self._fs.invalidate_cache()
        if not self._fs.exists(self._files):
            return {}
        entries: list[dict[str, Any]] = self._fs.ls(self._files, detail=True)
        return {entry["name"].rsplit("/", 1)[-1]: int(entry["size"] or 0) for entry in entries}

    def _manifest_paths(self) -> list[str]:
        self._fs.invalidate_cache()
        if not self._fs.exists(self._manifests):
            return []
        paths: list[str] = self._fs.ls(self._manifests, detail=False)
        return sorted(path for path in paths if path.endswith(".json"))

    def _read(self, path: str) -> Manifest | None:
        text, _, digest = self._fs.cat_file(path).rstrip(b"\n").rpartition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() != digest:
            return None
        manifest = _decode(text)
        return manifest if manifest.version == MANIFEST_VERSION else None

    def _age_s(self, path: str) -> float:
        modified: datetime = self._fs.modified(path)
        if modified.tzinfo is None:
            modified = modified.replace(tzinfo=UTC)
        return (datetime.now(UTC) - modified).total_seconds()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _spoilt(manifest: Manifest, file: StoredFile, what: str) -> str:
    return (
        f"the checkpoint at offset {manifest.applied} is spoilt: its file {file.name} {what}. "
        "Delete its manifest, so that the one before it is taken"
    )


@contextlib.contextmanager
def _away(place: str) -> Iterator[None]:
    """Turn what a file system may raise into the one error that says: try again."""
    try:
        yield
    except CjoError:
        raise
    except Exception as error:
        raise RetryError(
            f"the checkpoint store at {place} failed ({type(error).__name__}: {error}); is it "
            "there, may this process write to it, is there room?"
        ) from error
