"""The job of the yardstick, at a rate, and its commands: each counted, and how long it took."""

from __future__ import annotations

import random
import threading
import time
from array import array
from collections import defaultdict
from typing import Any

import msgspec
from confluent_kafka import Consumer, Producer

from tests.bench.embedded import yardstick_event
from tests.bench.kafka import percentiles, tail
from tests.world.chain import Chain

CUSTOMERS = 5_000
LARGE = 750
"""Of a cart: who reaches it gets a command at once."""
_ENCODE = msgspec.json.Encoder().encode


class Traffic(threading.Thread):
    """Produces events at `rate` a second until `end`; `rate` may be changed at any time."""

    def __init__(self, chain: Chain, rate: float) -> None:
        super().__init__(daemon=True)
        self.rate = rate
        self.customers = CUSTOMERS
        self.sent_s = array("d")
        """By the number of an event: when it was given to the producer."""
        self.large: set[int] = set()
        """The events that get a command."""
        self.refused = 0
        self._topic = f"{chain.prefix}event.web.v1"
        self._producer = Producer(
            {
                "bootstrap.servers": chain.bootstrap,
                "enable.idempotence": True,
                "linger.ms": 2,
                "log_level": 0,
                "message.timeout.ms": 300_000,
            }
        )
        self._draw = random.Random(1)
        self._ending = threading.Event()
        self._numbering = threading.Lock()
        """Its own thread produces, and so may another: no two events have one number."""

    def run(self) -> None:
        owed, before_s = 0.0, time.monotonic()
        while not self._ending.is_set():
            now_s = time.monotonic()
            owed, before_s = owed + self.rate * (now_s - before_s), now_s
            self.produce(int(owed))
            owed -= int(owed)
            self._producer.poll(0.002)

    def produce(self, number: int) -> None:
        """Produce so many events now."""
        for _ in range(number):
            self._put(yardstick_event(self._draw, int(time.time() * 1000), self.customers))

    def greet(self, customer: int) -> None:
        """Produce an event of one customer that gets a command."""
        event = yardstick_event(self._draw, int(time.time() * 1000), self.customers)
        event |= {"type": "cart_updated", "identifiers": {"user": f"u{customer}"}}
        event["attributes"]["total"] = LARGE
        self._put(event)

    def _put(self, event: dict[str, Any]) -> None:
        attributes = event["attributes"]
        with self._numbering:
            attributes["sent"] = at = len(self.sent_s)
            self.sent_s.append(time.time())
        if event["type"] == "cart_updated" and attributes["total"] >= LARGE:
            self.large.add(at)
        value = _ENCODE(event)
        while True:
            try:
                self._producer.produce(self._topic, value, on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(0.05)

    def end(self) -> None:
        """Produce no more; return when the broker has all that was produced."""
        self._ending.set()
        if self.is_alive():
            self.join()
        self.flush()

    def flush(self) -> None:
        """Return when the broker has all that was produced."""
        self._producer.flush(300)
        assert not self.refused, f"{self.refused} events were never taken by the broker"

    def _delivered(self, error: object, _message: object) -> None:
        self.refused += error is not None


def commands_of(chain: Chain) -> Consumer:
    """Return a consumer of all commands from here on."""
    return tail(chain, f"{chain.prefix}action.mail.v1")


class Ear(threading.Thread):
    """Hears the commands of an installation until `end`."""

    def __init__(self, consumer: Consumer, traffic: Traffic) -> None:
        """`consumer` is of the commands: `commands_of`."""
        super().__init__(daemon=True)
        self._traffic = traffic
        self._consumer = consumer
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._waits_ms: dict[int, list[float]] = defaultdict(list)
        self._mark = 0
        self._longest_ms = 0.0
        self.heard: dict[int, int] = defaultdict(int)
        """By the number of an event: how many commands came of it."""
        self.reminders = 0

    def run(self) -> None:
        while not self._ending.is_set():
            for message in self._consumer.consume(500, 0.05):
                if message.error() is None:
                    self.hear(message.value(), time.time())
        self._consumer.close()

    def hear(self, value: bytes, now_s: float) -> None:
        """Note one command."""
        command = msgspec.json.decode(value)
        if command["action"] != "large_cart":
            self.reminders += 1
            return
        number = int(command["payload"]["sent"])
        self.heard[number] += 1
        wait_ms = (now_s - self._traffic.sent_s[number]) * 1000
        with self._lock:
            self._waits_ms[int(now_s)].append(wait_ms)
            if number >= self._mark:
                self._longest_ms = max(self._longest_ms, wait_ms)

    def latency_ms(self, begin_s: float, end_s: float) -> dict[str, float] | None:
        """Return the percentiles of commands heard between two times; None if there were few."""
        with self._lock:
            waits = [
                wait
                for second in range(int(begin_s), int(end_s))
                for wait in self._waits_ms.get(second, ())
            ]
        return percentiles(waits) if len(waits) >= 20 else None

    def mark(self) -> None:
        """Look at the events from here on for `longest_s`."""
        with self._lock:
            self._mark, self._longest_ms = len(self._traffic.sent_s), 0.0

    @property
    def longest_s(self) -> float:
        """How long the slowest command since the mark took; 0 before the first."""
        return self._longest_ms / 1000

    def end(self) -> None:
        """Hear no more."""
        self._ending.set()
        self.join()

    def wait_for_all(self, within_s: float) -> None:
        """Return when no command is missing, or after this time; `faults` says what is."""
        until_s = time.monotonic() + within_s
        while len(self.heard) < len(self._traffic.large) and time.monotonic() < until_s:
            time.sleep(0.2)

    def faults(self) -> list[str]:
        """Return what was lost, done twice, or done though nobody asked for it."""
        large, heard = self._traffic.large, self.heard.keys()
        twice = sum(times > 1 for times in self.heard.values())
        counts = {
            "commands are missing": len(large - heard),
            "commands came twice": twice,
            "commands are of no event": len(heard - large),
        }
        return [f"{count} {what}" for what, count in counts.items() if count]
