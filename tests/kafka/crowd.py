"""Traffic of people with several identifiers each, who use each other's now and then.

People live in small circles, so that no chance chain of borrowed identifiers makes everybody one;
the circles that are active move on, so that customers merge from the first event to the last.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Producer

from tests.world.chain import Chain

PEOPLE = Path(__file__).parent / "people"
TYPES = ("user", "email", "device", "cookie")
"""Strongest first."""
LIMITS = {"user": 1, "email": 2, "device": 3, "cookie": 4}
UNLIMITED = dict.fromkeys(TYPES, 1_000)

Named = tuple[str, str]
"""An identifier: type and value."""

_CIRCLES_ACTIVE = 60
_EVENTS_A_CIRCLE = 40
_PEOPLE_A_CIRCLE = 6
_FOREIGN = 0.15
_TWICE = 0.05
_CLOSED_AFTER = 200
"""Events between a ticket's opening and its end."""


def topology(folder: Path, limits: dict[str, int]) -> Path:
    """Return a copy of the topology with these limits."""
    text = (PEOPLE / "topology.yaml").read_text()
    for type_, limit in LIMITS.items():
        text = text.replace(
            f"type: {type_}, limit: {limit}", f"type: {type_}, limit: {limits[type_]}"
        )
    folder.mkdir(parents=True)
    (folder / "topology.yaml").write_text(text)
    return folder


class Sent:
    """An event that the broker took: its identifiers strongest first, the anchor in front."""

    def __init__(self, id_: str, type_: str, identifiers: Sequence[Named], number: int) -> None:
        self.id = id_
        self.type = type_
        self.identifiers = sorted(identifiers, key=lambda named: TYPES.index(named[0]))
        self.number = number
        """Names the visit, the question, the ticket it is about."""

    def value(self) -> bytes:
        """Return the raw event, as of now."""
        given: dict[str, list[str]] = {}
        for type_, value in self.identifiers:
            given.setdefault(type_, []).append(value)
        return json.dumps(
            {
                "type": self.type,
                "time": int(time.time() * 1000),
                "id": self.id,
                "identifiers": given,
                "attributes": {"number": self.number},
            }
        ).encode()


class Source:
    """Produces events, each into the raw partition of its anchor; keeps what the broker took."""

    def __init__(self, chain: Chain) -> None:
        self._topic = f"{chain.prefix}event.web.v1"
        self._producer = Producer(
            {
                "bootstrap.servers": chain.bootstrap,
                "enable.idempotence": True,
                "message.timeout.ms": 300_000,
                "linger.ms": 5,
                "log_level": 0,
            }
        )
        self.sent: list[Sent] = []
        self.failed = 0

    def send(self, event: Sent, *, times: int = 1, value: bytes | None = None) -> None:
        """Produce an event so many times, as of now or as given; it is sent once it was taken."""

        def delivered(error: object, _message: object) -> None:
            if error is None:
                self.sent.append(event)
            else:
                self.failed += 1

        value, key = value or event.value(), "".join(event.identifiers[0])
        for again in range(times):
            callback = {} if again else {"on_delivery": delivered}
            self._producer.produce(self._topic, value, key=key, **callback)
        self._producer.poll(0)

    def flush(self) -> None:
        """Return when the broker has taken all."""
        assert self._producer.flush(300) == 0


class Crowd(threading.Thread):
    """Sends events at a rate, for a time; 15 % of identifiers are another person's."""

    def __init__(self, source: Source, *, rate: float, seconds: float, seed: int) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._rate = rate
        self._seconds = seconds
        self._random = random.Random(seed)
        self._tickets: list[Sent] = []

    def run(self) -> None:
        began = time.monotonic()
        number = 0
        while (elapsed := time.monotonic() - began) < self._seconds:
            while number < elapsed * self._rate:
                self._next(number)
                number += 1
            time.sleep(0.005)
        while self._tickets:
            self._close(self._tickets.pop(0))
        self._source.flush()

    def _next(self, number: int) -> None:
        if self._tickets and self._tickets[0].number < number - _CLOSED_AFTER:
            self._close(self._tickets.pop(0))
        draw = self._random
        type_ = draw.choices(
            ["visited", "cart_filled", "order_placed", "product_viewed", "ticket_opened", "asked"],
            [8, 4, 1, 5, 1, 1],
        )[0]
        event = Sent(f"e{number}", type_, self._identifiers(number), number)
        self._source.send(event, times=2 if draw.random() < _TWICE else 1)
        if type_ == "ticket_opened":
            self._tickets.append(event)

    def _close(self, opened: Sent) -> None:
        closed = Sent(f"{opened.id}c", "ticket_closed", opened.identifiers, opened.number)
        self._source.send(closed)

    def _identifiers(self, number: int) -> list[Named]:
        draw = self._random
        circle = number // _EVENTS_A_CIRCLE + draw.randrange(_CIRCLES_ACTIVE)
        person = draw.randrange(_PEOPLE_A_CIRCLE)
        names = draw.sample(
            ["user", "email", "device", "cookie", "cookie2"], draw.choice([1, 2, 2, 3])
        )
        found: list[Named] = []
        for name in names:
            owner = draw.randrange(_PEOPLE_A_CIRCLE) if draw.random() < _FOREIGN else person
            end = "@example.com" if name == "email" else ""
            found.append((name.rstrip("2"), f"{name}-{circle}-{owner}{end}"))
        return found
