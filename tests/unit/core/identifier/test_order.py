"""Events of one anchor reach their customer in order, also while customers become one another.

The lanes between partitions are by hand: each keeps its order, and waits until it is let go.
"""

from __future__ import annotations

from collections import defaultdict, deque
from pathlib import Path
from typing import Any

from cjo_stream.core.actor import receive
from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import (
    ActorMessage,
    Arrive,
    customer_id,
    customer_key,
    identifier_key,
    partition_of,
)
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from tests.world.scene import HEAD

PARTITIONS = 3
COOKIE, DEVICE, USER = ("0" * 11 + str(partition) + "ab" * 10 for partition in range(PARTITIONS))
"""Hashes of identifiers whose actors live on partitions 0, 1 and 2."""

NOTHING = """
---
action: nothing
treatments: {mail: {template: t}}
"""


class Lanes:
    """Actors on three partitions; a message to another one waits in its lane."""

    def __init__(self, folder: Path) -> None:
        (folder / "all.yaml").write_text(HEAD + NOTHING)
        self.program = load(folder).program
        self.actors: dict[str, Any] = {}
        self.waiting: dict[tuple[int, int], deque[tuple[str, ActorMessage]]] = defaultdict(deque)
        self.seen: dict[str, list[str | None]] = defaultdict(list)
        """Event ids as each customer had them, by customer id."""

    def arrive(self, id_: str, *identifiers: Identifier) -> None:
        event = Event("e", 1, {}, id_, "web", list(identifiers), True)
        self._take(identifier_key(identifiers[0].hash), Arrive(event))

    def let_go(self, from_: int, to: int, *, most: int = 1_000) -> None:
        """Deliver what waits in a lane, at most so many messages."""
        lane = self.waiting[from_, to]
        for _ in range(min(most, len(lane))):
            self._take(*lane.popleft())

    def settle(self) -> None:
        while any(self.waiting.values()):
            for pair in list(self.waiting):
                self.let_go(*pair)

    def _take(self, key: str, message: ActorMessage) -> None:
        local = deque([(key, message)])
        while local:
            key, message = local.popleft()
            here = partition_of(key, PARTITIONS)
            turn = Turn(self.program, 1)
            before = self._ids(key)
            self.actors[key] = receive(key, self.actors.get(key), message, turn)
            self.seen[key[1:]] += [i for i in self._ids(key) if i not in before]
            for to, sent in turn.messages:
                there = partition_of(to, PARTITIONS)
                if there == here:
                    local.append((to, sent))
                else:
                    self.waiting[here, there].append((to, sent))

    def _ids(self, key: str) -> list[str]:
        actor = self.actors.get(key)
        ids = actor.seen if isinstance(actor, Customer) else {}
        return [name.removeprefix("web ") for name in ids]


def test_events_of_one_anchor_stay_in_order_when_its_customer_was_absorbed(tmp_path: Path) -> None:
    lanes = Lanes(tmp_path)
    cookie, device = Identifier("cookie", "c", COOKIE), Identifier("device", "d", DEVICE)
    user = Identifier("user", "u", USER)
    lanes.arrive("link", device, cookie)
    lanes.settle()
    lanes.arrive("settled", cookie)
    lanes.settle()
    absorbed = customer_id(lanes.program.identifiers["device"].rank, DEVICE, 0)
    root = customer_id(lanes.program.identifiers["user"].rank, USER, 0)
    assert lanes.actors[identifier_key(COOKIE)].pointer == absorbed
    lanes.arrive("login", user, device)
    lanes.settle()
    assert lanes.actors[customer_key(absorbed)].redirect == root
    # The first goes by way of the absorbed customer, and tells the cookie of the root ...
    lanes.arrive("1", cookie)
    lanes.let_go(0, 1)
    lanes.let_go(1, 2)
    # ... and before it hears of that, it sends the second by the same way ...
    lanes.arrive("2", cookie)
    lanes.let_go(2, 0)
    # ... which the third, sent straight to the root, must not overtake.
    lanes.arrive("3", cookie)
    lanes.let_go(0, 2)
    lanes.settle()
    lanes.arrive("4", cookie)
    lanes.settle()
    assert lanes.seen[root][-4:] == ["1", "2", "3", "4"]
    assert lanes.actors[identifier_key(COOKIE)].pointer == root
