"""The states of actors: plain, bounded data, encoded field by field. Times are epoch ms.

They are trees. So, here and in records and frames, `gc=False`: Python need not look for cycles.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from cjo_stream.core.edge import Edge, Evidence, Member
from cjo_stream.core.event import Event
from cjo_stream.core.message import Queued
from cjo_stream.errors import InvariantError


class Held(msgspec.Struct, array_like=True, gc=False):
    """An event that waits for the answers to the edges named in `waits`; `since` is a clock.

    `size` is that of its attributes, identifiers and trace context, in bytes.
    """

    event: Event
    waits: list[str]
    since: int
    size: int = 0


class Asked(msgspec.Struct, array_like=True, gc=False):
    """An edge to be requested. `again_at`: when it is requested again, None before an answer.

    Events wait for it unless it is requested `aside`. `is_open`: a request has been sent;
    `is_granted`: it will be linked, and nothing can prevent that any more.
    """

    edge: Edge
    seen_with: list[str]
    again_at: int | None = None
    aside: bool = False
    is_open: bool = False
    is_granted: bool = False


class FormerPath(msgspec.Struct, array_like=True, gc=False):
    """The customer and the epoch to which an identifier sent its events before an unmerge.

    A final Locate is on its way; `sent_since`: events were sent after it, for want of room.
    """

    pointer: str
    epoch: int
    sent_since: bool = False


class Identifier(msgspec.Struct, array_like=True, gc=False):
    """An identifier; `pointer` is the customer to which it sends its events.

    `asked`: edges by name, in the order in which they are requested. `known`: names of linked
    edges, in order. `refused`: edge name -> until when (clock) the refusal holds.
    `full`: type -> until when the customer has no room for another value of it.
    `users`: hashes of the values it was seen with, if its type has `shared_after`; `counted`: the
    type of those values.
    `is_locating`: a Locate is on its way; `sent_since`: events were sent after it.
    `former_path`: an unmerge gave it another customer, and events are still on the way to the
    former one; events are held until those have arrived.
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
    former_path: FormerPath | None = None
    counted: str = ""


class KnownFact(msgspec.Struct, array_like=True, gc=False):
    """A fact's latest value, at event time `time`; `value` is None if it was removed.

    `anchor`, here and below: the hash of the identifier whose event brought it.
    """

    value: Any
    time: int
    anchor: str


class Statement(msgspec.Struct, array_like=True, gc=False):
    """A customer's latest statement about a purpose on a channel, at event time `time`."""

    status: str
    time: int
    anchor: str


class ServiceCase(msgspec.Struct, array_like=True, gc=False):
    """A service case: the event times of its latest `opened` and `closed`; None: never."""

    opened_at: int | None
    closed_at: int | None
    anchor: str

    @property
    def is_open(self) -> bool:
        """Whether it was opened after its last close."""
        opened, closed = self.opened_at, self.closed_at
        return opened is not None and (closed is None or opened > closed)


class LastRun(msgspec.Struct, array_like=True, gc=False):
    """When a customer last entered a journey by one key, and when such a run last ended."""

    entered_at: int | None
    ended_at: int | None
    anchor: str


class Timer(msgspec.Struct, array_like=True, gc=False):
    """A timer of a state: when it is due, and its index among the state's timer rules."""

    due: int
    ordinal: int


class Instance(msgspec.Struct, array_like=True, gc=False):
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
    trial: int = 0
    """The version whose guarded canary counts it; 0: none does."""
    is_inside: bool = False
    """Of one that is counted: whether it entered that version."""


class Trial(msgspec.Struct, array_like=True, gc=False):
    """What the guards of a journey's canary, of `version`, have counted of a customer.

    `values`: trait -> the value counted last.
    """

    version: int
    is_inside: bool
    is_unsubscribed: bool = False
    letters: int = 0
    values: dict[str, float] = {}


class Command(msgspec.Struct, array_like=True, gc=False):
    """An issued action command, and its outcomes.

    `outcomes`: each outcome -> the event time of its first occurrence. `anchor` is the hash of the
    identifier whose event opened the instance that requested it.
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


_COMMANDS = msgspec.msgpack.Decoder(list[Command])
_NO_COMMANDS = msgspec.Raw(msgspec.msgpack.encode([]))


class Waiting(msgspec.Struct, array_like=True, gc=False):
    """A request that waits for the end of quiet hours.

    `asked` is the request as decision records show it; `state` is the state that made it; `own`
    overrides the instance's data; `data` is the instance's data, kept once that has ended.
    """

    due: int
    asked: dict[str, Any]
    journey: str
    version: int
    instance_id: str
    state: str | None
    opened_at: int
    first_at: int
    """When it was first decided."""
    event: Event | None
    key: Any
    holdout: bool
    own: dict[str, Any] = {}
    data: dict[str, Any] | None = None
    anchor: str = ""


class Window(msgspec.Struct, array_like=True, gc=False):
    """A reward window: an issued command whose acceptance is still waited for.

    `features` are the hashed features of its decision, None if its treatment does not learn;
    `outcome` is the acceptance, else the latest other outcome; `value` is the acceptance's.
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


class Moment(msgspec.Struct, array_like=True, gc=False):
    """A moment at which a prediction was made, and whose outcome is not known yet.

    `definition` is that of the prediction's rule then; `features` are the hashed features,
    `probability` what was predicted, by the model of that number (0: by the prior). `has_come`:
    what is waited for has happened.
    """

    closes_at: int
    id: str
    predict: str
    definition: str
    opened_at: int
    features: list[int]
    probability: float
    model: int
    anchor: str = ""
    has_come: bool = False


class Reservation(msgspec.Struct, array_like=True, gc=False):
    """Room reserved for a customer to be absorbed; `pieces` of its state have arrived."""

    members: dict[str, Member]
    apart: dict[str, int]
    pieces: list[bytes] = []


class Membership(msgspec.Struct, array_like=True, gc=False):
    """A change of membership under way.

    `pending`: the edge of this frozen customer's proposal. `reserved`: reserved room by customer
    id. `seeding`: customers parted from this one whose state is on its way to them; until it has
    arrived, messages for them are passed on from here, behind it. `queue`: messages that wait
    until no change is under way. `is_seeded`: False while a fresh customer's own state is on its
    way; `pieces` of it have arrived.
    """

    pending: Edge | None = None
    reserved: dict[str, Reservation] = {}
    queue: list[Queued] = []
    is_seeded: bool = True
    pieces: list[bytes] = []
    seeding: list[str] = []


class Overrun(msgspec.Struct, array_like=True, gc=False):
    """More timers were due at once than one cascade may fire, `times` in a row.

    Timers due by `at` rest until `until`; both are clocks. `due`: the due time of the first left.
    """

    times: int
    due: int
    at: int
    until: int


class Customer(msgspec.Struct, array_like=True, gc=False):
    """A customer: a root with members, or, once absorbed, only a redirect.

    `members`: hash -> member, the one seen last at the end. `facts` by slot. `traits`: slot -> the
    state of its kind. `consent`: purpose -> channel or * -> statement. `cases` by key.
    `seen`: channel and event id -> clock of arrival, first digits of the anchor's hash.
    `histories`: journey -> key as text -> last run. `counter` numbers the ids made from the
    customer's own id.
    `holdouts`: journey, or `*` for the universal holdout, -> whether held out, as drawn; `mixed`:
    holdouts in which a merge joined customers of both groups. `commands` and `windows` are in
    order of issue, `waiting` in the order requested, `moments` in the order opened.

    `apart`: marks of customers that must not be linked again: a name, and this customer's side.
    `moved`: hash@epoch of members that an unmerge gave to another customer -> its id; `parted`:
    the same for command ids. `aliases`: ids of absorbed customers. `origins`: customers of which
    this one was a part until an unmerge; stores may still hold its earlier state under their keys.
    `is_recorded`: its first identity record (`created` or `unmerged`) has been published.
    `cases_era`: the era of the definitions by which its cases were made.
    `revision`: that of the definition set that it has last been brought up to
    (`journey/rollout.py`). `paused`: the paused journeys of which it has instances or requests.
    `trials`: journey -> what the guards of its canary have counted of the customer.
    `noted`: how many entries its timeline has had. `profile_due`: when the profile is published
    next, None while it has not changed.
    """

    id: str
    redirect: str = ""
    erased_at: int | None = None
    is_recorded: bool = False
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
    held_commands: msgspec.Raw = _NO_COMMANDS
    """As it is stored, until `commands` is first asked for; from then on their list."""
    waiting: list[Waiting] = []
    windows: list[Window] = []
    overrun: Overrun | None = None
    cases_era: int = 0
    revision: int = 0
    paused: list[str] = []
    trials: dict[str, Trial] = {}
    moments: list[Moment] = []

    @property
    def commands(self) -> list[Command]:
        """The commands that are remembered, decoded when they are first needed.

        Most events need none of them, and 50 take longer than all else of a customer.
        """
        held: Any = self.held_commands
        if type(held) is msgspec.Raw:
            try:
                held = self.commands = _COMMANDS.decode(held)
            except msgspec.MsgspecError as error:
                raise InvariantError(
                    f"the stored commands of customer {self.id} are damaged: {error}"
                ) from error
        return cast("list[Command]", held)

    @commands.setter
    def commands(self, kept: list[Command]) -> None:
        self.held_commands = cast("msgspec.Raw", kept)


def later(one: int | None, other: int | None) -> int | None:
    """Return the later of two times, either of which may be missing.

    >>> later(3, None), later(3, 5), later(None, None)
    (3, 5, None)
    """
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def next_id(customer: Customer, letter: str) -> str:
    """Return the customer's next id; `letter`: the first of what it names."""
    customer.counter += 1
    return f"{customer.id}-{letter}{customer.counter}"


def skip_id(customer: Customer) -> None:
    """Take the customer's next id for something that is not recorded."""
    customer.counter += 1
