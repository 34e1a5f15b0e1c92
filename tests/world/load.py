"""What is sent to an installation on a broker."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from confluent_kafka import Producer

from tests.world.chain import Chain


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

    def end(self) -> None:
        """Produce no more; return when the broker has all that was produced."""
        self._seconds = 0.0
        self.join()

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
