"""A broker that loses records that it acknowledged, and gives their offsets to others."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from cjo_stream.core.record import Reward
from cjo_stream.definition import load
from cjo_stream.engine.frame import tick_frame
from cjo_stream.errors import RefusalError, StopError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Outgoing
from cjo_stream.kafka.client.transaction import Transactions
from cjo_stream.kafka.local.broker import Broker
from cjo_stream.kafka.position.loss import look
from cjo_stream.kafka.process import stage
from cjo_stream.kafka.process.stage import Stopping
from cjo_stream.kafka.stage.learn import LearnProcess
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from tests.kafka.conftest import make_settings
from tests.kafka.stages import (
    in_background,
    make_dispatch,
    make_intake,
    make_topology,
    produce,
    publish,
    until,
)
from tests.kafka.workers import Installation
from tests.world.broker import start_broker

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user_id}]}
"""
EVENT = {"type": "come", "identifiers": {"user_id": "u1"}}
REWARD = Reward(
    decision_id="d",
    action_id="a",
    customer_id="c",
    action="card",
    channel="mail",
    features=None,
    probability=None,
    outcome=None,
    value=None,
    reward=0,
    issued_at=1,
    time=2,
)
OTHER = b"what took its place"
IS_ANOTHER = "is not the one that was read there. The broker lost records"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with start_broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def installation(broker: Broker, tmp_path: Path) -> Iterator[Installation]:
    settings = make_settings(
        broker.bootstrap, tmp_path, partitions=1, learn_interval_s=1, session_timeout_ms=30_000
    )
    with closing(Installation(settings, tmp_path)) as installation:
        yield installation


class Logs:
    """The four logs that a process has a position in, on the broker's disk."""

    def __init__(self, broker: Broker, settings: Settings) -> None:
        names = Names(settings.topic_prefix)
        self.raw = f"{settings.topic_prefix}event.web.v1"
        self.internal, self.effect, self.reward = names.internal, names.effect, names.reward
        self._all = (self.raw, self.internal, self.effect, self.reward)
        self._settings = settings
        self._folder = broker.folder / "log"
        self._copies = broker.folder / "copies"

    def ends(self) -> dict[Place, int]:
        return Admin(self._settings).ends((topic, 0) for topic in self._all)

    def copy(self) -> None:
        """Take a copy of them as they are now."""
        for topic in self._all:
            (self._copies / topic).mkdir(parents=True)
            for file in (self._folder / f"{topic}-0").iterdir():
                # Without the indexes: they are written while we read, and made anew from the rest.
                if file.suffix in (".log", ".metadata"):
                    shutil.copy(file, self._copies / topic / file.name)

    def bring_back_the_copy(self) -> None:
        """The broker must be stopped."""
        for topic in self._all:
            shutil.rmtree(self._folder / f"{topic}-0")
            shutil.copytree(self._copies / topic, self._folder / f"{topic}-0")

    def grow_beyond(self, ends: dict[Place, int]) -> None:
        """Put other records where those lay that are lost."""
        for (topic, _), end in self.ends().items():
            other = tick_frame() if topic == self.internal else OTHER
            produce(self._settings, topic, *[other] * (ends[topic, 0] + 1 - end))

    def delete(self, *topics: str) -> None:
        client = AdminClient(self._settings.kafka_properties())
        for future in client.delete_topics(list(topics)).values():
            future.result(10)
        until(lambda: not set(topics) & set(client.list_topics(timeout=5).topics))


def make_learn(settings: Settings) -> LearnProcess:
    learn = LearnProcess(settings, Metrics(), Stopping())
    learn.open()
    return learn


def stops(process: Any) -> str:
    """Return what a process says that ends by itself."""
    with pytest.raises(StopError) as told:
        until(lambda: False, process, within_s=90)
    process.abandon()
    return str(told.value)


def test_replaced_records_are_never_passed_over_in_silence(
    broker: Broker, installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, names = installation.settings, installation.names
    # Nobody turns these stages while the broker is down: here, that is no standstill.
    monkeypatch.setattr(stage, "STANDSTILL_S", 300.0)
    logs = Logs(broker, settings)
    topology = make_topology(tmp_path / "topology", TOPOLOGY)
    publish(settings, topology)
    logs.copy()
    worker = installation.start("0")
    intake, dispatch, learn = make_intake(settings), make_dispatch(settings), make_learn(settings)
    produce(settings, logs.raw, *[EVENT] * 3)
    produce(settings, logs.reward, *[msgspec.json.encode(REWARD)] * 3)
    produce(settings, logs.internal, *[tick_frame()] * 30)
    learnt = in_background(lambda: until(lambda: learn._rewards._remembered == (3, 3), learn))
    until(lambda: learnt, intake, dispatch)
    assert learnt == [True]

    def taken(stage: str, topic: str) -> int:
        # A client that knew the broker of before may wait for it.
        group = group_id(settings, stage)
        found = Admin(settings).committed(group, [(topic, 0)])
        return found[topic, 0].offset if found else -1

    until(lambda: taken("intake", logs.raw) == 3, intake)
    until(lambda: taken("dispatch", logs.effect) == logs.ends()[logs.effect, 0], dispatch)
    until(lambda: taken("worker", logs.internal) > 30)

    # Who runs meanwhile has a position that the log does not reach: it ends.
    ends = logs.ends()
    broker.stop()
    logs.bring_back_the_copy()
    broker.start()
    for process in (intake, dispatch, learn):
        assert "lost its end" in stops(process)
    assert "which is due: it was cut, or lost its end" in worker.ends()

    with pytest.raises(RefusalError, match=r"the log lost its end\. Bring it back, or delete"):
        make_learn(settings)

    # Grown again beyond it, the log has other records than those that were taken: all refuse.
    logs.grow_beyond(ends)
    for topic, make in ((logs.raw, make_intake), (logs.effect, make_dispatch)):
        with pytest.raises(RefusalError) as told:
            make(settings)
        assert f"{topic}/0: the record at offset {ends[topic, 0] - 1} {IS_ANOTHER}" in str(
            told.value
        )
        assert "or delete the topic and run `cjo-stream topics create" in str(told.value)
    with pytest.raises(RefusalError) as told:
        make_learn(settings)
    assert f"{logs.reward}/0: the record at offset 2 {IS_ANOTHER}" in str(told.value)
    assert f"or delete {names.model}, run `cjo-stream topics create`" in str(told.value)
    said = installation.start("0").ends()
    assert IS_ANOTHER in said
    assert "delete this partition's state folder" in said

    # And each goes on by what it said.
    logs.delete(logs.raw, logs.effect, names.model)
    create(settings, load(topology).program)
    intake, dispatch, learn = make_intake(settings), make_dispatch(settings), make_learn(settings)
    produce(settings, logs.raw, EVENT)
    until(lambda: taken("intake", logs.raw) == 1, intake)
    for process in (intake, dispatch, learn):
        process.close()
    shutil.rmtree(settings.data_dir / "worker" / "0" / "tasks" / "0000")
    worker = installation.start("0")
    until(lambda: taken("worker", logs.internal) > ends[logs.internal, 0] + 1)
    assert worker.stop() == 0


def test_what_retention_or_compaction_took_is_not_lost(settings: Settings) -> None:
    kept, cut, compacted = (f"{settings.topic_prefix}{name}" for name in ("kept", "cut", "keyed"))
    client = AdminClient(settings.kafka_properties())
    made = [NewTopic(kept, 1, 1), NewTopic(cut, 1, 1)]
    made.append(NewTopic(compacted, 1, 1, config={"cleanup.policy": "compact"}))
    for future in client.create_topics(made).values():
        future.result(10)
    transactions = Transactions(settings, f"{settings.topic_prefix}writer")
    transactions.open()
    for value in (b"first", b"second"):
        transactions.write([Outgoing(topic, value, 0, b"k") for topic in (kept, cut, compacted)])
    # Of each now: a record, the transaction's marker, a record, a marker.
    client.delete_records([TopicPartition(cut, 0, 2)])[TopicPartition(cut, 0, 2)].result(10)
    admin = Admin(settings)

    def there(offset: int) -> dict[str, bytes | None]:
        found = look(settings, admin, {(topic, 0): offset for topic in (kept, cut, compacted)})
        return {topic: record and record.value for (topic, _), record in found.items()}

    assert there(0) == {kept: b"first", compacted: b"first"}
    # Nothing lies where the marker does: lost, unless it may have been compacted away.
    assert there(1) == {kept: None}
    assert there(2) == {kept: b"second", cut: b"second", compacted: b"second"}
    transactions.close()
