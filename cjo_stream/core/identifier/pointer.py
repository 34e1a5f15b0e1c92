"""The customer that an identifier points to; the identifier leaves it once too many share it."""

from __future__ import annotations

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.edge import Incarnation, next_own_epoch
from cjo_stream.core.event import Event
from cjo_stream.core.event import Identifier as Named
from cjo_stream.core.identifier.hold import end_former, release
from cjo_stream.core.message import Denied, Drop, customer_id, customer_key
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Identifier
from cjo_stream.core.turn import Turn


def ensure_pointer(key: str, state: Identifier, type_: str, turn: Turn) -> bool:
    """Make the pointer if there is none; return whether it was made."""
    if state.pointer:
        return False
    rank = turn.program.identifier_type(type_).rank
    state.pointer = customer_id(rank, key[1:], state.epoch)
    return True


def knows_users(state: Identifier, event: Event, program: Program, bounds: Bounds) -> bool:
    """Return whether the anchor has been seen with all the event's users, and is not shared."""
    anchor = event.identifiers[0]
    declared = program.identifier_type(anchor.type)
    if declared.counts is None or declared.shared_after is None:
        return True
    users = state.users
    return (
        state.counted == declared.counts
        and len(users) <= min(declared.shared_after, bounds.users)
        and all(i.hash in users for i in event.identifiers[1:] if i.type == declared.counts)
    )


def counts_others(state: Identifier, event: Event, turn: Turn) -> bool:
    """Count the users that the anchor was seen with; return whether that makes it shared."""
    counted = turn.program.identifier_type(event.identifiers[0].type).counts
    if counted is None:
        return False
    others = [i.hash for i in event.identifiers[1:] if i.type == counted]
    return count_users(state, event.identifiers[0].type, others, turn)


def count_users(state: Identifier, type_: str, hashes: list[str], turn: Turn) -> bool:
    """Count distinct values of the counted type; return whether that makes the value shared."""
    declared = turn.program.identifier_type(type_)
    if declared.shared_after is None or declared.counts is None or state.is_shared:
        return False
    if state.counted != declared.counts:
        if state.counted:  # another type: `of` has changed, or there is a new strongest type
            state.users = []
        state.counted = declared.counts
        turn.changed = True
    for hash_ in hashes:
        if hash_ not in state.users:
            state.users.append(hash_)
            turn.changed = True
    return len(state.users) > min(declared.shared_after, turn.bounds.users)


def become_shared(
    key: str,
    state: Identifier,
    named: Named | Incarnation,
    turn: Turn,
    denied: Denied | None = None,
    denied_to: str = "",
) -> None:
    """Leave the customer, and never be linked again; held events go to the new customer.

    `denied` is sent on to customer `denied_to` only after the old customer has dropped the member.
    """
    old = Incarnation(named.type, named.value, key[1:], state.epoch)
    turn.send(customer_key(state.pointer), Drop(old, "shared", denied, denied_to))
    state.is_shared = True
    state.users = []
    state.known, state.refused, state.full = {}, {}, {}
    state.asked = {}
    end_former(key[1:], state, turn)
    state.epoch = next_own_epoch(state.epoch)
    state.is_locating = state.sent_since = False
    state.pointer = ""
    ensure_pointer(key, state, named.type, turn)
    release(state, turn)
