"""All documents of a set to one Program."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Any

import msgspec

from cjo_stream.core.canary.count import MARKETING
from cjo_stream.core.program.action import Action
from cjo_stream.core.program.journey import Journey
from cjo_stream.core.program.measure import MeasureRule
from cjo_stream.core.program.prediction import PredictionRule
from cjo_stream.core.program.program import (
    Program,
    entered_on,
    heard_always,
    heard_on,
    raised_for,
)
from cjo_stream.core.program.topology import Trait
from cjo_stream.core.word import Metric, Status
from cjo_stream.definition.build.action import ask_of, build_action
from cjo_stream.definition.build.comparison import warn_of_comparisons
from cjo_stream.definition.build.consent import check_consents
from cjo_stream.definition.build.context import Context, Declared
from cjo_stream.definition.build.event import check_events
from cjo_stream.definition.build.guard import check_guards
from cjo_stream.definition.build.idle import warn_of_idle_policy, warn_of_idle_topology
from cjo_stream.definition.build.journey import build_journey
from cjo_stream.definition.build.kind import Known
from cjo_stream.definition.build.measure import build_measure
from cjo_stream.definition.build.policy import (
    REWARD_WINDOW_MS,
    build_candidates,
    build_policy,
)
from cjo_stream.definition.build.prediction import check_predictions
from cjo_stream.definition.build.recording import build_recording, check_recording
from cjo_stream.definition.build.review import review_journey, review_traits
from cjo_stream.definition.build.topology import build_topology
from cjo_stream.definition.build.use import Uses
from cjo_stream.definition.build.variable import warn_of_variables
from cjo_stream.definition.content import Content
from cjo_stream.definition.grammar.item import Fields
from cjo_stream.definition.life import current, earlier
from cjo_stream.definition.section import Definition
from cjo_stream.definition.text.report import Report


def build_program(
    definitions: list[Definition],
    carried: tuple[list[Definition], list[Definition]],
    content: Content,
    report: Report,
    sample: Mapping[str, Collection[str]] | None = None,
    *,
    is_stored: bool = False,
) -> Program | None:
    """Return the program; None, with the errors in `report`, if it does not compile.

    `carried` are earlier versions of journeys, for instances that they began, and dormant ones,
    which need not compile; `content` holds what the texts do not: eras, and the past of journeys.
    `sample` are attributes by event type: where the topology declares no events, what definitions
    name beyond these is an error. In a set that `is_stored`, what earlier releases took is none.
    """
    topology = next((d for d in definitions if d.kind == "topology"), None)
    fields = topology.fields if topology is not None else None
    declared_in = Declared.of(fields, sample)
    context = Context(report, declared_in, eras=content.eras, is_stored=is_stored)
    parts = build_topology(fields, context) if fields is not None else {}
    actions = _build_actions(definitions, context)
    stated = next((d.fields for d in definitions if d.kind == "policy"), None)
    policy = build_policy(stated, context)
    context.candidates = build_candidates(actions, context.channels, policy, stated)
    raised: dict[str, set[str]] = {}
    journeys = _build_journeys(definitions, context, raised)
    for definition in definitions:
        if definition.kind == "journey" and definition.fields is not None:
            check_guards(definition.fields, context)
    measures = [
        build_measure(d.fields, context)
        for d in definitions
        if d.kind == "measure" and d.fields is not None
    ]
    uses, context.uses = context.uses, Uses()  # earlier versions may name what no longer comes
    awake, dormant = carried
    older = _build_journeys(awake, context, raised)
    older += _build_journeys(dormant, dataclasses.replace(context, report=Report()), {})
    check_events(uses, raised, context)
    check_consents(uses, context)
    warn_of_variables(uses.readings, context)
    names = [one.name for one in definitions if one.kind == "journey"]
    declared = parts.get("events") or {}
    events = {type_: of for type_, of in declared.items() if type_ not in raised}
    warn_of_comparisons(uses, Known(context, names, events), context)
    profile: Fields | None = fields.value("profile") if fields is not None else None
    if fields is not None:
        goals = {d.name: _has_goal(d) for d in definitions if d.kind == "journey"}
        check_predictions(fields.items("predict"), goals, raised.keys(), context)
    if fields is not None:
        warn_of_idle_topology(fields, context)
        check_recording(fields, actions.values(), journeys, policy, report)
        parts["recording"] = build_recording(fields)
    if stated is not None:
        warn_of_idle_policy(stated, fields, context)
    if profile is not None:
        review_traits(profile.items("traits"), raised.keys(), context)
    if report.errors or not parts:
        return None
    parts["measures"] = {one.name: one for one in sorted(measures, key=lambda one: one.name)}
    parts["policy"], parts["candidates"] = policy, context.candidates
    if content.by is not None:
        parts["who"], parts["why"] = content.by.who, content.by.why
    parts["reward_window_ms"] = _reward_window(stated)
    in_force = current(journeys, content.past)
    program = _assemble(parts, actions, in_force, earlier(older, in_force, content.past))
    return msgspec.structs.replace(program, purposes=_purposes(program, journeys, context))


def build_journeys(definitions: list[Definition], content: Content) -> list[Journey]:
    """Return journeys as far as they compile; errors are not reported."""
    topology = next((d.fields for d in definitions if d.kind == "topology"), None)
    context = Context(Report(), Declared.of(topology, None), eras=content.eras)
    if topology is not None:
        build_topology(topology, context)
    _build_actions(definitions, context)
    return _build_journeys(definitions, context, {})


def _has_goal(journey: Definition) -> bool:
    return journey.fields is None or "goal" in journey.fields.keys


def _in_status(versions: Iterable[Journey], status: Status) -> frozenset[str]:
    return frozenset(one.name for one in versions if one.status is status)


def _purposes(
    program: Program, journeys: Iterable[Journey], context: Context
) -> frozenset[str] | None:
    """Return the purposes of consent that anything asks for; None if it may be any."""
    if None in context.purposes or _hears(program, "cjo.consent"):
        return None
    named = {one for one in context.purposes if one is not None}.union(program.policy.consent)
    guards = [guard for one in journeys if one.guards is not None for guard in one.guards.each]
    if any(guard.metric == Metric.UNSUBSCRIBE_RATE for guard in guards):
        named.add(MARKETING)
    return frozenset(named)


def _hears(program: Program, type_: str) -> bool:
    """Return whether a definition listens for a type of events."""
    listening: Iterable[Container[str]] = (
        program.traits_on,
        program.entries_on,
        program.heard_on,
        program.measures_on,
        program.predictions_on,
        program.cases_on,
        *(rule.events for rule in program.predictions.values()),
    )
    return any(type_ in types for types in listening)


def _reward_window(policy: Fields | None) -> int:
    window_ms: int = REWARD_WINDOW_MS
    return policy.value("reward_window", window_ms) if policy is not None else window_ms


def _build_actions(definitions: list[Definition], context: Context) -> dict[str, Action]:
    written = [d for d in definitions if d.kind == "action"]
    for definition in written:
        ask = ask_of(definition.fields) if definition.fields is not None else None
        context.actions.setdefault(definition.name, ask)
    built = {d.name: build_action(d.fields, context) for d in written if d.fields is not None}
    return dict(sorted(built.items()))


def _build_journeys(
    definitions: list[Definition], context: Context, raised: dict[str, set[str]]
) -> list[Journey]:
    journeys = []
    for definition in definitions:
        if definition.kind != "journey" or definition.fields is None:
            continue
        journey, scene = build_journey(definition.fields, context)
        review_journey(journey, definition.fields, scene, is_whole=definition.is_whole)
        for type_, attributes in scene.raised.items():
            raised.setdefault(type_, set()).update(attributes)
        journeys.append(journey)
    return journeys


def _assemble(
    parts: dict[str, Any],
    actions: dict[str, Action],
    journeys: dict[str, Journey],
    older: Iterable[Journey],
) -> Program:
    whole = {(j.name, j.version): j for j in (*older, *journeys.values())}
    versions = dict(sorted(whole.items()))
    traits_on: dict[str, list[Trait]] = {}
    for trait in parts["traits"].values():
        for type_ in sorted(trait.on):
            traits_on.setdefault(type_, []).append(trait)
    predictions_on: dict[str, list[PredictionRule]] = {}
    for rule in parts["predictions"].values():
        for type_ in sorted(rule.on):
            predictions_on.setdefault(type_, []).append(rule)
    measures_on: dict[str, list[MeasureRule]] = {}
    for measure in parts["measures"].values():
        for type_ in sorted(measure.on):
            measures_on.setdefault(type_, []).append(measure)
    entries_on = entered_on(versions)
    return Program(
        **parts,
        journeys=journeys,
        versions=versions,
        actions=actions,
        traits_on={type_: tuple(traits) for type_, traits in traits_on.items()},
        facts_in={fact.slot: fact for _, fact in sorted(parts["facts"].items())},
        traits_in={trait.slot: trait for trait in parts["traits"].values()},
        cases_on=frozenset().union(*(r.on for r in (*parts["opened"], *parts["closed"]))),
        predictions_on={type_: tuple(rules) for type_, rules in predictions_on.items()},
        measures_on={type_: tuple(rules) for type_, rules in measures_on.items()},
        entries_on=entries_on,
        heard_on=heard_on(versions),
        heard_always=heard_always(versions),
        paused=_in_status(versions.values(), Status.PAUSED),
        retired=_in_status(versions.values(), Status.RETIRED),
        raised_on=raised_for(entries_on, versions),
    )
