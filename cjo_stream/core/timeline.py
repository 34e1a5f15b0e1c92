"""A customer's timeline: its last events and records, for operators and unmerges.

It is part of the customer's state, but too large to be written with every event: the engine keeps
what a turn adds under a key of its own (engine/codec.py), and handlers read it whole only where
they need it, through `turn.timelines`.

    event       an event, with the value that each trait took, and what a consent said:
                {type, time, id, channel, traits, said?}
    the others  a published record, under the name of its kind

It has identifiers as hashes only; when it is shown, their values come from the members that the
customer then has. So the value of an identifier that was refused, has left, or was erased with
another customer is not kept.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from cjo_stream.core.catalogue import ACTION, IDENTITY, KIND_OF
from cjo_stream.core.cut import cut_json, shortened
from cjo_stream.core.edge import Member
from cjo_stream.core.program.topology import name_of_slot
from cjo_stream.core.record import (
    Action,
    Address,
    Decision,
    IdentityChange,
    Record,
)
from cjo_stream.core.size import size_of

ENTRY_BYTES_MAX = 16 * 1024
CANDIDATES_KEPT_MAX = 40
SHOWN_BYTES_MAX = 700_000
"""Largest answer: brokers accept records of 1 MB."""
SHOWN_BYTES_MIN = 100_000
"""Room for the timeline in an answer, even if the rest is large."""
EVENT = "event"


class TimelineEntry(msgspec.Struct, array_like=True, gc=False):
    """One thing that happened.

    `at` is the clock in ms; `anchor` the hash of the identifier whose event caused it, or empty.
    `body` is JSON.
    """

    at: int
    anchor: str
    kind: str
    body: bytes


class EventEntry(msgspec.Struct, gc=False):
    """The body of an event's entry."""

    type: str
    time: int
    id: str | None
    channel: str | None
    traits: dict[str, Any]
    """The value that each trait took, by its slot."""
    said: str | msgspec.UnsetType = msgspec.UNSET
    """Of a statement of consent: what was granted, denied or revoked."""


class Timelines(Protocol):
    """The timelines of a task's customers."""

    def read(self, key: str, noted: int) -> list[TimelineEntry]:
        """Return the timeline of the customer at actor `key`, oldest first."""

    def extend(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Add entries of any age, a note of each, the first of number `noted`."""

    def replace(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Replace the customer's timeline by `entries`, a note of each, numbered from 0."""


class NoTimelines:
    """Timelines that are always empty."""

    def read(self, key: str, noted: int) -> list[TimelineEntry]:
        """Return nothing."""
        del key, noted
        return []

    def extend(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Keep nothing."""

    def replace(self, key: str, noted: int, entries: Sequence[TimelineEntry]) -> None:
        """Keep nothing."""


_JSON = msgspec.json.Encoder()
_EVENTS = msgspec.json.Decoder(EventEntry)


def events_of(entries: Iterable[TimelineEntry]) -> list[EventEntry]:
    """Return the bodies of the entries of events, in their order."""
    return [_EVENTS.decode(entry.body) for entry in entries if entry.kind == EVENT]


def event_entry(at: int, anchor: str, body: EventEntry) -> TimelineEntry:
    """Return the entry of an event; if it is too large, without the largest of `traits`."""
    value = _JSON.encode(body)
    if len(value) > ENTRY_BYTES_MAX:
        room = ENTRY_BYTES_MAX - (len(value) - size_of(body.traits))
        kept = shortened(body.traits, room, values=True)
        value = _JSON.encode(msgspec.structs.replace(body, traits=kept))
    return TimelineEntry(at, anchor, EVENT, value)


def record_entry(
    at: int, anchor: str, record: Record, value: bytes, members: Mapping[str, Member]
) -> TimelineEntry | None:
    """Return the entry of a record whose JSON is `value`; None if the timeline has no such kind.

    `members` are the customer's. A decision keeps its first candidates, those that passed before
    the others.
    """
    kind = KIND_OF.get(type(record))
    if kind is None or not kind.in_timeline:
        return None
    if type(record) is Decision and len(record.candidates) > CANDIDATES_KEPT_MAX:
        passed = [c for c in record.candidates if c.gate is None]
        stopped = [c for c in record.candidates if c.gate is not None]
        kept = [*passed, *stopped][:CANDIDATES_KEPT_MAX]
        value = _JSON.encode(msgspec.structs.replace(record, candidates=kept))
    elif type(record) is IdentityChange:
        hashed = [_hashed(address, members) for address in record.identifiers]
        value = _JSON.encode(msgspec.structs.replace(record, identifiers=hashed))
    elif type(record) is Action and record.address is not None:
        hashed_one = _hashed(record.address, members)
        value = _JSON.encode(msgspec.structs.replace(record, address=hashed_one))
    if len(value) > ENTRY_BYTES_MAX:
        value = cut_json(value, ENTRY_BYTES_MAX)
    return TimelineEntry(at, anchor, kind.name, value)


def shown(
    entries: Sequence[TimelineEntry], members: Mapping[str, Member], beside: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """Return the entries for an answer, oldest first, and how many older ones had no room.

    An identifier that is not in `members` has no value. `beside`: the size of the rest of the
    answer, in bytes.
    """
    rows: list[dict[str, Any]] = []
    room = max(SHOWN_BYTES_MAX - beside, SHOWN_BYTES_MIN)
    for entry in reversed(entries):
        room -= len(entry.body) + 100
        if room < 0:
            break
        body = _named(entry, members)
        rows.append({"at": entry.at, "kind": entry.kind, entry.kind: body})
    return rows[::-1], len(entries) - len(rows)


def in_order(entries: Iterable[TimelineEntry]) -> list[TimelineEntry]:
    """Return the entries in order of their clock: a merge adds what is older."""
    return sorted(entries, key=lambda entry: entry.at)


def newest(entries: Iterable[TimelineEntry], most: int) -> list[TimelineEntry]:
    """Return the newest entries, at most `most`, in order of their clock."""
    return in_order(entries)[-most:]


def without(entries: Iterable[TimelineEntry], left: Container[str]) -> list[TimelineEntry]:
    """Return the entries without the identifiers (hashes) that have left.

    The ids of customers that began with these identifiers are removed, too; an entry that would
    then be empty is left out.
    """
    kept: list[TimelineEntry] = []
    for entry in entries:
        if entry.kind == IDENTITY.name:
            body = msgspec.json.decode(entry.body)
            named, absorbed = body["identifiers"], body["absorbed"]
            body["identifiers"] = [one for one in named if one["value"] not in left]
            body["absorbed"] = [id_ for id_ in absorbed if id_[2:34] not in left]
            if (named or absorbed) and not (body["identifiers"] or body["absorbed"]):
                continue
            entry = TimelineEntry(entry.at, entry.anchor, entry.kind, _JSON.encode(body))
        elif entry.kind == ACTION.name:
            body = msgspec.json.decode(entry.body)
            if body.get("address") is not None and body["address"]["value"] in left:
                body["address"]["value"] = ""
                entry = TimelineEntry(entry.at, entry.anchor, entry.kind, _JSON.encode(body))
        kept.append(entry)
    return kept


def _hashed(address: Address, members: Mapping[str, Member]) -> Address:
    for hash_, member in members.items():
        if member.value == address.value and member.type == address.type:
            return Address(address.type, hash_)
    return Address(address.type, "")


def _named(entry: TimelineEntry, members: Mapping[str, Member]) -> Any:
    """Return an entry's body, with the values of identifiers."""
    if entry.kind == EVENT:
        return _with_names(entry.body)
    if entry.kind not in (IDENTITY.name, ACTION.name):
        return msgspec.Raw(entry.body)
    body: dict[str, Any] = msgspec.json.decode(entry.body)
    for address in [*body.get("identifiers", ()), body.get("address")]:
        if address is not None:
            member = members.get(address["value"])
            address["value"] = member.value if member is not None else None
    return body


def _with_names(body: bytes) -> Any:
    """Return an event's body, its values by the names of traits."""
    event = _EVENTS.decode(body)
    event.traits = {name_of_slot(slot): value for slot, value in event.traits.items()}
    return event
