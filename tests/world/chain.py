"""A whole installation on a real broker: its processes, and what lies in its topics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.world import TOPOLOGY

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
        try:
            self.command("apply", str(topology), "--yes", timeout=120)
        except BaseException:
            self.stop()  # nobody else would
            raise

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

    def hold_down(self, name: str, how: int = signal.SIGKILL, within_s: float = 30) -> None:
        """End one process and leave it down until `let_up`."""
        with self._lock:
            self._paused.add(name)
            process = self.processes[name]
            process.send_signal(how)
        process.wait(timeout=within_s)

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
