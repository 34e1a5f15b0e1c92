"""What is known of customers lies where nobody but its owner can read it, whatever the umask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cjo_stream.kafka.process import slot
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.private import make_private
from cjo_stream.store.rocks import RocksStore
from tests.world import TOPOLOGY
from tests.world.files import readable

EVENT = '{"type":"cart","time":1772323200000,"channel":"web","identifiers":{"user":"ada"}}\n'


@pytest.fixture
def _open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_to_all")
def test_stores_slots_and_checkpoints_are_their_owners_alone(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "store")
    store.checkpoint(str(tmp_path / "store" / "copy"))
    copies = Checkpoints(str(tmp_path / "checkpoints"), "p")
    manifest = copies.save(tmp_path / "store" / "copy", 1)
    copies.restore(manifest, tmp_path / "restored")
    with slot.held(tmp_path / "slot"):
        assert readable(tmp_path) == []
    store.close()


@pytest.mark.usefixtures("_open_to_all")
def test_a_folder_that_others_could_enter_is_closed(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    make_private(tmp_path / "old")
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("_open_to_all")
def test_a_folder_for_everybody_stays_one(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    make_private(tmp_path / "tmp")
    assert (tmp_path / "tmp").stat().st_mode & 0o7777 == 0o1777


@pytest.mark.slow
@pytest.mark.parametrize("umask", [0, 0o022])
def test_what_commands_leave_is_their_owners_alone(tmp_path: Path, umask: int) -> None:
    def call(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "cjo_stream", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            umask=umask,
        )

    shutil.copytree(TOPOLOGY, tmp_path / "shop")
    (tmp_path / "events.jsonl").write_text(EVENT + "no event\n")
    for path in (tmp_path / "shop", tmp_path / "events.jsonl"):
        path.chmod(0o700)
    # Of folders that are there already, and that others can enter, the files are private all the
    # same.
    for name in ("out", "state", "layer"):
        (tmp_path / name).mkdir(mode=0o755)
        (tmp_path / name).chmod(0o755)
    call("run", "./shop", "events.jsonl", "--out", "out", "--state", "state")
    assert (tmp_path / "out" / "dead_letters.jsonl").read_text()
    call("insight", "sink", "out", "--layer", "layer")
    call("insight", "export", "event", "--layer", "layer", "--out", "rows.parquet")
    call("report", "journeys", "--layer", "layer", "--html", "page.html")
    call("backtest", "./shop", "./shop", "events.jsonl", "--out", "compared")
    call("simulate", "telco", "--people", "3", "--duration", "1h", "--out", "traffic")
    call("init", "drafted", "--from", "events.jsonl")
    call("customer", "erase", "user:ada", "--yes", "--state", "state")
    assert (tmp_path / "state.operator" / "identities.jsonl").read_text()
    assert readable(tmp_path) == []
