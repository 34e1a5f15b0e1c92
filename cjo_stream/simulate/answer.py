"""Answers: people see, open, accept or refuse what they were sent, by the hidden response model.

    command ─ heard ─┬─ nothing, mostly
                     └─ impression ─┬─ click ─ accept ─ what the topology's model makes of it
                                    └─ reject

What comes of a command depends on the seed and its action id alone, so an installation that was
killed and heard a command before is answered the same. Nobody answers sooner than SOONEST_MS,
divided by the `haste` of the setting: who feeds commands back may do so at intervals of that.
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
"""Share of refusals among those who saw it, and what each message of the last week adds."""
SENT_MAX = 50

DELAY_MS = {
    "web": 2 * HOUR_MS,
    "push": 3 * HOUR_MS,
    "sms": 2 * HOUR_MS,
    "desk": 8 * HOUR_MS,
    "call": 8 * HOUR_MS,
}
"""By channel: within that it is seen; half of it sooner than a quarter of that."""
DELAY_ELSE_MS = 24 * HOUR_MS


class Address(msgspec.Struct, frozen=True):
    """Where a command went."""

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
"""Called with time in ms, person, the command and what the acceptance is worth."""


Owners = dict[tuple[str, str], list[int]]
"""The people, by index, behind each (type, value)."""


def directory(people: Iterable[Truth]) -> Owners:
    """Return who is behind what, by their place in `people`."""
    found: Owners = {}
    for index, person in enumerate(people):
        for held in (person.identifiers, person.shared):
            for type_, values in held.items():
                for value in values:
                    found.setdefault((type_, value), []).append(index)
    return found


class Fatigue:
    """What everybody was sent lately, confirmations and the like left out."""

    def __init__(self) -> None:
        self._sent: dict[int, deque[int]] = {}

    def lately(self, person: int, now_ms: int) -> int:
        """Return how much `person` was sent in the 7 days before `now_ms`."""
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
    """Plans what people answer, on the agenda of their scene."""

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
        """Let the one it was sent to take it as they do."""
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
        self._scene.plan_answer(time_ms, self._tell, person, (outcome, received, worth))

    def _tell(self, time_ms: int, person: int, answer: tuple[str, Received, float]) -> None:
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
    """Return who got it: of several who share the address, always the same for one command."""
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
