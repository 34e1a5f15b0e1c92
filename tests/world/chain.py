"""A whole installation on a real broker, for tests: its processes, a load, and an oracle.

The oracle reads the broker's topics itself. It takes from the engine only what it must hold it
against: the internal log, replayed record by record through a fresh store.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from cjo_stream.core.customer import snapshot
from cjo_stream.core.state import Customer
from cjo_stream.definition import compile_content, load
from cjo_stream.engine import codec
from cjo_stream.engine.frame import decode_effect_frame
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.kafka.topic.name import Names
from cjo_stream.store.memory import MemoryStore

TOPOLOGY = Path(__file__).parents[1] / "simulation" / "topology"
TENANT_KEY = "a-key-only-the-tests-have-0123456789"


class Chain:
    """intake, workers and dispatch as processes, restarted when they end, until `stop`."""

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        partitions: int = 4,
        workers: int = 1,
        checkpoint_interval_s: int = 5,
    ) -> None:
        self.bootstrap = bootstrap
        self.checkpoint_interval_s = checkpoint_interval_s
        self.folder = folder
        self.partitions = partitions
        self.prefix = f"t{uuid.uuid4().hex[:8]}."
        self.networks: dict[str, str] = {}
        """By a process's name: the address at which it reaches the broker, where that differs."""
        self.names = ["intake", *[f"worker-{n}" for n in range(workers)], "dispatch"]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts: Counter[str] = Counter()
        self.exits: list[tuple[str, int]] = []
        self._paused: set[str] = set()
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._topic_id = ""

    def env(self, name: str = "", slot: str = "0") -> dict[str, str]:
        """Return the environment of a process of this installation."""
        return {
            **os.environ,
            "CJO_KAFKA__BOOTSTRAP_SERVERS": self.networks.get(name, self.bootstrap),
            "CJO_TOPIC_PREFIX": self.prefix,
            "CJO_TENANT_KEY": TENANT_KEY,
            "CJO_PARTITIONS": str(self.partitions),
            "CJO_DATA_DIR": str(self.folder / "data"),
            "CJO_CHECKPOINT_URL": str(self.folder / "checkpoints"),
            "CJO_CHECKPOINT_INTERVAL_S": str(self.checkpoint_interval_s),
            "CJO_SLOT": slot,
            "CJO_METRICS_PORT": "0",
            "CJO_LOG_LEVEL": "INFO",
        }

    def command(self, *args: str, timeout: float = 60) -> str:
        """Run one `cjo-stream` command to its end; return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "cjo_stream", *args],
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
        return done.stdout

    def create(self, topology: Path = TOPOLOGY) -> None:
        """Make the topics and apply the definitions; the processes must run for the second."""
        self.command("topics", "create", str(topology))

    def start(self, topology: Path = TOPOLOGY) -> None:
        """Start every process, apply the topology, and keep all running."""
        for name in self.names:
            self._start(name)
        self._keeper.start()
        self.command("apply", str(topology), "--yes", timeout=120)

    def _start(self, name: str) -> None:
        role, _, number = name.partition("-")
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "cjo_stream", role],
                env=self.env(name, number or "0"),
                stdout=log,
                stderr=log,
            )

    def _keep(self) -> None:
        while not self._stopping.wait(0.1):
            with self._lock:
                for name, process in list(self.processes.items()):
                    code = process.poll()
                    if code is not None and name not in self._paused:
                        self.exits.append((name, code))
                        self.restarts[name] += 1
                        self._start(name)

    def kill(self, name: str) -> None:
        """Kill -9 one process by its id; it is started again at once."""
        with self._lock:
            self.processes[name].send_signal(signal.SIGKILL)

    def hold_down(self, name: str, how: int = signal.SIGKILL) -> None:
        """End one process and leave it down until `let_up`."""
        with self._lock:
            self._paused.add(name)
            process = self.processes[name]
            process.send_signal(how)
        process.wait(timeout=30)

    def let_up(self, name: str) -> None:
        """Start a process that was held down."""
        with self._lock:
            self._paused.discard(name)
            self._start(name)

    def add_worker(self) -> str:
        """Start one more worker; return its name."""
        with self._lock:
            name = f"worker-{sum(n.startswith('worker') for n in self.processes)}"
            self._start(name)
            return name

    def freeze(self, name: str) -> None:
        """SIGSTOP."""
        self.processes[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """SIGCONT."""
        self.processes[name].send_signal(signal.SIGCONT)

    def end_intake_and_workers(self) -> None:
        """End them in order; dispatch goes on with what they left."""
        self._end([name for name in self.processes if name != "dispatch"])

    def stop(self) -> None:
        """End every process, asking first."""
        self._stopping.set()
        self._end(list(self.processes))

    def _end(self, names: list[str]) -> None:
        with self._lock:
            self._paused.update(names)
            processes = [self.processes[name] for name in names]
            for process in processes:
                if process.poll() is None:
                    process.send_signal(signal.SIGCONT)
                    process.terminate()
            for process in processes:
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    # --- what lies in the topics

    def read(self, topic: str, *, committed: bool = True) -> dict[int, list[Any]]:
        """Return every record of a topic of ours by partition, as it stands now."""
        return self.read_topic(self.prefix + topic, committed=committed)

    def read_topic(self, topic: str, *, committed: bool = True) -> dict[int, list[Any]]:
        """Return every record of a topic, by its whole name."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"oracle-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed" if committed else "read_uncommitted",
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        try:
            metadata = consumer.list_topics(topic, timeout=10)
            numbers = sorted(metadata.topics[topic].partitions)
            consumer.assign([TopicPartition(topic, n, 0) for n in numbers])
            found: dict[int, list[Any]] = {n: [] for n in numbers}
            open_ = set(numbers)
            until = time.monotonic() + 60
            while open_ and time.monotonic() < until:
                for message in consumer.consume(1000, 0.5):
                    error = message.error()
                    if error is None:
                        found[message.partition()].append(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        open_.discard(message.partition())
            assert not open_, f"{topic} could not be read to its end"
            return found
        finally:
            consumer.close()

    def published(self, topic: str, wanted: dict[str, list[bytes]]) -> dict[str, list[bytes]]:
        """Return the values of a topic by key, once there are as many as wanted, or after 60 s."""
        until = time.monotonic() + 60
        while True:
            found: dict[str, list[bytes]] = defaultdict(list)
            for messages in self.read_topic(topic).values():
                for message in messages:
                    found[message.key().decode()].append(message.value())
            there = sum(map(len, found.values()))
            if there >= sum(map(len, wanted.values())) or time.monotonic() > until:
                return found
            time.sleep(0.5)

    def height(self, beginning: str) -> int:
        """Return the ends of the topics whose names begin so, in all."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": uuid.uuid4().hex})
        try:
            topics = consumer.list_topics(timeout=10).topics
            return sum(
                consumer.get_watermark_offsets(TopicPartition(name, number), timeout=10)[1]
                for name, topic in topics.items()
                if name.startswith(self.prefix + beginning)
                for number in topic.partitions
            )
        finally:
            consumer.close()

    def internal_topic_id(self) -> str:
        """Return the id that names this installation's lanes."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        from confluent_kafka import TopicCollection

        name = self.prefix + "internal.v1"
        described = admin.describe_topics(TopicCollection([name]))[name].result(10)
        return str(described.topic_id)


class Load(threading.Thread):
    """Produces native events of known users at a rate, for a time; counts what the broker took."""

    def __init__(
        self,
        chain: Chain,
        *,
        rate: float,
        seconds: float,
        users: int = 300,
        seed: int = 1,
        dirt: float = 0.0,
    ) -> None:
        """`dirt`: the share of events sent twice, of malformed ones, and of ones 48 hours late."""
        super().__init__(daemon=True)
        self._chain = chain
        self._rate = rate
        self._seconds = seconds
        self._users = users
        self._random = random.Random(seed)
        self._dirt = dirt
        self.malformed = 0
        self.sent: Counter[str] = Counter()
        self.failed = 0

    def run(self) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self._chain.bootstrap,
                "enable.idempotence": True,
                "message.timeout.ms": 300_000,
                "linger.ms": 5,
                "log_level": 0,
            }
        )
        began = time.monotonic()
        number = 0
        while (elapsed := time.monotonic() - began) < self._seconds:
            due = int(elapsed * self._rate)
            while number < due:
                self._produce(producer, number)
                number += 1
            producer.poll(0.005)
        producer.flush(300)

    def _produce(self, producer: Producer, number: int) -> None:
        draw = self._random
        user = f"u{draw.randrange(self._users)}"
        event = {
            "type": draw.choice(["cart", "cart", "order", "other"]),
            "time": int(time.time() * 1000),
            "id": f"e{number}",
            "identifiers": {"user": user},
            "attributes": {"cart": f"c{draw.randrange(2)}", "total": draw.randrange(5)},
        }

        def delivered(error: object, _message: object) -> None:
            if error is None:
                self.sent[user] += 1
            else:
                self.failed += 1

        if draw.random() < self._dirt:
            event["time"] -= 48 * 3_600_000
        value = json.dumps(event).encode()
        self._put(producer, value, delivered)
        if draw.random() < self._dirt:
            self._put(producer, value)
        if draw.random() < self._dirt:
            self.malformed += 1
            self._put(producer, value[:-5])

    def _put(
        self,
        producer: Producer,
        value: bytes,
        delivered: Callable[[object, object], None] | None = None,
    ) -> None:
        topic = f"{self._chain.prefix}event.web.v1"
        while True:
            try:
                producer.produce(topic, value, on_delivery=delivered)
                return
            except BufferError:
                producer.poll(0.05)


class Verdict:
    """What the oracle saw."""

    def __init__(self) -> None:
        self.customers: list[dict[str, Any]] = []
        """A row, as of customers.jsonl, of each customer who has had an event."""
        self.records: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        """(kind, record) of each customer id, in the order of its customer's log."""
        self.commands = 0

    @property
    def events(self) -> Counter[str]:
        """Events by user, where every customer is one."""
        counted: Counter[str] = Counter()
        for row in self.customers:
            counted[row["identifiers"]["user"][0]] += row["events"]
        return counted


PUBLIC = ("transition", "decision", "identity")


def judge(chain: Chain, topology: Path = TOPOLOGY) -> Verdict:
    """End the chain and compare (a) and (c) of docs/promises.md; raise AssertionError."""
    chain.end_intake_and_workers()
    verdict = Verdict()
    topic_id, names = chain.internal_topic_id(), Names(chain.prefix)
    program = load(topology).program
    effects = chain.read("effect.v1", committed=False)
    wanted: dict[str, dict[str, list[bytes]]] = defaultdict(lambda: defaultdict(list))
    for number, messages in chain.read("internal.v1", committed=False).items():
        store = MemoryStore()
        task = Task(number, chain.partitions, Log(topic_id, number), store, compile_content)
        replayed: list[tuple[str, str, str | None, bytes]] = []
        for message in messages:
            _, appended = message.timestamp()
            record = LogRecord(message.offset(), appended, message.value())
            for frame in task.process([record]).effects:
                replayed += [
                    (i.effect.kind, i.effect.key, i.effect.channel, i.effect.value)
                    for i in decode_effect_frame(frame).items
                ]
            task.commit()
        seen: list[tuple[str, str, str | None, bytes]] = []
        last = (-1, -1)
        for message in effects[number]:
            for item in decode_effect_frame(message.value()).items:
                if (item.offset, item.index) > last:
                    last = (item.offset, item.index)
                    effect = item.effect
                    seen.append((effect.kind, effect.key, effect.channel, effect.value))
        differs = f"(a) partition {number}: the effects are not those of a replay"
        assert seen == replayed[: len(seen)], differs
        # A profile may have come due in the last seconds, which the worker did not live to see.
        assert {kind for kind, *_ in replayed[len(seen) :]} <= {"profile"}, differs
        for kind, key, channel, value in seen:
            if kind in PUBLIC or kind == "action":
                topic = f"{chain.prefix}{kind}.v1"
                if channel is not None:
                    target = names.target(program.channels[channel])
                    assert target is not None
                    topic = target
                    verdict.commands += 1
                wanted[topic][key].append(value)
                verdict.records[key].append((kind, json.loads(value)))
        for key_bytes, value in store.scan(*codec.CUSTOMERS):
            customer = codec.decode_actor(key_bytes[1:].decode(), value)
            assert isinstance(customer, Customer)
            if customer.events:
                verdict.customers.append(
                    msgspec.to_builtins(snapshot(customer, program, task.clock))
                )
    for topic, by_key in wanted.items():
        assert chain.published(topic, by_key) == by_key, (
            f"(c) {topic}: not the replay's, once each"
        )
    return verdict


def wait_until_quiet(chain: Chain, seconds: float = 60, quiet: float = 10) -> None:
    """Return when no command or transition has come for `quiet` seconds; timers have all fired."""
    last, since = -1, time.monotonic()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = chain.height("action.") + chain.height("transition.")
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > quiet:
            return
        time.sleep(0.5)
