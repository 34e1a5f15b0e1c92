"""Moments: where a prediction was made at a customer, until its outcome is known.

A moment opens behind an event of the prediction's `on`, once the event has been handled, and lasts
for the prediction's `within`. It keeps the features as they were. While it is open, no other of
the same prediction opens at the customer. What is waited for is noted when it happens. The record
is made at the end in any case: if those that came true were recorded at once, the model would
learn for all that time that everything comes true (as with reward windows, `core.command.window`).
And so it does not depend on the outcome of one moment whether the next one opens.

After a merge a customer may have two open moments of one prediction; both are recorded.
"""

from __future__ import annotations

from typing import Literal

from cjo_stream.core.event import Event
from cjo_stream.core.expression import Scope
from cjo_stream.core.prediction.value import features_now, probability
from cjo_stream.core.program.prediction import PredictionRule
from cjo_stream.core.record import Prediction
from cjo_stream.core.state import Customer, Moment, next_id
from cjo_stream.core.turn import Turn


def observe_event(customer: Customer, event: Event, turn: Turn) -> None:
    """Note an event for the moments that wait for it."""
    for moment in customer.moments:
        rule = _rule_of(moment, turn)
        if rule is not None and event.type in rule.events:
            _note(moment, event.time)


def open_moments(customer: Customer, event: Event, scope: Scope, anchor: str, turn: Turn) -> None:
    """Open the moments that begin with an event, anchored on the identifier that brought it."""
    for rule in turn.program.predictions_on.get(event.type, ()):
        is_open = any(one.predict == rule.name for one in customer.moments)
        if is_open or event.time + rule.within_ms <= turn.clock:
            continue
        if rule.when is None or rule.when.holds(scope):
            _open(customer, rule, event, scope, anchor, turn)


def observe_goal(customer: Customer, journey: str, time: int, turn: Turn) -> None:
    """Note that a journey's goal was reached, for the moments that wait for it."""
    for moment in customer.moments:
        rule = _rule_of(moment, turn)
        if rule is not None and rule.goal == journey:
            _note(moment, time)


def close_moments(customer: Customer, turn: Turn) -> None:
    """Record the moments that are over, in the order in which they ended.

    Those of a prediction that was redefined or removed meanwhile are dropped: what they waited
    for was not noted all the time.
    """
    for moment in remove_over(customer, turn):
        rule = _rule_of(moment, turn)
        if rule is not None:
            _record(customer, moment, rule, turn)


def remove_over(customer: Customer, turn: Turn) -> list[Moment]:
    """Remove the moments that are over; return them in the order in which they ended."""
    over = [one for one in customer.moments if one.closes_at <= turn.clock]
    if over:
        customer.moments = [one for one in customer.moments if one.closes_at > turn.clock]
    return sorted(over, key=_order)


def join_moments(into: Customer, other: Customer, turn: Turn) -> None:
    """Add the moments of a customer that is merged into another."""
    known = {moment.id for moment in into.moments}
    joined = into.moments + [one for one in other.moments if one.id not in known]
    into.moments = turn.newest(sorted(joined, key=_order), turn.bounds.moments, "moments")
    other.moments = []


def part_moments(customer: Customer, new: Customer, anchors: frozenset[str]) -> None:
    """Move the moments that began with events of these identifiers."""
    moved = [one for one in customer.moments if one.anchor in anchors]
    new.moments = sorted(new.moments + moved, key=_order)
    customer.moments = [one for one in customer.moments if one.anchor not in anchors]


def _open(
    customer: Customer, rule: PredictionRule, event: Event, scope: Scope, anchor: str, turn: Turn
) -> None:
    present = features_now(rule, scope)
    moment = Moment(
        closes_at=event.time + rule.within_ms,
        id=next_id(customer, "p"),
        predict=rule.name,
        definition=rule.definition,
        opened_at=event.time,
        features=present,
        probability=probability(rule, present, turn.model),
        model=turn.model.number if turn.model is not None else 0,
        anchor=anchor,
    )
    moments = [*customer.moments, moment]
    customer.moments = turn.newest(moments, turn.bounds.moments, "moments")


def _note(moment: Moment, time: int) -> None:
    if moment.opened_at <= time < moment.closes_at:
        moment.has_come = True


def _rule_of(moment: Moment, turn: Turn) -> PredictionRule | None:
    rule = turn.program.predictions.get(moment.predict)
    return rule if rule is not None and rule.definition == moment.definition else None


def _order(moment: Moment) -> tuple[int, str]:
    return moment.closes_at, moment.id


def _record(customer: Customer, moment: Moment, rule: PredictionRule, turn: Turn) -> None:
    outcome: Literal[0, 1] = 1 if moment.has_come != rule.is_without else 0
    turn.count("cjo_predictions_total", rule.name, str(outcome))
    turn.emit(
        Prediction(
            prediction_id=moment.id,
            customer_id=customer.id,
            predict=moment.predict,
            definition=moment.definition,
            probability=moment.probability,
            model_version=moment.model,
            features=moment.features,
            outcome=outcome,
            opened_at=moment.opened_at,
            time=turn.clock,
        )
    )
