"""Runs the steps of `enter`, `leave` and `do`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.decision.request import Request, asked_of
from cjo_stream.core.decision.waiting import ask
from cjo_stream.core.expression import evaluate_all
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.profile.fact import set_fact
from cjo_stream.core.profile.publication import mark_profile
from cjo_stream.core.program.journey import Act, Assign, Decide, Raise, SetFact, Step
from cjo_stream.core.record import JourneyRef
from cjo_stream.core.size import has_room
from cjo_stream.core.state import Instance


def run_steps(
    cascade: Cascade, instance: Instance, steps: Sequence[Step], state: str | None
) -> None:
    """Run steps in order; their requests belong to `state`, None if the instance exits."""
    for step in steps:
        enter_scope(cascade, instance)
        _RUNS[type(step)](cascade, instance, step, state)


def enter_scope(cascade: Cascade, instance: Instance) -> None:
    """Set the scope to this instance and the event being handled."""
    scope = cascade.listen(cascade.event)
    scope.entry, scope.data = instance.entry, instance.data
    if instance.key is not None:
        scope.key = instance.key


def _ask(cascade: Cascade, instance: Instance, step: Act | Decide, state: str | None) -> None:
    scope = cascade.scope
    own = evaluate_all(step.data, scope) if step.data else {}
    request = Request(
        asked=asked_of(step),
        candidates=step.candidates,
        journey=JourneyRef(instance.journey, instance.version, instance.id, state),
        trigger=cascade.trigger,
        event=cascade.event,
        data={**instance.data, **own} if own else instance.data,
        key=scope.key,
        holdout=instance.holdout,
        anchor=instance.anchor,
    )
    ask(cascade.customer, instance, request, own, scope, cascade.turn)


def _raise(cascade: Cascade, instance: Instance, step: Raise, state: str | None) -> None:
    del state
    if not cascade.turn.program.is_shadow(instance.journey, instance.version):
        cascade.raise_event(step.type, evaluate_all(step.attributes, cascade.scope))


def _set(cascade: Cascade, instance: Instance, step: SetFact, state: str | None) -> None:
    del state
    if cascade.turn.program.is_shadow(instance.journey, instance.version):
        return
    for name, value in evaluate_all(step.facts, cascade.scope).items():
        set_fact(cascade.customer, name, value, cascade.turn.clock, cascade.turn)
        mark_profile(cascade.customer, cascade.turn)


def _assign(cascade: Cascade, instance: Instance, step: Assign, state: str | None) -> None:
    del state
    given = evaluate_all(step.variables, cascade.scope)
    for name in step.variables:
        instance.data.pop(name, None)
    for name, value in given.items():
        instance.data[name] = value
        others = (one for one in cascade.customer.instances if one is not instance)
        if not fits(instance, others, cascade.turn.bounds):
            del instance.data[name]
            cascade.turn.count("cjo_state_bounds_total", "data")


_RUNS: Final[dict[type, Callable[[Cascade, Instance, Any, str | None], None]]] = {
    Act: _ask,
    Decide: _ask,
    Raise: _raise,
    SetFact: _set,
    Assign: _assign,
}
"""The function that runs each kind of step."""


def contents(instance: Instance) -> tuple[Any, ...]:
    """Return the values that an instance keeps."""
    return instance.key, instance.data, instance.entry.attributes


def fits(instance: Instance, others: Iterable[Instance], bounds: Bounds) -> bool:
    """Return whether an instance's values fit beside those of others."""
    most, small = bounds.instances_bytes, bounds.small_bytes
    return has_room(contents(instance), map(contents, others), most, small)
