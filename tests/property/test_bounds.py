"""A customer at every bound at once: nothing that leaves is too large, nothing that stays.

Two people do all that the contract allows, with as much in it as it allows, for days; then they
turn out to be one, are parted, and are one again. Whatever an operator asks is answered.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.cut import RECORD_BYTES_MAX as CUT_BYTES_MAX
from cjo_stream.core.identity.field import beyond_bounds
from cjo_stream.core.message import Find, Show, Tie, Unlink, identifier_key, partition_of
from cjo_stream.core.record import DeadLetter
from cjo_stream.core.size import (
    FACTS_BYTES_MAX,
    HISTORIES_BYTES_MAX,
    INSTANCES_BYTES_MAX,
    TRAITS_BYTES_MAX,
    WAITING_BYTES_MAX,
)
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.timeline import ENTRY_BYTES_MAX
from cjo_stream.definition import compile_content, load
from cjo_stream.embedded.log import Append, MemoryLog
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.engine import codec
from cjo_stream.engine.frame import EFFECT_BYTES_MAX, FRAME_BYTES_MAX, RECORD_BYTES_MAX, Effect
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import decoder
from cjo_stream.ingest.identifier import named
from cjo_stream.store.memory import MemoryStore

START_MS = 1_772_323_200_000
HOUR_MS = 3_600_000
KEY = b"a key for tests"
PARTITIONS = 3
CUSTOMER_BYTES_MAX = 3 * 1024 * 1024
"""All parts at their bounds, and the largest numbers of small things."""
CPU_S_MAX = 3.0
"""For one event and the timers before it (a hundred commands of 100 KB that waited for the night's
end, above all), or one merge, on a slow and busy machine."""

TOPOLOGY = """
topology: swollen
dedupe: 30d
channels:
  web: {in: {}}
  push: {out: {address: user}}
identity:
  identifiers:
    - {type: user, limit: 2}
    - {type: cookie, limit: 450}
profile:
  facts: {bio: string, tags: list, note: string, more: string}
  traits:
    words:  {distinct: event.word, on: [visit, buy], keep: 1000}
    lately: {distinct: event.word, on: visit, per: 30d, keep: 1000}
    lists:  {distinct: event.list, on: visit, per: 2d, keep: 1000}
    small:  {distinct: event.tiny, on: visit, per: 30d, keep: 1000}
    newest: {last: event.word, on: visit}
    oldest: {first: event.list, on: buy}
service: {opened: [{on: [visit], key: event.case}]}
---
journey: basket
version: 1
entry: {on: visit, key: event.key, reentry: always}
data: {word: event.word}
goal: {on: buy, when: entry.word == event.word, within: 20d}
initial: open
states:
  open:
    on:
      visit:
        - do:
            - {assign: {more: event.word + data.word}}
            - {act: {action: shout, data: {w: event.word}}}
    after: {3d: {to: closed}}
  closed: {end: done}
---
journey: once
version: 1
entry: {on: [visit, buy], key: event.key, reentry: never}
initial: gone
states: {gone: {end: done}}
---
action: shout
expires: 30d
class: service
treatments:
  push:
    payload: {a: event.word, b: data.w, c: data.word, d: event.list, e: profile.words}
---
policy: quiet
quiet_hours: {channel: push, from: "00:01", until: "00:00", then: delay}
"""


class Measured(MemoryLog):
    """A log that knows its largest frame."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def append(self, appends: Sequence[Append], notes: dict[str, bytes] | None = None) -> None:
        sizes = (len(msgspec.msgpack.encode(frame)) for *_, frame in appends)
        self.largest = max([self.largest, *sizes])
        super().append(appends, notes)


class Outside:
    """What leaves, measured."""

    def __init__(self) -> None:
        self.largest: dict[str, int] = {}
        self.replies: list[Any] = []
        self.letters: list[dict[str, str]] = []

    def write(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            size = len(effect.value)
            self.largest[effect.kind] = max(self.largest.get(effect.kind, 0), size)
            if effect.kind == "reply":
                self.replies.append(msgspec.json.decode(effect.value))
            elif effect.kind == "dead_letter":
                self.letters.append({name: value.decode() for name, value in effect.headers})

    def refuse(self, letter: DeadLetter) -> None:
        raise AssertionError(letter.detail)

    def notes(self) -> dict[str, bytes]:
        return {}


class World:
    """One installation, and the clock of whoever sends to it."""

    def __init__(self, folder: Path) -> None:
        (folder / "topology.yaml").write_text(TOPOLOGY)
        loaded = load(folder)
        self.log, self.outside = Measured(), Outside()
        self.stores = [MemoryStore() for _ in range(PARTITIONS)]
        self.runtime = Runtime(
            log=self.log, stores=self.stores, compile_=compile_content, output=self.outside
        )
        self.runtime.apply(1, loaded.content)
        self.program = loaded.program
        self.counts: dict[tuple[str, ...], float] = {}
        self._decode = decoder(loaded.program, KEY)
        self._offset = 0
        self.now = START_MS
        self.slowest_s = {"event": 0.0, "order": 0.0}

    def event(self, type_: str, identifiers: dict[str, str], id_: str, **attributes: Any) -> None:
        value = {"type": type_, "time": self.now, "identifiers": identifiers, "id": id_}
        raw = msgspec.json.encode({**value, "attributes": attributes})
        record = RawRecord("web", "web", 0, self._offset, self.now, raw, channel="web")
        self._offset += 1
        decoded = self._decode(record)
        assert not isinstance(decoded, InputError), decoded
        self._measure("event", lambda: self.runtime.offer("web", record.offset, decoded))

    def order(self, at: str, order: Any) -> Any:
        """Return the answer to an operator's order about `type:value`, and the record of it."""
        key = identifier_key(named(self.program, KEY, at).hash)
        item = {partition_of(key, PARTITIONS): (key, order)}
        self._measure("order", lambda: self.runtime.order(item))
        return self.outside.replies[-1]

    def advance(self, by_ms: int) -> None:
        self.now += by_ms
        self.runtime.advance(self.now)

    def _measure(self, what: str, step: Any) -> None:
        began_s = time.process_time()
        step()
        self.runtime.flush()
        took_s = time.process_time() - began_s
        self.slowest_s[what] = max(self.slowest_s[what], took_s)
        for key, by in (
            pair for task in self.runtime.tasks for pair in task.take_counts().items()
        ):
            self.counts[key] = self.counts.get(key, 0) + by

    def actors(self) -> list[tuple[str, bytes]]:
        return [
            (key[1:].decode(), value)
            for store in self.stores
            for key, value in store.scan(*codec.CUSTOMERS)
        ]


def live(world: World, draw: random.Random, who: str, events: int) -> None:
    """Let a person fill every part of their state, and go on for as long again."""
    for number in range(events):
        world.now += draw.randrange(HOUR_MS // 2)
        word = f"{who}{number:05d}" + draw.choice("xyü\u0001") * draw.choice(
            [3, 900, 5_000, 6_000]
        )
        world.event(
            draw.choice(["visit", "visit", "visit", "buy"]),
            {
                "user": who,
                "cookie": f"{who}{number % 200:04d}" + "c" * draw.choice([1, 1, 150, 500]),
            },
            f"{who}{number}" + "ü" * 150,
            word=word[:6_000],
            list=[number, word[:2_000], {"a": [1.5] * draw.choice([1, 300])}],
            tiny=f"{who}{number}",
            key=f"{number}" + "ü" * draw.choice([1, 190, 1_000]),
            case=f"{number}" + "k" * 150,
        )
        facts = {"bio": word, "tags": [word, number], "note": word[:5_000] * 2, "more": word}
        for name, value in facts.items():
            if draw.random() < 0.2:
                world.event("cjo.profile", {"user": who}, f"p{who}{number}{name}", **{name: value})
        if draw.random() < 0.3:
            purpose, channel = f"p{number % 400}", draw.choice(("push", "web", "*"))
            said = {"purpose": purpose, "status": "granted", "channel": channel}
            world.event("cjo.consent", {"user": who}, f"c{who}{number}", **said)

    for name in ("bio", "note", "more"):
        world.event(
            "cjo.profile", {"user": who}, f"{who}{world.now}{name}", **{name: "b" * 60_000}
        )


def check(world: World) -> None:
    """Assert that all is within its bounds."""
    for key, value in world.actors():
        customer = codec.decode_actor(key, value)
        assert isinstance(customer, Customer | Identifier)
        if isinstance(customer, Customer):
            assert not beyond_bounds(customer, BOUNDS)
        parts = {
            name: len(msgspec.json.encode(getattr(customer, name)))
            for name in customer.__struct_fields__
        }
        said = f"{key}: {sorted(parts.items(), key=lambda part: -part[1])[:6]}"
        assert len(value) <= CUSTOMER_BYTES_MAX, said
        assert parts["facts"] <= FACTS_BYTES_MAX + 10 * 1024, said
        assert parts["traits"] <= TRAITS_BYTES_MAX + 10 * 4 * 1024, said
        assert parts["instances"] <= INSTANCES_BYTES_MAX + 500 * 2_048, said
        assert parts["waiting"] <= WAITING_BYTES_MAX + 100 * 2_048, said
        assert parts["histories"] <= 2 * HISTORIES_BYTES_MAX, said
    assert max(world.outside.largest.values()) <= CUT_BYTES_MAX < EFFECT_BYTES_MAX
    assert world.log.largest <= EFFECT_BYTES_MAX + FRAME_BYTES_MAX < RECORD_BYTES_MAX
    for store in world.stores:
        for key, value in store.scan(b"h", b"i"):
            assert len(value) <= ENTRY_BYTES_MAX + 200, key
    assert not [letter for letter in world.outside.letters if letter["reason"] == "failed"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_two_customers_at_every_bound_merge_and_part_and_nothing_is_too_large(
    seed: int, tmp_path: Path
) -> None:
    draw, world = random.Random(seed), World(tmp_path)
    live(world, draw, "ann", 160)
    live(world, draw, "bob", 100)
    check(world)
    for order in (Show("show"), Show("show", history=True)):
        reply = world.order("user:ann", Find(order))
        assert reply["body"]["found"]
    ann, bob = (named(world.program, KEY, f"user:{who}") for who in ("ann", "bob"))
    assert world.order("user:ann", Tie("tie", ann, bob))["body"] == {"linked": True}
    check(world)
    live(world, draw, "ann", 30)
    check(world)
    split = Find(Unlink("unlink", ann.hash, bob.hash, confirmed=True))
    assert world.order("user:ann", split)["body"]["done"]
    check(world)
    assert world.order("user:ann", Tie("tie", ann, bob))["body"] == {"linked": True}
    world.advance(2 * HOUR_MS)
    live(world, draw, "bob", 30)
    world.advance(40 * 24 * HOUR_MS)
    check(world)
    reached = {key[1] for key in world.counts if key[0] == "cjo_state_bounds_total"}
    assert {"facts", "traits", "keys", "waiting", "data", "instances"} <= reached
    assert max(world.slowest_s.values()) < CPU_S_MAX
