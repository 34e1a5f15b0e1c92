"""Who is whom does not depend on how many partitions there are: strongest first, told twice.

A history is told to real tasks, each event once all that the one before caused is over, in any
interleaving of the lanes; and to `Offline`, which takes link after link, the strongest of an event
first, with sets in memory and none of the core's code. Both must meet the same customers, and the
same refusals.
"""

from __future__ import annotations

import functools
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.state import Customer
from cjo_stream.definition import DefinitionSet, load
from cjo_stream.engine.frame import decode_effect_frame
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import decoder
from tests.world.mesh import START_MS, Mesh
from tests.world.stored import actor_states

TENANT_KEY = b"a key for tests"
PARTITIONS = (1, 2, 5, 16)
WORLDS = 40
TYPES = ("user", "email", "device", "cookie")
DAY_MS = 24 * 3_600_000
PAUSES_MS = (1, 700, 2_500, 5_000, 20_000, 2 * 3_600_000, 25 * 3_600_000)
Refusals = Counter[tuple[str, str, str, str]]
"""(event id, anchor, other, reason), identifiers as `type:value`, -> how often."""
Customers = list[list[str]]


@dataclass(frozen=True)
class Rule:
    """How an identifier type is declared."""

    limit: int
    per_ms: int | None = None
    shared_after: int | None = None
    counts: str | None = None

    def written(self, type_: str) -> str:
        """Return the declaration."""
        row = f"type: {type_}, limit: {self.limit}"
        if self.per_ms is not None:
            row += f", per: {self.per_ms // 1000}s"
        if self.shared_after is not None:
            row += f", shared_after: {self.shared_after}, of: {self.counts}"
        return f"    - {{{row}}}"


@functools.cache
def rules(world: int) -> dict[str, Rule]:
    """Return the rules of one of the worlds, limits of 1 to 3."""
    rng = random.Random(f"rules {world}")
    drawn = {"user": Rule(rng.choice((1, 1, 2)))}
    for type_ in TYPES[1:]:
        limit, more = rng.randint(1, 3), rng.random()
        if more < 0.2:
            drawn[type_] = Rule(limit, per_ms=rng.choice((3_000, 10_000)))
        elif more < 0.4:
            others = [other for other in TYPES if other != type_]
            drawn[type_] = Rule(limit, None, rng.randint(1, 3), rng.choice(others))
        else:
            drawn[type_] = Rule(limit)
    return drawn


@functools.cache
def definitions(world: int) -> DefinitionSet:
    """Return the compiled topology of one of the worlds."""
    rows = "\n".join(rule.written(type_) for type_, rule in rules(world).items())
    text = (
        f"topology: people\nchannels: {{web: {{in: {{}}}}}}\nidentity:\n  identifiers:\n{rows}\n"
        "---\njourney: nothing\nversion: 1\nentry: {on: never}\ninitial: there\n"
        "states: {there: {end: there}}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "all.yaml").write_text(text)
        return load(Path(folder))


def check(seed: int, counts: tuple[int, ...] | None = None) -> Refusals:
    """Tell the history of a seed offline and by tasks; raise AssertionError where they differ.

    By as many partitions as `counts` say, else by one of PARTITIONS. Returns who was refused.
    """
    world = seed % WORLDS
    events = history(random.Random(f"paced {seed}"), world)
    offline = Offline(rules(world))
    for event in events:
        offline.take(event)
    told = offline.customers(), offline.refusals
    for partitions in counts or random.Random(seed).sample(PARTITIONS, 1):
        found = live(seed, world, events, partitions)
        for mine, theirs in zip(found, told, strict=True):
            assert mine == theirs, f"by {partitions} partitions {mine}, but offline {theirs}"
    return offline.refusals


def history(rng: random.Random, world: int) -> list[Event]:
    """Draw some events, each of several identifiers of a few persons."""
    decode = decoder(definitions(world).program, TENANT_KEY)
    clock, events = START_MS, []
    for number in range(rng.randint(4, 12)):
        clock += rng.choice(PAUSES_MS[: rng.choice((3, 5, 7))])
        person, given = rng.randrange(3), dict[str, list[str]]()
        for _ in range(rng.choice((1, 2, 3, 4, 5))):
            type_ = rng.choice(TYPES)
            owner = rng.randrange(3) if rng.random() < 0.35 else person
            given.setdefault(type_, []).append(f"{type_[0]}{owner}-{rng.randrange(2)}")
        body = {"type": "visit", "id": f"v{number}", "time": clock, "identifiers": given}
        raw = RawRecord("web", "raw", 0, number, clock, msgspec.json.encode(body), channel="web")
        event = decode(raw)
        assert not isinstance(event, InputError), event
        events.append(event)
    return events


def live(
    seed: int, world: int, events: list[Event], partitions: int
) -> tuple[Customers, Refusals]:
    """Let tasks take the events, each when the one before has had its whole effect."""
    rng = random.Random(f"lanes {seed} {partitions}")
    mesh = Mesh(rng, [definitions(world).content], partitions, faults=0.0)
    for event in events:
        mesh.clock = event.time
        mesh.feed(event)
        mesh.rest()
    refusals: Refusals = Counter()
    for frame in mesh.effects:
        for effect in (item.effect for item in decode_effect_frame(frame).items):
            row = msgspec.json.decode(effect.value) if effect.kind == "identity" else {}
            if row.get("kind") == "refused":
                one, other = (f"{i['type']}:{i['value']}" for i in row["identifiers"])
                refusals[row["event_id"], one, other, row["reason"]] += 1
    customers = [
        sorted(f"{m.type}:{m.value}" for m in state.members.values())
        for _, state in actor_states([partition.store for partition in mesh.partitions])
        if isinstance(state, Customer) and state.is_recorded and state.members
    ]
    return sorted(customers), refusals


@dataclass(eq=False)
class Holder:
    """A set of identifiers; `is_recorded`: an event of theirs came."""

    members: list[One]
    is_recorded: bool = False


@dataclass(eq=False)
class One:
    """An identifier of the offline telling.

    `links`: whom it asked -> None where that is linked, else until when the refusal counts.
    """

    name: str
    type: str
    linked_at: int | None = None
    is_shared: bool = False
    users: set[str] = field(default_factory=set)
    links: dict[tuple[str, ...], int | None] = field(default_factory=dict)
    holder: Holder = field(init=False)

    def __post_init__(self) -> None:
        """Hold nobody else."""
        self.holder = Holder([self])


class Offline:
    """Sets of identifiers with limits: one link after the other."""

    def __init__(self, declared: dict[str, Rule]) -> None:
        self._rules = declared
        self._all: dict[str, One] = {}
        self.refusals: Refusals = Counter()

    def take(self, event: Event) -> None:
        """Take the links of an event, the strongest first."""
        anchor, *others = [self._one(named) for named in event.identifiers]
        counted = self._rules[anchor.type].counts
        if counted is not None:
            self._count(anchor, [o.name for o in others if o.type == counted])
        for other in others:
            if not anchor.is_shared:
                self._link(anchor, other, others, event)
        anchor.holder.is_recorded = True

    def customers(self) -> Customers:
        """Return those of whom an event came."""
        holders = {id(one.holder): one.holder for one in self._all.values()}
        return sorted(
            sorted(one.name for one in holder.members)
            for holder in holders.values()
            if holder.is_recorded
        )

    def _one(self, named: Identifier) -> One:
        name = f"{named.type}:{named.value}"
        if name not in self._all:
            self._all[name] = One(name, named.type)
        return self._all[name]

    def _link(self, anchor: One, other: One, others: list[One], event: Event) -> None:
        counted = self._rules[other.type].counts
        seen_with = [o.name for o in others if o.type == counted and o is not other]
        if counted == anchor.type:
            seen_with = []
        name = (other.name, *seen_with)
        until = anchor.links.get(name, 0)
        if until is None or until > event.time:
            return
        seen = [anchor.name, *seen_with] if counted == anchor.type else seen_with
        if counted is not None:
            self._count(other, seen)
        reason = "shared" if other.is_shared else self._against(anchor, other, event.time)
        if reason is not None:
            self.refusals[str(event.id), anchor.name, other.name, reason] += 1
            anchor.links[name] = event.time + DAY_MS
            return
        anchor.links[name] = None
        if anchor.holder is not other.holder:
            anchor.linked_at = other.linked_at = event.time
            union = Holder(anchor.holder.members + other.holder.members, is_recorded=True)
            for one in union.members:
                one.holder = union

    def _against(self, anchor: One, other: One, at: int) -> str | None:
        if anchor.holder is other.holder:
            return None
        counts: Counter[str] = Counter()
        for one in anchor.holder.members + other.holder.members:
            per_ms = self._rules[one.type].per_ms
            is_counted = per_ms is None or one in (anchor, other)
            if not is_counted and one.linked_at is not None and per_ms is not None:
                is_counted = one.linked_at > at - per_ms
            counts[one.type] += is_counted
        broken = any(count > self._rules[type_].limit for type_, count in counts.items())
        return "limit" if broken else None

    def _count(self, one: One, users: list[str]) -> None:
        most = self._rules[one.type].shared_after
        if most is None or one.is_shared:
            return
        one.users.update(users)
        if len(one.users) <= most:
            return
        one.is_shared, one.linked_at, one.links = True, None, {}
        one.holder.members.remove(one)
        for left in one.holder.members:
            for name in [name for name in left.links if one.name in name]:
                del left.links[name]
        one.holder = Holder([one])
