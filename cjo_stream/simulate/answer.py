"""Answers: people see, open, accept or reject commands, by the hidden response model.

    command ─ heard ─┬─ nothing, mostly
                     └─ impression ─┬─ click ─ accept ─ what the topology's model makes of it
                                    └─ reject

The answer to a command depends only on the seed and the action id, so a command that is repeated
after a kill gets the same answer. Nobody answers sooner than SOONEST_MS, divided by the `haste` of
the setting, so callers may feed commands back at intervals of that length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import msgspec

from cjo_stream.simulate.record import Simulated, Truth
from cjo_stream.simulate.response import FATIGUE_MS, Response
from cjo_stream.simulate.scene import Scene
from cjo_stream.simulate.wire import native

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
SOONEST_MS = 30 * MINUTE_MS
OUTCOME = "cjo.outcome"
CLICKS_AN_ACCEPTANCE = 2.0
REJECTS = 0.02
REJECTS_A_MESSAGE = 0.01
"""REJECTS is the share of rejections among those who see a command; each command of the last week
adds this."""
SENT_MAX = 50

DELAY_MS = {
    "web": 2 * HOUR_MS,
    "push": 3 * HOUR_MS,
    "sms": 2 * HOUR_MS,
    "desk": 8 * HOUR_MS,
    "call": 8 * HOUR_MS,
}
"""By channel, the longest delay until a command is seen; the median is below a quarter of it."""
DELAY_ELSE_MS = 24 * HOUR_MS


class Address(msgspec.Struct, frozen=True):
    """The address of a command."""

    type: str
    value: str


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """An action command as a channel system reads it."""

    action_id: str
    action: str
    channel: str
    class_: str = msgspec.field(name="class")
    address: Address | None
    payload: dict[str, Any] = {}
    issued_at: int


Accepted = Callable[[int, int, Received, float], None]
"""Called with the time in ms, the person, the command and the worth of the acceptance."""


Owners = dict[tuple[str, str], list[int]]
"""The people, by index, behind each (type, value)."""


def directory(people: Iterable[Truth]) -> Owners:
    """Return the people behind each identifier, by their index in `people`."""
    found: Owners = {}
    for index, person in enumerate(people):
        for held in (person.identifiers, person.shared):
            for type_, values in held.items():
                for value in values:
                    found.setdefault((type_, value), []).append(index)
    return found


class Fatigue:
    """The commands that each person was sent lately, without transactional ones."""

    def __init__(self) -> None:
        self._sent: dict[int, deque[int]] = {}

    def lately(self, person: int, now_ms: int) -> int:
        """Return how many commands `person` was sent in the 7 days before `now_ms`."""
        times = self._sent.get(person)
        if times is None:
            return 0
        while times and times[0] <= now_ms - FATIGUE_MS:
            times.popleft()
        return len(times)

    def note(self, person: int, received: Received) -> None:
        """Note one more command; `received` in order of issue."""
        if received.class_ != "transactional":
            times = self._sent.setdefault(person, deque(maxlen=SENT_MAX))
            times.append(received.issued_at)


class Answers:
    """Plans people's answers, on the agenda of their scene."""

    def __init__(
        self,
        scene: Scene,
        response: Response,
        owners: Owners,
        accepted: Accepted,
    ) -> None:
        self._scene = scene
        self._response = response
        self._owners = owners
        self._accepted = accepted
        self._fatigue = Fatigue()

    def hear(self, received: Received) -> None:
        """Plan the receiver's answer to a command."""
        person = person_of(received, self._owners)
        if person is None:
            return
        seed = f"{self._scene.setting.seed} {received.action_id}"
        draw = Random(seed).random  # noqa: S311 - traffic, not secrets
        response = self._response
        sent = self._fatigue.lately(person, received.issued_at)
        self._fatigue.note(person, received)
        chance = response.chance(person, received.action, received.channel, sent)
        delay_ms = SOONEST_MS + int(
            DELAY_MS.get(received.channel, DELAY_ELSE_MS) * draw() * draw()
        )
        mood = draw()
        if mood >= max(chance, response.reach.get(received.channel, 1.0)):
            return
        self._plan(delay_ms, person, "impression", received)
        if mood < chance:
            worth = _worth(response, received, draw())
            self._plan(delay_ms + MINUTE_MS, person, "click", received)
            self._plan(delay_ms + 5 * MINUTE_MS, person, "accept", received, worth)
        elif mood < chance * (1 + CLICKS_AN_ACCEPTANCE):
            self._plan(delay_ms + MINUTE_MS, person, "click", received)
        elif chance and draw() < REJECTS + REJECTS_A_MESSAGE * sent:
            self._plan(delay_ms + MINUTE_MS, person, "reject", received)

    def _plan(
        self, delay_ms: int, person: int, outcome: str, received: Received, worth: float = 0.0
    ) -> None:
        time_ms = received.issued_at + int(delay_ms / self._scene.setting.haste)
        self._scene.plan_answer(time_ms, self._send_answer, person, (outcome, received, worth))

    def _send_answer(self, time_ms: int, person: int, answer: tuple[str, Received, float]) -> None:
        outcome, received, worth = answer
        attributes: dict[str, Any] = {"action_id": received.action_id, "outcome": outcome}
        if outcome == "accept":
            attributes["value"] = worth
        id_ = f"{received.action_id}-{outcome}"
        value = native(id_, OUTCOME, time_ms, {}, attributes)
        self._scene.send(
            Simulated(
                received.channel,
                time_ms,
                time_ms + 1_000,
                received.action_id.encode(),
                value,
                self._response.character(person).name,
                is_outcome=True,
            )
        )
        if outcome == "accept":
            self._accepted(time_ms, person, received, worth)


def person_of(received: Received, owners: Owners) -> int | None:
    """Return who received a command: if several share the address, always the same one of them."""
    address = received.address
    people = owners.get((address.type, address.value)) if address is not None else None
    if not people:
        return None
    return people[int(received.action_id.rpartition("-a")[2] or 0) % len(people)]


def _worth(response: Response, received: Received, draw: float) -> float:
    brings = response.preference(received.action).brings
    if brings is None:
        total = received.payload.get("total")
        return float(total) if isinstance(total, int | float) else 0.0
    least, most = brings
    return round(least + (most - least) * draw, 2)
