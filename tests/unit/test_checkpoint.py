import os
import threading
from pathlib import Path

import fsspec
import pytest

from cjo_stream.errors import RebuildError, RetryError
from cjo_stream.store.checkpoint import GRACE_S, Checkpoints
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
        copies.restore(newest, tmp_path / "here")
    fs.rm_file(name)
    with pytest.raises(RebuildError, match="is missing"):
        copies.restore(newest, tmp_path / "here")
    again = RocksStore(tmp_path / "here")
    assert len(list(again.scan(b"", END))) == 10
    again.close()


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
    store.close()
