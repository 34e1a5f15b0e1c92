"""Erasing a customer: nothing of the person stays but {customer id, erased at}.

The customer's identifiers each forget it, and begin anew with the first later event. Events not
later than the erasure are dropped wherever they arrive.
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
    """Erase, or only say what that would remove; the answer has numbers, no values."""
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
    if customer.is_told:
        record_change(customer, "erased", turn, identifiers=[], absorbed=customer.aliases)
    turn.timelines.replace(key, customer.noted, [])
    empty(customer)
    customer.erased_at = turn.clock
    turn.purges.append(key)
    answer.erased_at = turn.clock
    turn.emit(Reply(command_id=message.command_id, body=answer))


def on_purge(_: str, state: Customer, message: Purge, turn: Turn) -> Customer:
    """Let the store forget what it held of an erased customer that was part of this one."""
    del message
    turn.changed = False
    turn.purges.append(customer_key(state.id))
    return state


def on_purge_for_nobody(_: str, state: None, message: Purge, turn: Turn) -> None:
    """Nothing is held here."""
    del message
    turn.changed = False
    return state


def _inventory(customer: Customer, entries: int) -> Removed:
    """Return what is held of a customer, in numbers."""
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
