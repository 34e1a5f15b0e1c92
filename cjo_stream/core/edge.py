"""The elements of identity: incarnations of identifiers, and the links seen between them."""

from __future__ import annotations

import msgspec


class Incarnation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An identifier in one of its epochs. A customer is a set of these.

    Every change that takes an identifier out of a customer (detached, unmerged, erased) begins a
    new epoch, so that messages of an older epoch are recognised. An identifier gives itself even
    epochs, an unmerge gives it odd ones, so that the two never collide.
    """

    type: str
    value: str
    hash: str
    epoch: int


class Edge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A link: two identifiers seen in one event, or joined by an operator's command.

    `source` is the anchor, which requests the link and gets the answer; the epoch of `other` is
    set once its own actor has seen the edge. `name` is the source's name for the edge. The other
    fields say what caused it.
    """

    source: Incarnation
    other: Incarnation
    name: str
    time: int
    event_id: str | None = None
    event_type: str | None = None
    command_id: str = ""


class Member(msgspec.Struct, array_like=True, gc=False):
    """An incarnation that belongs to a customer.

    `linked_at`: clock of the last merge by a link that ends at this member, None before any.
    `seen_at`: event time of the last event of its customer that named it.
    """

    type: str
    value: str
    epoch: int
    linked_at: int | None = None
    seen_at: int | None = None


class Evidence(msgspec.Struct, array_like=True, gc=False):
    """An accepted link between two members, by their hashes; `at` is the clock."""

    a: str
    b: str
    at: int


def next_own_epoch(epoch: int) -> int:
    """Return the epoch that an identifier gives itself after `epoch`.

    >>> [next_own_epoch(epoch) for epoch in (0, 1, 2)]
    [2, 2, 4]
    """
    return epoch + 2 - epoch % 2


def next_given_epoch(epoch: int) -> int:
    """Return the epoch that an unmerge gives an identifier after `epoch`.

    >>> [next_given_epoch(epoch) for epoch in (0, 1, 2)]
    [1, 3, 3]
    """
    return epoch + 1 + epoch % 2
