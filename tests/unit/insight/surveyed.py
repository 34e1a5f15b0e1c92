"""Customers in journeys who send events with numbers, drawn by chance; and where they were then.

What the layer answers is found here from the raw records, one event at a time.
"""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from cjo_stream.core.record import Address, Reward, Transition
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.reading import connect
from tests.unit.insight import plain
from tests.unit.insight.touched import DAY, EVENT, Written

Z = 1.959963984540054
START = 1_772_409_600_000
"""2026-03-02T00:00Z."""
HOUR = DAY // 24
SPAN = 40 * DAY


class Surveyed(Written):
    """A world of some customers; `events` are native, with the attribute `x`."""

    def __init__(self, seed: int, customers: int = 40) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.events: list[dict[str, Any]] = []
        self.rewards: list[Reward] = []
        self.customers = [f"c{number:03}" for number in range(customers)]
        for customer in self.customers:
            self._journeys(customer)
            for _ in range(self.random.randint(0, 8)):
                self.event(customer, self._moment(), self.random.randint(0, 10))
        for number, customer in enumerate(self.customers):
            if number and self.random.random() < 0.2:
                self.merged(self.customers[number - 1], customer, START + SPAN)

    def event(self, customer: str, at: int, number: Any, type_: str = "survey") -> None:
        self.events.append({
            "type": type_, "time": at, "channel": self.random.choice(["web", "app"]),
            "identifiers": {"user_id": customer}, "attributes": {"x": number},
        })  # fmt: skip

    def reward(self, customer: str, at: int, value: float | None, action_id: str) -> None:
        self.rewards.append(
            Reward(
                decision_id="d", action_id=action_id, customer_id=customer, action="offer",
                channel="mail", features=None, probability=None, outcome="bought", value=value,
                reward=1, issued_at=at, time=at,
            )
        )  # fmt: skip

    def connection(self, folder: Path) -> Any:
        self.layer(folder)
        return connect(str(folder / "layer"))[0]

    def layer(self, folder: Path) -> Path:
        """Write the records and the layer of them below a folder; return the layer's."""
        for customer in self.customers:
            self.identities.insert(0, created(customer))
        self.into(folder / "run")
        lines = b"".join(msgspec.json.encode(one) + b"\n" for one in self.rewards)
        (folder / "run" / "rewards.jsonl").write_bytes(lines)
        file = folder / "events.jsonl"
        file.write_text("".join(json.dumps(one) + "\n" for one in self.events))
        sink = Sink(str(folder / "layer"))
        sink.take_run(folder / "run")
        sink.take_events([str(file)], None, None, b"", START)
        sink.publish()
        return folder / "layer"

    def _moment(self) -> int:
        return START + self.random.randrange(SPAN // HOUR) * HOUR

    def _journeys(self, customer: str) -> None:
        for journey in ("j", "k"):
            for instance in range(self.random.randint(0, 2)):
                times = sorted(self._moment() for _ in range(self.random.randint(1, 4)))
                if self.random.random() < 0.3:
                    times.append(times[-1])
                last = self.random.choice(["moved", "ended", "exited", "merged"])
                reasons = ["entered", *["moved"] * (len(times) - 2), last][: len(times)]
                for number, (at, reason) in enumerate(zip(times, reasons, strict=True)):
                    self.moved(customer, at, reason, journey, f"{customer}-{journey}-{instance}",
                               f"s{number}")  # fmt: skip

    def moved(self, customer: str, at: int, reason: Any, journey: str, id_: str, to: str) -> None:
        self.transitions.append(
            Transition(
                transition_id=f"t{len(self.transitions)}", customer_id=customer, journey=journey,
                version=1, instance_id=id_, key=None, from_=None, to=to, reason=reason,
                outcome=None, time=at, trigger=EVENT, holdout=False,
            )
        )  # fmt: skip


def created(customer: str) -> Any:
    from cjo_stream.core.record import IdentityChange

    return IdentityChange(
        kind="created", customer_id=customer, time=0,
        identifiers=[Address(type="user_id", value=customer)],
    )  # fmt: skip


class Places:
    """Where each customer was, by the raw records."""

    def __init__(self, world: Surveyed, run: Path) -> None:
        raw = plain.Raw(run)
        self.became = {}
        for one in world.identities:
            self.became |= dict.fromkeys(one.absorbed, one.customer_id)
        self._stays: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for one in raw.stays():
            self._stays[one["customer_id"], one["journey"]].append(one)

    def present(self, customer: str) -> str:
        while customer in self.became:
            customer = self.became[customer]
        return customer

    def at(self, customer: str, time: int, within: int) -> Iterator[tuple[str, str]]:
        """Yield the states, each with its journey, in which a customer was at a time."""
        for journey in ("j", "k"):
            of = [one for one in self._stays[customer, journey] if one["since"] <= time]
            live = {one["state"] for one in of if one["until"] is None or one["until"] > time}
            if not live:
                left = [
                    one
                    for one in of
                    if one["reason"] != "merged" and time - one["until"] <= within
                ]
                left.sort(
                    key=lambda one: (
                        -one["until"], -one["since"], one["reason"] == "moved",
                        one["instance_id"],
                    )
                )  # fmt: skip
                live = {one["state"] for one in left[:1]}
            yield from ((journey, state) for state in live)


def mean_and_half(by_customer: dict[str, list[float]]) -> tuple[float, float | None]:
    """Return a mean, and half its interval where customers are the sample."""
    values = [value for of in by_customer.values() for value in of]
    mean = math.fsum(values) / len(values)
    number = len(by_customer)
    if number < 2:
        return mean, None
    squares = math.fsum(math.fsum(x - mean for x in of) ** 2 for of in by_customer.values())
    return mean, Z * math.sqrt(squares * number / (number - 1)) / len(values)


def wilson(hits: int, number: int) -> tuple[float, float]:
    """Return the two shares whose own test just reaches the observed one."""
    a, b, c = 1 + Z * Z / number, -(2 * hits / number + Z * Z / number), (hits / number) ** 2
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)
