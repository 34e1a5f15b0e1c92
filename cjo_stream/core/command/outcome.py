"""Outcomes, joined to their commands at the customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cjo_stream.core.duration import duration_text
from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Command, Customer
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Outcome

OUTCOME = "cjo.outcome"
_UNKNOWN = f"`outcome` is none of {', '.join(Outcome)}"
_NO_ACTION = "there is no `action_id`, and `action` names no action of the topology"
_OF_NO_ID = "this customer has no command of that `action_id`"
_NOT_SENT = "no command `"
_OUTCOMES = frozenset(Outcome)


def why_unknown(attributes: Mapping[str, Any]) -> str | None:
    """Return why every customer refuses an outcome: its word is none; None if that is known."""
    outcome = attributes.get("outcome")
    return None if type(outcome) is str and outcome in _OUTCOMES else _UNKNOWN


def why_of_no_action(attributes: Mapping[str, Any], program: Program) -> str | None:
    """Return why a customer without commands of former actions refuses an outcome, if it does."""
    action = attributes.get("action")
    if attributes.get("action_id") is not None or (
        type(action) is str and action in program.actions
    ):
        return None
    return _NO_ACTION


def is_outcome_refused(reason: str, detail: str) -> bool:
    """Return whether a dead letter says by these that its customer refused an outcome."""
    return reason == "invalid" and (
        detail in (_UNKNOWN, _OF_NO_ID, _NO_ACTION) or detail.startswith(_NOT_SENT)
    )


def is_refused_by_customer(reason: str, detail: str) -> bool:
    """Return whether intake had accepted the event of a dead letter, and it had no effect."""
    return reason == "failed" or is_outcome_refused(reason, detail)


def join_outcome(customer: Customer, event: Event, turn: Turn) -> Event | str:
    """Return the outcome with its command's attributes, or why it cannot be joined."""
    if (unknown := why_unknown(event.attributes)) is not None:
        return unknown
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
        return _OF_NO_ID
    if (none := why_of_no_action(event.attributes, program)) is not None:
        return none
    action, channel = event.attributes["action"], event.attributes.get("channel")
    on = f" on `{channel}`" if type(channel) is str and channel in program.channels else ""
    window = duration_text(program.reward_window_ms)
    return f"{_NOT_SENT}{action}`{on} of this customer within the reward window ({window})"


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
