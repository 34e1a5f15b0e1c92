"""A customer's timeline: the last TIMELINE_MAX things that happened, for operators and unmerges.

It is part of the customer's state, but too large to be written with every event: the engine keeps
each entry under a key of its own (engine/codec.py), and handlers read it whole only where they
need it, through `turn.timelines`.

    event       what came, and what each trait took of it: {type, time, id, channel, traits}
    the others  the record that went out: its kind is that of the record
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

from cjo_stream.core.record import Action, Decision, IdentityChange, Record, Transition

TIMELINE_MAX = 300
CANDIDATES_KEPT_MAX = 40
SHOWN_BYTES_MAX = 700_000
"""Of one answer: brokers take records of 1 MB."""
EVENT = "event"

KINDS: dict[type, str] = {
    Action: "action",
    Decision: "decision",
    IdentityChange: "identity",
    Transition: "transition",
}
"""Which records are kept, and under which name."""


class Entry(msgspec.Struct, array_like=True):
    """One thing that happened.

    `at` is the clock in ms; `anchor` the hash of the identifier whose event caused it, or empty.
    `body` is JSON.
    """

    at: int
    anchor: str
    kind: str
    body: bytes


class EventEntry(msgspec.Struct):
    """The body of an event's entry. `traits`: what each trait took of the event."""

    type: str
    time: int
    id: str | None
    channel: str | None
    traits: dict[str, Any]


class Timelines(Protocol):
    """The timelines of a task's customers."""

    def read(self, key: str, noted: int) -> list[Entry]:
        """Return the timeline of the customer at actor `key`, oldest first."""

    def replace(self, key: str, noted: int, entries: Sequence[Entry]) -> None:
        """Let `entries` be the customer's timeline, numbered from 0."""


class NoTimelines:
    """Timelines that are always empty."""

    def read(self, key: str, noted: int) -> list[Entry]:
        """Return nothing."""
        del key, noted
        return []

    def replace(self, key: str, noted: int, entries: Sequence[Entry]) -> None:
        """Keep nothing."""


_JSON = msgspec.json.Encoder()
_EVENTS = msgspec.json.Decoder(EventEntry)


def events_of(entries: Iterable[Entry]) -> list[EventEntry]:
    """Return what the entries of events say, in their order."""
    return [_EVENTS.decode(entry.body) for entry in entries if entry.kind == EVENT]


def event_entry(at: int, anchor: str, body: EventEntry) -> Entry:
    """Return the entry of an event."""
    return Entry(at, anchor, EVENT, _JSON.encode(body))


def record_entry(at: int, anchor: str, record: Record, value: bytes) -> Entry | None:
    """Return the entry of a record whose JSON is `value`; None where the kind is not kept.

    Of many candidates of a decision the first are kept, those that passed before the others.
    """
    kind = KINDS.get(type(record))
    if kind is None:
        return None
    if type(record) is Decision and len(record.candidates) > CANDIDATES_KEPT_MAX:
        passed = [c for c in record.candidates if c.gate is None]
        stopped = [c for c in record.candidates if c.gate is not None]
        kept = [*passed, *stopped][:CANDIDATES_KEPT_MAX]
        value = _JSON.encode(msgspec.structs.replace(record, candidates=kept))
    return Entry(at, anchor, kind, value)


def shown(entries: Sequence[Entry]) -> tuple[list[dict[str, Any]], int]:
    """Return the entries for an answer, oldest first, and how many older ones had no room."""
    rows: list[dict[str, Any]] = []
    room = SHOWN_BYTES_MAX
    for entry in reversed(entries):
        room -= len(entry.body) + 100
        if room < 0:
            break
        rows.append({"at": entry.at, "kind": entry.kind, entry.kind: msgspec.Raw(entry.body)})
    return rows[::-1], len(entries) - len(rows)


def newest(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries in order of their clock, at most TIMELINE_MAX, the newest."""
    return sorted(entries, key=lambda entry: entry.at)[-TIMELINE_MAX:]
