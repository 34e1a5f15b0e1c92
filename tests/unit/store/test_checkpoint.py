import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from cjo_stream.errors import RebuildError, RetryError
from cjo_stream.store.checkpoint import (
    CHUNK_BYTES,
    FETCHED_AT_ONCE,
    GRACE_S,
    Checkpoints,
    Manifest,
    StoredFile,
)
from cjo_stream.store.rocks import RocksStore
from cjo_stream.testing.store_contract import END


@pytest.fixture(params=["folder", "object store"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return (tmp_path / "checkpoints").as_uri()
    return f"memory://{tmp_path}"


def write(store: RocksStore, first: int, count: int) -> None:
    store.write([(b"%08d" % n, os.urandom(64)) for n in range(first, first + count)])


def save(store: RocksStore, copies: Checkpoints, applied: int, folder: Path) -> None:
    store.checkpoint(str(folder))
    copies.save(folder, applied)


def stored_files(url: str) -> dict[str, int]:
    fs, root = fsspec.core.url_to_fs(url)
    return {e["name"]: e["size"] for e in fs.ls(f"{root}/p/files", detail=True)}


def test_a_checkpoint_is_restored_on_another_host(url: str, tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "here")
    write(store, 0, 1000)
    assert Checkpoints(url, "p").newest() is None
    save(store, Checkpoints(url, "p"), 41, tmp_path / "copy")
    expected = list(store.scan(b"", END))
    store.close()

    elsewhere = Checkpoints(url, "p")
    newest = elsewhere.newest()
    assert newest is not None
    assert newest.applied == 41
    elsewhere.restore(newest, tmp_path / "there")
    restored = RocksStore(tmp_path / "there")
    assert list(restored.scan(b"", END)) == expected
    restored.close()


def test_only_new_files_travel(url: str, tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "here")
    copies = Checkpoints(url, "p")
    write(store, 0, 20_000)
    save(store, copies, 1, tmp_path / "one")
    before = stored_files(url)
    write(store, 20_000, 10)
    save(store, copies, 2, tmp_path / "two")
    new = {name: size for name, size in stored_files(url).items() if name not in before}
    assert sum(new.values()) < 100_000 < sum(before.values())
    store.close()


def test_the_highest_offset_is_the_newest(url: str, tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "here")
    copies = Checkpoints(url, "p")
    for applied in (9, 100, 10):
        write(store, applied, 1)
        save(store, copies, applied, tmp_path / str(applied))
    newest = copies.newest()
    assert newest is not None
    assert newest.applied == 100
    store.close()


def test_a_torn_manifest_is_passed_over(url: str, tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "here")
    copies = Checkpoints(url, "p")
    for applied in (1, 2):
        write(store, applied, 1)
        save(store, copies, applied, tmp_path / str(applied))
    fs, root = fsspec.core.url_to_fs(url)
    torn = sorted(fs.ls(f"{root}/p/manifests", detail=False))[-1]
    fs.pipe_file(torn, fs.cat_file(torn)[:-10])
    newest = copies.newest()
    assert newest is not None
    assert newest.applied == 1
    store.close()


def forge(url: str, applied: int, *files: StoredFile) -> None:
    """Store a manifest whose digests are right, as anybody can who may write there."""
    fs, root = fsspec.core.url_to_fs(url)
    text = msgspec.json.encode(Manifest(applied, 0, files))
    digest = hashlib.sha256(text).hexdigest()
    name = f"{root}/p/manifests/{applied:020d}-{digest[:16]}.json"
    fs.pipe_file(name, text + b"\n" + digest.encode() + b"\n")


EVIL = b"a file of somebody's"
DIGEST = hashlib.sha256(EVIL).hexdigest()


@pytest.mark.parametrize(
    "file",
    [
        StoredFile("../../evil", len(EVIL), DIGEST),
        StoredFile("/tmp/evil", len(EVIL), DIGEST),
        StoredFile("a/b", len(EVIL), DIGEST),
        StoredFile("..", len(EVIL), DIGEST),
        StoredFile("", len(EVIL), DIGEST),
        StoredFile("evil\0", len(EVIL), DIGEST),
        StoredFile("evil", len(EVIL), f"../files/{DIGEST}"),
        StoredFile("evil", -1, DIGEST),
    ],
    ids=lambda file: repr(file.name),
)
def test_a_manifest_names_plain_files_only(url: str, tmp_path: Path, file: StoredFile) -> None:
    store = RocksStore(tmp_path / "here")
    copies = Checkpoints(url, "p")
    save(store, copies, 1, tmp_path / "one")
    store.close()
    fs, root = fsspec.core.url_to_fs(url)
    fs.pipe_file(f"{root}/p/files/{DIGEST}", EVIL)
    forge(url, 2, file)
    newest = copies.newest()
    assert newest is not None
    assert newest.applied == 1, "the forged one is passed over"
    with pytest.raises(RebuildError, match="no file of a store"):
        copies.restore(Manifest(2, 0, (file,)), tmp_path / "deep" / "there")
    assert not list(tmp_path.rglob("evil*"))


def test_a_manifest_that_is_none_of_ours_is_passed_over(url: str, tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "here")
    copies = Checkpoints(url, "p")
    save(store, copies, 1, tmp_path / "one")
    store.close()
    fs, root = fsspec.core.url_to_fs(url)
    text = b'{"applied": "many"}'
    digest = hashlib.sha256(text).hexdigest().encode()
    fs.pipe_file(f"{root}/p/manifests/{7:020d}-0.json", text + b"\n" + digest + b"\n")
    newest = copies.newest()
    assert newest is not None
    assert newest.applied == 1


class Racing(Checkpoints):
    """One owner, who is overtaken between looking at the manifests and deleting files."""

    def __init__(self, url: str, overtake: Any) -> None:
        super().__init__(url, "p", keep=1)
        self._overtake = overtake

    def _sizes(self) -> dict[str, int]:
        self._overtake()
        return super()._sizes()


def test_two_owners_may_collect_at_once(tmp_path: Path) -> None:
    url = str(tmp_path / "checkpoints")
    store = RocksStore(tmp_path / "here")
    mine = Checkpoints(url, "p", keep=1)
    write(store, 0, 10)
    save(store, mine, 1, tmp_path / "one")
    write(store, 10, 10)
    save(store, mine, 2, tmp_path / "two")
    for name in stored_files(url):
        os.utime(name, (0, 0))

    # The other counts on files that only a checkpoint named which is going: it restored that.
    overtaken = Racing(url, lambda: mine.save(tmp_path / "one", 3))
    overtaken.collect()
    newest = mine.newest()
    assert newest is not None
    assert newest.applied == 2, "the one whose files are gone is passed over"
    mine.save(tmp_path / "one", 4)
    newest = mine.newest()
    assert newest is not None
    mine.restore(newest, tmp_path / "there")
    restored = RocksStore(tmp_path / "there")
    assert len(list(restored.scan(b"", END))) == 10
    restored.close()
    # What one has deleted is no error to the other.
    Racing(url, mine.collect).collect()
    store.close()


def test_a_large_file_tells_its_progress_and_can_be_interrupted(url: str, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "000001.sst").write_bytes(os.urandom(5 * CHUNK_BYTES))
    copies = Checkpoints(url, "p")
    copies.save(tmp_path / "one", 1)
    newest = copies.newest()
    assert newest is not None
    told: list[None] = []
    copies.restore(newest, tmp_path / "there", lambda: told.append(None))
    assert len(told) == 5

    class Later(threading.Event):
        """Is set while a file is on its way."""

        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > 3

    (tmp_path / "one" / "000001.sst").write_bytes(os.urandom(5 * CHUNK_BYTES))
    stop = Later()
    with pytest.raises(RetryError, match="interrupted"):
        copies.save(tmp_path / "one", 2, stop)
    assert stop.asked == 4, "it does not wait for the file's end"
    again = copies.newest()
    assert again == newest
    copies.save(tmp_path / "one", 2)
    again = copies.newest()
    assert again is not None
    copies.restore(again, tmp_path / "there")


class Together(MemoryFileSystem):  # type: ignore[misc] # fsspec has no types
    """Gives a file only while others are asked for, too."""

    protocol = "together"
    met = threading.Barrier(FETCHED_AT_ONCE, timeout=20)

    def open(self, path: str, mode: str = "rb", **named: Any) -> Any:
        if mode == "rb":
            self.met.wait()
        return super().open(path, mode, **named)


class TogetherHere(LocalFileSystem):  # type: ignore[misc] # fsspec has no types
    """The same of a folder."""

    protocol = "together_here"
    met = threading.Barrier(FETCHED_AT_ONCE, timeout=20)

    def open(self, path: str, mode: str = "rb", **named: Any) -> Any:
        if mode == "rb":
            self.met.wait()
        return super().open(path, mode, **named)


def test_several_files_of_a_folder_are_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    for number in range(2 * FETCHED_AT_ONCE):
        (tmp_path / "one" / f"{number:06d}.sst").write_bytes(os.urandom(100))
    copies = Checkpoints(str(tmp_path / "copies"), "p")
    newest = copies.save(tmp_path / "one", 1)
    copies._fs = TogetherHere()
    copies.restore(newest, tmp_path / "there")
    for path in (tmp_path / "one").iterdir():
        assert (tmp_path / "there" / path.name).read_bytes() == path.read_bytes()


def test_a_store_elsewhere_is_asked_for_several_files_at_once(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    for number in range(2 * FETCHED_AT_ONCE):
        (tmp_path / "one" / f"{number:06d}.sst").write_bytes(os.urandom(100))
    url = f"memory://{tmp_path}"
    copies = Checkpoints(url, "p")
    copies.save(tmp_path / "one", 1)
    newest = copies.newest()
    assert newest is not None
    copies._fs = Together()
    copies.restore(newest, tmp_path / "there")
    for path in (tmp_path / "one").iterdir():
        assert (tmp_path / "there" / path.name).read_bytes() == path.read_bytes()
    fs, _ = fsspec.core.url_to_fs(url)
    fs.rm_file(next(iter(stored_files(url))))
    copies._fs = fs
    with pytest.raises(RebuildError, match="is missing"):
        copies.restore(newest, tmp_path / "there")


def test_a_torn_file_is_stored_again(url: str, tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "here")
    copies = Checkpoints(url, "p")
    write(store, 0, 1000)
    save(store, copies, 1, tmp_path / "one")
    fs, _ = fsspec.core.url_to_fs(url)
    for name in stored_files(url):
        fs.pipe_file(name, b"torn")
    save(store, copies, 2, tmp_path / "two")
    newest = copies.newest()
    assert newest is not None
    copies.restore(newest, tmp_path / "there")
    store.close()


def test_a_spoilt_file_is_never_taken_for_state(url: str, tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "here")
    copies = Checkpoints(url, "p")
    write(store, 0, 10)
    save(store, copies, 1, tmp_path / "one")
    store.close()
    fs, _ = fsspec.core.url_to_fs(url)
    size, name = max((size, name) for name, size in stored_files(url).items())
    fs.pipe_file(name, b"x" * size)
    newest = copies.newest()
    assert newest is not None
    with pytest.raises(RebuildError, match="not what was stored"):
        copies.restore(newest, tmp_path / "there")
    fs.pipe_file(name, b"x" * 100 * size)
    with pytest.raises(RebuildError, match="not what was stored"):
        copies.restore(newest, tmp_path / "there")
    assert max(path.stat().st_size for path in (tmp_path / "there").iterdir()) == size + 1
    fs.rm_file(name)
    with pytest.raises(RebuildError, match="is missing"):
        copies.restore(newest, tmp_path / "there")


def test_a_spoilt_file_goes_and_the_next_checkpoint_stores_it_anew(
    url: str, tmp_path: Path
) -> None:
    store = RocksStore(tmp_path / "here")
    copies = Checkpoints(url, "p")
    write(store, 0, 10)
    save(store, copies, 1, tmp_path / "one")
    fs, _ = fsspec.core.url_to_fs(url)
    size, name = max((size, name) for name, size in stored_files(url).items())
    fs.pipe_file(name, b"x" * size)
    write(store, 10, 20)
    save(store, copies, 2, tmp_path / "two")  # it has the spoilt file, too
    newest = copies.newest()
    assert newest is not None
    with pytest.raises(RebuildError, match="Delete .*" + Path(name).name):
        copies.restore(newest, tmp_path / "there")
    fs.rm_file(name)
    assert copies.newest() is None
    save(store, copies, 3, tmp_path / "three")
    store.close()
    newest = copies.newest()
    assert newest is not None
    assert newest.applied == 3
    copies.restore(newest, tmp_path / "there")


def test_an_interrupted_checkpoint_was_never_there(url: str, tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "here")
    write(store, 0, 10)
    store.checkpoint(str(tmp_path / "one"))
    stop = threading.Event()
    stop.set()
    copies = Checkpoints(url, "p")
    with pytest.raises(RetryError):
        copies.save(tmp_path / "one", 1, stop)
    assert copies.newest() is None
    copies.save(tmp_path / "one", 1)  # the next one
    assert copies.newest() is not None
    store.close()


def test_collection_keeps_the_newest_and_what_they_hold(tmp_path: Path) -> None:
    url = str(tmp_path / "checkpoints")
    store = RocksStore(tmp_path / "here")
    copies = Checkpoints(url, "p", keep=2)
    for applied in range(5):
        write(store, applied * 10, 10)
        save(store, copies, applied, tmp_path / str(applied))
    assert copies.collect() == 0, "young files may belong to a checkpoint on its way"
    old = GRACE_S + 60
    for name in stored_files(url):
        status = Path(name).stat()
        os.utime(name, (status.st_atime - old, status.st_mtime - old))
    assert copies.collect() > 0
    manifests = sorted((tmp_path / "checkpoints" / "p" / "manifests").iterdir())
    assert [int(path.name.split("-")[0]) for path in manifests] == [3, 4]
    newest = copies.newest()
    assert newest is not None
    copies.restore(newest, tmp_path / "there")
    restored = RocksStore(tmp_path / "there")
    assert list(restored.scan(b"", END)) == list(store.scan(b"", END))
    restored.close()
    store.close()


def test_a_checkpoint_store_that_is_away_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = RocksStore(tmp_path / "here")
    store.checkpoint(str(tmp_path / "one"))
    with pytest.raises(RetryError, match="checkpoint store"):
        Checkpoints(str(tmp_path / "file"), "p").save(tmp_path / "one", 1)
    (tmp_path / "file").unlink()
    Checkpoints(str(tmp_path / "file"), "p").save(tmp_path / "one", 1)
    store.close()
