import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.engine.port import Log
from cjo_stream.engine.task import Task
from cjo_stream.errors import HoleError, RefusalError, StopError
from cjo_stream.kafka.worker.partition import MOVES, Phase
from cjo_stream.kafka.worker.state import LogRange
from cjo_stream.kafka.worker.steps import COMMIT_STEPS_MAX, STEP_FRAMES_MAX, frames_next
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.rocks import RocksStore
from tests.world.host import PARTITIONS, WITHIN_S, Host, compile_nothing


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        asyncio.run(asyncio.wait_for(test(tmp_path), WITHIN_S))

    run.__name__ = test.__name__
    return run


@on_loop
async def test_records_are_acknowledged_in_order_once_written(tmp_path: Path) -> None:
    host = Host(tmp_path)
    assert await host.assignment.assign({1, 2}) == {1: 0, 2: 0}
    await host.put(1, 0, 1, 2)
    await host.put(2, 0)
    await host.applied(1, 2)
    await host.applied(2, 0)
    assert sorted(host.acked) == [0, 0, 1, 2]
    await host.assignment.close()
    again = Host(tmp_path)
    assert await again.assignment.assign({1, 2}) == {1: 3, 2: 1}
    await again.assignment.close()


@on_loop
async def test_the_store_is_written_only_after_delivery(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    host.delivered.clear()
    await host.put(0, 0)
    await host.sending.wait()
    assert host.partition(0).next_offset == 0
    assert host.acked == []
    host.delivered.set()
    await host.applied(0, 0)
    assert host.acked == [0]
    await host.assignment.close()


@on_loop
async def test_records_from_elsewhere_are_passed_over_until_the_one_sought(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    await host.put(0, 7, 8)
    await host.put(0, 0, 1)
    await host.applied(0, 1)
    assert host.acked == [0, 1]
    assert host.failed == []
    await host.assignment.close()


@on_loop
async def test_a_missing_record_ends_the_process(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    await host.put(0, 0, 2)
    assert [type(error) for error in host.failed] == [HoleError]
    await host.assignment.close()
    again = Host(tmp_path)
    assert await again.assignment.assign({0}) == {0: 1}
    await again.put(0, 1, 2)
    await again.applied(0, 2)
    assert again.failed == []
    await again.assignment.close()


@on_loop
async def test_records_already_in_the_store_are_only_acknowledged(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    await host.put(0, 0, 1)
    await host.applied(0, 1)
    steps = host.steps
    await host.put(0, 0, 1, 2)
    await host.applied(0, 2)
    assert host.acked == [0, 1, 0, 1, 2]
    assert host.steps == steps + 1
    await host.assignment.close()


@on_loop
async def test_a_partition_that_is_not_ours_takes_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    await host.put(3, 0)
    await host.assignment.revoke()
    await host.put(0, 0)
    assert host.acked == []
    assert await host.assignment.assign({0}) == {0: 0}
    await host.put(0, 0)
    await host.applied(0, 0)
    await host.assignment.close()


@on_loop
async def test_a_revoke_waits_for_the_step_in_hand_and_drops_the_rest(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    host.delivered.clear()
    await host.put(0, 0)
    await host.sending.wait()
    await host.put(0, 1, 2)
    revoke = asyncio.create_task(host.assignment.revoke())
    await asyncio.sleep(0)
    host.delivered.set()
    await revoke
    assert host.acked == [0]
    assert not host.assignment.ready
    assert await host.assignment.assign({0}) == {0: 1}
    assert host.assignment.ready
    await host.assignment.close()


@on_loop
async def test_a_step_is_processed_while_frames_are_on_their_way_and_none_is_written_before(
    tmp_path: Path,
) -> None:
    host = await _begun(tmp_path)
    host.delivered.clear()
    last = STEP_FRAMES_MAX + 1
    await host.put(0, *range(1, last + 1))
    while host.steps < 3:
        await asyncio.sleep(0)
    assert host.partition(0).next_offset == 1
    assert host.acked == [0]
    host.delivered.set()
    await host.applied(0, last)
    assert host.acked == list(range(last + 1))
    assert len(host.commits) == 2
    await host.assignment.close()


@on_loop
async def test_so_many_steps_share_a_commit_though_more_records_wait(tmp_path: Path) -> None:
    host = await _begun(tmp_path)
    last = (COMMIT_STEPS_MAX + 1) * STEP_FRAMES_MAX
    await host.put(0, *range(1, last + 1))
    await host.applied(0, last)
    assert host.acked == list(range(last + 1))
    assert host.commits[:2] == [1, 1 + COMMIT_STEPS_MAX]
    await host.assignment.close()


@on_loop
async def test_a_revoke_while_the_last_frames_are_on_their_way_ends_once_they_are_there(
    tmp_path: Path,
) -> None:
    host = await _begun(tmp_path)
    host.delivered.clear()
    host.sending.clear()
    await host.put(0, 1)
    await host.sending.wait()
    revoke = asyncio.create_task(host.assignment.revoke())
    await asyncio.sleep(0)
    host.delivered.set()
    await revoke
    assert host.acked == [0, 1]
    await host.assignment.close()


async def _begun(folder: Path) -> Host:
    """Return a host with the first record of partition 0 in its store."""
    host = Host(folder)
    await host.assignment.assign({0})
    await host.put(0, 0)
    await host.applied(0, 0)
    return host


@on_loop
async def test_a_locked_store_is_waited_for_and_holds_up_no_other(tmp_path: Path) -> None:
    host = Host(tmp_path)
    zombie = RocksStore(tmp_path / "1")
    assert await host.assignment.assign({0, 1}) == {0: 0}
    assert not host.assignment.ready
    await host.put(0, 0)
    await host.put(1, 0)
    await host.applied(0, 0)
    assert host.acked == [0]
    zombie.close()
    while not host.resumed:
        await asyncio.sleep(0.01)
    assert host.resumed == [{1: 0}]
    assert host.assignment.ready
    await host.put(1, 0)
    await host.applied(1, 0)
    await host.assignment.close()


@on_loop
async def test_a_partition_taken_back_while_it_opens_is_released(tmp_path: Path) -> None:
    host = Host(tmp_path)
    zombie = RocksStore(tmp_path / "1")
    await host.assignment.assign({1})
    await host.assignment.revoke()
    await host.assignment.assign(set())
    assert host.assignment.partitions == ()
    zombie.close()
    assert await host.assignment.assign({1}) == {1: 0}
    assert host.resumed == []
    await host.assignment.close()


@on_loop
async def test_a_partition_that_comes_back_while_it_opens_flows_once_it_is_open(
    tmp_path: Path,
) -> None:
    host = Host(tmp_path)
    zombie = RocksStore(tmp_path / "1")
    await host.assignment.assign({1})
    await host.assignment.revoke()
    await host.assignment.assign(set())
    assert await host.assignment.assign({1}) == {}
    zombie.close()
    while not host.resumed:
        await asyncio.sleep(0.01)
    assert (host.resumed, host.failed) == ([{1: 0}], [])
    assert host.assignment.ready
    await host.assignment.close()


@on_loop
async def test_a_store_that_opens_while_a_folder_is_being_deleted_flows(tmp_path: Path) -> None:
    host = Host(tmp_path)
    zombie = RocksStore(tmp_path / "1")
    assert await host.assignment.assign({0, 1}) == {0: 0}
    slow = threading.Event()
    removing = asyncio.create_task(host.assignment.remove({3}, lambda _: slow.wait(WITHIN_S)))
    await asyncio.sleep(0)
    zombie.close()
    while not host.assignment.ready:
        await asyncio.sleep(0.01)
    assert not removing.done()
    assert host.resumed == [{1: 0}]
    slow.set()
    await removing
    await host.assignment.close()


@on_loop
async def test_a_folder_that_is_being_deleted_holds_up_its_own_partition_alone(
    tmp_path: Path,
) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    slow = threading.Event()
    removed: list[int] = []

    def remove(number: int) -> None:
        slow.wait(WITHIN_S)
        removed.append(number)

    removing = asyncio.create_task(host.assignment.remove({0, 2, 3}, remove))
    await asyncio.sleep(0)
    await host.assignment.revoke()
    assert await host.assignment.assign({1, 2}) == {1: 0}
    assert host.partition(2).phase is Phase.OPENING
    assert removed == []
    slow.set()
    await removing
    while not host.resumed:
        await asyncio.sleep(0.01)
    assert host.resumed == [{2: 0}]
    assert removed == [2, 3], "the one that it has is not asked for"
    await host.assignment.close()


@on_loop
async def test_a_folder_is_not_deleted_while_its_partition_leaves(tmp_path: Path) -> None:
    host = Host(tmp_path, tmp_path / "checkpoints")
    await host.assignment.assign({0})
    await host.assignment.revoke()
    slow, left = threading.Event(), host.partition(0)._folder.remove

    def leave() -> None:
        slow.wait(WITHIN_S)
        left()

    host.partition(0)._folder.remove = leave  # type: ignore[method-assign] # a slow disk
    leaving = asyncio.create_task(host.assignment.assign(set()))
    while host.assignment.partitions:
        await asyncio.sleep(0)
    removed: list[int] = []
    await host.assignment.remove({0}, removed.append)
    assert removed == []
    slow.set()
    await leaving
    await host.assignment.remove({0}, removed.append)
    assert removed == [0]
    await host.assignment.close()


@on_loop
async def test_a_store_moves_to_another_host_by_its_checkpoint(tmp_path: Path) -> None:
    here = Host(tmp_path / "here", tmp_path / "checkpoints")
    await here.assignment.assign({0})
    await here.put(0, *range(10))
    await here.applied(0, 9)
    await here.assignment.close()
    there = Host(tmp_path / "there", tmp_path / "checkpoints")
    assert await there.assignment.assign({0}) == {0: 10}
    assert there.restores == 1
    await there.put(0, *range(10, 20))
    await there.applied(0, 19)
    await there.assignment.close()
    assert await here.assignment.assign({0}) == {0: 20}
    assert here.restores == 1
    await here.assignment.close()


@on_loop
async def test_the_better_of_store_and_checkpoint_is_taken(tmp_path: Path) -> None:
    host = Host(tmp_path / "here", tmp_path / "checkpoints")
    await host.assignment.assign({0})
    await host.put(0, *range(10))
    await host.applied(0, 9)
    await host.assignment.revoke()
    assert await host.assignment.assign({0}) == {0: 10}
    await host.put(0, *range(10, 15))
    await host.applied(0, 14)
    await host.assignment.close()
    newest = max((tmp_path / "checkpoints" / "0" / "manifests").iterdir())
    newest.unlink()
    ahead = Host(tmp_path / "here", tmp_path / "checkpoints")
    assert await ahead.assignment.assign({0}) == {0: 15}
    assert ahead.restores == 0
    await ahead.assignment.close()


@pytest.mark.parametrize("log", [LogRange(5, 100), LogRange(0, 2)], ids=["cut", "lost its end"])
def test_a_log_that_does_not_go_on_from_the_state_is_refused(
    tmp_path: Path, log: LogRange
) -> None:
    async def test() -> None:
        host = Host(tmp_path)
        await host.assignment.assign({0})
        await host.put(0, 0, 1, 2)
        await host.applied(0, 2)
        await host.assignment.close()
        again = Host(tmp_path)
        again.range = log
        await again.assignment.assign({0})
        assert [type(error) for error in again.failed] == [RefusalError]

    asyncio.run(asyncio.wait_for(test(), WITHIN_S))


@on_loop
async def test_a_log_created_anew_is_refused_as_that(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    await host.put(0, 0)
    await host.applied(0, 0)
    await host.assignment.close()
    again = Host(tmp_path)
    again._build = lambda number, store: Task(  # type: ignore[method-assign] # another log
        number, PARTITIONS, Log("another", number), store, compile_nothing
    )
    await again.assignment.assign({0})
    assert "created anew" in str(again.failed[0])


@on_loop
async def test_a_backlog_is_taken_in_bounded_steps(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    host.delivered.clear()
    await host.put(0, 0)
    await host.sending.wait()
    await host.put(0, *range(1, 3 * STEP_FRAMES_MAX + 1))
    host.delivered.set()
    await host.applied(0, 3 * STEP_FRAMES_MAX)
    assert host.steps >= 4
    assert host.acked == list(range(3 * STEP_FRAMES_MAX + 1))
    await host.assignment.close()


def test_steps_that_take_long_get_smaller_and_quick_ones_larger() -> None:
    assert frames_next(64, 64, took_s=3.2) == 2
    assert frames_next(2, 2, took_s=1000.0) == 1
    assert frames_next(8, 8, took_s=0.01) == 16
    assert frames_next(STEP_FRAMES_MAX, 1, took_s=0.01) == STEP_FRAMES_MAX
    assert frames_next(8, 8, took_s=0.07) == 8


@on_loop
async def test_a_partition_that_went_elsewhere_leaves_nothing_that_a_checkpoint_holds(
    tmp_path: Path,
) -> None:
    host = Host(tmp_path / "a", tmp_path / "checkpoints")
    await host.assignment.assign({0, 1})
    await host.put(0, 0, 1)
    await host.applied(0, 1)
    await host.assignment.revoke()
    await host.assignment.assign({1})
    assert sorted(path.name for path in host.folder.iterdir()) == ["1"]
    # A process that only stops leaves its stores: it has the partitions back when it starts.
    await host.assignment.close()
    assert sorted(path.name for path in host.folder.iterdir()) == ["1"]
    other = Host(tmp_path / "b", tmp_path / "checkpoints")
    assert await other.assignment.assign({0}) == {0: 2}
    await other.assignment.close()


@pytest.mark.parametrize("store", ["none", "away"])
def test_without_a_checkpoint_what_went_elsewhere_stays(tmp_path: Path, store: str) -> None:
    async def test() -> None:
        host = Host(tmp_path / "a", tmp_path / "checkpoints" if store == "away" else None)
        await host.assignment.assign({0})
        await host.put(0, 0)
        await host.applied(0, 0)
        (tmp_path / "checkpoints").write_text("no folder")
        await host.assignment.revoke()
        await host.assignment.assign(set())
        assert [path.name for path in host.folder.iterdir()] == ["0"]
        spare: list[int] = []
        await host.assignment.remove([0], spare.append)
        assert await host.assignment.assign({0}) == {0: 1}
        await host.assignment.remove([0, 1], spare.append)
        assert spare == [0, 1], "the second time it has partition 0 again"
        await host.assignment.close()

    asyncio.run(asyncio.wait_for(test(), WITHIN_S))


@on_loop
async def test_a_disk_without_room_for_a_copy_costs_the_checkpoint_alone(tmp_path: Path) -> None:
    host = Host(tmp_path / "a", tmp_path / "checkpoints")
    await host.assignment.assign({0})
    partition = host.partition(0)
    (host.folder / "0.copy").write_text("no copy can be made here")
    assert partition._steps is not None
    copies = partition._steps.copies
    copies.due_s = 0.0
    await host.put(0, 0)
    await host.applied(0, 0)
    while copies.due_s == 0.0:
        await asyncio.sleep(0)
    await host.put(0, 1)
    await host.applied(0, 1)
    await host.assignment.revoke()
    assert host.failed == []
    await host.assignment.assign(set())
    assert (host.folder / "0" / "CURRENT").exists(), "it is in no checkpoint"
    (host.folder / "0.copy").unlink()
    assert await host.assignment.assign({0}) == {0: 2}
    await host.assignment.close()
    assert Checkpoints(str(tmp_path / "checkpoints"), "0").newest() is not None


def test_every_phase_but_the_last_leads_on() -> None:
    assert set(MOVES) == set(Phase)
    assert [phase for phase, moves in MOVES.items() if not moves] == [Phase.CLOSED]


@on_loop
async def test_a_log_that_lost_records_to_others_is_refused(tmp_path: Path) -> None:
    host = Host(tmp_path, checkpoints=tmp_path / "checkpoints")
    await host.assignment.assign({0})
    await host.put(0, 0, 1)
    await host.applied(0, 1)
    await host.assignment.close()  # with a checkpoint
    host = Host(tmp_path)
    await host.assignment.assign({0})
    await host.put(0, 2, 3)
    await host.applied(0, 3)
    await host.assignment.close()

    replaced = Host(tmp_path)
    replaced.replaced = 2
    await replaced.assignment.assign({0})
    (error,) = replaced.failed
    assert isinstance(error, RefusalError)
    assert "internal/0: the record at offset 3 is not the one that was read" in str(error)
    # Two ways on: the records come back,
    mended = Host(tmp_path)
    assert await mended.assignment.assign({0}) == {0: 4}
    await mended.assignment.close()
    # or state from before.
    shutil.rmtree(tmp_path / "0")
    before = Host(tmp_path, checkpoints=tmp_path / "checkpoints")
    before.replaced = 2
    assert await before.assignment.assign({0}) == {0: 2}
    assert before.failed == []
    await before.assignment.close()


@on_loop
async def test_a_log_that_begins_after_the_state_cannot_be_compared(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    await host.put(0, 0, 1)
    await host.applied(0, 1)
    await host.assignment.close()
    cut = Host(tmp_path)
    cut.replaced, cut.range = 0, LogRange(2, 9)
    assert await cut.assignment.assign({0}) == {0: 2}
    assert cut.failed == []
    await cut.assignment.close()


@on_loop
async def test_who_is_due_a_record_that_the_log_has_no_longer_ends(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.assignment.assign({0})
    await host.put(0, 0, 1)
    await host.applied(0, 1)
    # Another's; where the group's offset lies, before the seek to the store's; and the next one.
    host.assignment.out_of_range(1, 2)
    host.assignment.out_of_range(0, 1)
    assert host.failed == []
    host.assignment.out_of_range(0, 2)
    (error,) = host.failed
    assert isinstance(error, StopError)
    assert "no longer holds the record at offset 2, which is due" in str(error)
    await host.assignment.revoke()
    host.assignment.out_of_range(0, 2)
    assert len(host.failed) == 1, "the group has taken it back: nothing is due"
    await host.assignment.close()
