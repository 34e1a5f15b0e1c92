"""Messages between actors, and the keys that place actors on partitions.

An actor key is a kind and an id: `n` + identifier hash (32 hex digits), or `p` + customer id.
A customer id is `rank(type) || HMAC(type, value) || epoch` in hex: 2 + 32 + 4 digits. So customer
ids sort by strength, and the hash in it places a customer on the partition of its strongest
identifier.

The table in core.actor names the senders and the handlers of each message.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from cjo_stream.core.edge import Edge, Incarnation, Member
from cjo_stream.core.event import Event
from cjo_stream.core.event import Identifier as Named

HASH_DIGITS = 32
EPOCH_DIGITS = 4
CUSTOMER_ID_DIGITS = 2 + HASH_DIGITS + EPOCH_DIGITS

Refusal = Literal["limit", "shared", "cannot_link", "busy", "stale", "erased"]
"""Why two identifiers stay apart. A `busy` or `stale` link is requested again; an `erased` one is
not remembered as refused."""


def customer_id(rank: int, identifier_hash: str, epoch: int) -> str:
    """Return the id of a new customer."""
    return f"{rank:02x}{identifier_hash}{epoch:04x}"


def seed_of(customer: str) -> str:
    """Return the hash of a customer's first identifier, from the customer's id."""
    return customer[2 : 2 + HASH_DIGITS]


def identifier_key(identifier_hash: str) -> str:
    """Return the actor key of an identifier."""
    return "n" + identifier_hash


def customer_key(customer: str) -> str:
    """Return the actor key of a customer."""
    return "p" + customer


def partition_of(actor_key: str, partitions: int) -> int:
    """Return the partition of an actor, by the hash in its key."""
    start = 1 if actor_key[0] == "n" else 3
    return int(actor_key[start : start + 12], 16) % partitions


# --- to an identifier


class Arrive(msgspec.Struct, array_like=True, gc=False, tag="arrive"):
    """An event anchored on the receiver."""

    event: Event


class LinkRequest(msgspec.Struct, array_like=True, tag="link_request"):
    """An anchor, of customer `pointer`, was seen with the receiver.

    `seen_with` are hashes that the receiver may count to know whether it is shared.
    """

    edge: Edge
    pointer: str
    seen_with: list[str] = []


class Linked(msgspec.Struct, array_like=True, tag="linked"):
    """The edge lies inside one customer."""

    edge: Edge


class Granted(msgspec.Struct, array_like=True, tag="granted"):
    """The edge will lie inside one customer: room is reserved, the state is on its way."""

    edge: Edge


class Refused(msgspec.Struct, array_like=True, tag="refused"):
    """The edge is refused.

    `full_until`: until then the source's customer has no room for another value of the type of the
    edge's other end.
    """

    edge: Edge
    reason: Refusal
    full_until: int | None = None


class Rebind(msgspec.Struct, array_like=True, tag="rebind"):
    """The receiver's customer is now `pointer`.

    `is_located`: it answers a Locate; `is_final`: it answers a final one.
    """

    pointer: str
    epoch: int
    is_located: bool = False
    is_final: bool = False


class Reseed(msgspec.Struct, array_like=True, tag="reseed"):
    """An unmerge gave the receiver a new epoch, in which its customer is `pointer`."""

    incarnation: Incarnation
    epoch: int
    pointer: str


class Left(msgspec.Struct, array_like=True, tag="left"):
    """These identifiers (hashes) have left the receiver's customer.

    There may be room again, and links with them are to be requested anew.
    """

    hashes: list[str]


class Forget(msgspec.Struct, array_like=True, tag="forget"):
    """The receiver's customer in `epoch` is erased, with all events up to `erased_at`.

    `rank` is the rank of the receiver's type.
    """

    epoch: int
    erased_at: int
    rank: int


class Find(msgspec.Struct, array_like=True, tag="find"):
    """An operator's order for the receiver's customer."""

    order: Order


class Tie(msgspec.Struct, array_like=True, tag="tie"):
    """An operator's order to link the receiver with `other`."""

    command_id: str
    source: Named
    other: Named


# --- to a customer


class Deliver(msgspec.Struct, array_like=True, gc=False, tag="deliver"):
    """An event of the receiver, from its anchor in `epoch`. `hops` counts redirects so far."""

    event: Event
    epoch: int = 0
    hops: int = 0


class Locate(msgspec.Struct, array_like=True, tag="locate"):
    """Asks for the customer of an identifier, by the path of its events, behind them.

    `is_final`: this is the identifier's former path; an unmerge gave it to another customer.
    """

    hash: str
    epoch: int
    is_final: bool = False


class PathEnd(msgspec.Struct, array_like=True, tag="path_end"):
    """The last message by an identifier's former path: forget where it went, up to epoch `to`."""

    hash: str
    epoch: int
    to: int


class Denied(msgspec.Struct, array_like=True, tag="denied"):
    """An identifier has refused an edge; the customer of the edge's source records it.

    `shared`: the other end refused it, and the source is answered after the record. `limit`: the
    source refused it, because its customer is full; if the other end is already a member, the link
    is requested anyway.
    """

    edge: Edge
    reason: Refusal


class Link(msgspec.Struct, array_like=True, tag="link"):
    """An edge that joins the receiver, the greater customer, with customer `to`.

    `of_source`: the edge's source is a member of the receiver, not of `to`.
    """

    edge: Edge
    of_source: bool
    to: str

    @property
    def mine(self) -> Incarnation:
        """The end of the edge that is a member of the receiver."""
        return self.edge.source if self.of_source else self.edge.other

    @property
    def theirs(self) -> Incarnation:
        """The end of the edge that is a member of `to`."""
        return self.edge.other if self.of_source else self.edge.source


class Propose(msgspec.Struct, array_like=True, tag="propose"):
    """Customer `by`, now frozen, proposes that the receiver absorb it, with `members`.

    `theirs` is the end of the edge that is a member of the receiver.
    """

    by: str
    members: dict[str, Member]
    apart: dict[str, int]
    theirs: Incarnation
    edge: Edge


class Accept(msgspec.Struct, array_like=True, tag="accept"):
    """Customer `by` has reserved room for the receiver."""

    by: str


class Reject(msgspec.Struct, array_like=True, tag="reject"):
    """The proposal is rejected; `full_until` as in Refused, if the sender knows it."""

    reason: Refusal
    full_until: int | None = None


class Absorb(msgspec.Struct, array_like=True, tag="absorb"):
    """One of `parts` pieces of the state of `absorbed`, in order; after the last it is joined."""

    absorbed: str
    piece: bytes
    part: int
    parts: int
    edge: Edge


class Drop(msgspec.Struct, array_like=True, tag="drop"):
    """An identifier has left, in the epoch of `incarnation`.

    `denied`, if any, is sent on to customer `denied_to` once the member is removed.
    """

    incarnation: Incarnation
    reason: Literal["shared", "moved"]
    denied: Denied | None = None
    denied_to: str = ""


class Seed(msgspec.Struct, array_like=True, tag="seed"):
    """One of `parts` pieces of the state that an unmerge of `source` gives to a fresh customer.

    `epochs`: the members' epochs before the unmerge, by hash.
    """

    source: str
    piece: bytes
    part: int
    parts: int
    epochs: dict[str, int]


class Seeded(msgspec.Struct, array_like=True, tag="seeded"):
    """Customer `part`, which an unmerge parted from the receiver, has its state."""

    part: str


class Show(msgspec.Struct, array_like=True, tag="show"):
    """Answer with the customer; with `history`, also with the timeline."""

    command_id: str
    history: bool = False
    by: tuple[str, int] | None = None
    """In every order: the hash and the epoch of the identifier by which the customer was found."""


class Unlink(msgspec.Struct, array_like=True, tag="unlink"):
    """Take back the link of two identifiers (hashes), or every link of `one`.

    Without `confirmed` only answer what that would do.
    """

    command_id: str
    one: str
    other: str | None = None
    confirmed: bool = False
    by: tuple[str, int] | None = None


class Erase(msgspec.Struct, array_like=True, tag="erase"):
    """Erase the customer; without `confirmed` only answer what that would remove."""

    command_id: str
    confirmed: bool = False
    by: tuple[str, int] | None = None


class Purge(msgspec.Struct, array_like=True, tag="purge"):
    """Purge former states from the store.

    A customer that shared them, by a merge or before an unmerge, is erased.
    """


Order = Show | Unlink | Erase
"""An operator's orders about a customer, who is found by an identifier."""
Queued = Link | Propose | Drop | Unlink | Erase
"""Messages that are queued while a customer's membership is changing."""

# --- to a task


class StoreSet(msgspec.Struct, array_like=True, tag="store"):
    """Store definition set `number`; `definition/content.py` describes `content`."""

    number: int
    content: bytes
    command_id: str = ""


class ActivateSet(msgspec.Struct, array_like=True, tag="activate"):
    """Put definition set `number`, stored before, in force."""

    number: int
    command_id: str = ""


class RollOut(msgspec.Struct, array_like=True, tag="roll_out"):
    """Bring the next customers up to the definition set in force; a task sends it to itself.

    `most`: how many customers to look at.
    """

    most: int


class Reached(msgspec.Struct, array_like=True, tag="reached"):
    """All customers of a partition live by this revision of a definition set, or a later one.

    Every task sends it to the first partition's, when its walk ends.
    """

    partition: int
    revision: int


class Count(msgspec.Struct, array_like=True):
    """Values that a guard of a journey's canary version `version` counts, or a change of them.

    How many values there are more, and what is added to their sum and the sum of their squares.
    """

    journey: str
    version: int
    is_inside: bool
    metric: str
    number: int
    total: float
    squares: float


class Tally(msgspec.Struct, array_like=True, tag="tally"):
    """What guards count at the customers of one record; a task sends it to the first partition's.

    `period`: the full minute of the clock, numbered from the epoch.
    """

    period: int
    counts: list[Count]


class Verdict(msgspec.Struct, array_like=True, tag="verdict"):
    """What is decided of a guarded canary, once for all; the first partition's task sends it."""

    journey: str
    version: int
    verdict: str

    @property
    def row(self) -> tuple[str, int, str]:
        """As answers and stored sets have it."""
        return self.journey, self.version, self.verdict


class Foresee(msgspec.Struct, array_like=True, tag="foresee"):
    """Say what a definition set would do to the next customers; nothing is changed.

    `content` is that of `StoreSet`; `after` the key of the last customer looked at, "" before the
    first; `most` how many to look at.
    """

    content: bytes
    after: str
    most: int
    command_id: str = ""


class StoreModel(msgspec.Struct, array_like=True, tag="store_model"):
    """Store part `part` (from 0) of `parts` of the learnt model `number`."""

    number: int
    part: int
    parts: int
    content: bytes
    """As `core.learning.weight.publish` writes it."""
    command_id: str = ""


class ActivateModel(msgspec.Struct, array_like=True, tag="activate_model"):
    """Put learnt model `number`, stored before, in force."""

    number: int
    command_id: str = ""


class Sweep(msgspec.Struct, array_like=True, tag="sweep"):
    """Remove all values overwritten until now from the store's log and buffers.

    Every task gets it after an erasure: other states may have named an identifier of the erased
    customer while a link was requested.
    """

    command_id: str = ""


IdentifierMessage = (
    Arrive
    | LinkRequest
    | Linked
    | Granted
    | Refused
    | Rebind
    | Reseed
    | Left
    | Forget
    | Find
    | Tie
)
CustomerMessage = (
    Deliver
    | Locate
    | PathEnd
    | Denied
    | Link
    | Propose
    | Accept
    | Reject
    | Absorb
    | Drop
    | Seed
    | Seeded
    | Show
    | Unlink
    | Erase
    | Purge
)
ActorMessage = IdentifierMessage | CustomerMessage
TaskMessage = (
    StoreSet
    | ActivateSet
    | RollOut
    | Reached
    | Tally
    | Verdict
    | Foresee
    | StoreModel
    | ActivateModel
    | Sweep
)
Message = ActorMessage | TaskMessage
