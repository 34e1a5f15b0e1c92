"""Measures: the records that an event leaves, of its customer, or of each live instance.

An event is measured behind the profile's update and before any instance sees it, so an instance
counts with the state in which the event finds it. What the engine says of an instance
(`journey.entered`, `journey.goal`, `journey.ended`) is measured at that instance alone, whether or
not some journey listens. A measure changes nothing: it keeps no state, and raises nothing.
"""

from __future__ import annotations

from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Scope
from cjo_stream.core.expression.value import NUMBERS, fault
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.program.measure import VALUE_MAX, MeasureRule
from cjo_stream.core.record import Measure, Trigger
from cjo_stream.core.state import Instance
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Per


def measure_event(cascade: Cascade, event: Event) -> None:
    """Measure an event that came in, or that a step raised."""
    rules = cascade.turn.program.measures_on.get(event.type, ())
    for rule in rules:
        if rule.per is Per.CUSTOMER:
            _measure(cascade, rule, event, None, None)
            continue
        for instance in cascade.customer.instances:
            if instance.state is not None and _is_in_time(cascade, rule, event, instance):
                _measure(cascade, rule, event, instance, instance.state)


def measure_change(cascade: Cascade, instance: Instance, event: Event, state: str | None) -> None:
    """Measure an event that the engine raises about an instance, which was in `state`."""
    for rule in cascade.turn.program.measures_on.get(event.type, ()):
        of = None if rule.per is Per.CUSTOMER else instance
        _measure(cascade, rule, event, of, state)


def _is_in_time(cascade: Cascade, rule: MeasureRule, event: Event, instance: Instance) -> bool:
    """Return whether the instance was there, or was in its state, when the event happened.

    What is too late to move an instance is too late to be measured at it.
    """
    turn = cascade.turn
    since = instance.opened_at if rule.per is Per.JOURNEY else instance.entered_at
    grace = turn.program.grace_ms
    return event.time >= max(since - grace, turn.clock - turn.program.max_late_ms)


def _measure(
    cascade: Cascade,
    rule: MeasureRule,
    event: Event,
    instance: Instance | None,
    state: str | None,
) -> None:
    turn = cascade.turn
    scope = cascade.listen(event)
    if instance is not None and instance.key is not None:
        scope.key = instance.key
    if rule.when is not None and not rule.when.holds(scope):
        return
    value = _value(rule, scope)
    if value is None:
        turn.count("cjo_measures_ignored_total", rule.name)
        return
    shown = state if rule.per is Per.STATE else None
    journey = instance.journey if instance is not None else None
    _count(turn, rule.name, journey or "", shown or "", value)
    origin = cascade.origin.id if cascade.origin is not None else None
    is_outer = event is cascade.origin
    turn.emit(
        Measure(
            customer_id=cascade.customer.id,
            measure=rule.name,
            value=value,
            time=event.time,
            trigger=Trigger("event" if is_outer else "raised", origin, event.type),
            journey=journey,
            version=instance.version if instance is not None else None,
            instance_id=instance.id if instance is not None else None,
            state=shown,
        )
    )


def _count(turn: Turn, name: str, journey: str, state: str, value: float) -> None:
    """Count the value; a Prometheus counter must not fall, so negative ones have their own."""
    turn.count("cjo_measures_total", name, journey, state)
    if value > 0:
        turn.count("cjo_measure_value_total", name, journey, state, "plus", by=value)
    elif value < 0:
        turn.count("cjo_measure_value_total", name, journey, state, "minus", by=-value)


def _value(rule: MeasureRule, scope: Scope) -> float | None:
    """Return the number that is measured; None, if it is missing, none, or beyond VALUE_MAX."""
    if rule.value is None:
        return 1.0
    value = rule.value.evaluate(scope)
    if type(value) in NUMBERS:
        return float(value) if abs(value) <= VALUE_MAX else None
    if value is not MISSING:
        fault(scope, value)
    return None
