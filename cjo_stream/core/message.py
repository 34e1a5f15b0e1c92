"""Messages between actors, and the keys by which actors are placed.

An actor key is a kind and an id: `n` + identifier hash (32 hex digits), or `p` + customer id.
A customer id is `rank(type) || HMAC(type, value) || epoch` in hex: 2 + 32 + 4 digits, so byte
order is strength order, and the hash part places the customer beside its strongest identifier.
"""

from __future__ import annotations

import msgspec

from cjo_stream.core.event import Event

HASH_DIGITS = 32
CUSTOMER_ID_DIGITS = 2 + HASH_DIGITS + 4


def customer_id(rank: int, identifier_hash: str, epoch: int) -> str:
    """Return the id a customer is born with."""
    return f"{rank:02x}{identifier_hash}{epoch:04x}"


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


class Arrive(msgspec.Struct, array_like=True, tag="arrive"):
    """Intake to an identifier: an event anchored on it."""

    event: Event


class Deliver(msgspec.Struct, array_like=True, tag="deliver"):
    """To a customer: an event of theirs. `hops` counts redirects on the way."""

    event: Event
    hops: int = 0


class Find(msgspec.Struct, array_like=True, tag="find"):
    """An operator to an identifier: show the customer it points to, under this command id."""

    command_id: str


class Show(msgspec.Struct, array_like=True, tag="show"):
    """An identifier to a customer: answer the operator's command."""

    command_id: str


class StoreSet(msgspec.Struct, array_like=True, tag="store"):
    """To a task: keep definition set `number`; `content` is what the definition room compiles."""

    number: int
    content: bytes
    command_id: str = ""


class ActivateSet(msgspec.Struct, array_like=True, tag="activate"):
    """To a task: definition set `number`, stored before, governs from here on."""

    number: int
    command_id: str = ""


Message = Arrive | Deliver | Find | Show | StoreSet | ActivateSet
ActorMessage = Arrive | Deliver | Find | Show
