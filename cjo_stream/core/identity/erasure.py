"""Erasing a customer: nothing of the person stays but {customer id, erased at}.

The customer's identifiers each forget it, and begin anew with the first later event. Events not
later than the erasure are dropped wherever they arrive.
"""

from __future__ import annotations

from typing import Any

from cjo_stream.core.edge import Incarnation
from cjo_stream.core.identity.membership import tell
from cjo_stream.core.journey.instance import count_live
from cjo_stream.core.message import Erase, Forget, Purge, customer_key, identifier_key
from cjo_stream.core.profile.publication import withdraw_profile
from cjo_stream.core.record import Reply
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn


def erase(customer: Customer, message: Erase, turn: Turn) -> None:
    """Erase, or only say what that would remove; the answer has numbers, no values."""
    key = "p" + customer.id
    report = {"found": True, "customer_id": customer.id, "done": message.confirmed}
    report["removed"] = _inventory(customer, len(turn.timelines.read(key, customer.noted)))
    if not message.confirmed:
        turn.emit(Reply(command_id=message.command_id, body=report))
        return
    for hash_, member in customer.members.items():
        rank = turn.program.identifier_type(member.type).rank
        turn.send(identifier_key(hash_), Forget(member.epoch, turn.clock, rank))
    for former in dict.fromkeys([*customer.aliases, *customer.origins]):
        turn.send(customer_key(former), Purge())
    count_live(customer, turn, by=-1)
    withdraw_profile(customer, turn)
    if customer.is_told:
        tell(customer, "erased", turn, identifiers=[], absorbed=customer.aliases)
    turn.timelines.replace(key, customer.noted, [])
    _empty(customer, turn.clock)
    turn.purges.append(key)
    turn.emit(Reply(command_id=message.command_id, body={**report, "erased_at": turn.clock}))


def on_purge(_: str, state: Customer | None, message: Purge, turn: Turn) -> Customer | None:
    """Let the store forget what it held of the erased customer, who was a part of this one."""
    del message
    turn.changed = False
    if state is not None:
        turn.purges.append(customer_key(state.id))
    return state


def bounce(incarnation: Incarnation, erased_at: int, turn: Turn) -> None:
    """Tell an identifier that still points to an erased customer."""
    rank = turn.program.identifier_type(incarnation.type).rank
    turn.send(identifier_key(incarnation.hash), Forget(incarnation.epoch, erased_at, rank))


def answer_nobody(command_id: str, turn: Turn) -> None:
    """Answer an operator that there is no such customer."""
    turn.emit(Reply(command_id=command_id, body={"found": False}))


def _inventory(customer: Customer, entries: int) -> dict[str, Any]:
    """Return what is held of a customer, in numbers."""
    identifiers: dict[str, int] = {}
    for member in customer.members.values():
        identifiers[member.type] = identifiers.get(member.type, 0) + 1
    return {
        "identifiers": dict(sorted(identifiers.items())),
        "absorbed_customers": len(customer.aliases),
        "events": customer.events,
        "facts": len(customer.facts),
        "traits": len(customer.traits),
        "consents": sum(len(channels) for channels in customer.consent.values()),
        "journey_instances": len(customer.instances),
        "commands": len(customer.commands),
        "timeline_entries": entries,
    }


def _empty(customer: Customer, at: int) -> None:
    """Leave nothing but the tombstone, and where to go with what is late for who left before."""
    blank = Customer(id=customer.id, erased_at=at, moved=customer.moved, parted=customer.parted)
    for name in Customer.__struct_fields__:
        setattr(customer, name, getattr(blank, name))
