"""Checkpoints: copies of one task's store that outlive its host.

    <url>/<name>/files/<sha256>                      one file of RocksDB, named by its content
    <url>/<name>/manifests/<applied>-<digest>.json   one checkpoint: its files, then a checksum

A file is stored once, however many checkpoints contain it, so a checkpoint costs what RocksDB
wrote since the last one. The manifest is written last, so an interrupted checkpoint does not
exist. A manifest carries the digest of its own text, and each file that of its bytes, so a torn
write on a plain folder is detected. The checkpoint before it is then used instead; likewise where
a file is missing, because two owners may collect at once, and one of them may delete a file that
the other has just relied on.

Digests are not signatures: whoever may write here may write a state that a worker accepts. A
manifest therefore names only plain files, and no more bytes are read than it says.

`url` is anything fsspec opens: a folder, `s3://bucket/path`, ...
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import fsspec
import msgspec
from fsspec.implementations.local import LocalFileSystem

from cjo_stream.errors import CjoError, RebuildError, RetryError
from cjo_stream.store.private import OWNER_ONLY, make_private

MANIFEST_VERSION: Final = 1
KEEP: Final = 3
GRACE_S: Final = 3_600.0
"""For this long, a file that no manifest names may belong to an unfinished checkpoint."""
CHUNK_BYTES: Final = 1 << 20
"""Files are copied in such chunks: after each, progress is reported and a stop is checked."""
FETCHED_AT_ONCE: Final = 4
"""Files in a restore: a store elsewhere answers each request late, and a digest takes a core."""
MANIFEST_BYTES_MAX: Final = 16 << 20

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

_LOG = logging.getLogger(__name__)


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


def check_manifest(manifest: Manifest) -> None:
    """Raise RebuildError for a manifest with entries that no store of ours can have.

    Its names become paths on this host, so each must be the name of a plain file.
    """
    names = {file.name for file in manifest.files}
    sound = len(names) == len(manifest.files) and manifest.applied >= 0
    for file in manifest.files:
        sound &= bool(_FILE_NAME.fullmatch(file.name) and _DIGEST.fullmatch(file.sha256))
        sound &= file.bytes >= 0
    if not sound:
        raise RebuildError(
            f"the checkpoint at offset {manifest.applied} is spoilt: its manifest names what is "
            "no file of a store. Delete its manifest, and find what else writes to the "
            "checkpoint store"
        )


def folders(url: str, name: str) -> list[str]:
    """Return the folders below `name` in a checkpoint store; raises RetryError."""
    with _away(url):
        fs, root = fsspec.core.url_to_fs(url)
        place = f"{root.rstrip('/')}/{name}"
        found = fs.ls(place, detail=False) if fs.isdir(place) else []
    return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)


class Checkpoints:
    """The checkpoints of one store, by name, under a URL. Not for two threads at once.

    All methods raise RetryError when the checkpoint store is unavailable or refuses.
    """

    def __init__(self, url: str, name: str, keep: int = KEEP) -> None:
        with _away(url):
            self._fs, root = fsspec.core.url_to_fs(url)
        self._files = f"{root.rstrip('/')}/{name}/files"
        self._manifests = f"{root.rstrip('/')}/{name}/manifests"
        self._keep = keep
        self._at_once = FETCHED_AT_ONCE
        self._digests: dict[tuple[str, int, int], str] = {}
        """Digests of files that never change, by name, size and time of writing."""

    def newest(self) -> Manifest | None:
        """Return the complete checkpoint with the highest applied offset, or None."""
        with _away(self._manifests):
            sizes = self._sizes()
            for path in reversed(self._manifest_paths()):
                manifest = self._read(path)
                if manifest is None:
                    continue
                missing = [f.name for f in manifest.files if sizes.get(f.sha256) != f.bytes]
                if not missing:
                    return manifest
                _LOG.warning(
                    "the checkpoint at offset %d is passed over: %d of its files are missing or "
                    "have another size",
                    manifest.applied,
                    len(missing),
                )
        return None

    def save(self, folder: Path, applied: int, stop: threading.Event | None = None) -> Manifest:
        """Store the copy of a store in `folder`; return its manifest once all of it is stored.

        Raises RetryError if `stop` is set on the way; then no checkpoint is visible.
        """
        with _away(self._files):
            self._make_folders()
            files = tuple(self._stored(path) for path in sorted(folder.iterdir()))
            self._upload(folder, files, stop)
            manifest = Manifest(applied, int(time.time() * 1000), files)
            text = _encode(manifest)
            digest = hashlib.sha256(text).hexdigest()
            path = f"{self._manifests}/{applied:020d}-{digest[:16]}.json"
            self._fs.pipe_file(path, text + b"\n" + digest.encode() + b"\n")
            # A file that was there before may have been collected since it was looked for.
            self._upload(folder, files, stop)
        return manifest

    def restore(
        self, manifest: Manifest, folder: Path, on_chunk: Callable[[], None] = lambda: None
    ) -> None:
        """Put the checkpoint's files into `folder`, in place of its present content.

        `on_chunk` is called after each part of a file, maybe in a thread of its own. Raises
        RebuildError where a file is missing or differs from what was stored; others are then in
        the folder.
        """
        check_manifest(manifest)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=OWNER_ONLY, parents=True)

        def fetch(file: StoredFile) -> str | None:
            return self._fetch(file, folder / file.name, on_chunk)

        with self._side_by_side() as results:
            for file, digest in zip(manifest.files, results(fetch, manifest.files), strict=True):
                if digest is None:
                    raise RebuildError(
                        f"of the checkpoint at offset {manifest.applied} the file {file.name} is "
                        "missing. Delete its manifest, so that the one before it is taken"
                    )
                if digest != file.sha256:
                    raise RebuildError(
                        f"of the checkpoint at offset {manifest.applied} the file {file.name} is "
                        f"not what was stored. Delete {self._files}/{file.sha256}: checkpoints "
                        "that name it are passed over then, and the next one stores it anew"
                    )

    def collect(self) -> int:
        """Delete old checkpoints, and files that no checkpoint names; return how many files."""
        with _away(self._files):
            paths = self._manifest_paths()
            kept, whole = set[str](), 0
            for path in reversed(paths):
                manifest = self._read(path) if whole < self._keep else None
                if manifest is not None:
                    whole += 1
                    kept.update(file.sha256 for file in manifest.files)
                elif whole >= self._keep:
                    self._remove(path)
            spare = [name for name in self._sizes() if name not in kept]
            old = [f"{self._files}/{name}" for name in spare]
            old = [path for path in old if self._age_s(path) > GRACE_S]
            for path in old:
                self._remove(path)
        return len(old)

    def _make_folders(self) -> None:
        for folder in (self._files, self._manifests):
            if isinstance(self._fs, LocalFileSystem):
                make_private(Path(folder))
            else:
                self._fs.makedirs(folder, exist_ok=True)

    def _remove(self, path: str) -> None:
        """Delete a file; another owner may have done so before."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(path)

    def _upload(
        self, folder: Path, files: tuple[StoredFile, ...], stop: threading.Event | None
    ) -> None:
        sizes = self._sizes()
        for file in files:
            if sizes.get(file.sha256) == file.bytes:
                continue
            _check_stop(stop)
            self._put(folder / file.name, f"{self._files}/{file.sha256}", stop)
            sizes[file.sha256] = file.bytes

    def _put(self, source: Path, target: str, stop: threading.Event | None) -> None:
        """Store a file; an interrupted one has another size, and is stored again."""
        with source.open("rb") as local, self._fs.open(target, "wb") as stored:
            while chunk := local.read(CHUNK_BYTES):
                _check_stop(stop)
                stored.write(chunk)

    def _fetch(self, file: StoredFile, target: Path, on_chunk: Callable[[], None]) -> str | None:
        """Write a stored file, at most its size and a byte, to `target`; return its digest.

        None if there is no such file.
        """
        digest, left = hashlib.sha256(), file.bytes + 1
        with _away(self._files):
            try:
                with (
                    self._fs.open(f"{self._files}/{file.sha256}", "rb") as stored,
                    target.open("xb") as out,
                ):
                    while left and (chunk := stored.read(min(CHUNK_BYTES, left))):
                        out.write(chunk)
                        digest.update(chunk)
                        left -= len(chunk)
                        on_chunk()
            except FileNotFoundError:
                return None
        return digest.hexdigest()

    @contextlib.contextmanager
    def _side_by_side(self) -> Iterator[Callable[..., Iterator[str | None]]]:
        """Give a `map` that asks for several files at once.

        At the end it waits for those that are on their way.
        """
        threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="restore")
        try:
            yield threads.map
        finally:
            threads.shutdown(cancel_futures=True)

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
        """Return a manifest; None for one that is torn, of another version, or not ours."""
        try:
            content: bytes = self._fs.cat_file(path, start=0, end=MANIFEST_BYTES_MAX)
        except FileNotFoundError:
            return None  # another owner has collected it
        text, _, digest = content.rstrip(b"\n").rpartition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() != digest:
            return None
        try:
            manifest = _decode(text)
            check_manifest(manifest)
        except (msgspec.MsgspecError, RebuildError) as error:
            _LOG.error("%s is passed over: %s", path, error)
            return None
        return manifest if manifest.version == MANIFEST_VERSION else None

    def _age_s(self, path: str) -> float:
        try:
            modified: datetime = self._fs.modified(path)
        except FileNotFoundError:
            return 0.0  # another owner has collected it
        if modified.tzinfo is None:
            modified = modified.replace(tzinfo=UTC)
        return (datetime.now(UTC) - modified).total_seconds()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _check_stop(stop: threading.Event | None) -> None:
    if stop is not None and stop.is_set():
        raise RetryError("the checkpoint was interrupted; the one before it holds")


@contextlib.contextmanager
def _away(place: str) -> Iterator[None]:
    """Turn any error of the file system into RetryError."""
    try:
        yield
    except CjoError:
        raise
    except Exception as error:
        raise RetryError(
            f"the checkpoint store at {place} failed ({type(error).__name__}: {error}): bring it "
            "back, let this process write to it, or make room there. It is tried again"
        ) from error
