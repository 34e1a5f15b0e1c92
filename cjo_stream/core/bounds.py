"""How many of each thing an actor keeps: what is beyond goes as its module says, and is counted.

What may be large is bounded in bytes, too, by `core.size`: a frame must hold it.
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
    """Numbers of things, and sizes; the product's are the defaults.

    Each may be 1 or more, `commands` and `piece_bytes` more. Whoever runs a log again must run it
    by the same: what goes beyond a bound is a result.
    """

    # of an identifier
    held: int = 1_000
    """Events that wait for the answers to their links; the oldest goes on without."""
    asked: int = 1_000
    """Links that wait to be asked for; one more is asked with a later event that shows it."""
    known: int = 200
    """Edges remembered as linked, and as many as refused: a flood of refusals forgets no link."""
    users: int = 1_000
    """Whoever is seen with more is shared, whatever the topology says."""

    # of a customer's membership
    queue: int = 1_000
    """Links and proposals in the queue; what an operator or a detached identifier sends has
    room."""
    evidence: int = 200
    """Links that no member hangs on go first; those of a tree stay, whatever this is."""
    aliases: int = 1_000
    """Ids of customers that were merged into this one."""
    origins: int = 1_000
    """Ids under which stores may still hold what this customer was."""
    remembered: int = 1_000
    """Members that left, until the last event for them has come by, and commands that left."""
    members: int = 500
    """Whatever the limits of their types say, a limit with `per` above all."""
    apart: int = 1_000
    """Marks of customers that must not be linked again."""
    piece_bytes: int = 200 * 1024
    """Of a customer on the way to another; below a frame's bound, so that a piece is never the
    largest item there can be."""

    # of a customer's events
    seen: int = 1_000
    """Ids of events, against repeats."""
    cases: int = 200
    """Open or closed."""
    statements: int = 500
    """Of consent: purposes times channels."""
    timeline: int = 300
    """Entries."""

    # of journeys and decisions
    live: int = 25
    """Instances of one journey; `instances` of all, with the ended ones that are watched."""
    instances: int = 500
    watched: int = 25
    """Ended instances of one journey whose goal may still come."""
    keys: int = 1_000
    """Of one journey, with when they were entered and ended."""
    waiting: int = 100
    """Requests that wait for their time."""
    commands: int = 1_024
    """More than PRUNED_EVERY of core.command.history: caps and limits are exact within the latest
    of these, less that number."""
    commands_aged: int = 50
    """Kept whatever their age, for an outcome that names its command."""
    windows: int = 200
    """Open reward windows."""
    raised: int = 1_000
    """Events that one event may raise."""
    due_at_once: int = 100
    """Timers set while others fire that fire with them."""

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
