"""Governance records: each once, whatever is killed when, seen from the first partition."""

from __future__ import annotations

from typing import Any

import pytest

from cjo_stream.engine.governor import Sweeps
from cjo_stream.engine.schema import record_schema
from tests.unit.engine.test_rollout import CUSTOMERS, contents, put_in_force, with_customers
from tests.world.partition import LOADED, Partition
from tests.world.schema import faults

__all__ = ["contents"]

FIRST = {"schema": "cjo.governance.v1", "kind": "applied", "topology": "shop", "set": 1}


def kinds(partition: Partition) -> list[tuple[str, int]]:
    return [(row["kind"], row["set"]) for row in partition.sent("governance")]


def test_a_set_is_applied_sweeps_and_has_swept(contents: dict[str, bytes]) -> None:
    partition = with_customers(rollout_customers_max=2)
    (first,) = partition.sent("governance")
    assert first["time"] == partition.log[1].time
    assert first == {**FIRST, "topology": LOADED.program.topology, "time": first["time"]}
    put_in_force(partition, 2, contents["retired"])
    partition.step()
    assert kinds(partition)[1:] == []
    partition.step(1)
    assert kinds(partition)[1:] == [("applied", 2), ("sweeping", 2)]
    partition.run()
    assert kinds(partition)[1:] == [("applied", 2), ("sweeping", 2), ("swept", 2)]
    schema = record_schema("cjo.governance.v1")
    assert [faults(row, schema, schema) for row in partition.sent("governance")] == [[]] * 4
    assert [row["time"] for row in partition.sent("governance")][1:] == [partition.task.clock] * 3


def test_a_set_that_asks_nothing_of_sleepers_does_not_sweep(contents: dict[str, bytes]) -> None:
    partition = with_customers()
    put_in_force(partition, 2, contents["retired"])
    put_in_force(partition, 3, contents["live again"])
    put_in_force(partition, 3, contents["live again"])
    partition.run()
    assert kinds(partition)[1:] == [
        ("applied", 2),
        ("sweeping", 2),
        ("applied", 3),
        ("swept", 2),
    ]


@pytest.mark.parametrize("crash_at", range(1, 8))
def test_each_record_is_there_once_after_a_crash(
    contents: dict[str, bytes], crash_at: int
) -> None:
    def run(crash: int | None) -> list[Any]:
        partition = with_customers(rollout_customers_max=CUSTOMERS // 2)
        put_in_force(partition, 2, contents["paused"])
        for _ in range(crash or 0):
            if partition.task.applied + 1 < len(partition.log):
                partition.step(1)
        if crash is not None and partition.task.applied + 1 < len(partition.log):
            partition.process(1)  # its effects are out, and nothing is written
        partition.open()
        partition.run()
        # What a crash repeats has the same number, and dispatch drops it.
        sent = {(item.offset, item.index): item.effect for item in partition.out}
        return [one.value for one in sent.values() if one.kind == "governance"]

    assert run(crash_at) == run(None)


def test_a_set_has_swept_when_the_last_partition_says_so() -> None:
    sweeps = Sweeps(5, [4, 5])
    assert sweeps.end(0, 5, 3) == []
    assert sweeps.end(2, 4, 3) == []
    before = sweeps.copy()
    assert sweeps.end(1, 5, 3) == [4]
    assert sweeps.end(2, 5, 3) == [5]
    assert sweeps.end(2, 4, 3) == []  # an earlier one, late
    assert (before.under_way, before.end(1, 6, 3)) == ([4, 5], [4])
