"""The first journey: which event begins it, which is its goal, and how long that takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from cjo_stream.core.event import Event
from cjo_stream.core.vocabulary import BUILT_IN

_GOALS: Final = (
    "purchase", "order", "paid", "payment", "buy", "bought", "checkout", "subscribed", "converted",
    "conversion", "activated", "registered", "won", "accepted", "approved", "completed",
    "confirmed", "signed", "booked", "delivered", "resolved", "closed", "success", "end",
)  # fmt: skip
_NO_GOAL: Final = frozenset(
    ("error", "failed", "bug", "view", "cancelled", "canceled", "declined", "abandoned", "cancel")
)
_CUSTOMERS_MIN: Final = 0.02
_DAY_MS: Final = 86_400_000


class Story(msgspec.Struct, frozen=True):
    """What the first journey is about, with the numbers of the sample."""

    entry: str
    goal: str
    entered: int
    """Customers with an `entry`."""
    reached: int
    """Those of them with a `goal` after it."""
    median_ms: int | None
    """From the entry to the goal."""


class Paths:
    """The first time of each event type, by customer: all identifiers that events join.

    A topology's limits are not asked: an identifier of too many joins nobody there.
    """

    def __init__(self) -> None:
        self._first: dict[str, dict[str, int]] = {}
        """By one of the customer's identifiers, which is its own parent."""
        self._parents: dict[str, str] = {}
        self.events: Counter[str] = Counter()
        self.earliest = self.latest = 0
        """Of the events' times, ms."""
        self.is_ordered = True
        self._last = -(2**62)

    def add(self, event: Event) -> None:
        """Note an event."""
        if event.time < self._last:
            self.is_ordered = False
        self._last = event.time
        self.earliest = min(event.time, self.earliest) if self.events else event.time
        self.latest = max(event.time, self.latest) if self.events else event.time
        self.events[event.type] += 1
        if event.identifiers:
            customer = self._customer(event.identifiers[0].hash)
            for identifier in event.identifiers[1:]:
                customer = self._joined(customer, self._customer(identifier.hash))
            types = self._first[customer]
            types[event.type] = min(event.time, types.get(event.type, event.time))

    def _customer(self, identifier: str) -> str:
        """Return the identifier that stands for the customer of one."""
        parents = self._parents
        if identifier not in parents:
            parents[identifier] = identifier
            self._first[identifier] = {}
            return identifier
        while (parent := parents[identifier]) != identifier:
            parents[identifier] = identifier = parents[parent]
        return identifier

    def _joined(self, one: str, other: str) -> str:
        """Make two customers one; return the identifier that stands for it."""
        if one == other:
            return one
        if len(self._first[one]) < len(self._first[other]):
            one, other = other, one
        self._parents[other] = one
        types = self._first[one]
        for type_, time in self._first.pop(other).items():
            types[type_] = min(time, types.get(type_, time))
        return one

    @property
    def customers(self) -> int:
        """Return how many customers there are, once all events have joined their identifiers."""
        return len(self._first)

    def with_type(self) -> Counter[str]:
        """Return how many customers had each event type."""
        return Counter(type_ for types in self._first.values() for type_ in types)

    def story(self) -> Story | None:
        """Return the first journey; None without an event type that a journey can begin by."""
        customers = self.with_type()
        types = [type_ for type_ in customers if type_ not in BUILT_IN]
        if not types:
            return None
        common = [one for one in types if customers[one] >= _CUSTOMERS_MIN * len(self._first)]
        goal = self._goal(common or types, customers)
        entry = self._entry([one for one in common or types if one != goal] or [goal], goal)
        waits = [
            types[goal] - types[entry]
            for types in self._first.values()
            if entry in types and goal in types and types[goal] > types[entry]
        ]
        waits.sort()
        median = waits[len(waits) // 2] if waits else None
        return Story(entry, goal, customers[entry], len(waits), median)

    def _goal(self, types: Iterable[str], customers: Counter[str]) -> str:
        """Return the type whose name says so, of several the later one; else the latest one."""
        places = self._places()

        def score(type_: str) -> tuple[int, float, int, str]:
            words = type_.replace(".", "_").split("_")
            is_meant = any(word in _GOALS for word in words) and _NO_GOAL.isdisjoint(words)
            return is_meant, round(places[type_], 1), customers[type_], type_

        return max(types, key=score)

    def _entry(self, types: Iterable[str], goal: str) -> str:
        """Return the type that most customers had before the goal, or without it."""
        before: Counter[str] = Counter()
        for first in self._first.values():
            end = first.get(goal)
            before.update(one for one, time in first.items() if end is None or time <= end)
        return max(types, key=lambda one: (before[one], one))

    def _places(self) -> dict[str, float]:
        """Return where in its customers' paths each type stands on average, 0 to 1."""
        sums: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        for first in self._first.values():
            ordered = sorted(first, key=lambda one: (first[one], one))
            for place, type_ in enumerate(ordered):
                sums[type_] += round(1000 * place / max(1, len(ordered) - 1))
                numbers[type_] += 1
        return {type_: sums[type_] / 1000 / numbers[type_] for type_ in numbers}


def duration_of(ms: int | None) -> str:
    """Return a round duration of at least that many ms, for a journey to wait.

    >>> duration_of(40_000), duration_of(5 * 3_600_000), duration_of(None)
    ('5m', '6h', '1d')
    """
    if ms is None:
        return "1d"
    for text, of_ms in _ROUND:
        if ms <= of_ms:
            return text
    return "1w"


_ROUND: Final = (
    ("5m", 300_000), ("30m", 1_800_000), ("1h", 3_600_000), ("6h", 21_600_000), ("1d", _DAY_MS),
    ("3d", 3 * _DAY_MS),
)  # fmt: skip
