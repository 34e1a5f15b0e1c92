"""Files that RocksDB would open as another state than was left, or never come back from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cjo_stream.errors import LockedError, RebuildError, RetryError
from cjo_stream.store.rocks import RocksStore, named
from cjo_stream.store.sequence import fault_in

HEAD_BYTES = 7


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A store of which a part lies in a table, and the rest in the log of writes."""
    folder = tmp_path / "store"
    with closing(RocksStore(tmp_path / "live")) as store:
        store.write([(b"a%d" % n, b"in a table") for n in range(50)])
        store.purge([])
        store.write([(b"b%d" % n, b"in the log") for n in range(50)])
        folder.mkdir()
        for path in (tmp_path / "live").iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


def manifest_of(folder: Path) -> Path:
    return next(folder.glob("MANIFEST-*"))


def frames(data: bytes) -> Iterator[int]:
    """Yield where the frames of a MANIFEST begin."""
    at = 0
    while at < len(data):
        yield at
        at += HEAD_BYTES + int.from_bytes(data[at + 4 : at + 6], "little")


def keys(folder: Path) -> list[bytes]:
    with closing(RocksStore(folder)) as store:
        return [key for key, _ in store.scan(b"", b"\xff")]


def test_what_was_left_is_sound(left: Path) -> None:
    assert fault_in(left) is None
    assert len(keys(left)) == 100
    assert fault_in(left) is None


def test_a_manifest_without_its_end_leaves_no_hole(left: Path) -> None:
    manifest = manifest_of(left)
    whole, tables = manifest.read_bytes(), {p.name: p.read_bytes() for p in left.iterdir()}
    refused = 0
    for end in frames(whole):
        for name, content in tables.items():
            (left / name).write_bytes(content)
        manifest_of(left).write_bytes(whole[:end])
        try:
            found = keys(left)
        except RebuildError:
            refused += 1
        else:
            assert len(found) == 100, end
        for path in left.iterdir():
            path.unlink()
    assert refused > 5


def test_a_manifest_that_rocksdb_never_comes_back_from_is_refused(left: Path) -> None:
    manifest = manifest_of(left)
    data = bytearray(manifest.read_bytes())
    *_, last = frames(bytes(data))
    data[last + 6] ^= 4
    manifest.write_bytes(data)
    with pytest.raises(RebuildError, match="a frame of type 5"):
        RocksStore(left)


@pytest.mark.parametrize("gone", ["CURRENT", "MANIFEST-*", "*.sst"])
def test_a_store_without_one_of_its_files_is_no_new_store(left: Path, gone: str) -> None:
    for path in [*left.glob("*.log"), *left.glob(gone)]:
        path.unlink()
    before = sorted(path.name for path in left.glob("*.sst"))
    with pytest.raises(RebuildError, match="cannot be read"):
        RocksStore(left)
    assert sorted(path.name for path in left.glob("*.sst")) == before


def test_only_a_lock_that_is_held_is_called_so(tmp_path: Path) -> None:
    with closing(RocksStore(tmp_path)), pytest.raises(LockedError):
        RocksStore(tmp_path)
    full = "IO error: No space left on device: While open a file for lock: /d/LOCK"
    assert type(named(OSError(full), "/d")) is RetryError


def test_a_scan_does_not_end_at_a_damaged_block(tmp_path: Path) -> None:
    with closing(RocksStore(tmp_path)) as store:
        store.write([(b"k%05d" % n, b"%050d" % n) for n in range(5_000)])
        store.purge([])
    table = max(tmp_path.glob("*.sst"), key=lambda path: path.stat().st_size)
    data = bytearray(table.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 512] = bytes(512)
    table.write_bytes(data)
    with closing(RocksStore(tmp_path)) as store, pytest.raises(RebuildError) as told:
        list(store.scan(b"", b"\xff"))
    with closing(RocksStore(tmp_path)) as again:
        assert again.get(b"k00000") is not None, "who holds the error holds no store"
    assert "checksum" in str(told.value)
