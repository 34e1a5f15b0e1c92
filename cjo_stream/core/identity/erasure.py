"""Erasing a customer: only {customer id, erased at} remains of the person.

Each of the customer's identifiers forgets it; its first later event begins a new customer. Events
up to the time of the erasure are dropped wherever they arrive.
"""

from __future__ import annotations

from cjo_stream.core.answer import Erased, Removed
from cjo_stream.core.identity.field import empty
from cjo_stream.core.identity.member.membership import record_change
from cjo_stream.core.journey.instance import count_live
from cjo_stream.core.message import Erase, Forget, Purge, customer_key, identifier_key
from cjo_stream.core.profile.publication import withdraw_profile
from cjo_stream.core.record import Reply
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn


def erase(customer: Customer, message: Erase, turn: Turn) -> None:
    """Erase, or only answer what that would remove; the answer has numbers, no values."""
    key = "p" + customer.id
    removed = _inventory(customer, len(turn.timelines.read(key, customer.noted)))
    answer = Erased(customer_id=customer.id, done=message.confirmed, removed=removed)
    if not message.confirmed:
        turn.emit(Reply(command_id=message.command_id, body=answer))
        return
    for hash_, member in customer.members.items():
        rank = turn.program.identifier_type(member.type).rank
        turn.send(identifier_key(hash_), Forget(member.epoch, turn.clock, rank))
    for former in dict.fromkeys([*customer.aliases, *customer.origins]):
        turn.send(customer_key(former), Purge())
    count_live(customer, turn, by=-1)
    withdraw_profile(customer, turn)
    if customer.is_recorded:
        record_change(customer, "erased", turn, identifiers=[], absorbed=customer.aliases)
    turn.timelines.replace(key, customer.noted, [])
    empty(customer)
    customer.erased_at = turn.clock
    turn.purges.append(key)
    answer.erased_at = turn.clock
    turn.emit(Reply(command_id=message.command_id, body=answer))


def on_purge(_: str, state: Customer, message: Purge, turn: Turn) -> Customer:
    """Purge the store of former states of this customer: an erased customer was part of them."""
    del message
    turn.changed = False
    turn.purges.append(customer_key(state.id))
    return state


def on_purge_for_nobody(_: str, state: None, message: Purge, turn: Turn) -> None:
    """Do nothing: no state is held here."""
    del message
    turn.changed = False
    return state


def _inventory(customer: Customer, entries: int) -> Removed:
    """Return how much is held of a customer."""
    identifiers: dict[str, int] = {}
    for member in customer.members.values():
        identifiers[member.type] = identifiers.get(member.type, 0) + 1
    return Removed(
        identifiers=dict(sorted(identifiers.items())),
        absorbed_customers=len(customer.aliases),
        events=customer.events,
        facts=len(customer.facts),
        traits=len(customer.traits),
        consents=sum(len(channels) for channels in customer.consent.values()),
        journey_instances=len(customer.instances),
        commands=len(customer.commands),
        timeline_entries=entries,
    )
