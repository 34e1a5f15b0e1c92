"""A disk that is really full: told, with what to do; with room again the same command goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cjo_stream.errors import RetryError
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.rocks import RocksStore
from tests.world import TOPOLOGY
from tests.world.small_disk import small_disk

EVENTS = 700
RUN = [sys.executable, "-m", "cjo_stream", "run", str(TOPOLOGY), "--channel", "web"]
RUN += ["--now", "2026-03-02T00:00:00Z"]
RESULTS = ("actions", "customers", "dead_letters", "decisions", "transitions")


def events(tmp_path: Path, *, refused: bool = False) -> Path:
    path = tmp_path / "events.jsonl"
    lines = []
    for n in range(EVENTS):
        event = {
            "type": "order" if n % 7 == 0 else "cart",
            "time": f"2026-03-01T00:{n // 60:02}:{n % 60:02}Z",
            "id": f"e{n}",
            "identifiers": {"user": f"u{n % 100}"},
            "attributes": {"cart": "c", "total": n % 4},
        }
        if refused or n % 40 == 0:
            event["time"] = "never"
        lines.append(json.dumps(event))
    path.write_text("\n".join(lines) + "\n")
    return path


def run(path: Path, state: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, str(path), "--state", str(state), "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def results(out: Path) -> dict[str, bytes]:
    return {name: (out / f"{name}.jsonl").read_bytes() for name in RESULTS}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("full", "kib", "refused"),
    [("state", 300, False), ("out", 100, False), ("out", 100, True)],
    ids=["state", "results", "dead letters"],
)
def test_a_run_on_a_full_disk_says_so_and_the_same_command_goes_on(
    tmp_path: Path, full: str, kib: int, refused: bool
) -> None:
    path = events(tmp_path, refused=refused)
    code = 1 if refused else 0  # of a file whose every record is refused
    assert run(path, tmp_path / "clean-state", tmp_path / "clean").returncode == code
    with small_disk(tmp_path / "disk", kib) as disk:
        folders = {name: tmp_path / name for name in ("state", "out")}
        folders[full] = disk.folder / full
        ended = run(path, folders["state"], folders["out"])
        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr
        assert "No space left on device" in ended.stderr
        assert "make room" in ended.stderr
        disk.make_room()
        ended = run(path, folders["state"], folders["out"])
        assert ended.returncode == code, ended.stderr
        assert results(folders["out"]) == results(tmp_path / "clean")


def test_a_full_checkpoint_store_costs_the_new_checkpoint_only(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 300) as disk, closing(RocksStore(tmp_path / "s")) as store:
        copies = Checkpoints(str(disk.folder), "0")
        store.write([(b"a", b"first")])
        store.checkpoint(str(tmp_path / "one"))
        copies.save(tmp_path / "one", 1)
        store.write([(b"%d" % n, bytes(str(n * 7919), "ascii") * 40) for n in range(5_000)])
        store.checkpoint(str(tmp_path / "two"))
        (tmp_path / "two" / "000099.sst").write_bytes(bytes(range(256)) * 4_000)
        for _ in range(2):
            with pytest.raises(RetryError, match=r"No space left on device.*make room there"):
                copies.save(tmp_path / "two", 2)
            newest = copies.newest()
            assert newest is not None
            assert newest.applied == 1
            copies.restore(newest, tmp_path / "there")
        disk.make_room()
        copies.save(tmp_path / "two", 2)
        newest = copies.newest()
        assert newest is not None
        assert newest.applied == 2
        copies.restore(newest, tmp_path / "there")
        assert sorted(p.name for p in (tmp_path / "there").iterdir()) == sorted(
            p.name for p in (tmp_path / "two").iterdir()
        )


def test_a_full_disk_of_a_store_is_told_by_what_it_is(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 500) as disk:
        store = RocksStore(disk.folder / "store")
        written = 0
        told = ""
        while not told and written < 100_000:
            try:
                store.write([(b"%08d" % written, bytes(100))])
                written += 1
            except RetryError as error:
                told = str(error)
        assert "No space left on device" in told
        assert "make room" in told
        store.close()
        disk.make_room()
        with closing(RocksStore(disk.folder / "store")) as store:
            assert len(list(store.scan(b"", b"\xff"))) == written
