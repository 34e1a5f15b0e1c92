"""The states of actors: plain data, bounded, encoded as it stands. Times are epoch ms."""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core.event import Event

SEEN_MAX = 1_000
HELD_MAX = 1_000
CASES_MAX = 200
COMMANDS_MAX = 1_000
COMMANDS_AGED_MAX = 50
WAITING_MAX = 100
KEYS_MAX = 1_000
LIVE_MAX = 25
WATCHED_MAX = 25


class Identifier(msgspec.Struct, array_like=True):
    """An identifier: which customer its events go to.

    `held` are events that wait, in order of arrival, for the links of the first of them.
    """

    epoch: int = 0
    pointer: str = ""
    held: list[Event] = []


class Timer(msgspec.Struct, array_like=True):
    """A timer of a state: when, and its place among the state's rules."""

    due: int
    ordinal: int


class Instance(msgspec.Struct, array_like=True):
    """One customer's run of a journey; `state` is None while only its goal is watched."""

    id: str
    journey: str
    version: int
    key: Any
    state: str | None
    opened_at: int
    entered_at: int
    """When the current state was entered."""
    data: dict[str, Any]
    entry: Event
    timers: list[Timer] = []
    goal_marked: bool = False
    holdout: bool = False


class Command(msgspec.Struct, array_like=True):
    """An action command that was issued, and what came of it.

    `outcomes`: each outcome -> its event time; the first of each counts. `anchor` is the hash of
    the identifier whose event led to it, empty where none is known.
    """

    id: str
    action: str
    channel: str
    issue: str | None
    group: str | None
    class_: str
    at: int
    outcomes: dict[str, int] = {}
    anchor: str = ""


class Waiting(msgspec.Struct, array_like=True):
    """A request that waits for the end of quiet hours.

    `asked` is the request as decision records show it; `state` that in whose name it was made;
    `own` what it laid over the instance's data; `data` the instance's, once that has ended.
    """

    due: int
    asked: dict[str, Any]
    journey: str
    version: int
    instance_id: str
    state: str | None
    opened_at: int
    first_at: int
    """When it was decided first."""
    event: Event | None
    key: Any
    holdout: bool
    own: dict[str, Any] = {}
    data: dict[str, Any] | None = None
    anchor: str = ""


class Customer(msgspec.Struct, array_like=True):
    """A customer.

    `identifiers`: type -> value -> [clock when linked, last seen], the one seen last at the end.
    `facts`: name -> [value, event time]; None where one was removed.
    `traits`: name -> what its kind keeps. `consent`: purpose -> channel or * -> [status, time].
    `cases`: key -> [latest opened, latest closed], None where never.
    `seen`: channel and event id -> clock when it came. `histories`: journey -> key as text ->
    [last entry, last end]. `counter` numbers what the customer's ids end in. `holdouts`: journey,
    or `*` for the universal one, -> whether held out, as drawn; `mixed` names those in which a
    merge joined both kinds. `commands` stand in order of issue, `waiting` in the order asked.
    """

    id: str
    counter: int = 0
    events: int = 0
    first_seen: int | None = None
    last_seen: int | None = None
    last_channel: str | None = None
    identifiers: dict[str, dict[str, list[int]]] = {}
    facts: dict[str, list[Any]] = {}
    traits: dict[str, Any] = {}
    consent: dict[str, dict[str, list[Any]]] = {}
    cases: dict[str, list[int | None]] = {}
    seen: dict[str, int] = {}
    instances: list[Instance] = []
    histories: dict[str, dict[str, list[int | None]]] = {}
    holdouts: dict[str, bool] = {}
    commands: list[Command] = []
    waiting: list[Waiting] = []
    mixed: list[str] = []


def next_id(customer: Customer, letter: str) -> str:
    """Return the customer's next id; `letter` tells actions, decisions, instances, transitions."""
    customer.counter += 1
    return f"{customer.id}-{letter}{customer.counter}"
