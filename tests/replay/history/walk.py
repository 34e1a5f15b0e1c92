"""One random run of the whole chain: raw records, intake, tasks, dispatch, learner, operators.

Nothing dies here, for what dies leaves no other log than what lives. But frames wait in their
lanes, so that the messages of the identity protocol meet each other in every order.
"""

from __future__ import annotations

import functools
import json
import random
import tempfile
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from cjo_stream.core import state
from cjo_stream.core.event import Identifier
from cjo_stream.core.identifier.arrival import HOLD_MS
from cjo_stream.core.learning.posterior import Model
from cjo_stream.core.learning.weight import publish
from cjo_stream.core.message import (
    ActivateModel,
    ActivateSet,
    Erase,
    Find,
    Foresee,
    Message,
    Order,
    Show,
    StoreModel,
    StoreSet,
    Sweep,
    Tie,
    Unlink,
    identifier_key,
    partition_of,
)
from cjo_stream.definition import Authorship, DefinitionSet, heed, load, succeed
from cjo_stream.engine.dispatch import Dispatch
from cjo_stream.engine.effect import effect_of
from cjo_stream.engine.frame import control_frame, tick_frame
from cjo_stream.engine.intake import Intake
from cjo_stream.engine.learner import Learner
from cjo_stream.engine.port import Log, LogRecord, RawRecord
from cjo_stream.engine.task import Task
from cjo_stream.ingest import decoder
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.ingest.trace import TraceReader
from cjo_stream.store.memory import MemoryStore
from tests.replay.history.kept import KEY, PARTITIONS, Pairs, Taken, open_task
from tests.replay.history.told import teach
from tests.world.stored import actor_states

TOPOLOGY = Path(__file__).parent / "topology"
START_MS = 1_772_323_200_000
"""2026-03-01T00:00:00Z"""
RAW = "cjo.event.web.v1"
RAW_LANES = 2
RECORDS_MAX = 4
PAUSES_MS = (0, 1, 40, 300, 1_500, 6_000)
BRIEF = """\
---
journey: brief
version: 1
status: retired
entry: {on: left}
initial: there
states:
  there: {enter: [{act: flyer}], after: {1d: gone}}
  gone: {end: gone}
---
action: flyer
class: service
treatments: {mail: {template: flyer}}
"""
CANARY = (
    "canary: {share: 50%, guards: [{metric: goal_rate, worse_than: 10%}, "
    "{metric: spent, worse_than: 10%}], then: promote, for: 1m}"
)
OTHERS = "guards: [{metric: dead_letters, worse_than: 10%}], for: 20s"
CHANGES = (
    (),
    (
        ("{sum: event.total, on: order}", "{sum: event.total, on: [order, cart]}"),
        ("entry: {on: reminded_customer", "status: paused\nentry: {on: reminded_customer"),
        ("version: 1\nentry: {on: left}", "version: 1\nstatus: retired\nentry: {on: left}"),
    ),
    (
        ("version: 1\nentry: {on: cart", f"version: 2\n{CANARY}\nentry: {{on: cart"),
        ("3s: reminded", "4s: reminded"),
        ("status: paused\nentry: {on: reminded_customer", "entry: {on: reminded_customer"),
        (BRIEF, ""),
        ("ticket_closed, key: event.ticket", "ticket_closed, key: lower(event.ticket)"),
        ("ticket_opened, key: event.ticket", "ticket_opened, key: lower(event.ticket)"),
    ),
    (
        ("template: banner,", "template: flag,"),
        ("{tier: string,", "{tier: string, age: number,"),
        ("care\nversion: 1", f"care\nversion: 2\ncanary: {{share: 20%, {OTHERS}, then: hold}}"),
        ("advice\nversion: 1", f"advice\nversion: 2\ncanary: {{share: 0%, {OTHERS}, then: back}}"),
    ),
    (
        ("max: 2, per: 6s", "max: 3, per: 6s"),
        ("dedupe: 1h\n", "dedupe: 1h\nrecords: {decision: decide}\n"),
    ),
)
"""By definition set, what becomes another text in it, and in those after it."""


@functools.cache
def sets() -> tuple[DefinitionSet, ...]:
    """Return the folders that are applied one after the other, each with what it carries on."""
    text = (TOPOLOGY / "topology.yaml").read_text()
    loaded: list[DefinitionSet] = []
    for changes in CHANGES:
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "topology.yaml").write_text(text)
            one = load(Path(folder)).signed(Authorship(1_767_225_600_000, "crm", "a walk"))
        before = loaded[-1].content if loaded else None
        if len(loaded) == len(CHANGES) - 1 and before is not None:
            before = heed(before, [("cart", 2, "promote")])
        content = succeed(one, before)
        loaded.append(msgspec.structs.replace(one, content=content))
    return tuple(loaded)


class NotingStore(MemoryStore):
    """A store that notes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: Pairs = []

    def write(self, batch: Sequence[tuple[bytes, bytes | None]]) -> None:
        self.written += [(key, value) for key, value in batch if value is not None]
        super().write(batch)


class Walk:
    """One run, drawn from a seed; `events` raw records come in."""

    def __init__(self, seed: int, events: int) -> None:
        self.random = random.Random(seed)
        self.clock = START_MS
        self.logs: list[list[LogRecord]] = [[] for _ in range(PARTITIONS)]
        self.raw: list[list[RawRecord]] = [[] for _ in range(RAW_LANES)]
        self.taken: list[Taken] = []
        self.effects: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        self.rewards: list[bytes] = []
        self.learner = Learner()
        self._events_left = events
        self._events = events
        self._lanes: dict[tuple[str, int], deque[bytes]] = {}
        self.stores = [NotingStore() for _ in range(PARTITIONS)]
        self._tasks: list[Task] = [open_task(n, store) for n, store in enumerate(self.stores)]
        self._dispatch = Dispatch("effect")
        self._dispatched = [0] * PARTITIONS
        for number in range(PARTITIONS):
            self._dispatch.resume(number, None)
        self._number = 0
        self._controls: list[deque[bytes]] = [deque() for _ in range(PARTITIONS)]
        self._commands: list[str] = []
        self._named: list[list[Identifier]] = []
        self._orders = 0
        self.published: list[tuple[int, list[bytes]]] = []
        self._apply()

    def run(self) -> None:
        """Let everything happen, to its end."""
        while self._events_left:
            self._step()
        for _ in range(60):
            self.clock += 2_000
            self._rest()
            for number in range(PARTITIONS):
                self._append(number, tick_frame(self.clock if number else 0))
        self._rest()

    # --- what may happen next

    def _step(self) -> None:
        moves = [
            (self._pause, 2),
            (self._wait_long, 2),
            (self._feed, 4),
            (self._work, 16),
            (self._deliver, 20),
            (self._hand_out, 4),
            (self._order, 0.5),
            (self._publish, 0.3),
            (self._tick, 0.3),
            (self._write_foreign, 0.02),
            (self._deliver_some_controls, 1),
        ]
        self.random.choices([move for move, _ in moves], [weight for _, weight in moves])[0]()
        at = 1 + (self._events - self._events_left) * len(CHANGES) // self._events
        if self._number < min(at, len(CHANGES)):
            self._apply()

    def _pause(self) -> None:
        self.clock += self.random.choice(PAUSES_MS)

    def _wait_long(self) -> None:
        """Wait for longer than an event is held, if one is held behind those on a former path."""
        if any(
            isinstance(one, state.Identifier) and one.former_path and one.held
            for _, one in actor_states(list(self.stores))
        ):
            self.clock += HOLD_MS

    def _feed(self) -> None:
        """One raw record comes, and intake takes it."""
        self._events_left -= 1
        draw = self.random
        person = draw.randrange(4)
        given: dict[str, str] = {}
        for type_, others in (("user", 0.1), ("email", 0.2), ("device", 0.3), ("cookie", 0.3)):
            if draw.random() < 0.55:
                owner = draw.randrange(4) if draw.random() < others else person
                domain = "@example.com" if type_ == "email" else ""
                value = draw.randrange(4 if type_ == "email" else 2)
                given[type_] = f"{type_[0]}{owner}-{value}{domain}"
        kinds = ("cart", "cart", "cart", "order", "order", "other", "ticket_opened")
        more = ("ticket_closed", "left", "hurry", "cjo.profile", "cjo.consent", "cjo.outcome")
        type_ = draw.choice((*kinds, *more, "cjo.outcome", "cjo.outcome"))
        attributes = self._attributes(type_)
        if type_ == "cjo.outcome" and draw.random() < 0.8:
            given = {}  # the command says whose it is
        body = {
            "type": type_,
            "time": self.clock - draw.choice((0, 0, 0, 300, 2_000)),
            "identifiers": given,
            "attributes": attributes,
        }
        if draw.random() < 0.4:
            body["id"] = f"i{draw.randrange(60)}"
        value = json.dumps(body).encode()
        if draw.random() < 0.02:
            value = value[:-3]
        lane = person % RAW_LANES
        log = self.raw[lane]
        offset = len(log)
        headers = headers_of(lane, offset)
        record = RawRecord(RAW, "raw", lane, offset, self.clock, value, None, headers, "web")
        log.append(record)
        step = self._intake.process([record])
        letters = [effect_of(letter) for letter in step.dead_letters]
        position = step.positions[Log("raw", lane)]
        self.taken.append(
            Taken(
                lane=lane,
                set=self._number,
                time=record.time,
                value=value,
                headers=headers,
                frames=step.frames,
                letters=[(letter.headers, letter.value) for letter in letters],
                position=position,
            )
        )
        for to, frame in step.frames:
            self._send(f"raw{lane}", to, frame)
        named = [
            Identifier(name, text, identifier_hash(KEY, name, text))
            for name, text in given.items()
        ]
        if named:
            self._named.append(named)

    def _attributes(self, type_: str) -> dict[str, object]:
        draw = self.random
        if type_ == "cjo.profile":
            fact = draw.choice(("tier", "vip", "timezone"))
            values = {"tier": ("gold", "gold", "bronze", None), "vip": (True, False)}
            return {fact: draw.choice(values.get(fact, ("Europe/Paris", "UTC")))}
        if type_ == "cjo.consent":
            return {
                "purpose": "marketing",
                "status": draw.choice(("granted", "granted", "granted", "denied", "revoked")),
                "channel": draw.choice(("*", "push", "mail")),
            }
        if type_ == "cjo.outcome" and self._commands:
            outcome = draw.choice(("accept", "accept", "accept", "click", "reject"))
            told = {"action_id": draw.choice(self._commands[-3:]), "outcome": outcome}
            return {**told, "value": 7.5} if draw.random() < 0.5 else told
        if type_.startswith("ticket"):
            return {"ticket": f"T{draw.randrange(2)}"}
        return {"cart": f"c{draw.randrange(3)}", "total": draw.randrange(6)}

    def _work(self) -> None:
        """A task takes some records, and sends what comes of them."""
        number = self.random.randrange(PARTITIONS)
        task = self._tasks[number]
        first = task.applied + 1
        records = self.logs[number][first : first + self.random.randint(1, RECORDS_MAX)]
        if not records:
            return
        outbox = task.process(records)
        self.effects[number] += outbox.effects
        for to, frame in outbox.frames:
            self._send(f"task{number}", to, frame)
        task.commit()
        if task.must_purge:
            task.purge()

    def _deliver(self) -> None:
        """The first frame of some lane arrives."""
        if self._lanes:
            lane = self.random.choice(list(self._lanes))
            self._append(lane[1], self._lanes[lane].popleft())
            if not self._lanes[lane]:
                del self._lanes[lane]

    def _hand_out(self) -> None:
        """Dispatch takes what there is of some partition."""
        number = self.random.randrange(PARTITIONS)
        frames = self.effects[number][self._dispatched[number] :]
        if not frames:
            return
        at = self._dispatched[number]
        records = [LogRecord(at + i, self.clock, frame) for i, frame in enumerate(frames)]
        self._dispatched[number] += len(frames)
        for effect in self._dispatch.process(number, records).effects:
            if effect.kind == "action":
                action = json.loads(effect.value)
                if action["issue"] == "advice":
                    self._commands.append(action["action_id"])
            elif effect.kind in ("reward", "prediction"):
                self.rewards.append(effect.value)
                teach(self.learner, effect.value)

    def _order(self) -> None:
        """An operator orders something about a customer."""
        if not self._named:
            return
        draw = self.random
        named = draw.choice(self._named)
        one, other = draw.choice(named), draw.choice(named)
        self._orders += 1
        command = f"command{self._orders}"
        sure = draw.random() < 0.9
        drawn = draw.random()
        if drawn < 0.25:
            other = draw.choice(draw.choice(self._named))
            if other.hash != one.hash:
                self._control(identifier_key(one.hash), Tie(command, one, other))
            return
        if drawn < 0.65:
            second = other.hash if other.hash != one.hash else None
            order: Order = Unlink(command, one.hash, second, sure)
        elif drawn < 0.75:
            order = Show(command, history=draw.random() < 0.5)
        elif drawn < 0.9:
            order = Erase(command, sure)
        else:
            for number in range(PARTITIONS):
                asked = Foresee(sets()[0].content, "p0", 10, command)
                self._append(number, control_frame([("", Sweep(command)), ("", asked)]))
            return
        self._control(identifier_key(one.hash), Find(order))

    def _control(self, to: str, message: Message) -> None:
        self._append(partition_of(to, PARTITIONS), control_frame([(to, message)]))

    def _publish(self) -> None:
        """What the learner has learnt sets out to every partition."""
        published = self.learner.publish()
        if published is None:
            return
        self.published.append((len(self.rewards), published.parts))
        # A part a treatment, and commands that are answered: a learner may, if it has much to say.
        treatments = self.learner.model.treatments.items()
        parts = [part for name, one in treatments for part in publish(Model(0, {name: one}))]
        number = published.number
        messages = [StoreModel(number, n, len(parts), p, "learn") for n, p in enumerate(parts)]
        for message in (*messages, ActivateModel(number, "learn")):
            for waiting in self._controls:
                waiting.append(control_frame([("", message)]))

    def _apply(self) -> None:
        """The next definition set sets out to every partition; intake goes over to it."""
        content = sets()[self._number].content
        self._number += 1
        self._deliver_controls(range(PARTITIONS))
        # Stored everywhere before it is activated anywhere.
        for number, waiting in enumerate(self._controls):
            self._append(number, control_frame([("", StoreSet(self._number, content, "apply"))]))
            waiting.append(control_frame([("", ActivateSet(self._number, "apply"))]))
        if self._number == 1:
            self._deliver_controls(range(PARTITIONS))
        self._route()

    def _route(self) -> None:
        decode = decoder(sets()[self._number - 1].program, KEY, traces=TraceReader())
        self._intake = Intake(decode, PARTITIONS, self._number)
        last: dict[int, tuple[int, str]] = {one.lane: one.position for one in self.taken}
        for lane in range(RAW_LANES):
            self._intake.resume(Log("raw", lane), *last.get(lane, (0, None)))

    def _deliver_some_controls(self) -> None:
        self._deliver_controls([self.random.randrange(PARTITIONS)])

    def _deliver_controls(self, partitions: Iterable[int]) -> None:
        """What an operator or the learner has sent arrives at these partitions."""
        for number in partitions:
            while self._controls[number]:
                self._append(number, self._controls[number].popleft())

    def _tick(self) -> None:
        for number in range(PARTITIONS):
            self._append(number, tick_frame())

    def _write_foreign(self) -> None:
        self._append(self.random.randrange(PARTITIONS), b"{}")

    # --- the machinery

    def _rest(self) -> None:
        """Let all that was sent have its effect."""
        self._deliver_controls(range(PARTITIONS))
        while self._lanes or any(
            task.applied + 1 < len(log) for task, log in zip(self._tasks, self.logs, strict=True)
        ):
            self._deliver()
            self._work()
        for _ in range(PARTITIONS * 2):
            self._hand_out()

    def _append(self, number: int, frame: bytes) -> None:
        log = self.logs[number]
        log.append(LogRecord(len(log), self.clock, frame))

    def _send(self, source: str, receiver: int, frame: bytes) -> None:
        self._lanes.setdefault((source, receiver), deque()).append(frame)


def headers_of(lane: int, offset: int) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of a raw record: of every third a trace context, some with a state."""
    if offset % 3:
        return ()
    number = RAW_LANES * offset + lane + 1
    parent = ("traceparent", f"00-{number:032x}-{number:016x}-01".encode())
    return (parent, ("tracestate", f"n={number}".encode())) if offset % 2 else (parent,)
