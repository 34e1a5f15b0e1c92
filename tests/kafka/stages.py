"""An installation's stages inside the test's own process, each driven turn by turn.

The tasks here are the engine's, over memory and a plain consumer: what the worker adds to them is
another test's matter.
"""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import Consumer, Producer, TopicPartition

from cjo_stream.definition import compile_content, load
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import is_end, reader
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.definition.apply import Applied, apply
from cjo_stream.kafka.position.position import NO_WORDS, Words
from cjo_stream.kafka.process.stage import Process, Stopping
from cjo_stream.kafka.stage.dispatch import DispatchProcess
from cjo_stream.kafka.stage.intake import IntakeProcess
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.store.memory import MemoryStore
from cjo_stream.telemetry import Metrics

WITHIN_S = 90.0

Stage = TypeVar("Stage", bound=Process)


class Tasks:
    """Every task of an installation."""

    def __init__(self, settings: Settings, stores: list[MemoryStore] | None = None) -> None:
        self._names = Names(settings.topic_prefix)
        self._admin = Admin(settings)
        topic = self._topic = self._admin.require([self._names.internal])[self._names.internal]
        self.stores = stores or [MemoryStore() for _ in range(topic.partitions)]
        self._tasks = [
            Task(p, topic.partitions, Log(topic.id, p), store, compile_content)
            for p, store in enumerate(self.stores)
        ]
        self._reader = reader(settings, {(topic.name, p): 0 for p in range(topic.partitions)})
        self._sender = Sender(settings)

    def are_at_end(self) -> bool:
        """Return whether all that is in the log is processed."""
        ends = self._admin.ends((self._topic.name, task.partition) for task in self._tasks)
        return all(
            task.applied + 1 == end for task, end in zip(self._tasks, ends.values(), strict=True)
        )

    def turn(self) -> None:
        for message in self._reader.consume(100, 0.02):
            if is_end(message):
                continue
            assert message.error() is None, message.error()
            task = self._tasks[message.partition()]
            record = LogRecord(message.offset(), message.timestamp()[1], message.value())
            outbox = task.process([record])
            names = self._names
            self._sender.send(
                [Outgoing(names.internal, frame, to) for to, frame in outbox.frames]
                + [Outgoing(names.effect, f, task.partition) for f in outbox.effects]
            )
            task.commit()


def until(condition: Callable[[], Any], *stages: Any, within_s: float = WITHIN_S) -> Any:
    """Turn the stages until the condition gives something; return that."""
    end_s = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end_s, "it did not come"
        for stage in stages:
            stage.turn()
    return found


def make_intake(settings: Settings, *, words: Words = NO_WORDS) -> IntakeProcess:
    return opened(IntakeProcess(settings, Metrics(), Stopping(), words=words))


def make_dispatch(settings: Settings, *, words: Words = NO_WORDS) -> DispatchProcess:
    return opened(DispatchProcess(settings, Metrics(), Stopping(), words=words))


def opened(process: Stage) -> Stage:
    """Return a process that works; one that does not come so far leaves its group alone."""
    try:
        process.open()
        until(lambda: process.not_ready() is None, process)
        process.turn()
    except BaseException:
        process.abandon()
        raise
    return process


def make_topology(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "topology.yaml").write_text(text)
    return folder


def publish(settings: Settings, folder: Path, *others: Any) -> Applied:
    """Make the topics, apply the topology; return what that did. Tasks and dispatch of our own
    answer, and are gone afterwards; `others` are turned meanwhile."""
    definitions = load(folder)
    create(settings, definitions.program)
    tasks, dispatch = Tasks(settings), make_dispatch(settings)
    results = in_background(lambda: apply(settings, definitions))
    applied = until(lambda: results[0] if results else None, tasks, dispatch, *others)
    dispatch.close()
    assert isinstance(applied, Applied), applied
    return applied


def in_background(call: Callable[[], Any]) -> list[Any]:
    """Return a list that will hold the call's result, or its error."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    threading.Thread(target=run, daemon=True).start()
    return results


def produce(
    settings: Settings, topic: str, *values: bytes | dict[str, Any] | None, key: bytes = b"a key"
) -> None:
    producer = Producer({**settings.kafka_properties()})
    for value in values:
        data = json.dumps(value).encode() if isinstance(value, dict) else value
        producer.produce(topic, data, key, 0)
    assert producer.flush(10) == 0


def read_all(settings: Settings, topic: str, *, committed: bool = True) -> list[Any]:
    """Return every record of a topic as it stands now."""
    admin = Admin(settings)
    count = admin.require([topic])[topic].partitions
    ends = admin.ends(((topic, number) for number in range(count)), committed=committed)
    consumer = Consumer(
        {
            **settings.kafka_properties(),
            "group.id": "test",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
        }
    )
    consumer.assign([TopicPartition(topic, p, 0) for p in range(count)])
    found: list[Any] = []
    left = {place[1]: end for place, end in ends.items() if end}
    end_s = time.monotonic() + WITHIN_S
    while left:
        assert time.monotonic() < end_s, f"{topic} has no end"
        for message in consumer.consume(100, 0.1):
            if message.error() is None:
                found.append(message)
            elif not is_end(message):
                continue
            # The end of a partition that is written without a pause is never reported.
            if message.offset() >= left.get(message.partition(), 0) - 1:
                left.pop(message.partition(), None)
    consumer.close()
    return found
