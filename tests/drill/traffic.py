"""What comes into the drilled installation, and the channel systems that take what comes out."""

from __future__ import annotations

import enum
import io
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import fastavro
from confluent_kafka import Consumer, Producer

from tests.drill.installation import SCHEMA
from tests.world.registry import AVRO_EVENT

RATE: Final = 40.0
"""Events a second."""
UNASKED: Final = {"purpose": "newsletter", "status": "granted"}
"""A statement of consent about a purpose that nothing asks for: it is counted, and not refused."""
PEOPLE: Final = 400
FOREVER_MS: Final = 3_600_000
CHANNELS: Final = ("email", "push")
ANSWERS: Final = ("delivered", "click", "accept", "reject")


class Mode(enum.Enum):
    """What people do: `BROWSING` causes no command."""

    SHOPPING = "shopping"
    BROWSING = "browsing"


class Shop:
    """Makes what comes in, some of each kind that metrics tell apart.

    `send` is called with a channel and the value of a record.
    """

    def __init__(self, send: Callable[[str, bytes | None], None]) -> None:
        self._send = send
        self._random = random.Random(1)
        self._number = 0
        self._schema = _encoder()

    def send_one(self, mode: Mode) -> None:
        """Send what somebody does; when shopping, now and then also what is odd."""
        self._number += 1
        number, draw = self._number, self._random
        if number % 50 == 0 and mode is Mode.SHOPPING:
            self._send_odd(number // 50)
        user = f"u{draw.randrange(PEOPLE)}"
        kind = draw.random()
        if mode is Mode.BROWSING or kind < 0.5:
            self.send_native(user, "product_viewed", product=f"p{draw.randrange(9)}")
        elif kind < 0.8:
            self.send_native(user, "cart_updated", cart=f"k{number}", total=draw.randrange(99))
            if draw.random() < 0.4:
                self.send_native(user, "order_placed", cart=f"k{number}", total=20)
        elif kind < 0.9:
            self.send_native(user, "order_placed", cart=f"k{number}", total=draw.randrange(99))
        elif kind < 0.95:
            self._send("store", json.dumps(receipt(user, number)).encode())
        else:
            event = native(user, "product_viewed", product="p1", total=1.0, pieces=1)
            self._send("app", self._schema(SCHEMA, {**event, "id": f"a{number}"}))

    def send_native(self, user: str, type_: str, **attributes: Any) -> None:
        """Send an event of the shop's own site."""
        self._number += 1
        event = {"id": f"e{self._number}", **native(user, type_, **attributes)}
        self._send("web", json.dumps(event).encode())

    def send_odd(self, schema: int) -> None:
        """Send a record of a schema that nobody has asked the registry for."""
        event = native("u1", "product_viewed", product="p1", total=1.0, pieces=1)
        self._send("app", self._schema(schema, {**event, "id": f"s{schema}"}))

    def _send_odd(self, number: int) -> None:
        """Send one of what is not as it should be, so that each metric of it moves."""
        user = f"u{number % PEOPLE}"
        odd = (
            lambda: self._send("crm", None),
            lambda: self._send("web", b"{"),
            lambda: self.send_native(user, "cjo.profile", tier=7, colour="red"),
            lambda: self.send_native(user, "cjo.consent", **UNASKED),
            lambda: self.send_native(user, "cart_updated", cart="k" * 1_001, total=1),
            lambda: self.send_native(user, "order_placed", total="twelve", colour="red"),
            lambda: self.send_native(user, "order_placed", total=-5),
            lambda: self.send_native("guest", "product_viewed", product="p1"),
            lambda: [self.send_native(user, "cart_updated", cart="same", total=1) for _ in "12"],
            lambda: self._send("web", json.dumps(self._linked(number)).encode()),
            lambda: self._send("web", json.dumps(self._late(number)).encode()),
            lambda: self._send("web", json.dumps(self._beside(number)).encode()),
            lambda: self.send_native(user, "ticket_opened"),
        )
        odd[number % len(odd)]()

    def _linked(self, number: int) -> dict[str, Any]:
        event = native(f"u{number % PEOPLE}", "product_viewed", product="p1")
        event["identifiers"] |= {"cookie": f"c{number}", "fax": "1"}
        return {"id": f"l{number}", **event}

    def _late(self, number: int) -> dict[str, Any]:
        event = native(f"u{number % PEOPLE}", "product_viewed", product="p1")
        return {"id": f"o{number}", **event, "time": event["time"] - 48 * 3_600_000}

    def _beside(self, number: int) -> dict[str, Any]:
        event = native(f"u{number % PEOPLE}", "product_viewed", product="p1")
        return {"id": f"b{number}", **event, "seller": "s1"}


class Traffic(threading.Thread):
    """Sends what comes into the shop to Kafka, at a steady rate."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        self.rate = RATE
        self.mode = Mode.SHOPPING
        self.shop = Shop(self.send)
        self._closing = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "message.timeout.ms": FOREVER_MS,
                "reconnect.backoff.max.ms": 500,
                "linger.ms": 5,
                "log_level": 0,
            }
        )

    def run(self) -> None:
        """Send until it is closed; what was not sent in time is sent a little later."""
        last_s, owed = time.monotonic(), 0.0
        while not self._closing.wait(0.02):
            now_s = time.monotonic()
            owed = min(owed + (now_s - last_s) * self.rate, 2 * self.rate)
            last_s = now_s
            while owed >= 1:
                owed -= 1
                self.shop.send_one(self.mode)
            self._producer.poll(0)

    def send(self, channel: str, value: bytes | None, key: str | None = None) -> None:
        """Send one record to a channel's topic."""
        topic = f"cjo.event.{channel}.v1"
        while not self._closing.is_set():
            try:
                self._producer.produce(topic, value, key)
                return
            except BufferError:
                self._producer.poll(0.05)

    def flush(self) -> None:
        """Return when the broker has all that was sent."""
        self._producer.flush(30)

    def close(self) -> None:
        """Send no more."""
        self._closing.set()
        self.join()


class ChannelSystems(threading.Thread):
    """Takes the commands of all channels, commits its offsets, and reports outcomes."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        self._address = bootstrap
        self._closing = threading.Event()
        self._silent: set[str] = set()
        self._heard: dict[str, int] = dict.fromkeys(CHANNELS, 0)

    def run(self) -> None:
        """Take commands until it is closed."""
        producer = Producer({"bootstrap.servers": self._address, "log_level": 0})
        consumers = {channel: self._consumer(channel) for channel in CHANNELS}
        try:
            while not self._closing.is_set():
                for channel, consumer in consumers.items():
                    if channel not in self._silent:
                        self._take(channel, consumer, producer)
                    else:
                        time.sleep(0.1)
        finally:
            for consumer in consumers.values():
                consumer.close()

    def silence(self, channel: str) -> None:
        """Let the system of a channel take nothing more."""
        self._silent.add(channel)

    def wake(self, channel: str) -> None:
        """Let it go on."""
        self._silent.discard(channel)

    def close(self) -> None:
        """End all of them."""
        self._closing.set()
        self.join()

    def _consumer(self, channel: str) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": self._address,
                "group.id": f"system-{channel}",
                "auto.offset.reset": "earliest",
                "auto.commit.interval.ms": 500,
                "max.poll.interval.ms": FOREVER_MS,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        consumer.subscribe([f"cjo.action.{channel}.v1"])
        return consumer

    def _take(self, channel: str, consumer: Consumer, producer: Producer) -> None:
        for message in consumer.consume(50, 0.1):
            if message.error() is not None or message.value() is None:
                continue
            self._heard[channel] += 1
            command = json.loads(message.value())
            outcome = ANSWERS[self._heard[channel] % len(ANSWERS)]
            said = {
                "type": "cjo.outcome",
                "time": now_ms(),
                "attributes": {"action_id": command["action_id"], "outcome": outcome},
            }
            producer.produce("cjo.outcome.v1", json.dumps(said).encode())
        producer.poll(0)


def native(user: str, type_: str, **attributes: Any) -> dict[str, Any]:
    """Return an event of now in the native format."""
    return {
        "type": type_,
        "time": now_ms(),
        "identifiers": {"user": user},
        "attributes": attributes,
    }


def receipt(user: str, number: int) -> dict[str, Any]:
    """Return a receipt of a till, as the channel `store` maps it."""
    return {"receipt": f"r{number}", "ts": now_ms(), "card": user, "sum": 30}


def now_ms() -> int:
    """Return the time of this host."""
    return time.time_ns() // 1_000_000


def _encoder() -> Callable[[int, dict[str, Any]], bytes]:
    parsed = fastavro.parse_schema(AVRO_EVENT)

    def encode(schema: int, event: dict[str, Any]) -> bytes:
        out = io.BytesIO()
        out.write(b"\x00" + schema.to_bytes(4, "big"))
        fastavro.schemaless_writer(out, parsed, event)
        return out.getvalue()

    return encode
