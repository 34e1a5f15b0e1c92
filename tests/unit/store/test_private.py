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


@pytest.mark.slow
def test_results_and_state_of_commands_are_their_owners_alone(tmp_path: Path) -> None:
    def call(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "cjo_stream", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            umask=0,
        )

    shutil.copytree(TOPOLOGY, tmp_path / "shop")
    (tmp_path / "events.jsonl").write_text(EVENT + "no event\n")
    for path in (tmp_path / "shop", tmp_path / "events.jsonl"):
        path.chmod(0o700)
    call("run", "./shop", "events.jsonl", "--out", "out", "--state", "state")
    assert (tmp_path / "out" / "dead_letters.jsonl").read_text()
    call("customer", "erase", "user:ada", "--yes", "--state", "state")
    assert (tmp_path / "state.operator" / "identities.jsonl").read_text()
    assert readable(tmp_path) == []
