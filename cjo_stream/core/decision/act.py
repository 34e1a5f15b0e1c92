"""`act`: one action is asked for; the first channel that passes the gates carries it."""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core import program as definition
from cjo_stream.core.decision.gate import Judged, first_stop
from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Expression, Scope
from cjo_stream.core.identity.membership import address_of
from cjo_stream.core.profile.outcome import remember_command
from cjo_stream.core.record import Action, Candidate, Choice, Decision, JourneyRef, Trigger
from cjo_stream.core.state import Command, Customer, next_id
from cjo_stream.core.turn import Turn

TRANSACTIONAL = "transactional"


class Request(msgspec.Struct):
    """What asks: an instance in a state, with what its expressions may read."""

    journey: JourneyRef
    trigger: Trigger
    event: Event | None
    data: dict[str, Any]
    key: Any
    holdout: bool


def act(
    customer: Customer, step: definition.Act, request: Request, scope: Scope, turn: Turn
) -> None:
    """Judge every candidate asked for, choose the first that passes, record it, send it."""
    action = turn.program.actions[step.action]
    asked = step.channels if step.channels is not None else tuple(action.treatments)
    scope.event, scope.data, scope.key = request.event, request.data, request.key
    candidates = []
    chosen: str | None = None
    for name in asked:
        scope.channel = name
        channel = turn.program.channels[name]
        gate = first_stop(Judged(customer, action, channel, scope))
        candidates.append(Candidate(action=action.name, channel=name, gate=gate))
        if gate is not None:
            turn.count("cjo_suppressed_total", gate)
        elif chosen is None:
            chosen = name
    held = request.holdout and action.class_ != TRANSACTIONAL and chosen is not None
    decision = Decision(
        decision_id=next_id(customer, "d"),
        customer_id=customer.id,
        time=turn.clock,
        trigger=request.trigger,
        request={"act": action.name, **({"channels": asked} if step.channels else {})},
        journey=request.journey,
        candidates=candidates,
        chosen=Choice(action.name, chosen) if chosen is not None else None,
        suppressed="holdout" if held else None,
        probability=1.0 if chosen is not None else None,
    )
    turn.emit(decision)
    if held:
        turn.count("cjo_suppressed_total", "journey_holdout")
    elif chosen is not None:
        scope.channel = chosen
        _issue(customer, action, chosen, decision, scope, turn)
    scope.channel = MISSING


def _issue(
    customer: Customer,
    action: definition.Action,
    channel: str,
    decision: Decision,
    scope: Scope,
    turn: Turn,
) -> None:
    treatment = action.treatments[channel]
    address_type = turn.program.channels[channel].address
    command = Action(
        action_id=next_id(customer, "a"),
        customer_id=customer.id,
        topology=turn.program.topology,
        action=action.name,
        issue=action.issue,
        group=action.group,
        class_=action.class_,
        channel=channel,
        template=treatment.template,
        payload=evaluate_all(treatment.payload, scope),
        address=address_of(customer, address_type) if address_type is not None else None,
        issued_at=turn.clock,
        expires_at=turn.clock + action.expires_ms,
        decision_id=decision.decision_id,
        journey=decision.journey,
    )
    turn.emit(command)
    turn.count("cjo_actions_total", channel, action.name)
    remember_command(
        customer,
        Command(
            command.action_id,
            action.name,
            channel,
            action.issue,
            action.group,
            action.class_,
            turn.clock,
        ),
        turn,
    )


def evaluate_all(expressions: dict[str, Expression], scope: Scope) -> dict[str, Any]:
    """Return the values by name; a missing one is left out."""
    values = {}
    for name, expression in expressions.items():
        value = expression.evaluate(scope)
        if value is not MISSING:
            values[name] = value
    return values
