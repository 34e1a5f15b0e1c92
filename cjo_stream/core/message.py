"""Messages between actors, and the keys by which actors are placed.

An actor key is a kind and an id: `n` + identifier hash (32 hex digits), or `p` + customer id.
A customer id is `rank(type) || HMAC(type, value) || epoch` in hex: 2 + 32 + 4 digits, so byte
order is strength order, and the hash part places the customer beside its strongest identifier.

What each message does stands in the table of core.actor.
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
"""Why two identifiers stay apart. `busy` and `stale` are asked again, `erased` is not kept."""


def customer_id(rank: int, identifier_hash: str, epoch: int) -> str:
    """Return the id a customer is born with."""
    return f"{rank:02x}{identifier_hash}{epoch:04x}"


def seed_of(customer: str) -> str:
    """Return the hash of the identifier that a customer was born with, from their id."""
    return customer[2 : 2 + HASH_DIGITS]


def identifier_key(identifier_hash: str) -> str:
    """Return the actor key of an identifier."""
    return "n" + identifier_hash


def customer_key(customer: str) -> str:
    """Return the actor key of a customer."""
    return "p" + customer


def partition_of(actor_key: str, partitions: int) -> int:
    """Return the partition of an actor: that of the hash in its key."""
    start = 1 if actor_key[0] == "n" else 3
    return int(actor_key[start : start + 12], 16) % partitions


# --- to an identifier


class Arrive(msgspec.Struct, array_like=True, tag="arrive"):
    """An event anchored on it."""

    event: Event


class LinkRequest(msgspec.Struct, array_like=True, tag="link_request"):
    """The anchor, at customer `pointer`, was seen with it; `seen_with` are hashes it may count."""

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
    """The edge's ends stay apart.

    `full_until`: the source's customer has no room for another of the other's type until then.
    """

    edge: Edge
    reason: Refusal
    full_until: int | None = None


class Rebind(msgspec.Struct, array_like=True, tag="rebind"):
    """Its customer is `pointer` by now; `is_located`, `is_final`: the answer to such a Locate."""

    pointer: str
    epoch: int
    is_located: bool = False
    is_final: bool = False


class Reseed(msgspec.Struct, array_like=True, tag="reseed"):
    """An unmerge gave it a new epoch, in which it belongs to `pointer`."""

    incarnation: Incarnation
    epoch: int
    pointer: str


class Left(msgspec.Struct, array_like=True, tag="left"):
    """These identifiers (hashes) have left its customer: there may be room, and links are new."""

    hashes: list[str]


class Forget(msgspec.Struct, array_like=True, tag="forget"):
    """The customer it belonged to in `epoch` is erased, with all events up to `erased_at`.

    `rank` is that of its type.
    """

    epoch: int
    erased_at: int
    rank: int


class Find(msgspec.Struct, array_like=True, tag="find"):
    """An operator's order for the customer it points to."""

    order: Order


class Tie(msgspec.Struct, array_like=True, tag="tie"):
    """An operator says that it and `other` are one customer's."""

    command_id: str
    source: Named
    other: Named


# --- to a customer


class Deliver(msgspec.Struct, array_like=True, tag="deliver"):
    """An event of theirs, from its anchor in `epoch`. `hops` counts redirects on the way."""

    event: Event
    epoch: int = 0
    hops: int = 0


class Locate(msgspec.Struct, array_like=True, tag="locate"):
    """Who is the customer of this identifier? It follows, on their way, all events sent before.

    `is_final`: no more will come this way, for an unmerge gave it to another customer.
    """

    hash: str
    epoch: int
    is_final: bool = False


class Denied(msgspec.Struct, array_like=True, tag="denied"):
    """An identifier has refused an edge that has its source; the customer records it.

    `shared`: the other end has, and the source is answered then. `limit`: the source has, as its
    customer is full; where the other end is in it already, that is asked all the same.
    """

    edge: Edge
    reason: Refusal


class Link(msgspec.Struct, array_like=True, tag="link"):
    """An edge joins it, the greater, with customer `to`; `of_source`: it has the edge's source."""

    edge: Edge
    of_source: bool
    to: str

    @property
    def mine(self) -> Incarnation:
        """The end that the receiver has."""
        return self.edge.source if self.of_source else self.edge.other

    @property
    def theirs(self) -> Incarnation:
        """The end that `to` has."""
        return self.edge.other if self.of_source else self.edge.source


class Propose(msgspec.Struct, array_like=True, tag="propose"):
    """Customer `by`, frozen, with `members`, would be absorbed; `theirs` is the receiver's end."""

    by: str
    members: dict[str, Member]
    apart: dict[str, int]
    theirs: Incarnation
    edge: Edge


class Accept(msgspec.Struct, array_like=True, tag="accept"):
    """Customer `by` has reserved room for it."""

    by: str


class Reject(msgspec.Struct, array_like=True, tag="reject"):
    """It stays as it is; `full_until` as in Refused, from the customer with the edge's source."""

    reason: Refusal
    full_until: int | None = None


class Absorb(msgspec.Struct, array_like=True, tag="absorb"):
    """One of `parts` pieces of the state of `absorbed`, in order; the last joins it."""

    absorbed: str
    piece: bytes
    part: int
    parts: int
    edge: Edge


class Drop(msgspec.Struct, array_like=True, tag="drop"):
    """An identifier has left in the epoch of `incarnation`.

    `denied`, if any, goes on to customer `denied_to` when that is done.
    """

    incarnation: Incarnation
    reason: Literal["shared", "moved"]
    denied: Denied | None = None
    denied_to: str = ""


class Seed(msgspec.Struct, array_like=True, tag="seed"):
    """One of `parts` pieces of the state that an unmerge of `source` gives to a fresh customer.

    `epochs`: the members' epochs until then, by hash.
    """

    source: str
    piece: bytes
    part: int
    parts: int
    epochs: dict[str, int]


class Seeded(msgspec.Struct, array_like=True, tag="seeded"):
    """Customer `part`, which an unmerge parted from it, has its state."""

    part: str


class Show(msgspec.Struct, array_like=True, tag="show"):
    """Answer with the customer; with `history`, with the timeline too. `by` as in every order."""

    command_id: str
    history: bool = False
    by: tuple[str, int] | None = None
    """The identifier by which the customer was found: its hash, its epoch."""


class Unlink(msgspec.Struct, array_like=True, tag="unlink"):
    """Take back the link of two identifiers (hashes), or every link of `one`.

    Without `confirmed` only say what that would do.
    """

    command_id: str
    one: str
    other: str | None = None
    confirmed: bool = False
    by: tuple[str, int] | None = None


class Erase(msgspec.Struct, array_like=True, tag="erase"):
    """Erase the customer; without `confirmed` only say what that would remove."""

    command_id: str
    confirmed: bool = False
    by: tuple[str, int] | None = None


class Purge(msgspec.Struct, array_like=True, tag="purge"):
    """A customer that was part of it, by a merge or before an unmerge, is erased: forget it."""


Order = Show | Unlink | Erase
"""What an operator orders about a customer, found by one of their identifiers."""
Queued = Link | Propose | Drop | Unlink | Erase
"""What waits while a customer's membership is about to change."""

# --- to a task


class StoreSet(msgspec.Struct, array_like=True, tag="store"):
    """Keep definition set `number`; `content` is what the definition room compiles."""

    number: int
    content: bytes
    command_id: str = ""


class ActivateSet(msgspec.Struct, array_like=True, tag="activate"):
    """Definition set `number`, stored before, governs from here on."""

    number: int
    command_id: str = ""


class StoreModel(msgspec.Struct, array_like=True, tag="store_model"):
    """To a task: keep part `part` (from 0) of `parts` of the learnt model `number`."""

    number: int
    part: int
    parts: int
    content: bytes
    """As `core.learning.weight.publish` writes it."""
    command_id: str = ""


class ActivateModel(msgspec.Struct, array_like=True, tag="activate_model"):
    """To a task: decisions go by learnt model `number`, stored before, from here on."""

    number: int
    command_id: str = ""


class Sweep(msgspec.Struct, array_like=True, tag="sweep"):
    """Let the store's log and buffers forget what was overwritten until now.

    After an erasure every task gets it, since other states may have named an identifier of the
    erased customer while a link was asked for.
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
TaskMessage = StoreSet | ActivateSet | StoreModel | ActivateModel | Sweep
Message = ActorMessage | TaskMessage
