"""Outcomes, joined to their commands at the customer."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.event import Event
from cjo_stream.core.state import Command, Customer
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Outcome

OUTCOME = "cjo.outcome"
_OUTCOMES = frozenset(Outcome)


def join_outcome(customer: Customer, event: Event, turn: Turn) -> Event | None:
    """Return the outcome with its command's attributes.

    None if the outcome is not a listed one, or the customer has no command for it.
    """
    outcome = event.attributes.get("outcome")
    if type(outcome) is not str or outcome not in _OUTCOMES:
        return None
    command = _command_of(customer, event, turn)
    if command is None:
        return None
    attributes: dict[str, Any] = {
        **event.attributes,
        "action_id": command.id,
        "action": command.action,
        "issue": command.issue,
        "group": command.group,
        "channel": command.channel,
    }
    return Event(
        event.type,
        event.time,
        attributes,
        event.id,
        event.channel,
        event.identifiers,
        event.own_id,
        event.received_at,
        event.topic,
        event.partition,
        event.offset,
    )


def note_outcome(customer: Customer, event: Event) -> None:
    """Note a joined outcome at its command; each kind of outcome counts once a command."""
    action_id, outcome = event.attributes["action_id"], event.attributes["outcome"]
    for command in reversed(customer.commands):
        if command.id == action_id:
            command.outcomes.setdefault(outcome, event.time)
            return


def _command_of(customer: Customer, event: Event, turn: Turn) -> Command | None:
    action_id = event.attributes.get("action_id")
    if action_id is not None:
        return next((c for c in customer.commands if c.id == action_id), None)
    action, channel = event.attributes.get("action"), event.attributes.get("channel")
    since = event.time - turn.program.reward_window_ms
    return next(
        (
            command
            for command in reversed(customer.commands)
            if command.action == action
            and channel in (None, command.channel)
            and since < command.at <= event.time
        ),
        None,
    )
