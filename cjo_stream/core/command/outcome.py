"""Outcomes, joined to their commands at the customer."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.duration import duration_text
from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Command, Customer
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Outcome

OUTCOME = "cjo.outcome"
_OUTCOMES = frozenset(Outcome)


def join_outcome(customer: Customer, event: Event, turn: Turn) -> Event | str:
    """Return the outcome with its command's attributes, or why it cannot be joined."""
    outcome = event.attributes.get("outcome")
    if type(outcome) is not str or outcome not in _OUTCOMES:
        return f"`outcome` is none of {', '.join(Outcome)}"
    command = _command_of(customer, event, turn)
    if command is None:
        return _why_no_command(event, turn.program)
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
        event.received,
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


def _why_no_command(event: Event, program: Program) -> str:
    """Return why no command was found, without values that the topology does not know."""
    if event.attributes.get("action_id") is not None:
        return "this customer has no command of that `action_id`"
    action, channel = event.attributes.get("action"), event.attributes.get("channel")
    if type(action) is not str or action not in program.actions:
        return "there is no `action_id`, and `action` names no action of the topology"
    on = f" on `{channel}`" if type(channel) is str and channel in program.channels else ""
    window = duration_text(program.reward_window_ms)
    return f"no command `{action}`{on} of this customer within the reward window ({window})"


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
