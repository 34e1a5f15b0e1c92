"""How many of each thing an actor keeps.

What exceeds a bound is dropped, as the module of that thing says, and counted. Things that may be
large are also bounded in bytes (`core.size`), because they must fit into a frame.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cjo_stream.core.size import (
    ASKED_BYTES_MAX,
    FACTS_BYTES_MAX,
    HELD_BYTES_MAX,
    HISTORIES_BYTES_MAX,
    INSTANCES_BYTES_MAX,
    MEMBERS_CHARACTERS_MAX,
    QUEUE_CHARACTERS_MAX,
    SMALL_BYTES,
    TRAITS_BYTES_MAX,
    TRAITS_SMALL_BYTES,
    WAITING_BYTES_MAX,
)


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of things, and sizes; the defaults are the product's.

    Each is at least 1; `commands` and `piece_bytes` need more. A replay of a log must use the same
    bounds as the first run, because results depend on them.
    """

    # of an identifier
    held: int = 1_000
    """Events that wait for the answers to their links; the oldest goes on without them."""
    asked: int = 1_000
    """Links that wait to be requested; one more is requested at a later event that has it."""
    known: int = 200
    """Edges remembered as linked, and as many as refused: refusals never displace links."""
    users: int = 1_000
    """An identifier seen with more users is shared, whatever the topology says."""

    # of a customer's membership
    queue: int = 1_000
    """Links and proposals in the queue. Messages of operators and of detached identifiers always
    find room."""
    evidence: int = 200
    """Only links that close a circle are dropped; those that connect the members always stay."""
    aliases: int = 1_000
    """Ids of customers that were merged into this one."""
    origins: int = 1_000
    """Former ids: a store may still hold earlier states of this customer under them."""
    remembered: int = 1_000
    """Members that left, until the last event for them has been passed on; likewise commands."""
    members: int = 500
    """Members, even if the limits of their types allow more, as a limit with `per` does."""
    apart: int = 1_000
    """Marks of customers that must not be linked again."""
    piece_bytes: int = 200 * 1024
    """Of a customer's state that is sent to another customer. It is below a frame's bound, so that
    a piece is never the largest possible item."""

    # of a customer's events
    seen: int = 1_000
    """Ids of events, by which repeats are recognised."""
    cases: int = 200
    """Open or closed."""
    statements: int = 500
    """Statements of consent: one for each purpose and channel."""
    timeline: int = 300
    """Entries."""

    # of journeys and decisions
    live: int = 25
    """Live instances of one journey. `instances` bounds all, ended ones still watched included."""
    instances: int = 500
    watched: int = 25
    """Ended instances of one journey whose goal can still be reached."""
    keys: int = 1_000
    """Keys of one journey, each with the times when it was last entered and ended."""
    waiting: int = 100
    """Requests that wait for the end of quiet hours."""
    commands: int = 1_024
    """Must exceed PRUNED_EVERY of core.command.history. Caps and limits are exact over the latest
    `commands` - PRUNED_EVERY commands."""
    commands_aged: int = 50
    """The latest commands, kept at any age for outcomes that name their command."""
    windows: int = 200
    """Open reward windows."""
    moments: int = 200
    """Open moments of predictions."""
    raised: int = 1_000
    """Events that one event may raise."""
    due_at_once: int = 100
    """Timers that may be set and fire in the same cascade."""

    # of sizes (core.size)
    small_bytes: int = SMALL_BYTES
    traits_small_bytes: int = TRAITS_SMALL_BYTES
    facts_bytes: int = FACTS_BYTES_MAX
    traits_bytes: int = TRAITS_BYTES_MAX
    instances_bytes: int = INSTANCES_BYTES_MAX
    waiting_bytes: int = WAITING_BYTES_MAX
    held_bytes: int = HELD_BYTES_MAX
    asked_bytes: int = ASKED_BYTES_MAX
    histories_bytes: int = HISTORIES_BYTES_MAX
    members_characters: int = MEMBERS_CHARACTERS_MAX
    queue_characters: int = QUEUE_CHARACTERS_MAX


BOUNDS: Final = Bounds()
"""The product's."""
