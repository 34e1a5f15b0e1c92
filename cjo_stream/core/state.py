"""The states of actors: plain data, bounded, encoded as it stands. Times are epoch ms."""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core.edge import Edge, Evidence, Member
from cjo_stream.core.event import Event
from cjo_stream.core.message import Queued


class Held(msgspec.Struct, array_like=True):
    """An event that waits for the answers to the edges named in `waits`; `since` is a clock.

    `size` is that of its attributes and identifiers, in bytes.
    """

    event: Event
    waits: list[str]
    since: int
    size: int = 0


class Asked(msgspec.Struct, array_like=True):
    """An edge to ask for. `again_at`: when it is asked again, None while no answer came.

    Events wait for it unless it is only asked `aside`. `is_open`: a request has gone out;
    `is_granted`: it will be linked, nothing can stand against it any more.
    """

    edge: Edge
    seen_with: list[str]
    again_at: int | None = None
    aside: bool = False
    is_open: bool = False
    is_granted: bool = False


class Identifier(msgspec.Struct, array_like=True):
    """An identifier: which customer its events go to.

    `asked`: edges by name, in the order in which they are asked. `known`: names of linked edges,
    in order. `refused`: edge name -> until when (clock) it counts.
    `full`: type -> until when the customer has no room for another value of it.
    `users`: hashes of the values it was seen with, where its type is `shared_after` some;
    `counted`: the type of those values.
    `is_locating`: a Locate is under way; `sent_since`: events were sent after it. `is_parting`: a
    final one is, after an unmerge; until it is back events are held.
    """

    epoch: int = 0
    pointer: str = ""
    held: list[Held] = []
    asked: dict[str, Asked] = {}
    known: dict[str, None] = {}
    refused: dict[str, int] = {}
    full: dict[str, int] = {}
    users: list[str] = []
    is_shared: bool = False
    erased_at: int | None = None
    is_locating: bool = False
    sent_since: bool = False
    is_parting: bool = False
    counted: str = ""


class KnownFact(msgspec.Struct, array_like=True):
    """A fact as it was said last, at event time `time`; `value` is None where it was removed.

    `anchor`, here and below: the hash of the identifier whose event said so.
    """

    value: Any
    time: int
    anchor: str


class Statement(msgspec.Struct, array_like=True):
    """What a customer said last about a purpose on a channel, at event time `time`."""

    status: str
    time: int
    anchor: str


class ServiceCase(msgspec.Struct, array_like=True):
    """A service case: the event times of its latest `opened` and `closed`, None where never."""

    opened_at: int | None
    closed_at: int | None
    anchor: str

    @property
    def is_open(self) -> bool:
        """Whether it was opened after it was closed last."""
        opened, closed = self.opened_at, self.closed_at
        return opened is not None and (closed is None or opened > closed)


class LastRun(msgspec.Struct, array_like=True):
    """When a customer entered a journey last by one key, and when that ended last."""

    entered_at: int | None
    ended_at: int | None
    anchor: str


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
    anchor: str = ""
    """Hash of the identifier on which the opening event was anchored."""
    entered: int = 0
    """How many states it has entered."""


class Command(msgspec.Struct, array_like=True):
    """An action command that was issued, and what came of it.

    `outcomes`: each outcome -> its event time; the first of each counts. `anchor` is the hash of
    the identifier whose event opened the instance that asked for it.
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


class Window(msgspec.Struct, array_like=True):
    """A reward window: an issued command whose acceptance is still waited for.

    `features` are those hashed for its decision, None where its treatment does not learn;
    `outcome` is the acceptance, else the latest other one; `value` is the acceptance's.
    """

    closes_at: int
    action_id: str
    decision_id: str
    action: str
    channel: str
    at: int
    features: list[int] | None = None
    probability: float | None = None
    outcome: str | None = None
    value: float | None = None
    anchor: str = ""


class Reservation(msgspec.Struct, array_like=True):
    """Room kept for a customer on its way in; `pieces` of its state have come."""

    members: dict[str, Member]
    apart: dict[str, int]
    pieces: list[bytes] = []


class Membership(msgspec.Struct, array_like=True):
    """A change of membership under way.

    `pending`: the edge by which this customer, frozen, has asked to be absorbed. `reserved`: room
    kept, by customer id. `seeding`: customers parted from this one whose state is on its way to
    them: until they have it, whatever is for them goes this way, behind it. `queue`: what waits
    until none of these is so. `is_seeded`: False while a fresh customer's own state is on its way;
    `pieces` of it have come.
    """

    pending: Edge | None = None
    reserved: dict[str, Reservation] = {}
    queue: list[Queued] = []
    is_seeded: bool = True
    pieces: list[bytes] = []
    seeding: list[str] = []


class Overrun(msgspec.Struct, array_like=True):
    """More was due at once than one cascade may fire, `times` in a row without catching up.

    What was due by `at` rests until `until`; both are clocks. `due`: of the first left.
    """

    times: int
    due: int
    at: int
    until: int


class Customer(msgspec.Struct, array_like=True):
    """A customer: a root with members, or, once absorbed, only a redirect.

    `members`: hash -> incarnation, the one seen last at the end. `facts` by slot. `traits`: slot
    -> what its kind keeps. `consent`: purpose -> channel or * -> statement. `cases` by key.
    `seen`: channel and event id -> clock when it came, how its anchor's hash begins.
    `histories`: journey -> key as text -> last run. `counter` numbers the ids that are made
    of the customer's own.
    `holdouts`: journey, or `*` for the universal one, -> whether held out, as drawn; `mixed` names
    those in which a merge joined both kinds. `commands` and `windows` stand in order of issue,
    `waiting` in the order asked.

    `apart`: what must not be linked again: a name, and on which side of it this customer is.
    `moved`: hash@epoch of members that an unmerge gave to another customer -> its id; `parted`:
    likewise, command ids. `origins`: customers that this one was a part of until an unmerge: their
    stores may still hold what was overwritten then. `is_told`: the outside knows this customer.
    `cases_era`: that of the definitions by which its cases were made.
    `noted`: how many entries its timeline has had. `profile_due`: when the profile is published
    next, None while it has not changed.
    """

    id: str
    redirect: str = ""
    erased_at: int | None = None
    is_told: bool = False
    members: dict[str, Member] = {}
    membership: Membership | None = None
    aliases: list[str] = []
    evidence: list[Evidence] = []
    apart: dict[str, int] = {}
    moved: dict[str, str] = {}
    parted: dict[str, str] = {}
    origins: list[str] = []
    noted: int = 0
    profile_at: int | None = None
    profile_due: int | None = None
    counter: int = 0
    events: int = 0
    first_seen: int | None = None
    last_seen: int | None = None
    last_channel: str | None = None
    facts: dict[str, KnownFact] = {}
    traits: dict[str, Any] = {}
    consent: dict[str, dict[str, Statement]] = {}
    cases: dict[str, ServiceCase] = {}
    seen: dict[str, int | tuple[int, str]] = {}
    instances: list[Instance] = []
    histories: dict[str, dict[str, LastRun]] = {}
    holdouts: dict[str, bool] = {}
    mixed: list[str] = []
    commands: list[Command] = []
    waiting: list[Waiting] = []
    windows: list[Window] = []
    overrun: Overrun | None = None
    cases_era: int = 0


def later(one: int | None, other: int | None) -> int | None:
    """Return the later of two times, either of which may be missing.

    >>> later(3, None), later(3, 5), later(None, None)
    (3, 5, None)
    """
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def next_id(customer: Customer, letter: str) -> str:
    """Return the customer's next id; `letter`: action, decision, instance or transition."""
    customer.counter += 1
    return f"{customer.id}-{letter}{customer.counter}"
