"""An installation under `cjo-stream up`: what its endpoints say, when commands come out of it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, TopicPartition

from cjo_stream.kafka.local.broker import free_port
from tests.world.chain import Chain

STOP_S = 60.0


class Supervised:
    """`up` over a chain's topics and folders; as a context manager it is ended at the end.

    The chain's own processes must not run.
    """

    def __init__(self, chain: Chain, workers: int = 1) -> None:
        self.chain = chain
        self.log = chain.folder / "up.log"
        self.names = ["intake", *[f"worker-{n}" for n in range(workers)], "dispatch", "learn"]
        port = free_port()
        self._ports = {name: port + number for number, name in enumerate(self.names)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cjo_stream", "up", "--workers", str(workers)],
                env={
                    **chain.env(),
                    "CJO_METRICS_PORT": str(port),
                    "CJO_LOG_FORMAT": "json",
                    "CJO_LEARN_INTERVAL_S": "1",
                },
                stdout=log,
                stderr=log,
            )

    def answers(self, path: str) -> dict[str, tuple[int, str]]:
        """Return what each process says at `path`: a status, and why."""
        return {name: _answer(port, path) for name, port in self._ports.items()}

    def statuses(self, path: str) -> dict[str, int]:
        """Return the status of each process at `path`; 0 where it does not answer at all."""
        return {name: status for name, (status, _) in self.answers(path).items()}

    def all_are(self, path: str, status: int) -> bool:
        """Return whether all processes answer with `status`."""
        return set(self.statuses(path).values()) == {status}

    def ready(self, within_s: float) -> bool:
        """Return whether all are ready, at once or in time."""
        end_s = time.monotonic() + within_s
        while not self.all_are("readyz", 200):
            if time.monotonic() > end_s:
                return False
            time.sleep(0.2)
        return True

    def lines(self) -> list[dict[str, Any]]:
        """Return what was said."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def starts(self) -> dict[str, int]:
        """Return how many times each process was started."""
        said = [str(line["message"]) for line in self.lines() if line.get("process") is None]
        return {name: sum(f"{name}: started" in line for line in said) for name in self.names}

    def stop(self) -> int:
        """End `up` in order; return its exit code."""
        self.process.terminate()
        return self.process.wait(STOP_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Listener(threading.Thread):
    """Hears the commands of a topic, read_committed, until it is closed; notes when each came."""

    def __init__(self, chain: Chain, topic: str) -> None:
        super().__init__(daemon=True)
        self.heard: list[tuple[float, dict[str, Any]]] = []
        """Each command with the time of its coming, by the monotonic clock."""
        self._closing = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": chain.bootstrap,
                "group.id": "listener",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        name = chain.prefix + topic
        partitions = self._consumer.list_topics(name, timeout=10).topics[name].partitions
        self._consumer.assign([TopicPartition(name, number, 0) for number in partitions])
        self.start()

    def run(self) -> None:
        while not self._closing.is_set():
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                self.heard.append((time.monotonic(), json.loads(message.value())))

    def first_after(self, when_s: float, within_s: float) -> float | None:
        """Return how long after `when_s` the next command came; None where none did in time."""
        while time.monotonic() < when_s + within_s:
            came = [at_s for at_s, _ in list(self.heard) if at_s >= when_s]
            if came:
                return came[0] - when_s
            time.sleep(0.05)
        return None

    def close(self) -> None:
        """Hear no more."""
        self._closing.set()
        self.join()
        self._consumer.close()


def _answer(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)
