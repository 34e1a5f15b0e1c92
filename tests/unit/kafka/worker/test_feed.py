import asyncio
from pathlib import Path
from typing import Any, cast

from aiokafka.structs import ConsumerRecord
from faust.types import TP

from cjo_stream.engine.port import LogRecord
from cjo_stream.kafka.worker.faust import WorkerApp, build_app
from tests.world.host import PARTITIONS, WITHIN_S, Host

TOPIC = "internal"
FETCHED = 20


def app_of(host: Host, folder: Path) -> WorkerApp:
    """Return Faust's app, which feeds the host's partitions; it is not started."""
    return build_app(
        host.assignment,
        group="group",
        instance_id="worker-0",
        internal_topic=TOPIC,
        partitions=PARTITIONS,
        properties={"bootstrap.servers": "127.0.0.1:1"},
        session_timeout_ms=10_000,
        folder=folder,
    )


def fetched(number: int, record: LogRecord) -> ConsumerRecord[bytes, bytes]:
    """Return a record of the log as aiokafka gives it."""
    value = record.value
    rest: tuple[Any, ...] = (record.time, 1, None, value, None, -1, len(value), ())
    return ConsumerRecord(TOPIC, number, record.offset, *rest)


async def feed_all(folder: Path) -> None:
    host = Host(folder / "state")
    await host.assignment.assign({1})
    consumer = cast(Any, app_of(host, folder / "faust").consumer)
    place = TP(TOPIC, 1)

    async def one_fetch(_: float) -> tuple[dict[TP, list[Any]], set[TP]]:
        records = [fetched(1, host.record(offset)) for offset in range(FETCHED)]
        return {place: records}, {place}

    consumer._wait_next_records = one_fetch
    consumer.highwater = lambda _: FETCHED
    consumer.resume_flow()
    acked: list[int] = []
    consumer.ack = lambda message: acked.append(message.offset)
    assert [one async for one in consumer.getmany(1.0)] == [], "nothing is left for Faust's stream"
    await host.applied(1, FETCHED - 1)
    await host.assignment.close()
    assert acked == list(range(FETCHED))
    assert host.steps <= 4, "8 records in the first step, more in the next: none is kept waiting"
    assert host.commits == [host.steps], "the steps share a commit"


def test_a_fetch_is_put_whole_so_that_steps_are_full_and_share_a_commit(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(feed_all(tmp_path), WITHIN_S))
