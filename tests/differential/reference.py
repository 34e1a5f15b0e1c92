"""The pure core by itself: dicts of actors, one queue of dues, one queue of messages.

Each event has its whole effect, wherever its messages lead, before the next one is read. Time
moves by hand: to each due time on the way, then to the event's. At full hours it learns.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

import msgspec

from cjo_stream.core import actor
from cjo_stream.core.actor import Actor
from cjo_stream.core.bounds import BOUNDS, Bounds
from cjo_stream.core.learning.posterior import Model, learn, learn_outcome, treatment_name
from cjo_stream.core.learning.weight import ModelInForce, publish, read
from cjo_stream.core.message import ActorMessage
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import DeadLetter, Prediction, Record, Reward
from cjo_stream.core.snapshot import snapshot
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn
from cjo_stream.engine.effect import effect_of
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.intake import address, dead_letter_of
from cjo_stream.engine.port import Decode, RawRecord
from cjo_stream.errors import InputError
from tests.world.timelines import KeptTimelines

HOUR_MS = 3_600_000


class BusyError(Exception):
    """A world does more than is looked at: timers that follow each other by seconds for days."""


class Reference:
    """Every actor there is; what they emit stands in `effects`, in order.

    Beyond `effects_max` it raises BusyError. Without `learns` nobody learns.
    """

    def __init__(
        self,
        program: Program,
        decode: Decode,
        effects_max: int | None = None,
        bounds: Bounds = BOUNDS,
        *,
        learns: bool = True,
    ) -> None:
        self.program = program
        self.effects_max = effects_max
        self.bounds = bounds
        self._learns = learns
        self.actors: dict[str, Actor] = {}
        self.effects: list[Effect] = []
        self.counts: dict[tuple[str, ...], float] = {}
        self.clock = 0
        self.high = 0
        self._decode = decode
        self._post: deque[tuple[str, ActorMessage]] = deque()
        self._dues: list[tuple[int, str]] = []
        self._due: dict[str, int | None] = {}
        self._timelines = KeptTimelines(lambda: self.bounds.timeline)
        self._untold: dict[str, Reward | Prediction] = {}
        self._model = Model()
        self._in_force: ModelInForce | None = None
        self._published: list[bytes] = []

    def take(self, record: RawRecord) -> None:
        """Let one raw record have its whole effect."""
        decoded = self._decode(record)
        if isinstance(decoded, InputError):
            self._refuse(record, decoded)
            return
        events = decoded if isinstance(decoded, list) else [decoded]
        routes = [address(event) for event in events]
        for routed in routes:
            if isinstance(routed, InputError):
                self._refuse(record, routed)
                return
        for event, routed in zip(events, routes, strict=True):
            assert not isinstance(routed, InputError)
            self.high = max(self.high, event.time)
            key, message = routed
            assert isinstance(message, ActorMessage)
            self.hear(self.high, [(key, message)])

    def _refuse(self, record: RawRecord, refused: InputError) -> None:
        letter: DeadLetter = dead_letter_of(record, refused)
        self.effects.append(effect_of(letter))

    def hear(self, clock: int, messages: Iterable[tuple[str, ActorMessage]]) -> None:
        """Let time run on to a clock; then let messages have their whole effect, one by one."""
        self.run_to(clock)
        for key, message in messages:
            self._post.append((key, message))
            self._settle()

    def run_to(self, until: int) -> None:
        """Let time run on: what is due fires, nearest first; at full hours it learns."""
        while True:
            due = self.next_due()
            told = min((one.time for one in self._untold.values()), default=None)
            hour = None if told is None else (told // HOUR_MS + 1) * HOUR_MS
            if due is not None and due <= until and (hour is None or due <= hour):
                if self.is_busy:
                    raise BusyError
                key = heapq.heappop(self._dues)[1]
                self._due[key] = None
                self.clock = max(self.clock, due)
                self._fire(key)
            elif hour is not None and hour <= until:
                self.clock = max(self.clock, hour)
                self._learn(hour)
            else:
                break
        self.clock = max(self.clock, until)

    @property
    def is_busy(self) -> bool:
        """Return whether more was done than is looked at."""
        return self.effects_max is not None and len(self.effects) > self.effects_max

    def rows(self) -> list[dict[str, object]]:
        """Return the rows of customers.jsonl."""
        return [
            msgspec.to_builtins(snapshot(state, self.program, self.clock))
            for state in self.customers()
        ]

    def customers(self) -> list[Customer]:
        """Return every customer who has had an event, or absorbed one who had, by id."""
        found = [one for one in self.actors.values() if isinstance(one, Customer)]
        return sorted((one for one in found if one.events or one.aliases), key=lambda c: c.id)

    # --- one thing after the other

    def _settle(self) -> None:
        while self._post:
            key, message = self._post.popleft()
            turn = self._turn()
            state = actor.receive(key, self.actors.get(key), message, turn)
            if state is None:
                self.actors.pop(key, None)
            else:
                self.actors[key] = state
            self._close(key, turn)

    def _fire(self, key: str) -> None:
        turn = self._turn()
        actor.fire(self.actors[key], turn)
        turn.changed = True
        self._close(key, turn)
        self._settle()

    def _turn(self) -> Turn:
        return Turn(self.program, self.clock, 0, self._timelines, self._in_force, self.bounds)

    def _close(self, key: str, turn: Turn) -> None:
        self._post += turn.messages
        for name, by in turn.counts.items():
            self.counts[name] = self.counts.get(name, 0) + by
        state = self.actors.get(key)
        for record in turn.records:
            self._emit(record)
        if not turn.changed:
            return
        if isinstance(state, Customer):
            self._timelines.note(key, state, turn)
        due = actor.wake_ms(state)
        if due is not None and due <= self.clock:
            due = self.clock + 1  # what one cascade may not fire waits for the clock's next move
        if due != self._due.get(key):
            self._due[key] = due
            if due is not None:
                heapq.heappush(self._dues, (due, key))

    def _emit(self, record: Record) -> None:
        self.effects.append(effect_of(record))
        if self._learns and isinstance(record, Reward) and record.features is not None:
            self._untold[record.action_id] = record
        if self._learns and isinstance(record, Prediction):
            self._untold[record.prediction_id] = record

    def next_due(self) -> int | None:
        """Return when something is due next, clock in ms, or None."""
        while self._dues and self._due.get(self._dues[0][1]) != self._dues[0][0]:
            heapq.heappop(self._dues)  # it was moved since
        return self._dues[0][0] if self._dues else None

    def _learn(self, before: int) -> None:
        told = [(one.time, id_) for id_, one in self._untold.items() if one.time < before]
        for _, id_ in sorted(told):
            one = self._untold.pop(id_)
            if isinstance(one, Prediction):
                learn_outcome(self._model, one)
            elif one.features is not None:
                name = treatment_name(one.action, one.channel)
                learn(self._model, name, one.features, positive=one.reward == 1)
        parts = publish(self._model)
        if parts != self._published:
            number = self._in_force.number + 1 if self._in_force is not None else 1
            self._published, self._in_force = parts, read(number, parts)
