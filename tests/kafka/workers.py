"""Workers on a real broker, without intake and dispatch: the test writes frames, reads effects.

The oracle is the log itself: replayed record by record through a fresh store, it must give the
effects that the workers left, byte for byte.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import ActivateSet, Arrive, StoreSet, identifier_key, partition_of
from cjo_stream.definition import compile_content, load
from cjo_stream.engine.frame import FrameWriter, control_frame, decode_effect_frame
from cjo_stream.engine.lane import Numbering
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.errors import RetryError
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.store.memory import MemoryStore
from tests.world import TOPOLOGY

WITHIN_S = 90.0
PROGRAM = """
import sys
from cjo_stream.errors import CjoError
from cjo_stream.kafka.worker.process import run
from cjo_stream.settings import load
from cjo_stream.telemetry import log
try:
    settings = load()
    log.set_up(settings.log_level, settings.log_format)
    sys.exit(run(settings))
except CjoError as error:
    print("error:", error, file=sys.stderr)
    sys.exit(error.exit_code)
"""

Place = tuple[int, int]


def until(condition: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.05)


class Worker:
    """One worker process."""

    def __init__(self, settings: Settings, slot: str, log: Path) -> None:
        self.slot = slot
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                env={**os.environ, **environment(settings), "CJO_SLOT": slot},
                stdout=file,
                stderr=file,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(WITHIN_S)

    def ends(self) -> str:
        """Return what it said, once it has ended by itself with code 1 or 2."""
        assert self.process.wait(WITHIN_S) in (1, 2)
        return self.log.read_text()


def environment(settings: Settings) -> dict[str, str]:
    key = settings.tenant_key
    return {
        "CJO_KAFKA__BOOTSTRAP_SERVERS": settings.kafka_properties()["bootstrap.servers"],
        "CJO_TOPIC_PREFIX": settings.topic_prefix,
        "CJO_TENANT_KEY": key.get_secret_value() if key else "",
        "CJO_PARTITIONS": str(settings.partitions),
        "CJO_DATA_DIR": str(settings.data_dir),
        "CJO_CHECKPOINT_URL": settings.checkpoint_url or "",
        "CJO_CHECKPOINT_INTERVAL_S": str(settings.checkpoint_interval_s),
        "CJO_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
    }


class Installation:
    """The two logs of an installation, and the workers between them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.names = Names(settings.topic_prefix)
        self._folder = folder
        self._started: list[Worker] = []
        self._producer = Producer(
            {**settings.kafka_properties(), "enable.idempotence": True, "linger.ms": 0}
        )
        self._numbers = Numbering()
        self._offset = 0
        self._random = random.Random(5)

    def create(self) -> None:
        create(self.settings, None)
        until(self._has_leaders)

    def _has_leaders(self) -> bool:
        try:
            return len(self.ends()) == self.settings.partitions
        except RetryError:
            return False

    def start(self, slot: str) -> Worker:
        self._started.append(Worker(self.settings, slot, self._folder / f"worker-{slot}.log"))
        return self._started[-1]

    def close(self) -> None:
        for worker in self._started:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGCONT)
                worker.kill()

    # --- what goes in --------------------------------------------------------------------------

    def apply(self) -> None:
        """Publish the definitions, as the first thing in every partition's log."""
        content = load(TOPOLOGY).content
        frame = control_frame([("", StoreSet(1, content)), ("", ActivateSet(1))])
        for partition in range(self.settings.partitions):
            self._producer.produce(self.names.internal, frame, partition=partition)
        assert self._producer.flush(WITHIN_S) == 0

    def send_frame(self, partition: int, frame: bytes) -> None:
        """Write one frame."""
        self._producer.produce(self.names.internal, frame, partition=partition)
        assert self._producer.flush(WITHIN_S) == 0

    def send_events(self, count: int) -> None:
        """Write frames of so many events of some users, as intake would."""
        writers: dict[int, FrameWriter] = {}
        now_ms = int(time.time() * 1000)
        for _ in range(count):
            event = self._event(now_ms)
            key = identifier_key(event.identifiers[0].hash)
            to = partition_of(key, self.settings.partitions)
            self._numbers.begin(self._offset)
            number = self._numbers.number(to)
            writer = writers.setdefault(to, FrameWriter())
            writer.add(Log("raw", 0), *number, key, Arrive(event))
            self._offset += 1
        for to, writer in writers.items():
            for frame in writer.frames(now_ms):
                self._producer.produce(self.names.internal, frame, partition=to)
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(WITHIN_S) == 0

    def _event(self, now_ms: int) -> Event:
        draw = self._random
        user = f"u{draw.randrange(200)}"
        digest = identifier_hash(self.settings.tenant_key_bytes(), "user", user)
        return Event(
            type=draw.choice(["cart", "cart", "cart", "order", "other"]),
            time=now_ms,
            attributes={"cart": f"c{draw.randrange(2)}", "total": draw.randrange(5)},
            id=f"e{self._offset}",
            channel="web",
            identifiers=[Identifier("user", user, digest)],
            own_id=True,
            received=now_ms,
        )

    # --- what comes out ------------------------------------------------------------------------

    def ends(self) -> dict[int, int]:
        """Return the next offset of each partition of the internal log."""
        places = [(self.names.internal, p) for p in range(self.settings.partitions)]
        ends = Admin(self.settings).ends(places)
        return {partition: end for (_, partition), end in ends.items()}

    def effects(self) -> list[list[bytes]]:
        """Return each partition's effects, repeats dropped as dispatch drops them."""
        found = []
        for messages in self._read(self.names.effect):
            last, effects = (-1, -1), []
            for message in messages:
                for item in decode_effect_frame(message.value()).items:
                    if (item.offset, item.index) > last:
                        last = (item.offset, item.index)
                        effects.append(item.effect.value)
            found.append(effects)
        return found

    def replay(self) -> list[list[bytes]]:
        """Return the effects of the internal log, run again through fresh stores."""
        named = Admin(self.settings).require([self.names.internal])[self.names.internal]
        found = []
        for partition, messages in enumerate(self._read(self.names.internal)):
            log = Log(named.id, partition)
            task = Task(partition, named.partitions, log, MemoryStore(), compile_content)
            effects = []
            for message in messages:
                record = LogRecord(message.offset(), message.timestamp()[1], message.value())
                for frame in task.process([record]).effects:
                    effects += [item.effect.value for item in decode_effect_frame(frame).items]
                task.commit()
            found.append(effects)
        return found

    def _read(self, name: str) -> list[list[Message]]:
        consumer = Consumer(
            {
                **self.settings.kafka_properties(),
                "group.id": "test",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        partitions = range(self.settings.partitions)
        consumer.assign([TopicPartition(name, partition, 0) for partition in partitions])
        found: list[list[Message]] = [[] for _ in partitions]
        unread = set(partitions)
        try:
            while unread:
                message = consumer.poll(WITHIN_S)
                assert message is not None, f"{name} cannot be read"
                error = message.error()
                if error is None:
                    found[message.partition()].append(message)
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    unread.discard(message.partition())
        finally:
            consumer.close()
        return found
