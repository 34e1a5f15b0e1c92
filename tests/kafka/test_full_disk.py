"""A worker whose disk is really full: it says so and ends; with room again nothing is missing."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cjo_stream.settings import Settings
from cjo_stream.store.checkpoint import Checkpoints
from tests.kafka.workers import Installation, Worker, until
from tests.world.small_disk import small_disk

pytestmark = pytest.mark.kafka

KIB = 900
EVENTS = 4_000


def taken(installation: Installation) -> bool:
    """Return whether the workers have the effects of the whole log."""
    return installation.effects() == installation.replay()


def test_a_worker_on_a_full_disk_says_so_and_goes_on_when_there_is_room(
    settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", KIB) as disk:
        settings = settings_of(data_dir=disk.folder / "data", partitions=1)
        with closing(Installation(settings, tmp_path)) as installation:
            installation.create()
            installation.apply()
            worker = installation.start("0")
            installation.send_events(EVENTS)
            installation.flush()
            told = worker.ends()
            assert "No space left on device" in told
            assert "make room on the disk" in told
            assert "Traceback" not in told
            worker.log.unlink()
            worker = installation.start("0")  # what it writes at a start finds no room either
            until(lambda: _says(worker, "make room on the disk"))
            disk.make_room()
            until(lambda: worker.process.poll() is not None or taken(installation))
            if worker.process.poll() is not None:
                installation.start("0")
                until(lambda: taken(installation))


def test_a_full_checkpoint_store_stops_no_worker(
    settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 40) as disk:
        settings = settings_of(
            partitions=1, checkpoint_url=str(disk.folder / "checkpoints"), checkpoint_interval_s=1
        )
        with closing(Installation(settings, tmp_path)) as installation:
            installation.create()
            installation.apply()
            worker = installation.start("0")
            installation.send_events(EVENTS)
            installation.flush()
            until(lambda: taken(installation))
            until(lambda: _says(worker, "make room there"))
            assert worker.process.poll() is None
            disk.make_room()
            until(lambda: _has_checkpoint(installation))
            assert worker.stop() == 0


def _says(worker: Worker, what: str) -> bool:
    return what in worker.log.read_text()


def _has_checkpoint(installation: Installation) -> bool:
    """Return whether one was stored of all that was sent."""
    installation.send_events(1)
    installation.flush()
    root = str(installation.settings.checkpoint_url)
    (manifests,) = Path(root).glob("*/*/*/manifests")
    newest = Checkpoints(root, str(manifests.parent.relative_to(root))).newest()
    return newest is not None and newest.applied > 10
