"""Random records for a topology: what its channels might bring, in what order and state.

A record answers commands where there are any, so the stream is drawn along a reference that has
all records until then.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any, NamedTuple

from cjo_stream.core.state import Command, Customer
from cjo_stream.engine.port import RawRecord
from tests.differential.reference import BusyError, Reference
from tests.differential.topology import FACTS, OUTCOMES, TYPES, ZONES

START_MS = 1_774_684_800_000
"""2026-03-28T08:00Z: on the next day the clocks of Berlin go forward."""
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
GAPS_MS = (
    0, 0, 1, 999, SECOND, 45 * SECOND, MINUTE, MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, HOUR,
    90 * MINUTE, 2 * HOUR, 5 * HOUR, 12 * HOUR, DAY, DAY, 36 * HOUR, 7 * DAY,
)  # fmt: skip
LATE_MS = (1, SECOND, MINUTE, 10 * MINUTE, HOUR, 2 * HOUR, DAY, 3 * DAY)
STATUSES = ("granted", "granted", "granted", "denied", "revoked", "Granted", "unsubscribed", "?")


class Raw(NamedTuple):
    """One record of a channel, and the time at which it was written."""

    channel: str
    time: int
    value: str


class Span(NamedTuple):
    """When the first record may come, and how long after each the next comes at most."""

    begin_ms: int
    gap_max_ms: int | None = None


def raw_records(records: list[Raw]) -> list[RawRecord]:
    """Return records as a runtime hands them to intake."""
    return [
        RawRecord(
            f"event.{raw.channel}.v1", raw.channel, 0, number, raw.time, raw.value.encode(),
            channel=raw.channel,
        )
        for number, raw in enumerate(records)
    ]  # fmt: skip


def draw_records(
    draw: Random,
    reference: Reference,
    records_max: int,
    span: Span | None = None,
    people: int | None = None,
) -> list[Raw]:
    """Return records, all of which `reference` has taken; fewer where it is busy."""
    crowd = _Crowd(draw, reference, span or Span(START_MS + draw.randrange(DAY)), people)
    records: list[Raw] = []
    for _ in range(draw.randint(records_max // 2, records_max)):
        raw = crowd.next()
        try:
            reference.take(raw_records([*records, raw])[-1])
        except BusyError:
            break
        if reference.is_busy:
            break
        records.append(raw)
    return records


class _Crowd:
    """A few people with the identifiers of each; some lend theirs to others."""

    def __init__(self, draw: Random, reference: Reference, span: Span, people: int | None) -> None:
        self.draw = draw
        self.span = span
        self.reference = reference
        self.channels = {
            name: channel.input.format
            for name, channel in reference.program.channels.items()
            if channel.input is not None
        }
        few = draw.choice((1, 2, 2, 3))
        self.people = [self._person(number) for number in range(people or few)]
        self.is_paced = draw.random() < 0.5
        self.mixes = draw.choice((0.0, 0.0, 0.05, 0.2))
        self.greeting = draw.random() < 0.5
        """Who comes says at once all names they have: so nobody is merged later."""
        self.known: set[int] = set()
        if self.greeting:
            self.mixes = 0.0
            self.people = [{name: of[:1] for name, of in one.items()} for one in self.people]
        self.written: list[Raw] = []
        self.now = span.begin_ms

    def next(self) -> Raw:
        draw = self.draw
        gap = self._gap()
        self.now += gap if self.span.gap_max_ms is None else min(gap, self.span.gap_max_ms)
        if self.written and draw.random() < 0.05:
            again = draw.choice(self.written[-10:])
            return Raw(again.channel, self.now, again.value)
        channel = draw.choice(list(self.channels))
        if draw.random() < 0.04:
            broken = ("{", "[]", '{"type": "viewed"}', '"x"', '{"type": 7, "time": "x"}', "null")
            return Raw(channel, self.now, draw.choice(broken))
        event = self._event()
        value = _written(event, self.channels[channel], draw)
        raw = Raw(channel, self.now, value)
        self.written.append(raw)
        return raw

    def _gap(self) -> int:
        draw = self.draw
        due = self.reference.next_due()
        if due is not None and due > self.now and draw.random() < 0.15:
            return due - self.now + draw.choice((-1, 0, 0, 1))
        edges = [at for at in self._edges() if at > self.now + 1]
        if edges and draw.random() < 0.25:
            return draw.choice(edges) - self.now + draw.choice((-1, 0, 0, 1))
        gap = draw.choice(GAPS_MS)
        return gap if not self.is_paced else min(gap, HOUR)

    def _edges(self) -> list[int]:
        """Return when a command leaves the window of a cap."""
        program = self.reference.program
        lasts = [cap.per for cap in program.policy.caps if isinstance(cap.per, int)]
        return [command.at + per for command in self._commands()[-4:] for per in lasts]

    def _commands(self) -> list[Command]:
        """Return all commands so far that their customers remember, by time."""
        customers = [one for one in self.reference.actors.values() if isinstance(one, Customer)]
        commands = [command for one in customers for command in one.commands]
        return sorted(commands, key=lambda one: (one.at, one.id))

    def _person(self, number: int) -> dict[str, list[str]]:
        return {
            "user": [f"u{number}"],
            "email": [
                f"p{number}@example.com",
                f" P{number}@Example.com",
                f"q{number}@example.com",
            ],
            "phone": [f"0151 234567{number}", f"+49151234567{number}"],
            "device": [f"d{number}", f"e{number}"],
            "cookie": [f"c{number}.{copy}" for copy in range(3)],
        }

    def _identifiers(self) -> dict[str, Any]:
        draw = self.draw
        person = draw.choice(self.people)
        named: dict[str, Any] = {}
        if self.greeting and id(person) not in self.known:
            self.known.add(id(person))
            return {name: of[0] for name, of in person.items()}
        names = draw.sample(list(person), draw.choice((1, 1, 2, 2, 3, 4)))
        for name in names:
            of = draw.choice(self.people) if draw.random() < self.mixes else person
            named[name] = draw.choice(of[name])
            if draw.random() < 0.03:
                named[name] = draw.choice(
                    ([named[name], of[name][0]], None, 7, "guest", "shared@example.com")
                )
        if draw.random() < 0.02:
            return {"undeclared": "x"}
        return named

    def _event(self) -> dict[str, Any]:
        draw = self.draw
        time = self.now
        if draw.random() < 0.15:
            time -= draw.choice(LATE_MS)
        elif draw.random() < 0.02:
            time += draw.choice((MINUTE, HOUR, 2 * DAY))
        event: dict[str, Any] = {"time": time, "identifiers": self._identifiers()}
        if draw.random() < 0.6:
            event["id"] = f"e{draw.randrange(200)}"
        kind = draw.choices(
            ("plain", "outcome", "consent", "profile"),
            (66, 18 if self.has_commands() else 2, 9, 7),
        )[0]
        if kind == "outcome":
            return event | self._outcome()
        if kind == "consent":
            attributes: dict[str, Any] = {
                "purpose": draw.choice(
                    ("marketing", "marketing", "service", "transactional", "news")
                ),
                "status": draw.choice(STATUSES),
            }
            if draw.random() < 0.6:
                attributes["channel"] = draw.choice(
                    ("*", "mail", "push", "site", "MAIL", "nowhere")
                )
            return event | {"type": "cjo.consent", "attributes": attributes}
        if kind == "profile":
            return event | {"type": "cjo.profile", "attributes": self._facts()}
        return event | {
            "type": draw.choice((*TYPES, *TYPES, "unheard")),
            "attributes": self._attributes(),
        }

    def _attributes(self) -> dict[str, Any]:
        draw = self.draw
        drawn: dict[str, Any] = {
            "n": draw.choice((0, 1, 2, 3, 5, 9, 2.5, -1, "2", None, True)),
            "m": draw.choice((0, 1, 2, 7, "x")),
            "k": draw.choice(("x", "y", "z", "x", 1, None)),
            "s": draw.choice(("x", "y", "Zebra X", "3.5", "")),
            "b": draw.choice((True, False, "true")),
            "t": self.now + draw.choice((-HOUR, 0, MINUTE, 30 * MINUTE, HOUR, DAY)),
            "l": draw.choice(([], ["x"], ["x", "y", "x"], [1, 2], "x")),
            "o": {"id": "x", "n": draw.randrange(5)},
        }
        return {name: value for name, value in drawn.items() if draw.random() < 0.7}

    def _facts(self) -> dict[str, Any]:
        draw = self.draw
        values: dict[str, Any] = {
            "tier": draw.choice(("gold", "basic", "x", 3, None)),
            "vip": draw.choice((True, False, None, "yes")),
            "age": draw.choice((3, 17, 40.5, None, "x")),
            "renewal": draw.choice(
                (self.now + HOUR, self.now + DAY, "2026-04-01T10:00:00Z", "soon")
            ),
            "products": draw.choice((["x"], [], ["dsl", "x"], None)),
            "timezone": draw.choice((*ZONES, "+05:45", "Nowhere/At_All", None)),
            "unknown": 1,
        }
        names = draw.sample([*FACTS, "unknown"], draw.randint(1, 3))
        return {name: values[name] for name in names}

    def has_commands(self) -> bool:
        """Return whether there is anything to answer."""
        return any(effect.kind == "action" for effect in self.reference.effects)

    def _outcome(self) -> dict[str, Any]:
        """Answer a command, mostly one of the last; by its id or by its name."""
        draw = self.draw
        commands = self._commands()
        attributes: dict[str, Any] = {
            "outcome": draw.choice((*OUTCOMES, "accept", "accept", "reject", "click"))
        }
        if draw.random() < 0.05:
            attributes["outcome"] = "?"
        if draw.random() < 0.3:
            attributes["value"] = draw.choice((1, 10.5, "x"))
        event: dict[str, Any] = {"type": "cjo.outcome", "attributes": attributes}
        if not commands or draw.random() < 0.05:
            attributes["action_id"] = draw.choice(("", "nobody", "00" + "0" * 36 + "-a1"))
        elif draw.random() < 0.7:
            attributes["action_id"] = draw.choice(commands[-4:]).id
            if draw.random() < 0.8:
                event["identifiers"] = {}
        else:
            attributes["action"] = draw.choice(commands[-4:]).action
            if draw.random() < 0.4:
                attributes["channel"] = draw.choice(commands[-4:]).channel
        return event


def _written(event: dict[str, Any], form: str, draw: Random) -> str:
    """Return an event in a channel's format, as far as that can say it."""
    identifiers, attributes = event["identifiers"], event["attributes"]
    if form == "segment":
        call: dict[str, Any] = {
            "type": "track",
            "event": event["type"],
            "timestamp": _text(event["time"]),
        }
        call |= {
            "properties": attributes,
            "messageId": event.get("id", f"m{draw.randrange(10**6)}"),
        }
        call["userId"] = identifiers.get("user")
        call["context"] = {
            "device": {"id": identifiers.get("device")},
            "externalIds": [{"type": name, "id": value} for name, value in identifiers.items()],
        }
        return json.dumps(call)
    if form == "cloudevents":
        return json.dumps(
            {
                "specversion": "1.0",
                "id": event.get("id", f"m{draw.randrange(10**6)}"),
                "source": "/feed",
                "type": event["type"],
                "time": _text(event["time"]),
                "data": {"identifiers": identifiers, **attributes},
            }
        )
    if form == "mapped":
        rest = {"type": event["type"], "time": event["time"], "id": event.get("id")}
        return json.dumps({**identifiers, **attributes, **rest})
    if draw.random() < 0.2:
        event = {**event, "time": _text(event["time"])}
    return json.dumps(event)


def _text(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
