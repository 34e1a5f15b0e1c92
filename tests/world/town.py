"""Actors by hand for tests of the identity protocol: messages arrive when the test says.

    town = Town(program)
    town.event("visit", {"user": "u", "cookie": "c"})     all that it causes has happened
    town.hold(Seed)                                       from here on these stay in the post
    town.let_go()                                         now they arrive

Times are seconds. All actors have one clock; timers fire as `to` lets it run.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core import actor
from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.identifier import arrival
from cjo_stream.core.message import (
    ActorMessage,
    Arrive,
    Deliver,
    Erase,
    Find,
    Show,
    Tie,
    Unlink,
    customer_key,
    identifier_key,
)
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import IdentityChange, Record, Reply, Transition
from cjo_stream.core.state import Customer
from cjo_stream.core.state import Identifier as IdentifierState
from cjo_stream.core.turn import Turn
from cjo_stream.ingest.identifier import identifier_hash
from tests.world.timelines import KeptTimelines

START_MS = 1_772_323_200_000
KEY = b"a key for tests"
ROUNDS_MAX = 100_000


class Town:
    """Every actor there is, and the post between them: each hash is a partition of its own."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.bounds = BOUNDS
        self.clock = START_MS
        self.actors: dict[str, Any] = {}
        self.records: list[Record] = []
        self.counts: dict[tuple[str, ...], float] = {}
        self.passed_on = 0
        """How many Arrives needed no turn."""
        self._post: list[tuple[str, str, ActorMessage]] = []
        self._held: tuple[type, ...] = ()
        self._held_to = ""
        self.timelines = KeptTimelines(lambda: self.bounds.timeline)
        self._events = 0

    # --- what happens

    def event(
        self, type_: str, identifiers: dict[str, str], at: float | None = None, **attributes: Any
    ) -> Event:
        """Let an event arrive and have its effect; `at` is its own time, else it is now."""
        self._events += 1
        declared = [name for name in self.program.identifiers if name in identifiers]
        time = self.clock if at is None else START_MS + int(at * 1000)
        named = [self.named(name, identifiers[name]) for name in declared]
        event = Event(type_, time, attributes, f"e{self._events}", "web", named, own_id=True)
        self.send(identifier_key(named[0].hash), Arrive(event))
        return event

    def order(self, identifier: str, order: Show | Unlink | Erase) -> dict[str, Any]:
        """Let an operator order something about a customer of `type:value`; return the answer."""
        self.send(self.key(identifier), Find(order))
        return self.answer(order.command_id)

    def tie(self, one: str, other: str, command_id: str = "tie") -> None:
        """Let an operator link two identifiers."""
        ends = [self.named(*name.split(":")) for name in (one, other)]
        self.send(self.key(one), Tie(command_id, *ends))

    def unlink(self, one: str, other: str | None = None, *, sure: bool = True) -> dict[str, Any]:
        """Let an operator take back a link, or all of one identifier."""
        second = self.hash(other) if other is not None else None
        return self.order(one, Unlink("unlink", self.hash(one), second, sure))

    def erase(self, identifier: str) -> dict[str, Any]:
        """Let an operator erase a customer."""
        return self.order(identifier, Erase("erase", confirmed=True))

    def send(self, key: str, message: ActorMessage) -> None:
        """Post a message from outside, and let all arrive that is not held."""
        self._post.append(("", key, message))
        self._settle()

    def hold(self, *types: type, to: str = "") -> None:
        """Keep messages of these types in the post, and what follows them in the same lane.

        `to`: only those to the identifier `type:value`.
        """
        self._held = types
        self._held_to = self.key(to) if to else ""

    def let_go(self) -> None:
        """Let what was held arrive."""
        self._held = ()
        self._settle()

    def let_one_go(self) -> None:
        """Let the first message that is held arrive, whatever it is."""
        held, self._held = self._held, ()
        place = self._next()
        self._held = held
        assert place is not None
        self._handle(place)
        self._settle()

    def deliver_early(self, key: str, message: ActorMessage) -> None:
        """Let a message that is in the post arrive before all others."""
        place = self._post.index(next(p for p in self._post if p[1:] == (key, message)))
        self._handle(place)

    def to(self, second: float) -> None:
        """Let time run on, firing what comes due on the way."""
        until = START_MS + int(second * 1000)
        while True:
            dues = [(actor.wake_ms(state), key) for key, state in self.actors.items()]
            nearest = min(((d, k) for d, k in dues if d is not None and d <= until), default=None)
            if nearest is None:
                break
            self.clock = max(self.clock, nearest[0])
            turn = Turn(self.program, self.clock, 0, self.timelines, bounds=self.bounds)
            actor.fire(self.actors[nearest[1]], turn)
            self._close(nearest[1], turn)
            self._settle()
        self.clock = until

    # --- what there is

    def named(self, type_: str, value: str) -> Identifier:
        """Return an identifier as events name it."""
        return Identifier(type_, value, identifier_hash(KEY, type_, value))

    def hash(self, identifier: str) -> str:
        """Return the hash of `type:value`."""
        return self.named(*identifier.split(":")).hash

    def key(self, identifier: str) -> str:
        """Return the actor key of `type:value`."""
        return identifier_key(self.hash(identifier))

    def identifier(self, identifier: str) -> IdentifierState:
        """Return the state of `type:value`."""
        state: IdentifierState = self.actors[self.key(identifier)]
        return state

    def customer(self, identifier: str) -> Customer:
        """Return the root to which the pointer of `type:value` leads."""
        state: Customer = self.actors["p" + self.identifier(identifier).pointer]
        while state.redirect:
            state = self.actors["p" + state.redirect]
        return state

    def values(self, identifier: str) -> list[str]:
        """Return the values of the customer of `type:value`."""
        return sorted(member.value for member in self.customer(identifier).members.values())

    def posted(self, type_: type) -> list[Any]:
        """Return the messages of a type that are in the post."""
        return [message for _, _, message in self._post if isinstance(message, type_)]

    def changes(self) -> list[tuple[str, str | None]]:
        """Return (kind, reason) of every identity change."""
        return [(r.kind, r.reason) for r in self.records if isinstance(r, IdentityChange)]

    def moves(self) -> list[tuple[str, str, str | None, str | None]]:
        """Return (journey, reason, from, to) of every transition."""
        return [
            (r.journey, r.reason, r.from_, r.to) for r in self.records if isinstance(r, Transition)
        ]

    def answer(self, command_id: str) -> dict[str, Any]:
        """Return the last answer to a command; empty while there is none."""
        bodies = [
            r.body for r in self.records if isinstance(r, Reply) and r.command_id == command_id
        ]
        return dict(msgspec.json.decode(msgspec.json.encode(bodies[-1]))) if bodies else {}

    # --- the post

    def _settle(self) -> None:
        for _ in range(ROUNDS_MAX):
            if (place := self._next()) is None:
                return
            self._handle(place)
        raise AssertionError("messages go round for ever")

    def _handle(self, place: int) -> None:
        _, key, message = self._post.pop(place)
        turn = Turn(self.program, self.clock, 0, self.timelines, bounds=self.bounds)
        expected = self._passed_on(key, message)
        state = actor.receive(key, self.actors.get(key), message, turn)
        if expected is not None:
            found = _encoded(turn.changed, turn.messages, state, turn.counts, turn.records)
            assert found == expected, f"{key} does more with {message} than pass it on"
            self.passed_on += 1
        if state is None:
            self.actors.pop(key, None)
        else:
            self.actors[key] = state
        self._close(key, turn)

    def _passed_on(self, key: str, message: ActorMessage) -> bytes | None:
        """Return what an Arrive must do that needs no turn, as bytes; None for all others."""
        state = self.actors.get(key)
        if not isinstance(message, Arrive) or not isinstance(state, IdentifierState):
            return None
        if not arrival.passes_on(state, message.event, self.program, self.bounds):
            return None
        onward = (customer_key(state.pointer), Deliver(message.event, state.epoch))
        return _encoded(False, [onward], state, {}, [])

    def _next(self) -> int | None:
        """Return the place of the first message that may arrive: none overtakes in its lane."""
        blocked: set[tuple[str, str]] = set()
        for place, (source, key, message) in enumerate(self._post):
            lane = (_home(source), _home(key))
            if lane in blocked:
                continue
            is_held = isinstance(message, self._held) and self._held_to in ("", key)
            if lane[0] == lane[1] or not is_held:
                return place
            blocked.add(lane)
        return None

    def _close(self, key: str, turn: Turn) -> None:
        self._post += [(key, to, message) for to, message in turn.messages]
        for name, by in turn.counts.items():
            self.counts[name] = self.counts.get(name, 0) + by
        self.records += turn.records
        state = self.actors.get(key)
        if isinstance(state, Customer) and turn.changed and state.erased_at is None:
            self.timelines.note(key, state, turn)


def _encoded(*what: Any) -> bytes:
    return msgspec.msgpack.encode(
        [list(one.items()) if isinstance(one, dict) else one for one in what]
    )


def _home(key: str) -> str:
    """Return the hash by which an actor is placed; empty for the outside."""
    return key[1:] if key[:1] == "n" else key[3:35]
