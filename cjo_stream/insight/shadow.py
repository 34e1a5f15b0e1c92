"""What journeys in shadow chose, beside what was sent to the same customers.

A choice in shadow is not sent, and counts for nothing. So of each the reader must see how often it
came, for how many customers, and how many of these were sent something else at about that time.

Customers are the present ones (`whose`), and what was chosen for erased ones is left out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

import msgspec

from cjo_stream.core.record import Decision, IdentityChange, Transition
from cjo_stream.insight.whose import Place, Whose

NEAR_MS: Final = 86_400_000
"""At most so long lies between a choice in shadow and a command that is near it."""
_Kind = tuple[str, int, str, str]
"""Journey, version, action, channel."""


class Unsent(msgspec.Struct, frozen=True):
    """The choices of an action on a channel that a version of a journey made in shadow."""

    journey: str
    version: int
    action: str
    channel: str
    choices: int
    customers: int
    near: int
    """Customers who were sent something within a day of such a choice, before it or after."""


class Shadows:
    """Collects the records of one installation, in any order; then counts."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        """Choices that were sent, by channel."""
        self._whose = Whose()
        self._chosen: dict[_Kind, list[tuple[Place, int]]] = {}
        """Customer, instance and time of each choice in shadow."""
        self._sent: dict[Place, list[int]] = {}
        """Customer and instance -> times of what was sent."""

    def add(self, record: Decision | Transition | IdentityChange) -> None:
        """Add a record."""
        if not isinstance(record, Decision):
            self._whose.add(record)
            return
        journey, chosen = record.journey, record.chosen
        place = record.customer_id, None if journey is None else journey.instance_id
        if chosen is None:
            return
        if record.suppressed is None:
            self.sent[chosen.channel] += 1
            self._sent.setdefault(place, []).append(record.time)
        elif record.suppressed == "shadow" and journey is not None:
            kind = journey.name, journey.version, chosen.action, chosen.channel
            self._chosen.setdefault(kind, []).append((place, record.time))

    def rows(self) -> list[Unsent]:
        """Return what was chosen in shadow, by journey, version, action and channel."""
        customer = self._whose.find()
        sent: dict[str, list[int]] = {}
        for place, times in self._sent.items():
            if (who := customer(place)) is not None:
                sent.setdefault(who, []).extend(times)
        for times in sent.values():
            times.sort()
        found = []
        for kind, chosen in sorted(self._chosen.items()):
            choices = [(who, at) for place, at in chosen if (who := customer(place)) is not None]
            near = {who for who, at in choices if _is_near(sent.get(who, []), at)}
            customers = {who for who, _ in choices}
            if choices:
                found.append(Unsent(*kind, len(choices), len(customers), len(near)))
        return found


def _is_near(times: list[int], at: int) -> bool:
    """Return whether one of the times, in order, lies within a day of `at`."""
    first = bisect_left(times, at - NEAR_MS)
    return first < len(times) and times[first] <= at + NEAR_MS
