"""What is other than Faust has it."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from cjo_stream.kafka.worker.assignment import Assignment
from cjo_stream.kafka.worker.faust import WorkerApp, build_app


class NoConsumer:
    """Has no partitions yet."""

    def assignment(self) -> set[Any]:
        return set()

    def pause_partitions(self, partitions: set[Any]) -> None:
        assert not partitions


@pytest.fixture
def app(tmp_path: Path) -> WorkerApp:
    return build_app(
        Assignment(cast(Any, None)),
        group="g",
        instance_id="worker-0",
        internal_topic="internal",
        partitions=1,
        properties={"bootstrap.servers": "127.0.0.1:9"},
        session_timeout_ms=10_000,
        folder=tmp_path,
    )


def test_a_start_waits_for_no_tables(app: WorkerApp, monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(seconds: float, **_: Any) -> None:
        pytest.fail(f"it waits for {seconds} s, and so do all partitions at each restart")

    async def start() -> None:
        tables = app.tables
        monkeypatch.setattr(tables, "sleep", sleep)
        monkeypatch.setattr(app, "_consumer", NoConsumer())
        await tables.on_start()
        assert tables.recovery.started
        await tables.recovery.stop()

    asyncio.run(start())
