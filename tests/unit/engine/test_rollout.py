"""A set reaches sleeping customers by a walk, some of them a record, whatever happens to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.core.program.program import VERDICTS_MAX
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load, succeed
from cjo_stream.engine import turns
from tests.world import TOPOLOGY
from tests.world.partition import LOADED, Partition, event

CUSTOMERS = 7


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Sets that follow LOADED and each other: the journey `cart` paused, live, retired, live."""
    found, before = {}, succeed(LOADED, None)
    for name in ("paused", "live", "retired", "live again"):
        status = name.split()[0]
        folder = tmp_path_factory.mktemp(status)
        for path in sorted(Path(TOPOLOGY).rglob("*.yaml")):
            text = path.read_text()
            text = text.replace("journey: cart\n", f"journey: cart\nstatus: {status}\n")
            (folder / path.name).write_text(text)
        before = found[name] = succeed(load(folder), before)
    return found


def with_customers(**more: int) -> Partition:
    partition = Partition(sets=False, **more)
    partition.control(StoreSet(1, succeed(LOADED, None)), ActivateSet(1))
    for user in range(CUSTOMERS):
        partition.event(event(user, user))
    partition.run()
    return partition


def put_in_force(partition: Partition, number: int, content: bytes, at: int = 1_000) -> None:
    partition.control(StoreSet(number, content), ActivateSet(number, f"set {number}"), at=at)


def ends(partition: Partition) -> list[tuple[str, str | None]]:
    rows = partition.sent("transition")
    return sorted((row["customer_id"], row["outcome"]) for row in rows if row["to"] is None)


@pytest.mark.parametrize("most", [1, 2, 3, 7, 8, 500])
@pytest.mark.parametrize("batch", [None, 1])
def test_every_sleeper_is_reached_once(
    contents: dict[str, bytes], most: int, batch: int | None
) -> None:
    partition = with_customers(rollout_customers_max=most)
    before = len(partition.log)
    put_in_force(partition, 2, contents["retired"])
    partition.run(batch)
    assert [outcome for _, outcome in ends(partition)] == ["retired"] * CUSTOMERS
    # One record for each part of the walk, a last one where the parts come out even, and that the
    # walk has ended.
    assert len(partition.log) - before == 1 + CUSTOMERS // most + 2
    assert not any(partition.task.live.get("cart", {}).values())


@pytest.mark.parametrize("crash_at", range(1, 10))
def test_a_walk_goes_on_after_a_crash(contents: dict[str, bytes], crash_at: int) -> None:
    whole = with_customers(rollout_customers_max=2)
    put_in_force(whole, 2, contents["retired"])
    whole.run()
    partition = with_customers(rollout_customers_max=2)
    put_in_force(partition, 2, contents["retired"])
    for _ in range(crash_at):
        if partition.task.applied + 1 < len(partition.log):
            partition.step(1)
    # Killed when its frames are out and nothing is written yet: they come again, and are dropped.
    if partition.task.applied + 1 < len(partition.log):
        partition.process(1)
    partition.open()
    partition.run()
    assert set(ends(partition)) == set(ends(whole))
    assert partition.task.live == whole.task.live


def test_who_is_touched_before_the_walk_is_brought_up_first(contents: dict[str, bytes]) -> None:
    partition = with_customers(rollout_customers_max=1)
    put_in_force(partition, 2, contents["retired"])
    partition.event(event(5, 2_000), at=1_000)  # in the log before the walk's first record
    partition.run()
    assert len(ends(partition)) == CUSTOMERS
    late = [row for row in partition.sent("transition") if row["trigger"]["id"] == "e5-2000"]
    assert late == []  # the journey ended before the event was shown


def test_each_set_is_lived_through_although_the_next_comes_before_the_walk_has_ended(
    contents: dict[str, bytes],
) -> None:
    partition = with_customers(rollout_customers_max=1)
    put_in_force(partition, 2, contents["paused"])
    partition.step(2)
    later = 100 * 86_400_000
    partition.tick(later)
    put_in_force(partition, 3, contents["live"], later)
    partition.step(2)
    put_in_force(partition, 4, contents["retired"], later)
    partition.run(1)
    assert len(ends(partition)) == CUSTOMERS
    # Timers of the pause fired when it ended, before the retiring.
    moved = [row for row in partition.sent("transition") if row["reason"] == "moved"]
    assert moved
    assert [one // VERDICTS_MAX for one in partition.task._enforcement.rollout.revisions] == [4]


def test_who_came_under_a_set_is_not_asked_by_those_before_it(contents: dict[str, bytes]) -> None:
    partition = with_customers(rollout_customers_max=1)
    put_in_force(partition, 2, contents["retired"])
    put_in_force(partition, 3, contents["live again"])
    for at in (1_000, 2_000):
        partition.event(event(99, at), at=1_000)  # no walk has ended
    partition.run(1)
    assert len(ends(partition)) == CUSTOMERS
    assert sum(partition.task.live["cart"][1].values()) == 1


def test_a_customer_at_whom_a_set_fails_is_dead_lettered_and_the_walk_goes_on(
    contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = with_customers(rollout_customers_max=2)
    bring_up = turns.bring_up
    failed: list[str] = []

    def faulty(customer: Customer, turn: Turn) -> None:
        bring_up(customer, turn)
        if not failed or customer.id == failed[0]:
            failed.append(customer.id)
            raise ValueError("secret-value")

    monkeypatch.setattr(turns, "bring_up", faulty)
    put_in_force(partition, 2, contents["retired"])
    partition.run()
    (letter,) = partition.letters()
    assert letter["reason"] == "failed"
    assert letter["value"] == {"customer_id": failed[0], "set": 2}
    assert len(ends(partition)) == CUSTOMERS - 1
