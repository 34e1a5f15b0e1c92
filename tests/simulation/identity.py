"""Random histories for identity: who visits with what, and what operators order meanwhile.

Each visit opens an instance of its own that never ends, counts once, and is one of a `distinct`
trait: so the whole of a customer's state can be counted by the numbers of the visits. One more
journey lives once a customer: two customers that become one have it twice.
"""

from __future__ import annotations

import functools
import json
import random
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import Erase, Find, Order, Show, Tie, Unlink, identifier_key
from cjo_stream.definition import DefinitionSet, load, succeed
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import decoder
from tests.world.mesh import Mesh
from tests.world.small import draw_bounds

TENANT_KEY = b"a key for tests"
PERSONS = 4
BLOCKED = "guest"
THINGS = range(12)
"""Numbers of what is done in one history; in haste CALM more, one after the other, come first."""
CALM = 6

TOPOLOGY = """
topology: people
channels: {web: {in: {}}}
identity:
  identifiers:
%s
  blocked: [guest]
profile:
  facts: {latest: number}
  traits:
    visits: {count: visit}
    numbers: {distinct: event.number, on: visit, keep: 1000}
---
journey: each
version: 1
entry: {on: visit, key: event.number, reentry: always}
initial: waiting
states:
  waiting: {after: {20s: seen}}
  seen: {on: {never: gone}}
  gone: {end: gone}
---
journey: once
version: 1
entry: {on: visit}
initial: waiting
states:
  waiting: {on: {visit: {when: event.number % 3 == 0, to: deeper}}}
  deeper: {after: {30s: gone}}
  gone: {end: gone}
"""


@dataclass(frozen=True)
class Kind:
    """A kind of history: the identifier types (strongest first), and who interferes."""

    name: str
    identifiers: tuple[str, ...]
    foreign: float = 0.15
    """The share of identifiers that are somebody else's."""
    orders: float = 0.0
    """The share of operators' orders among all that is done."""
    unlinks: bool = False
    erases: bool = True
    guards: bool = False
    """New versions have guarded canaries, whose verdicts fall meanwhile."""
    in_haste: bool = False
    """After some quiet beginning everything comes at once, over more partitions."""


FREE = Kind(
    "free",
    (
        "{type: user, limit: 999}",
        "{type: email, limit: 999}",
        "{type: device, limit: 999}",
        "{type: cookie, limit: 999}",
    ),
)
LIMITED = Kind(
    "limited",
    (
        "{type: user, limit: 1}",
        "{type: email, limit: 2}",
        "{type: device, limit: 2}",
        "{type: cookie, limit: 4}",
    ),
)
SLIDING = Kind(
    "sliding",
    (
        "{type: user, limit: 1}",
        "{type: email, limit: 2, per: 5s}",
        "{type: device, limit: 2}",
        "{type: cookie, limit: 2, per: 3s}",
    ),
)
SHARED = Kind(
    "shared",
    (
        "{type: user, limit: 2}",
        "{type: email, limit: 3, shared_after: 2, of: cookie}",
        "{type: device, limit: 3, shared_after: 1}",
        "{type: cookie, limit: 4, shared_after: 2, of: email}",
    ),
    foreign=0.4,
)
ERASED = Kind("erased", LIMITED.identifiers, orders=0.12)
UNMERGED = Kind("unmerged", LIMITED.identifiers, orders=0.15, unlinks=True)
PARTED = Kind(
    "parted",
    ("{type: user, limit: 3}", "{type: email, limit: 4}", "{type: device, limit: 4}"),
    foreign=0.3,
    orders=0.4,
    unlinks=True,
    erases=False,
    in_haste=True,
)
ANYTHING = Kind("anything", SHARED.identifiers, foreign=0.4, orders=0.15, unlinks=True)
GUARDED = Kind("guarded", LIMITED.identifiers, guards=True)
"""Not one of KINDS: it is about what goes on beside the identifiers."""
KINDS = (FREE, LIMITED, SLIDING, SHARED, ERASED, UNMERGED, PARTED, ANYTHING)


CHANGES = (
    (
        ("version: 1\nentry: {on: visit, key", "version: 2\nentry: {on: visit, key"),
        ("after: {20s: seen}", "after: {25s: seen}"),
        ("    visits:", "    newest: {last: event.number, on: visit}\n    visits:"),
    ),
    (
        ("version: 1\nentry: {on: visit}", "version: 2\nentry: {on: visit}"),
        ("% 3 == 0", "% 3 == 1"),
        ("after: {30s: gone}", "after: {5s: gone}"),
        ("facts: {latest: number}", "facts: {latest: string}"),
    ),
)
"""What the second set changes, and the third; that one also allows one more of each identifier."""


ENDS = (("each", "promote"), ("once", "back"))
"""The journeys that these sets give a new version, and the ends of their canaries."""
_GUARDS = "{share: 50%%, guards: [{metric: exit_rate, worse_than: 10%%}], then: %s, for: 1s}"


@functools.cache
def topology_of(kind: Kind) -> DefinitionSet:
    """Return the compiled topology of a kind of history."""
    return _loaded(kind, 0)


@functools.cache
def sets_of(kind: Kind) -> tuple[bytes, ...]:
    """Return the sets that are applied in a kind of history, one after the other."""
    sets: list[bytes] = []
    for number in range(len(CHANGES) + 1):
        sets.append(succeed(_loaded(kind, number), sets[-1] if sets else None))
    return tuple(sets)


def _loaded(kind: Kind, changes: int) -> DefinitionSet:
    rows = "\n".join(f"    - {row}" for row in kind.identifiers)
    text = TOPOLOGY.replace("%s", rows, 1)
    for old, new in (pair for change in CHANGES[:changes] for pair in change):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    for journey, then in ENDS[:changes] if kind.guards else ():
        head = f"journey: {journey}\nversion: 2\n"
        assert text.count(head) == 1
        text = text.replace(head, f"{head}canary: {_GUARDS % then}\nmigrate: follow\n")
    if changes == len(CHANGES):
        text = re.sub(r"limit: (\d+)", lambda found: f"limit: {int(found[1]) + 1}", text)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "all.yaml").write_text(text)
        return load(Path(folder))


@dataclass
class History:
    """What was done: every event fed, every order given."""

    kind: Kind
    events: list[Event] = field(default_factory=list)
    orders: list[Tie | Order] = field(default_factory=list)

    @property
    def links(self) -> list[tuple[Identifier, Identifier, Event]]:
        """Return the links seen: each event's anchor with each of its other identifiers."""
        return [
            (event.identifiers[0], other, event)
            for event in self.events
            for other in event.identifiers[1:]
        ]


class Life:
    """What persons and operators do: each thing is drawn from `seed` and its number."""

    def __init__(self, seed: str, kind: Kind, mesh: Mesh) -> None:
        self.history = History(kind)
        self._seed = seed
        self._random = random.Random()
        self._mesh = mesh
        drawn = ("user", "email", "device", "device", "cookie", "cookie")
        self._types = [type_ for type_ in drawn if type_ in topology_of(kind).program.identifiers]
        self._decode = decoder(topology_of(kind).program, TENANT_KEY)

    def go_on(self, number: int) -> None:
        """Do the thing of this number."""
        self._random = random.Random(f"{self._seed} {number}")
        events = self.history.events
        if events and self._random.random() < self.history.kind.orders:
            self._order()
        else:
            self._visit(number)

    def _visit(self, number: int) -> None:
        rng = self._random
        person = rng.randrange(PERSONS)
        given: dict[str, list[str]] = {}
        for _ in range(rng.choice((1, 2, 2, 3))):
            type_ = rng.choice(self._types)
            owner = rng.randrange(PERSONS) if rng.random() < self.history.kind.foreign else person
            value = f"{type_}-{owner}-{rng.randrange(1 if type_ == 'user' else 2)}"
            given.setdefault(type_, []).append(value)
        if rng.random() < 0.05:
            given.setdefault("email", []).append(BLOCKED)
        body = {
            "type": "visit",
            "id": f"v{number}",
            "time": self._mesh.clock - rng.choice((0, 0, 300)),
            "identifiers": given,
            "attributes": {"number": number},
        }
        raw = RawRecord(
            "web", "raw", 0, number, self._mesh.clock, json.dumps(body).encode(), channel="web"
        )
        event = self._decode(raw)
        if isinstance(event, InputError):  # nothing but the blocked value
            return
        self.history.events.append(event)
        self._mesh.feed(event)

    def _order(self, identifiers: list[Identifier] | None = None) -> None:
        """Let an operator order something; at times one more, of the same identifiers, at once."""
        rng, events = self._random, self.history.events
        if identifiers is None:
            identifiers = rng.choice(events).identifiers
        one = identifiers[0]
        command = f"command{len(self.history.orders)}"
        order: Tie | Order
        kinds = ("tie", "unlink", "unlink", "show") if self.history.kind.unlinks else ()
        drawn = rng.choice(("erase" if self.history.kind.erases else "unlink", "tie", *kinds))
        if drawn == "tie":
            other = rng.choice(rng.choice(events).identifiers)
            if other.hash == one.hash:
                return
            order = Tie(command, one, other)
        elif drawn == "unlink":
            other = rng.choice(identifiers)
            every = other.hash == one.hash
            order = Unlink(command, one.hash, None if every else other.hash, rng.random() < 0.9)
        elif drawn == "show":
            order = Show(command)
        else:
            order = Erase(command, rng.random() < 0.9)
        self.history.orders.append(order)
        found = order if isinstance(order, Tie) else Find(order)
        self._mesh.order(identifier_key(one.hash), found)
        if rng.random() < 0.3:
            self._order(identifiers)


def things_of(kind: Kind) -> range:
    """Return the numbers of all that is done in a history of a kind."""
    return range(len(THINGS) + CALM if kind.in_haste else len(THINGS))


def done_in(seed: int, kind: Kind, things: Sequence[int], order: int) -> list[str]:
    """Return what is done in a history, a line each."""
    history = live(seed, kind, things=things, order=order)[1]
    visits = [
        f"visit {e.id} at {e.time}: {[f'{i.type}:{i.value}' for i in e.identifiers]}"
        for e in history.events
    ]
    return [*visits, *(f"order {order}" for order in history.orders)]


def live(
    seed: int,
    kind: Kind,
    *,
    things: Sequence[int] | None = None,
    order: int = 0,
    partitions: int | None = None,
    faults: float = 0.02,
) -> tuple[Mesh, History]:
    """Let a history run to its end, quiet; everything is drawn from `seed`.

    `things`: the numbers of those that are done. `order` is another one, with other faults, in
    which all happens.
    """
    partitions = partitions or (8 if kind.in_haste else 3)
    name = f"{kind.name} {seed}"
    rng = random.Random(f"order {order} {name}")
    bounds = draw_bounds(random.Random(f"bounds {name}"))
    mesh = Mesh(rng, sets_of(kind), partitions, faults, bounds)
    life = Life(name, kind, mesh)
    left = list(things_of(kind) if things is None else things)
    if kind.in_haste:
        while left and left[0] < CALM:
            life.go_on(left.pop(0))
        mesh.rest()
    pace = rng.choice((0.5, 0.8) if kind.in_haste else (0.05, 0.2, 0.5))
    while left:
        if rng.random() < pace:
            life.go_on(left.pop(0))
        elif kind.guards and rng.random() < 0.05:
            mesh.apply(cut=0.3)
        elif rng.random() < 0.1:
            mesh.pause(rng.choice((1, 50, 700, 2_500, 60_000 if kind.guards else 20_000)))
        else:
            mesh.step()
    mesh.rest()
    mesh.run_out()
    return mesh, life.history
