"""Random definitions, as plain data: each a set of documents that loads.

They draw on every key and word of the grammar's tables, small enough for rules to meet: few
event types, few values, short caps, durations that collide.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from cjo_stream.definition.grammar.action import ACTION
from cjo_stream.definition.grammar.compound import Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.item import Shape
from cjo_stream.definition.grammar.journey import JOURNEY
from cjo_stream.definition.grammar.measure import MEASURE
from cjo_stream.definition.grammar.policy import POLICY
from cjo_stream.definition.grammar.scalar import Choice, DurationOr
from cjo_stream.definition.grammar.topology import TOPOLOGY

Document = dict[str, Any]

SHAPES = {
    "topology": TOPOLOGY,
    "journey": JOURNEY,
    "action": ACTION,
    "policy": POLICY,
    "measure": MEASURE,
}
TYPES = ("viewed", "carted", "bought", "asked", "answered")
BUILT_IN = ("cjo.outcome", "cjo.consent", "cjo.profile")
RAISED = ("raised_one", "raised.two")
ENGINE = ("journey.entered", "journey.ended", "journey.goal")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
DURATIONS = ("45s", "10m", "30m", "30m", "1h", "90m", "2h", "12h", "1d", "1d", "1d12h", "1w")
CHANNELS = ("mail", "push", "site", "shop")
ISSUES, GROUPS = ("sales", "care"), ("cards", "loans")
CLASSES = ("marketing", "marketing", "service", "transactional")
OUTCOMES = ("delivered", "impression", "click", "accept", "reject", "failed", "converted")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KINDS = ("sum", "min", "max", "first", "last", "distinct", "count", "count")
FACTS = {
    "tier": {"type": "string", "default": "basic"},
    "vip": {"type": "boolean", "default": False},
    "age": "number",
    "renewal": "time",
    "products": "list",
    "timezone": "string",
}
NUMBER_ATTRIBUTES, TEXT_ATTRIBUTES = ("n", "m"), ("k", "s")


def draw_definitions(draw: Random) -> list[Document]:
    """Return documents of all kinds, the topology first."""
    return _Author(draw).write()


def text_of(documents: list[Document]) -> str:
    """Return the documents as one YAML file; JSON is YAML 1.2."""
    return "".join(f"---\n{json.dumps(document)}\n" for document in documents)


def keys_used(documents: list[Document]) -> Counter[str]:
    """Count the grammar's keys and words in documents, by name."""
    met: Counter[str] = Counter()
    for document in documents:
        kind = next(iter(document))
        met.update(_used(SHAPES[kind], document, ""))
    return met


def keys_known() -> set[str]:
    """Return the names of all keys and words that the grammar's tables have."""
    known: set[str] = set()
    for shape in SHAPES.values():
        known.update(_known(shape, "", set()))
    return known


def _used(shape: Shape, value: Any, place: str) -> Iterator[str]:
    if isinstance(shape, Many):
        for one in value if isinstance(value, list) else [value]:
            yield from _used(shape.of, one, place)
    elif isinstance(shape, ScalarOr):
        part = shape.mapping if isinstance(value, dict) else shape.scalar
        yield from _used(part, value, place)
    elif isinstance(shape, MapOf):
        for key, one in value.items():
            yield from _used(shape.key, key, place)
            yield from _used(shape.of, one, place)
    elif isinstance(shape, Record):
        if not isinstance(value, dict):
            yield f"{shape.subject}: short"
            yield from _used(shape.fields[shape.short or ""].of, value, place)
            return
        for key, one in value.items():
            name = f"{shape.subject}: {key}"
            yield name
            yield from _used(shape.fields[key].of, one, name)
    elif isinstance(shape, Choice | DurationOr) and value in shape.words:
        yield f"{place} = {value}"


def _known(shape: Shape, place: str, seen: set[int]) -> Iterator[str]:
    if isinstance(shape, Many):
        yield from _known(shape.of, place, seen)
    elif isinstance(shape, ScalarOr):
        yield from _known(shape.scalar, place, seen)
        yield from _known(shape.mapping, place, seen)
    elif isinstance(shape, MapOf):
        yield from _known(shape.key, place, seen)
        yield from _known(shape.of, place, seen)
    elif isinstance(shape, Record) and id(shape) not in seen:
        seen.add(id(shape))
        if shape.short is not None:
            yield f"{shape.subject}: short"
        for key, row in shape.fields.items():
            name = f"{shape.subject}: {key}"
            yield name
            yield from _known(row.of, name, seen)
    elif isinstance(shape, Choice | DurationOr):
        yield from (f"{place} = {word}" for word in shape.words)


class _Author:
    """Writes one set; what is declared so far tells what may be named."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw
        self.types: list[str] = []
        self.facts: dict[str, Any] = {}
        self.traits: dict[str, str] = {}
        self.channels: list[str] = []
        self.actions: dict[str, list[str]] = {}
        self.issues: list[str] = []
        self.groups: list[str] = []
        self.hears_engine = False

    def write(self) -> list[Document]:
        topology = self.topology()
        names = [f"action_{letter}" for letter in "abcd"[: self.draw.randint(1, 4)]]
        actions = [self.action(name) for name in names]
        policy = [self.policy()] if self.chance(0.85) else []
        letters = "abc"[: self.draw.randint(1, 3)]
        journeys = [self.journey(f"journey_{letter}") for letter in letters]
        self.predict(topology, actions, journeys)
        measures = self.measures(topology, journeys)
        self.switch(topology, actions)
        return [topology, *actions, *policy, *journeys, *measures]

    def switch(self, topology: Document, actions: list[Document]) -> None:
        """Switch kinds of records off; drawn apart, so that all else stays."""
        self.draw = Random(repr((topology, actions)))
        treatments = [one for action in actions for one in action["treatments"].values()]
        learns = any(isinstance(one.get("propensity"), dict) for one in [*actions, *treatments])
        words = dict.fromkeys(("transition", "profile"), ("on", "off", "off"))
        words["decision"] = ("on", "off", "decide", "decide")
        words["reward"] = ("on",) if learns else ("on", "off", "off")
        if self.chance(0.5):
            topology["records"] = {
                kind: self.draw.choice(words[kind]) for kind in self.some(words, len(words))
            }

    def measures(self, topology: Document, journeys: list[Document]) -> list[Document]:
        """Return measures; drawn apart, so that all else stays."""
        self.draw = Random(repr((topology, journeys)))
        names = [f"measure_{letter}" for letter in "abc"[: self.draw.randint(0, 3)]]
        return [self.measure(name) for name in names]

    def measure(self, name: str) -> Document:
        per = self.draw.choice(("customer", "journey", "state", "state"))
        of = dict.fromkeys([*TYPES, *TYPES, *BUILT_IN, *RAISED, *ENGINE])
        row: Document = {"measure": name, "on": self.one_or_some(of, 4)}
        self.maybe(row, 0.1, "owner", lambda: "team")
        self.maybe(row, 0.1, "about", lambda: "A measure.")
        on = row["on"] if isinstance(row["on"], list) else [row["on"]]
        if set(on) <= set(ENGINE):
            conditions, values = ["event.journey != 'journey_a'"], ["len(event.journey)"]
        else:
            conditions = ["has(event.k)", "event.n < 4", "event.type != 'asked'"]
            values = [2, "event.n", "0 - event.m / 3"]
            conditions += [] if per == "customer" else ["event.k == key", "key != 'x'"]
        self.maybe(row, 0.4, "when", lambda: self.draw.choice(conditions))
        self.maybe(row, 0.6, "value", lambda: self.draw.choice(values))
        if per != "customer" or self.chance(0.3):
            row["per"] = per
        return row

    def predict(
        self, topology: Document, actions: list[Document], journeys: list[Document]
    ) -> None:
        """Add predictions, and let actions read them; drawn apart, so that all else stays."""
        self.draw = Random(repr((topology, actions, journeys)))
        if self.chance(0.6):
            return
        goals = [one["journey"] for one in journeys if "goal" in one]
        rules: Document = {}
        for name in ("first", "second")[: self.draw.randint(1, 2)]:
            row: Document = {"on": self.on()}
            self.maybe(row, 0.3, "when", lambda: self.draw.choice(("event.n > 1", "has(event.k)")))
            kind = self.draw.choice(("event", "without", "goal" if goals else "event"))
            row[kind] = self.draw.choice(goals) if kind == "goal" else self.on()
            row["within"] = self.draw.choice(("10m", "2h", "1d"))
            row["prior"] = self.draw.choice((0, 0.2, 0.5, 1))
            features = [*(f"profile.{one}" for one in self.traits), "profile.last_channel", "now"]
            self.maybe(row, 0.7, "features", lambda features=features: self.some(features, 3))
            rules[name] = row
        topology["predict"] = rules
        for one in actions:
            self.maybe(one, 0.5, "value", lambda: "predict.first * 10")
            self.maybe(one, 0.3, "eligible", lambda: f"predict.{self.draw.choice([*rules])} < 0.7")

    # --- draws

    def chance(self, share: float) -> bool:
        return self.draw.random() < share

    def some(self, of: Any, most: int = 2) -> list[Any]:
        of = list(of)
        return self.draw.sample(of, min(len(of), self.draw.randint(1, most)))

    def one_or_some(self, of: Any, most: int = 2) -> Any:
        found = self.some(of, most)
        return found[0] if len(found) == 1 and self.chance(0.7) else found

    def duration(self) -> str:
        return self.draw.choice(DURATIONS)

    def maybe(self, into: Document, share: float, key: str, value: Callable[[], Any]) -> None:
        if self.chance(share):
            into[key] = value()

    # --- expressions

    def number(self, *roots: str) -> str:
        draw = self.draw
        options = ["event.n", "event.n", "event.m", "event.attributes.n"]
        options += [f"profile.{n}" for n, kind in self.traits.items() if kind == "number"]
        options += ["profile.age"] if "age" in self.facts else []
        options += ["profile.open_cases", "len(profile.identifiers.user)"]
        options += ["hours_since(profile.last_seen)", "bucket(profile.id, 10)", "hour()"]
        options += ["days_since(event.time)", "float(event.s)", "int(event.n)"]
        if "entry" in roots:
            options += ["entry.n", "data.n", "data.total", "abs(data.n)"]
        if "request" in roots:
            options += ["data.n", "data.total", "len(candidate.channel)"]
        one = draw.choice(options)
        if self.chance(0.4):
            other = draw.choice([*options, str(draw.randint(0, 4))])
            form = draw.choice(
                (
                    "{} + {}", "{} - {}", "{} * {}", "{} / {}", "{} // {}", "{} % {}",
                    "coalesce({}, {})", "min({}, {})", "max({}, {})", "round({}) + {}",
                )
            )  # fmt: skip
            one = form.format(one, other)
        return one

    def word(self, *roots: str) -> str:
        options = ["event.k", "event.k", "event.s", "event.channel", "event.type"]
        options += [f"profile.{n}" for n, kind in self.traits.items() if kind == "text"]
        options += ["profile.tier"] if "tier" in self.facts else []
        options += ["profile.last_channel", "weekday()", "lower(event.s)", "slug(event.s)"]
        options += ["str(event.n)", "upper(event.k)", "date(event.time)", "event['k']"]
        if "entry" in roots:
            options += ["entry.k", "key", "data.k", "entry.type"]
        if "request" in roots:
            options += ["key", "data.k", "candidate.channel"]
        return self.draw.choice(options)

    def condition(self, *roots: str) -> str | bool:
        draw = self.draw
        if self.chance(0.04):
            return True
        one = draw.choice(
            (
                lambda: (
                    f"{self.number(*roots)} {draw.choice(('>', '>=', '<', '!='))} "
                    f"{draw.randint(0, 5)}"
                ),
                lambda: f"{self.number(*roots)} >= {self.number(*roots)}",
                lambda: f"{self.word(*roots)} == '{draw.choice('xyz')}'",
                lambda: f"{self.word(*roots)} == {self.word(*roots)}",
                lambda: f"{self.word(*roots)} in ['x', 'y', 'push', 'mon']",
                lambda: f"{self.word(*roots)} not in ['x', 'sat']",
                lambda: f"not {self.word(*roots)} == 'z'",
                lambda: f"has({self.word(*roots)})",
                lambda: "consented('marketing', 'mail')",
                lambda: (
                    "event.b" if self.chance(0.5) or "vip" not in self.facts else "profile.vip"
                ),
                lambda: f"1 <= {self.number(*roots)} < 7",
                lambda: f"contains({self.word(*roots)}, 'x')",
                lambda: f"starts_with({self.word(*roots)}, 'x')",
                lambda: f"len(event.l) > {draw.randint(0, 2)}",
                lambda: "max(event.l) == min(event.l)",
                lambda: f"profile.open_cases {draw.choice(('== 0', '> 0'))}",
                lambda: f"now - duration('{self.duration()}') < profile.last_case_closed",
                lambda: "now > timestamp('2026-03-28T12:00:00+01:00')",
                lambda: "now > timestamp(event.t, 'ms')",
                lambda: "now > timestamp('29.03.2026 02:30', '%d.%m.%Y %H:%M', 'Europe/Berlin')",
            )
        )()
        if self.chance(0.2):
            one = f"{one} {draw.choice(('and', 'or'))} {self.condition(*roots)}"
        return one if self.chance(0.95) else f"({one}) if {self.word(*roots)} == 'x' else true"

    def value(self, *roots: str) -> Any:
        return self.draw.choice(
            (
                lambda: self.number(*roots),
                lambda: self.word(*roots),
                lambda: f"{self.word(*roots)} + {self.word(*roots)}",
                lambda: "event.l",
                lambda: "now",
                lambda: self.draw.randint(0, 9),
                lambda: self.condition(*roots),
                lambda: "event.o['id']",
                lambda: self.draw.choice(
                    ("event.l[0]", "event.l[-1]", "profile.identifiers.user[0]")
                ),
                lambda: "lookup([event.o, event.o], 'id', event.k).n",
                lambda: f"[{self.word(*roots)}, {self.number(*roots)}]",
            )
        )()

    def moment(self) -> str:
        time = self.draw.choice(("09:00", "02:30", "23:59", "00:00"))
        day = self.draw.choice(DAYS)
        return self.draw.choice(
            (
                f"next_time('{time}')",
                f"next_time('{time}', ['{day}', 'sun'])",
                f"now + duration('{self.duration()}')",
                f"now - duration('{self.duration()}')",
                "event.t",
                "entry.t + duration('1h')",
                f"entry.time + duration('{self.duration()}')",
                *(["profile.renewal"] if "renewal" in self.facts else []),
            )
        )

    # --- topology

    def on(self, most: int = 2) -> Any:
        of = [*TYPES, *TYPES, *BUILT_IN]
        return self.one_or_some(dict.fromkeys(self.draw.sample(of, 6)), most)

    def topology(self) -> Document:
        draw = self.draw
        self.facts = {name: FACTS[name] for name in FACTS if self.chance(0.6)}
        document: Document = {"topology": "random"}
        self.maybe(document, 0.1, "about", lambda: "A world.")
        self.maybe(document, 0.6, "timezone", lambda: draw.choice(ZONES))
        self.maybe(document, 0.2, "region", lambda: "DE")
        self.maybe(document, 0.5, "dedupe", lambda: draw.choice(("1m", "2h", "7d")))
        self.maybe(document, 0.5, "grace", lambda: draw.choice(("1s", "5m", "2h")))
        self.maybe(document, 0.5, "max_late", lambda: draw.choice(("10m", "1h", "1d")))
        document["channels"] = self.draw_channels()
        document["identity"] = self.identity()
        facts = {name: self.fact(fact) for name, fact in self.facts.items()}
        traits = {f"trait_{letter}": self.trait(f"trait_{letter}") for letter in "abcdef"}
        names = draw.sample(list(traits), draw.randint(0, 6))
        self.traits = {n: kind for n, kind in self.traits.items() if n in names}
        profile: Document = {}
        if facts:
            profile["facts"] = facts
        if names:
            profile["traits"] = {name: traits[name] for name in names}
        if profile:
            document["profile"] = profile
        self.maybe(document, 0.5, "service", self.service)
        return document

    def draw_channels(self) -> Document:
        draw = self.draw
        inputs: dict[str, Any] = {
            "site": {},
            "push": {"topic": "app.tracking", "format": "segment"},
            "shop": {"topic": "tills", "format": "mapped", "map": self.maps()},
            "feed": {"format": "cloudevents"},
        }
        outs = {"mail": "email", "push": "device", "site": "cookie", "shop": "user"}
        channels: Document = {}
        for name in ("site", "push", "shop", "feed", "mail"):
            channel: Document = {}
            if name in inputs and (name == "site" or self.chance(0.5)):
                channel["in"] = inputs[name]
                if name == "site":
                    self.maybe(channel["in"], 0.2, "format", lambda: "native")
            if name in outs and (name == "mail" or self.chance(0.7)):
                channel["out"] = {"address": outs[name]}
                self.maybe(channel["out"], 0.1, "topic", lambda name=name: f"out.{name}")
                self.channels.append(name)
            if channel:
                channels[name] = channel
        items = list(channels.items())
        draw.shuffle(items)
        return dict(items)

    def maps(self) -> Any:
        """Return the map of a row; at times several, or one an element of a list."""
        first = self.map()
        if self.chance(0.6):
            return first
        if self.chance(0.5):
            return [{"each": "row.l", **self.item()}]
        return [first, *([{"each": "row.l", **self.item()}] if self.chance(0.5) else [self.map()])]

    def item(self) -> Document:
        """Return a map of an element."""
        return {
            "type": "'viewed' if has(item) else row.type",
            "time": self.draw.choice(("row.time", "timestamp(row.time)")),
            "id": "row.id",
            "identifiers": {"user": "row.user", "cookie": "row.cookie", "device": "row.device"},
            "attributes": {"k": "item", "n": "row.n", "s": "row.l[-1]"},
        }

    def map(self) -> Document:
        mapped: Document = {
            "type": self.draw.choice(("row.type", "slug(row.type)", "'bought'")),
            "time": "row.time",
            "identifiers": {name: f"row.{name}" for name in ("user", "email", "device", "cookie")},
            "attributes": {name: f"row.{name}" for name in "nmksbtlo"},
        }
        self.maybe(mapped, 0.7, "id", lambda: "row.id")
        for name in ("action_id", "action", "outcome", "purpose", "status"):
            mapped["attributes"][name] = f"row.{name}"
        return mapped

    def identity(self) -> Document:
        draw = self.draw
        rows: list[Document] = []
        for name in ("user", "email", "phone", "device", "cookie"):
            row: Document = {"type": name}
            if name in ("email", "phone"):
                self.maybe(row, 0.5, "normalise", lambda name=name: name)
            self.maybe(row, 0.5, "limit", lambda: draw.choice((1, 1, 2, 3)))
            self.maybe(row, 0.15, "per", lambda: draw.choice(("30m", "1d", "30d")))
            if name != "user" and self.chance(0.25):
                row["shared_after"] = draw.randint(1, 2)
                others = [one["type"] for one in rows]
                self.maybe(row, 0.3, "of", lambda others=others: draw.choice(others))
            rows.append(row)
        identity: Document = {"identifiers": rows}
        self.maybe(identity, 0.3, "blocked", self.blocked)
        return identity

    def blocked(self) -> list[Any]:
        return [
            "guest",
            self.draw.choice(
                ("shared@example.com", {"type": "email", "value": "shared@example.com"})
            ),
            self.draw.choice(({"pattern": "^bot-"}, {"type": "cookie", "pattern": "bot"})),
        ]

    def fact(self, fact: Any) -> Any:
        if isinstance(fact, dict):
            return fact if self.chance(0.8) else fact["type"]
        return fact if self.chance(0.8) else {"type": fact}

    def trait(self, name: str) -> Document:
        kind = self.draw.choice(KINDS)
        row: Document = {}
        if kind == "count":
            row["count"] = self.on()
        elif kind in ("sum", "min", "max"):
            row[kind] = self.draw.choice(("event.n", "event.n", "event.m", "event.n * 2"))
        else:
            row[kind] = self.draw.choice(("event.k", "event.s", "event.n", "event.channel"))
        if kind != "count":
            row["on"] = self.on()
        self.traits[name] = "number" if kind in ("count", "sum", "min", "max") else "text"
        self.maybe(row, 0.3, "when", lambda: self.draw.choice(("event.n > 1", "event.k == 'x'")))
        self.maybe(row, 0.3, "per", lambda: self.draw.choice(("30m", "1h", "1d", "7d")))
        if kind == "distinct":
            self.traits[name] = "list"
            self.maybe(row, 0.4, "keep", lambda: self.draw.choice((1, 2, 3)))
        return row

    def service(self) -> Document:
        def rule(of: str) -> Any:
            row: Document = {"on": of}
            self.maybe(row, 0.7, "key", lambda: "event.k")
            self.maybe(row, 0.2, "when", lambda: self.condition())
            return row if self.chance(0.8) else [row, {"on": "viewed", "when": "event.n == 9"}]

        service: Document = {"opened": rule("asked")}
        self.maybe(service, 0.8, "closed", lambda: rule("answered"))
        return service

    # --- actions

    def action(self, name: str) -> Document:
        draw = self.draw
        document: Document = {"action": name}
        self.maybe(document, 0.6, "issue", lambda: draw.choice(ISSUES))
        self.maybe(document, 0.6, "group", lambda: draw.choice(GROUPS))
        self.maybe(document, 0.1, "owner", lambda: "team")
        self.maybe(document, 0.7, "class", lambda: draw.choice(CLASSES))
        self.maybe(
            document,
            0.5,
            "value",
            lambda: draw.choice((draw.randint(0, 200), self.number("request"))),
        )
        self.maybe(document, 0.3, "lever", lambda: draw.choice((-150, 10, 50)))
        for gate in ("eligible", "applicable", "suitable"):
            self.maybe(document, 0.2, gate, lambda: self.condition("request"))
        self.maybe(document, 0.3, "context", self.context)
        self.maybe(document, 0.4, "propensity", self.propensity)
        self.maybe(
            document, 0.4, "limits", lambda: [self.limit() for _ in range(2)][: draw.randint(1, 2)]
        )
        self.maybe(document, 0.4, "expires", lambda: draw.choice(("10m", "2h", "1d")))
        treatments = {channel: self.treatment() for channel in self.some(self.channels, 4)}
        document["treatments"] = treatments
        self.issues += [document["issue"]] if "issue" in document else []
        self.groups += [document["group"]] if "group" in document else []
        self.actions[name] = list(treatments)
        return document

    def context(self) -> Any:
        rows = [
            {"when": self.condition(), "weight": self.draw.choice((-150, -20, 50, 100))}
            for _ in range(self.draw.randint(1, 2))
        ]
        return rows if len(rows) > 1 or self.chance(0.5) else rows[0]

    def propensity(self) -> Any:
        draw = self.draw
        if self.chance(0.5):
            features = [
                draw.choice(("event.k", "event.channel", "profile.last_channel", "event.n"))
            ]
            row: Document = {"prior": draw.choice((0.02, 0.3, 0.5))}
            self.maybe(row, 0.8, "features", lambda: features)
            return row
        return draw.choice((0.5, 0.1, 1, "event.n / 10", "0.2 if event.b else 0.7"))

    def treatment(self) -> Document:
        row: Document = {}
        self.maybe(row, 0.6, "template", lambda: self.draw.choice(("one", "two")))
        self.maybe(
            row, 0.5, "payload", lambda: {n: self.value("request") for n in self.some("pq")}
        )
        self.maybe(row, 0.3, "propensity", self.propensity)
        return row

    def limit(self) -> Document:
        draw = self.draw
        row: Document = {"outcome": draw.choice(("offered", *OUTCOMES))}
        self.maybe(row, 0.4, "count", lambda: draw.randint(1, 3))
        self.maybe(row, 0.4, "per", lambda: draw.choice(("1h", "1d", "30d")))
        row["pause"] = draw.choice(("10m", "2h", "1d", "30d", "forever"))
        return row

    # --- policy

    def policy(self) -> Document:
        draw = self.draw
        document: Document = {"policy": "contact"}
        self.maybe(document, 0.6, "caps", lambda: [self.cap() for _ in range(draw.randint(1, 3))])
        self.maybe(document, 0.3, "limits", lambda: [self.scoped_limit()])
        self.maybe(document, 0.5, "quiet_hours", self.quiet_hours)
        self.maybe(
            document,
            0.6,
            "consent",
            lambda: {c: draw.choice(("opt_in", "opt_out")) for c in self.some(CLASSES[1:], 3)},
        )
        self.maybe(document, 0.4, "service_gate", lambda: {"block": self.some(CLASSES[1:], 3)})
        self.maybe(document, 0.4, "levers", self.levers)
        self.maybe(document, 0.25, "holdout", lambda: draw.choice(("20%", 0.5)))
        self.maybe(
            document,
            0.4,
            "explore",
            lambda: draw.choice(("30%", 1.0, {"thompson": True}, {"thompson": False})),
        )
        self.maybe(document, 0.3, "week_starts", lambda: draw.choice(DAYS))
        self.maybe(document, 0.5, "reward_window", lambda: draw.choice(("10m", "2h", "1d")))
        return document

    def scope(self, row: Document, *names: str) -> None:
        values: dict[str, Any] = {
            "class": CLASSES[1:],
            "channel": self.channels,
            "issue": dict.fromkeys(self.issues),
            "group": dict.fromkeys(self.groups),
            "action": list(self.actions),
        }
        for name in names:
            of = values[name]
            self.maybe(row, 0.3 if of else 0, name, lambda of=of: self.one_or_some(of))

    def cap(self) -> Document:
        draw = self.draw
        row: Document = {"max": draw.choice((0, 1, 1, 2, 2, 3))}
        row["per"] = draw.choice(("day", "week", "month", "10m", "1h", "1d", "7d"))
        self.maybe(row, 0.3, "name", lambda: f"cap_{draw.randrange(10_000)}")
        self.scope(row, "class", "channel", "issue", "group", "action")
        return row

    def scoped_limit(self) -> Document:
        row = self.limit()
        self.scope(row, "channel", "issue", "group")
        return row

    def quiet_hours(self) -> Any:
        draw = self.draw

        def window() -> Document:
            row: Document = {}
            times = draw.choice((("21:00", "08:00"), ("12:00", "13:00"), ("02:15", "03:10"), None))
            if times is not None:
                row["from"], row["until"] = times
            if times is None or self.chance(0.3):
                row["days"] = self.some(DAYS, 3)
            self.maybe(row, 0.4, "channel", lambda: self.one_or_some(self.channels))
            row["then"] = draw.choice(("delay", "delay", "drop"))
            return row

        return window() if self.chance(0.5) else [window(), window()]

    def levers(self) -> Document:
        percent = self.draw.choice((20, -100, 100, -300))
        levers = {"issue": self.issues[:1], "group": self.groups[:1]}
        return {name: dict.fromkeys(of, percent) for name, of in levers.items() if of}

    # --- journeys

    def journey(self, name: str) -> Document:
        draw = self.draw
        self.hears_engine = self.chance(0.25)
        document: Document = {"journey": name, "version": draw.randint(1, 3)}
        self.maybe(document, 0.1, "owner", lambda: "team")
        self.maybe(document, 0.1, "about", lambda: "A journey.")
        self.maybe(document, 0.2, "status", lambda: "live")
        if self.chance(0.12):
            statuses = ("draft", "shadow", "shadow", "paused", "draining", "retired")
            document["status"] = draw.choice(statuses)
        self.maybe(document, 0.1, "canary", lambda: draw.choice(("30%", 1)))
        self.maybe(document, 0.1, "migrate", lambda: draw.choice(("drain", "follow", "exit")))
        document["entry"] = self.entry(name)
        self.maybe(document, 0.2, "holdout", lambda: draw.choice(("30%", 0.5, "100%", "0%")))
        self.maybe(document, 0.5, "data", lambda: {n: self.value() for n in self.some("nk")})
        self.maybe(document, 0.5, "goal", self.goal)
        self.maybe(document, 0.4, "exit", self.exit)
        states = [f"state_{letter}" for letter in "abcd"[: draw.randint(1, 4)]]
        finals = [f"final_{letter}" for letter in "ab"[: draw.randint(0, 2)]]
        document["initial"] = states[0]
        self.maybe(document, 0.1, "map", lambda: {"earlier": draw.choice(states)})
        self.maybe(document, 0.2, "on", lambda: self.draw_on(states + finals))
        bodies = {state: self.state(states + finals) for state in states}
        # Each state is reached: the one before leads to it by an event, if nothing else.
        for before, state in zip(
            [*states, *states][: len(states) + len(finals) - 1],
            [*states[1:], *finals],
            strict=False,
        ):
            rules = bodies[before].setdefault("on", {})
            if draw.random() < 0.5 or "after" in bodies[before]:
                rules.setdefault(draw.choice(TYPES[:3]), state)
            else:
                bodies[before]["after"] = {self.duration(): state}
        for final in finals:
            bodies[final] = {"end": final}
            self.maybe(bodies[final], 0.3, "enter", self.steps)
        document["states"] = bodies
        _reach(document, states[0])
        return _declare(document)

    def entry(self, name: str) -> Document:
        draw = self.draw
        row: Document = {"on": self.on()}
        if self.chance(0.15):
            row["on"] = draw.choice((*RAISED, *self.engine()))
        if isinstance(row["on"], str) and row["on"] in ENGINE:
            row["when"] = f"event.journey != '{name}' and event.outcome != 'x'"
        else:
            self.maybe(row, 0.3, "when", lambda: self.condition())
        self.maybe(
            row, 0.5, "key", lambda: draw.choice(("event.k", "event.k", "event.n", "event.s"))
        )
        self.maybe(
            row,
            0.6,
            "reentry",
            lambda: draw.choice(
                (
                    "after_end",
                    "never",
                    "always",
                    "always",
                    {"after_end": self.duration()},
                    {"after_entry": self.duration()},
                )
            ),
        )
        return row

    def listened(self) -> Any:
        return self.one_or_some(dict.fromkeys([*TYPES, *BUILT_IN, *RAISED, *self.engine()]))

    def engine(self) -> tuple[str, ...]:
        return ENGINE if self.hears_engine else ()

    def goal(self) -> Document:
        row: Document = {"on": self.listened()}
        self.maybe(row, 0.4, "when", lambda: self.condition("entry"))
        self.maybe(row, 0.6, "within", self.duration)
        self.maybe(row, 0.4, "exit", lambda: self.chance(0.6))
        self.maybe(row, 0.3, "do", self.steps)
        return row

    def exit(self) -> Any:
        rows = []
        for letter in "xy"[: self.draw.randint(1, 2)]:
            row: Document = {"on": self.listened(), "as": f"out_{letter}"}
            self.maybe(row, 0.6, "when", lambda: self.condition("entry"))
            self.maybe(row, 0.3, "do", self.steps)
            rows.append(row)
        return rows if len(rows) > 1 or self.chance(0.5) else rows[0]

    def state(self, targets: list[str]) -> Document:
        draw = self.draw
        row: Document = {}
        self.maybe(row, 0.6, "enter", self.steps)
        self.maybe(row, 0.2, "leave", self.steps)
        self.maybe(row, 0.6, "on", lambda: self.draw_on(targets))
        self.maybe(
            row,
            0.12,
            "always",
            lambda: [self.transition(targets, must_move=True) | {"when": self.condition("entry")}],
        )
        if self.chance(0.5):
            durations = dict.fromkeys(d for d in self.some(DURATIONS, 3))
            durations.pop("1d12h" if "1d" in durations else "90m", None)
            if durations:
                row["after"] = {d: self.short(self.transition(targets)) for d in durations}
        if self.chance(0.25):
            rules = []
            for _ in range(draw.randint(1, 2)):
                rule: Document = {"time": self.moment(), **self.transition(targets)}
                rule["past"] = draw.choice(("fire", "skip", "skip"))
                rules.append(rule)
            row["at"] = rules if len(rules) > 1 or self.chance(0.5) else rules[0]
        return row

    def draw_on(self, targets: list[str]) -> Document:
        types = self.some([*TYPES, *TYPES[:2], *BUILT_IN, *RAISED, *self.engine()], 3)
        rules: Document = {}
        for type_ in types:
            listed = [self.transition(targets) for _ in range(self.draw.randint(1, 2))]
            rules[type_] = listed if len(listed) > 1 else self.short(listed[0])
        return rules

    def short(self, transition: Document) -> Any:
        return transition["to"] if list(transition) == ["to"] else transition

    def transition(self, targets: list[str], *, must_move: bool = False) -> Document:
        draw = self.draw
        row: Document = {}
        if self.chance(0.15):
            row["split"] = {
                letter: {"weight": draw.choice((1, 1, 50, 0.5)), "to": draw.choice(targets)}
                for letter in "abc"[: draw.randint(1, 3)]
            }
        elif must_move or self.chance(0.85):
            row["to"] = draw.choice(targets)
        self.maybe(row, 0.4, "when", lambda: self.condition("entry"))
        self.maybe(row, 0.3 if "to" in row or "split" in row else 1, "do", self.steps)
        return row

    def steps(self) -> Any:
        found = [self.step() for _ in range(self.draw.randint(1, 2))]
        return found if len(found) > 1 or self.chance(0.5) else found[0]

    def step(self) -> Document:
        draw = self.draw
        kind = draw.choice(("act", "act", "act", "decide", "decide", "raise", "set", "assign"))
        if kind == "act":
            action = draw.choice(list(self.actions))
            if self.chance(0.3):
                return {"act": action}
            row: Document = {"action": action}
            self.maybe(row, 0.4, "channels", lambda: self.one_or_some(self.actions[action], 3))
            self.maybe(row, 0.3, "data", lambda: {"n": self.value("entry")})
            return {"act": row}
        if kind == "decide":
            row = {}
            self.scope(row, "issue", "group")
            self.maybe(row, 0.2, "actions", lambda: self.one_or_some(self.actions))
            self.maybe(row, 0.2, "channels", lambda: self.one_or_some(self.channels))
            self.maybe(row, 0.2, "data", lambda: {"n": self.value("entry")})
            return {"decide": row}
        if kind == "raise":
            row = {"type": draw.choice(RAISED)}
            self.maybe(
                row, 0.7, "attributes", lambda: {n: self.value("entry") for n in self.some("nk")}
            )
            return {"raise": row}
        settable = [name for name in self.facts if name != "timezone"]
        if kind == "set" and settable:
            fact = draw.choice(settable)
            by_type = {
                "tier": lambda: self.word("entry"),
                "vip": lambda: draw.choice(("true", "event.b")),
                "age": lambda: self.number("entry"),
                "renewal": lambda: "now + duration('2h')",
                "products": lambda: "event.l",
            }
            return {"set": {fact: by_type[fact]()}}
        return {"assign": {draw.choice(("n", "k", "total")): self.value("entry")}}


def _declare(document: Document) -> Document:
    """Return a journey whose rules read only what is there: its data, the engine's events'."""
    document = _of_engine(document)
    text = json.dumps(document)
    for name in dict.fromkeys(re.findall(r"data\.(n|k|total)\b", text)):
        if f'"assign": {{"{name}"' not in text and name not in document.get("data", {}):
            document.setdefault("data", {})[name] = "hour()"
    return document


_OTHER = {
    "n": "time",
    "m": "time",
    "k": "outcome",
    "s": "key",
    "l": "journey",
    "b": "key",
    "channel": "outcome",
}
_READS = re.compile(r"\b(event|entry)(?:\.attributes)?\.([nmkslbto]|channel)\b|\b(event)\['(k)'\]")


def _of_engine(document: Document) -> Document:
    """Return a journey that reads of events what those have that the engine raises."""
    text = json.dumps(document)
    if not any(f'"{type_}"' in text for type_ in ENGINE):
        return document
    renamed = _READS.sub(lambda m: f"{m[1] or m[3]}.{_OTHER.get(m[2] or m[4], 'time')}", text)
    found: Document = json.loads(renamed)
    return found


def _reach(document: Document, initial: str) -> None:
    """Drop states that nothing leads to, for such a journey does not load."""
    states: dict[str, Document] = document["states"]
    found, new = {initial}, [initial, *_targets(document.get("on", {}))]
    found.update(new)
    while new:
        for target in _targets(states[new.pop()]):
            if target not in found:
                found.add(target)
                new.append(target)
    document["states"] = {name: body for name, body in states.items() if name in found}


def _targets(value: Any, key: str = "on") -> Iterator[str]:
    """Yield the states that a part of a journey leads to, wherever it names them."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name == "to" or (
                isinstance(one, str) and one.startswith(("state_", "final_")) and name != "end"
            ):
                yield one
            else:
                yield from _targets(one, name)
    elif isinstance(value, list):
        for one in value:
            if isinstance(one, str) and one.startswith(("state_", "final_")):
                yield one
            else:
                yield from _targets(one, key)
