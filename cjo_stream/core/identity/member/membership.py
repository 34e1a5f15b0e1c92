"""The members of a customer: the first one, limits, and the identity records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.edge import Incarnation, Member, next_given_epoch
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Address, IdentityChange
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn

FULL_MS = 3_600_000

Kind = Literal["created", "linked", "refused", "merged", "detached", "unmerged", "erased"]


def born(customer_id: str, seed: Incarnation) -> Customer:
    """Return a customer of one member, the identifier whose hash is in its id."""
    return Customer(id=customer_id, members={seed.hash: Member(seed.type, seed.value, seed.epoch)})


def has_member(members: dict[str, Member], incarnation: Incarnation) -> bool:
    """Return whether an incarnation is among the members, in the same epoch."""
    member = members.get(incarnation.hash)
    return member is not None and member.epoch == incarnation.epoch


def join_members(into: dict[str, Member], others: dict[str, Member]) -> None:
    """Add members; of two epochs of one identifier keep the later: in the other it has left."""
    for hash_, member in others.items():
        held = into.get(hash_)
        if held is None or held.epoch < member.epoch:
            into[hash_] = member


def part_members(customer: Customer, fresh: Customer, hashes: Iterable[str]) -> None:
    """Move members to a fresh customer, each in a new epoch, and note where they went."""
    for hash_ in hashes:
        old = customer.members.pop(hash_)
        customer.moved[f"{hash_}@{old.epoch}"] = fresh.id
        given = next_given_epoch(old.epoch)
        fresh.members[hash_] = Member(old.type, old.value, given, old.linked_at, old.seen_at)


def breaks_limit(members: dict[str, Member], ends: tuple[str, str], turn: Turn) -> bool:
    """Return whether a customer with these members, joined at `ends`, would break a limit.

    A limit with `per` counts the members linked in (clock - per, clock]; a link counts for both of
    its ends.
    """
    if not has_room_for(members, turn.bounds):
        return True
    counts: dict[str, int] = {}
    for hash_, member in members.items():
        declared = turn.program.identifiers.get(member.type)
        if declared is None:
            continue
        if declared.per_ms is not None and hash_ not in ends:
            linked = member.linked_at
            if linked is None or linked <= turn.clock - declared.per_ms:
                continue
        number = counts.get(member.type, 0) + 1
        if number > declared.limit:
            return True
        counts[member.type] = number
    return False


def has_room_for(members: dict[str, Member], bounds: Bounds) -> bool:
    """Return whether the number and the length of the members are within bounds."""
    if len(members) > bounds.members:
        return False
    characters = sum(len(member.value) for member in members.values())
    return characters <= bounds.members_characters


def full_until(members: dict[str, Member], type_: str, program: Program, clock: int) -> int | None:
    """Return until when a customer has no room for another value of a type; None if it has.

    At most FULL_MS from now, because a member may leave.
    """
    declared = program.identifiers.get(type_)
    if declared is None:
        return None
    of_type = [member for member in members.values() if member.type == type_]
    if declared.per_ms is None:
        return clock + FULL_MS if len(of_type) >= declared.limit else None
    since = clock - declared.per_ms
    linked = [m.linked_at for m in of_type if m.linked_at is not None and m.linked_at > since]
    if len(linked) < declared.limit:
        return None
    return min(clock + FULL_MS, sorted(linked)[-declared.limit] + declared.per_ms)


def record_created(customer: Customer, event_id: str | None, turn: Turn) -> None:
    """Record a new customer, once: at its first event, or when it first absorbs another."""
    if not customer.is_recorded:
        customer.is_recorded = True
        addresses = [Address(m.type, m.value) for m in customer.members.values()]
        record_change(customer, "created", turn, identifiers=addresses, event_id=event_id)


def record_change(
    customer: Customer,
    kind: Kind,
    turn: Turn,
    *,
    identifiers: list[Address],
    absorbed: list[str] | None = None,
    event_id: str | None = None,
    reason: str | None = None,
) -> None:
    """Emit one identity record of this customer, and count it."""
    turn.count("cjo_identity_changes_total", kind)
    turn.emit(
        IdentityChange(
            kind=kind,
            customer_id=customer.id,
            absorbed=absorbed or [],
            identifiers=identifiers,
            event_id=event_id,
            reason=reason,
            time=turn.clock,
        )
    )
