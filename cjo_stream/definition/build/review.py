"""Checks of a whole journey: unreachable states, and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Set

from cjo_stream.core.expression import Expression
from cjo_stream.core.program.journey import (
    Decide,
    Journey,
    State,
    Transition,
)
from cjo_stream.core.program.program import ENGINE_TYPES
from cjo_stream.core.word import ActionClass, TraitKind
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.graph import (
    entered_by_time_only,
    moves,
    past_loops,
    reachable,
)
from cjo_stream.definition.build.journey import mentions
from cjo_stream.definition.build.step import Scene
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Pair
from cjo_stream.definition.text.report import quoted

_LISTED_MAX = 5


def review_journey(journey: Journey, fields: Fields, scene: Scene, *, is_whole: bool) -> None:
    """Report unreachable states, and warn; `is_whole`: all parts of the journey compiled."""
    if not is_whole:
        _report_unreachable(fields, scene, _mentioned(fields))
        return
    if scene.is_graph_known:
        _report_unreachable(fields, scene, moves(journey))
        _warn_endless(journey, fields, scene.context)
        _warn_eventless(journey, scene)
        _warn_past_loops(journey, scene)
    _warn_keyless(fields, scene)
    _warn_held_out_service(journey, scene)
    _warn_empty_decides(scene)


def review_traits(traits: list[Pair], raised: Set[str], context: Context) -> None:
    """Warn of traits on events that are only raised: raised events do not change the profile."""
    for pair in traits:
        trait = context.traits[pair.key.value]
        fields: Fields = pair.value
        items = fields.items("count" if trait.kind is TraitKind.COUNT else "on")
        for item in items:
            if item.value in raised | ENGINE_TYPES:
                message = f"{quoted(item.value)} is raised: raised events do not change traits"
                context.report.warn(item.node, Code.NO_EFFECT, message)


def _report_unreachable(fields: Fields, scene: Scene, next_of: dict[str, set[str]]) -> None:
    initial = fields.get("initial")
    if initial is None:
        return
    found = reachable(scene.target(initial), next_of)
    for landing in fields.items("map"):  # instances of other versions come in here
        found |= reachable(scene.target(landing), next_of)
    for pair in fields.items("states"):
        if pair.key.value not in found:
            scene.context.report.error(
                pair.key.node,
                Code.UNREACHABLE,
                f"state {quoted(pair.key.value)} is unreachable: nothing leads there",
            )


def _mentioned(fields: Fields) -> dict[str, set[str]]:
    """Return, for each state, the states that its text names: at least those it leads to.

    So no state is reported as unreachable only because another part could not be read.
    """
    everywhere = mentions(fields.nodes["on"]) if "on" in fields.nodes else set()
    return {name: everywhere | mentions(node) for name, node in fields.written("states").items()}


def _warn_endless(journey: Journey, fields: Fields, context: Context) -> None:
    ends = any(
        journey.states[name].end
        for name in reachable(journey.initial, moves(journey))
        if name in journey.states
    )
    if not ends and not journey.exit and not (journey.goal and journey.goal.exit):
        context.report.warn(fields.where("journey"), Code.NO_END, "this journey has no way to end")


def _warn_eventless(journey: Journey, scene: Scene) -> None:
    """Warn of `event` in places that only time leads to: it is missing there."""
    by_time = entered_by_time_only(journey)
    for name, state in journey.states.items():
        for expression in _by_time(state, is_entered_by_time=name in by_time):
            if any(path[0] == "event" for path in expression.reads):
                item = scene.origins[expression]
                scene.context.report.warn(
                    item.node, Code.NO_EVENT, "a timer leads here: 'event' is missing"
                )


def _warn_past_loops(journey: Journey, scene: Scene) -> None:
    """Warn of states that send each other on by times that stay in the past, without end."""
    for time in past_loops(journey):
        message = "once this time is past, the timer fires again and again: see 'past: skip'"
        scene.context.report.warn(scene.origins[time].node, Code.AGAIN, message)


def _warn_keyless(fields: Fields, scene: Scene) -> None:
    """Warn of `key` in a journey whose instances have none: it is missing everywhere."""
    entry: Fields | None = fields.value("entry")
    if entry is None or "key" in entry.keys:
        return
    for expression, item in scene.origins.items():
        if any(path[0] == "key" for path in expression.reads):
            scene.context.report.warn(
                item.node, Code.NO_EVENT, "'entry' has no 'key': it is missing here"
            )


def _by_time(state: State, *, is_entered_by_time: bool) -> Iterator[Expression]:
    """Yield the expressions of a state that are only evaluated when a timer fires."""
    for timer in state.timers:
        yield from _of_transition(timer.transition)
        if is_entered_by_time and timer.at is not None:
            yield timer.at
    if is_entered_by_time:
        for step in state.enter:
            yield from step.expressions.values()


def _of_transition(transition: Transition) -> Iterator[Expression]:
    if transition.when is not None:
        yield transition.when
    for step in transition.do:
        yield from step.expressions.values()


def _warn_held_out_service(journey: Journey, scene: Scene) -> None:
    if not journey.holdout:
        return
    for node, step in scene.asks:
        named = {c.action.name for c in step.candidates if c.action.class_ == ActionClass.SERVICE}
        if named:
            words = "a service action" if len(named) == 1 else "service actions"
            listed = ", ".join(quoted(name) for name in sorted(named)[:_LISTED_MAX])
            more = ", …" if len(named) > _LISTED_MAX else ""
            message = f"held-out customers do not get {listed}{more}, {words}"
            scene.context.report.warn(node, Code.HELD_OUT, message)


def _warn_empty_decides(scene: Scene) -> None:
    """Warn of a `decide` that can match nothing although all of its names are known."""
    context = scene.context
    is_whole = context.declared.is_known and context.declared.channels == context.channels.keys()
    if not is_whole or None in context.actions.values():
        return
    for node, step in scene.asks:
        if not isinstance(step, Decide) or any(c.address for c in step.candidates):
            continue
        valid = (
            (step.actions, context.actions.keys()),
            (step.channels, context.channels.keys()),
            (step.issues, context.used("issue")),
            (step.groups, context.used("group")),
        )
        if all(names >= {*(asked or ())} for asked, names in valid):
            message = "this decide can match nothing: no action meets all its conditions"
            context.report.warn(node, Code.NO_MATCH, message)
