"""What a worker shows of its partitions, by value."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.definition import load, succeed
from cjo_stream.kafka.worker.partition import Partition
from cjo_stream.kafka.worker.report import WorkerReport
from cjo_stream.telemetry import Metrics
from tests.world import partition as world
from tests.world.canary import GUARDS, topology, write
from tests.world.host import WITHIN_S, Host
from tests.world.measurement import shown


def test_partitions_are_shown_by_value_and_no_more_once_they_are_gone(tmp_path: Path) -> None:
    async def test() -> None:
        host, metrics = Host(tmp_path), Metrics()
        report = WorkerReport(metrics, "internal")
        await host.assignment.assign({1, 2})
        await host.put(1, 0, 1, 2)
        await host.applied(1, 2)
        report.standing(host.assignment, {1: 10, 2: 0})
        report.cached(5)
        found = shown(metrics)
        assert found['cjo_lag_records{partition="1",stage="task"}'] == 7
        assert found['cjo_lag_records{partition="2",stage="task"}'] == 0
        assert found["cjo_rebalances_total"] == 1
        assert found['cjo_state_bytes{stage="task"}'] > 0
        assert found["cjo_cached_bytes"] == 5
        await host.assignment.assign({2})
        report.standing(host.assignment, {1: 10, 2: 0})
        report.standing(host.assignment, {1: 10, 2: 0})
        found = shown(metrics)
        assert 'cjo_lag_records{partition="1",stage="task"}' not in found
        assert found["cjo_rebalances_total"] == 2
        await host.assignment.close()

    asyncio.run(asyncio.wait_for(test(), WITHIN_S))


def test_the_duration_of_commits_steps_and_restores_is_shown_by_value() -> None:
    metrics = Metrics()
    report = WorkerReport(metrics, "internal")
    report.step(0.25, 0, 1, ())
    for commit_s in (0.125, 0.5):
        report.commit({}, [1_500], commit_s)
    report.restored(2.5)
    found = shown(metrics)
    assert found['cjo_stage_seconds_sum{stage="task"}'] == 0.25
    assert found['cjo_commit_seconds_count{stage="task"}'] == 2
    assert found['cjo_commit_seconds_sum{stage="task"}'] == 0.625
    assert found['cjo_commit_seconds_bucket{le="0.25",stage="task"}'] == 1
    assert found["cjo_timer_delay_seconds_sum"] == 3
    assert found["cjo_restore_seconds_sum"] == 2.5


def test_a_checkpoint_that_was_never_made_grows_old_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def age(host: Host) -> float:
        metrics, began_s = Metrics(), time.monotonic()
        await host.assignment.assign({0})
        monkeypatch.setattr(time, "monotonic", lambda: began_s + 500)
        WorkerReport(metrics, "internal").standing(host.assignment, {})
        monkeypatch.undo()
        await host.assignment.close()
        return shown(metrics)["cjo_checkpoint_age_seconds"]

    with_, without = Host(tmp_path / "a", tmp_path / "checkpoints"), Host(tmp_path / "b")
    assert asyncio.run(asyncio.wait_for(age(with_), WITHIN_S)) == pytest.approx(500, abs=5)
    none = asyncio.run(asyncio.wait_for(age(without), WITHIN_S))
    assert none != none, "where no checkpoints are asked for there is no age"


def test_a_guarded_canary_is_shown_with_its_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = succeed(load(write(tmp_path / "one", topology(1))), None)
    second = succeed(load(write(tmp_path / "two", topology(2, GUARDS))), first)
    log = world.Partition(sets=False)
    log.control(StoreSet(1, first), ActivateSet(1))
    log.control(StoreSet(2, second), ActivateSet(2), at=1_000)
    log.run()
    (row,) = log.task.canaries
    assert (row.journey, row.version, row.verdict) == ("welcome", 2, None)

    async def words() -> list[str]:
        host, metrics = Host(tmp_path), Metrics()
        await host.assignment.assign({0})
        WorkerReport(metrics, "internal").standing(host.assignment, {})
        await host.assignment.close()
        return [one for one in shown(metrics) if one.startswith("cjo_canary")]

    assert asyncio.run(words()) == [], "this partition has no set"
    monkeypatch.setattr(Partition, "canaries", property(lambda _: [row]))
    for row.verdict, word in (
        (None, "running"),
        ("back", "back"),
        ("hold", "hold"),
        ("promote", "promote"),
    ):
        found = asyncio.run(words())
        assert found == [f'cjo_canary{{journey="welcome",verdict="{word}",version="2"}}']
