"""Transition records, and the events that the engine raises for them."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.event import Event
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.journey.measure import measure_change
from cjo_stream.core.record import Reason, Transition
from cjo_stream.core.state import Instance, next_id, skip_id


def record(
    cascade: Cascade,
    instance: Instance,
    reason: Reason,
    *,
    from_: str | None,
    to: str | None,
    time: int,
    outcome: str | None = None,
) -> None:
    """Emit one transition record; one that is switched off takes its id all the same."""
    is_recorded = cascade.turn.program.recording.transition
    is_shown = cascade.transition is None and cascade.origin is None
    if not is_recorded and not is_shown:
        skip_id(cascade.customer)
        return
    transition = Transition(
        transition_id=next_id(cascade.customer, "t"),
        customer_id=cascade.customer.id,
        journey=instance.journey,
        version=instance.version,
        instance_id=instance.id or None,
        key=instance.key,
        from_=from_,
        to=to,
        reason=reason,
        outcome=outcome,
        time=time,
        trigger=cascade.trigger,
        holdout=instance.holdout,
    )
    if cascade.transition is None:
        cascade.transition = transition
    if is_recorded:
        cascade.turn.emit(transition)


def announce(
    cascade: Cascade,
    instance: Instance,
    type_: str,
    state: str | None,
    outcome: str | None = None,
) -> None:
    """Raise `journey.entered`, `journey.ended` or `journey.goal` if some journey listens to it.

    Measures take it at once, in the `state` that the instance is or was in. An instance in shadow
    raises nothing.
    """
    program = cascade.turn.program
    is_heard, is_measured = type_ in program.raised_on, type_ in program.measures_on
    if not is_heard and not is_measured:
        return
    if program.is_shadow(instance.journey, instance.version):
        return
    attributes: dict[str, Any] = {"journey": instance.journey}
    if instance.key is not None:
        attributes["key"] = instance.key
    if outcome is not None:
        attributes["outcome"] = outcome
    if is_measured:
        measure_change(cascade, instance, Event(type_, cascade.turn.clock, attributes), state)
    if is_heard:
        cascade.raise_event(type_, attributes)
