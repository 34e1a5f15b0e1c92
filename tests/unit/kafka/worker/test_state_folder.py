"""A partition's folder on a host: never deleted where it may be the last copy, never left behind
where it is not, and told wherever it is left."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr

from cjo_stream.errors import RebuildError, RefusalError, RetryError
from cjo_stream.kafka.client.place import Topic
from cjo_stream.kafka.operator.retention import _folder, _former, _kept, withdrawn
from cjo_stream.kafka.position.folder import Folder, left
from cjo_stream.kafka.worker.register import Register
from cjo_stream.kafka.worker.state import LogRange
from cjo_stream.settings import Settings
from cjo_stream.store.rocks import RocksStore
from tests.world.partition_folder import CUT, WHOLE, PartitionFolder, leave_store


def spoil(folder: Path) -> dict[str, bytes]:
    """Leave what a full disk leaves of a small file; return what lies in the folder then."""
    (folder / "CURRENT").write_bytes(b"")
    return {path.name: path.read_bytes() for path in folder.glob("*.sst")}


# --- a store that does not open


def test_it_is_moved_aside_and_rebuilt_from_the_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = PartitionFolder(tmp_path)
    leave_store(host.path, 700)
    files = spoil(host.path)
    host.save(600)
    assert host.opened(CUT) == 600
    assert host.names() == ["0003", "0003.unreadable-1"]
    aside = host.tasks / "0003.unreadable-1"
    assert {path.name: path.read_bytes() for path in aside.glob("*.sst")} == files
    assert f"moved to {aside} and is rebuilt from the checkpoint at offset 600" in caplog.text
    spoil(host.path)
    assert host.opened(CUT) == 600
    assert host.names() == ["0003", "0003.unreadable-1", "0003.unreadable-2"]


def test_it_is_rebuilt_from_a_log_that_is_whole(tmp_path: Path) -> None:
    host = PartitionFolder(tmp_path, checkpoints=False)
    leave_store(host.path, 700)
    spoil(host.path)
    assert host.opened(WHOLE) == -1
    assert host.names() == ["0003", "0003.unreadable-1"]


def test_where_nothing_reaches_it_is_kept_and_may_be_moved_back(tmp_path: Path) -> None:
    host = PartitionFolder(tmp_path, checkpoints=False)
    leave_store(host.path, 700)
    current = (host.path / "CURRENT").read_bytes()
    spoil(host.path)
    aside = host.tasks / "0003.unreadable-1"
    for _ in range(2):  # it says so at each start
        with pytest.raises(RefusalError, match="move it back") as refused:
            host.opened(CUT)
        assert str(aside) in str(refused.value)
    (aside / "CURRENT").write_bytes(current)  # repaired
    host.path.rename(tmp_path / "empty")
    aside.rename(host.path)
    assert host.opened(CUT) == 700


def test_what_the_log_has_lost_is_made_up_for_by_a_newer_checkpoint(tmp_path: Path) -> None:
    host = PartitionFolder(tmp_path)
    leave_store(host.path, 300)
    with pytest.raises(RefusalError, match="Bring back a newer checkpoint"):
        host.opened(CUT)
    host.save(600)
    assert host.opened(CUT) == 600


@pytest.mark.slow
def test_before_a_log_that_lost_its_end_a_partition_begins_by_older_state(tmp_path: Path) -> None:
    host = PartitionFolder(tmp_path)
    host.save(800)
    host.save(1_200)
    leave_store(host.path, 1_300)
    with pytest.raises(RefusalError, match="the checkpoints beyond offset 999"):
        host.opened(WHOLE)
    shutil.rmtree(host.path)
    with pytest.raises(RefusalError, match="ends at offset 1200"):
        host.opened(WHOLE)
    shutil.rmtree(host.path)
    newest = max((tmp_path / "checkpoints" / "3" / "manifests").iterdir())
    newest.unlink()
    assert host.opened(WHOLE) == 800


def test_while_checkpoints_are_away_nothing_is_touched(tmp_path: Path) -> None:
    host = PartitionFolder(tmp_path)
    (tmp_path / "checkpoints" / "3" / "manifests" / "9.json").mkdir(parents=True)
    (tmp_path / "checkpoints" / "3" / "files").mkdir()
    leave_store(host.path, 700)
    files = spoil(host.path)
    for _ in range(2):
        with pytest.raises(RetryError):
            host.opened(WHOLE)
        assert host.names() == ["0003"]
    assert {path.name: path.read_bytes() for path in host.path.glob("*.sst")} == files


# --- a checkpoint in the place of a store


@pytest.mark.slow
@pytest.mark.parametrize("applied", [600, 800])
def test_a_checkpoint_that_is_not_what_it_says_costs_no_store(
    tmp_path: Path, applied: int
) -> None:
    host = PartitionFolder(tmp_path)
    leave_store(host.path, 550)
    leave_store(tmp_path / "other", 600)
    if applied == 600:
        spoil(tmp_path / "other")  # a copy of a store that does not open
    host.copies.save(tmp_path / "other", applied)
    assert host.opened(CUT) == 550
    assert host.names() == ["0003"]
    leave_store(host.path, 400)
    with pytest.raises(RebuildError):
        host.opened(CUT)
    assert host.opened(LogRange(401, 1_000)) == 400, "it is still there"


@pytest.mark.parametrize("killed", ["before", "between", "after"])
def test_a_crash_while_a_checkpoint_takes_its_place_costs_no_store(
    tmp_path: Path, killed: str
) -> None:
    host = PartitionFolder(tmp_path, checkpoints=False)
    leave_store(host.path, 550)
    leave_store(host.tasks / "0003.restoring", 600)
    if killed != "before":
        host.path.rename(host.tasks / "0003.replaced")
    if killed == "after":
        (host.tasks / "0003.restoring").rename(host.path)
    assert host.opened(CUT) == (600 if killed == "after" else 550)
    assert host.names() == ["0003"]


# --- a folder whose partition is another worker's


@pytest.mark.slow
@pytest.mark.parametrize(
    ("saved", "reached", "log", "spare"),
    [
        (700, 701, CUT, True),
        (800, 900, CUT, True),
        (700, 700, CUT, False),  # nobody is beyond it: it may come back here
        (600, 701, CUT, False),  # what comes after the checkpoint is here alone
        (None, 701, CUT, False),  # the log does not reach back
        (None, 701, WHOLE, True),
        (None, -1, WHOLE, False),  # nobody has committed anything
    ],
)
def test_it_stays_as_long_as_somebody_may_need_it(
    tmp_path: Path, saved: int | None, reached: int, log: LogRange, spare: bool
) -> None:
    host = PartitionFolder(tmp_path, checkpoints=saved is not None)
    leave_store(host.path, 700)
    leave_store(host.tasks / "0003.copy", 690)
    leave_store(host.tasks / "0003.copy.tmp", 690)
    leave_store(host.tasks / "0003.restoring", 690)
    if saved is not None:
        host.save(saved)
    assert host.folder().remove_behind(reached, log) == spare
    assert host.names() == ([] if spare else ["0003"])
    assert spare or host.opened(log) == max(700, saved or 0)


def test_one_that_another_process_has_open_stays(tmp_path: Path) -> None:
    host = PartitionFolder(tmp_path, checkpoints=False)
    leave_store(host.path, 700)
    store = RocksStore(host.path)
    assert not host.folder().remove_behind(900, WHOLE)
    store.close()
    spoil(host.path)
    assert not host.folder().remove_behind(900, WHOLE)
    assert host.names() == ["0003"]


# --- what is told of folders


def test_the_register_tells_what_is_on_disk_and_what_is_gone(tmp_path: Path) -> None:
    sent: list[tuple[str, str | None]] = []

    async def send(key: bytes, value: bytes | None) -> None:
        held = None if value is None else "open" if b'"held":true' in value else "left"
        sent.append((key.decode().removeprefix("folder/"), held))

    async def tell() -> None:
        old = Folder("a", "0009", 9, "host", "/gone", True)
        other = Folder("b", "0008", 8, "host", "/other", True)
        register = Register(tmp_path, "a", send, [old, other])
        for name in ("0001", "0001.unreadable-1", "0001.copy", "0002", "faust"):
            (tmp_path / name).mkdir()
        await register.hold(2)
        await register.update([2])
        assert sorted(sent) == [
            ("a/0001", "left"),
            ("a/0001.unreadable-1", "left"),
            ("a/0002", "open"),
            ("a/0009", None),
        ]
        assert register.numbers() == {1, 2}
        sent.clear()
        await register.update([2])
        assert sent == []
        (tmp_path / "0001").rmdir()
        await register.hold(3)
        await register.update([3])
        assert sorted(sent) == [("a/0001", None), ("a/0002", "left"), ("a/0003", "open")]

    asyncio.run(tell())


def test_all_folders_are_left_but_those_of_whoever_opened_a_partition_last() -> None:
    def folder(slot: str, name: str, held: bool) -> Folder:
        return Folder(slot, name, int(name[:4]), "host", f"/{slot}/{name}", held)

    killed, owner = folder("a", "0001", True), folder("b", "0001", True)
    aside, former = folder("b", "0001.unreadable-1", False), folder("b", "0002", False)
    assert left([killed, owner, aside, former]) == [killed, aside, former]
    assert left([owner]) == []


def test_a_null_value_is_told_of_the_topic_that_has_one() -> None:
    compacted = {"cleanup.policy": "compact", "delete.retention.ms": "86400000"}
    profile = withdrawn(_kept("cjo.profile.v1", "profiles", compacted), compacted)
    assert "a null value is the last record" in profile.how
    assert "1 days later" in profile.how
    assert "no null value is written" in _kept("mine", "raw events", compacted).how
    both = {"cleanup.policy": "compact,delete", "retention.ms": "3600000"}
    aged = _kept("cjo.profile.v1", "profiles", both)
    assert withdrawn(aged, both) == aged
    assert aged.kept_ms == 3_600_000


def test_of_a_folder_that_was_left_it_is_told_what_takes_it_away() -> None:
    left = Folder("a", "0003", 3, "host", "/a/0003", False)
    assert "another and a checkpoint are beyond it" in _folder(left, has_checkpoints=True).how
    alone = _folder(left, has_checkpoints=False).how
    assert alone.startswith("until you delete it")
    assert "only while the internal log still begins at offset 0" in alone
    aside = msgspec.structs.replace(left, name="0003.unreadable-1")
    assert _folder(aside, has_checkpoints=True).how.startswith("until it is repaired")


def test_checkpoints_of_an_internal_topic_that_is_no_more_are_named(tmp_path: Path) -> None:
    settings = Settings(checkpoint_url=str(tmp_path), tenant_key=SecretStr("0123456789abcdef"))
    topic = Topic("cjo.internal.v1", "new", 2, 1)
    assert _former(settings, topic) == []
    (tmp_path / topic.name / "new").mkdir(parents=True)
    assert _former(settings, topic) == []
    (tmp_path / topic.name / "old").mkdir()
    (found,) = _former(settings, topic)
    assert found.place == f"{tmp_path}/cjo.internal.v1/old"
    assert found.how == "until you delete them: nothing reads them"

    away = settings.model_copy(update={"checkpoint_url": "memory-of-nobody://place"})
    (unseen,) = _former(away, topic)
    assert "this machine could not look" in unseen.how
