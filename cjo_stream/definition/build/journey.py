"""A `journey` document to a Journey."""

from __future__ import annotations

from collections.abc import Iterator

from cjo_stream.core.expression import Expression, Place
from cjo_stream.core.program.journey import (
    Entry,
    Exit,
    Goal,
    Journey,
    State,
    TimerRule,
    Transition,
)
from cjo_stream.core.word import Migrate, Past, Reentry, Status
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.guard import build_guards, share_of
from cjo_stream.definition.build.step import (
    Scene,
    build_steps,
    build_transition,
    build_transitions,
)
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Item, Pair
from cjo_stream.definition.text.node import Mapping, Node, Scalar, Sequence
from cjo_stream.definition.text.report import quoted

_NEVER_USED = ("leave", "on", "always", "after", "at")


def build_journey(fields: Fields, context: Context) -> tuple[Journey, Scene]:
    """Return the journey, and the scene in which it was compiled."""
    name = fields.value("journey")
    scene = Scene(
        context=context,
        definition=f"journey.{name}",
        data=_variables(fields),
        states=frozenset(fields.written("states")),
        entry_types=context.uses.on(fields.value("entry")) if fields.get("entry") else frozenset(),
    )
    entry = _build_entry(fields, scene)
    goal, exits = _build_goal(fields.value("goal"), scene), _build_exits(fields, scene)
    on = _build_on(fields.get("on"), scene)
    initial = fields.get("initial")
    states = {item.key.value: _build_state(item, scene) for item in fields.items("states")}
    guards = build_guards(fields)
    journey = Journey(
        name=name,
        version=fields.value("version", 1),
        owner=fields.value("owner"),
        about=fields.value("about"),
        status=fields.value("status", Status.LIVE),
        canary=share_of(fields),
        guards=guards,
        is_guarded=guards is not None,
        migrate=fields.value("migrate", Migrate.DRAIN),
        map=_build_map(fields, scene),
        entry=entry,
        holdout=fields.value("holdout", 0.0),
        data=_build_data(fields, scene),
        goal=goal,
        exit=exits,
        on=on,
        initial=scene.target(initial) if initial else "",
        states=states,
        entry_reads=_entry_reads(scene),
        listens=_listens(goal, exits, on, states),
        hears_every=any(state.always for state in states.values()),
    )
    return journey, scene


def _variables(fields: Fields) -> frozenset[str]:
    """Return the names of variables in `data` and in steps `assign`."""
    declared = {pair.key.value for pair in fields.items("data")}
    for node in _nodes(fields.node):
        if isinstance(node, Mapping):
            for key, value in node.pairs:
                if isinstance(key, Scalar) and key.text == "assign" and isinstance(value, Mapping):
                    declared |= {k.text for k, _ in value.pairs if isinstance(k, Scalar)}
    return frozenset(declared)


def _nodes(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Sequence):
            waiting += node.items
        elif isinstance(node, Mapping):
            waiting += (value for _, value in node.pairs)


def mentions(root: Node) -> set[str]:
    """Return all texts below a node, without keys."""
    return {node.text for node in _nodes(root) if isinstance(node, Scalar)}


def _build_map(fields: Fields, scene: Scene) -> dict[str, str]:
    """Return the states that follow those of other versions; warn where the map has no effect."""
    if "map" in fields.keys and fields.value("migrate") != Migrate.FOLLOW:
        message = "'map' has no effect without 'migrate: follow'"
        scene.context.report.warn(fields.where("map"), Code.NO_EFFECT, message)
    return {pair.key.value: scene.target(pair) for pair in fields.items("map")}


def _entry_reads(scene: Scene) -> frozenset[str]:
    return frozenset(
        path[1] for expression in scene.origins for path in expression.reads if path[0] == "entry"
    )


def _listens(
    goal: Goal | None,
    exits: tuple[Exit, ...],
    on: dict[str, tuple[Transition, ...]],
    states: dict[str, State],
) -> frozenset[str]:
    heard = set(on) | (set(goal.on) if goal else set())
    for rule in exits:
        heard |= rule.on
    for state in states.values():
        heard |= set(state.on)
    return frozenset(heard)


def _build_data(fields: Fields, scene: Scene) -> dict[str, Expression]:
    types = scene.entry_types
    compiled = (
        (pair.key.value, scene.expression(pair, types, Place.DATA))
        for pair in fields.items("data")
    )
    return {name: expression for name, expression in compiled if expression is not None}


def _build_entry(fields: Fields, scene: Scene) -> Entry:
    entry: Fields | None = fields.value("entry")
    if entry is None:
        return Entry(on=frozenset())
    types = scene.entry_types
    if "journey.ended" in types and "when" not in entry.keys:
        message = "an entry on 'journey.ended' needs 'when': each end would open an instance again"
        scene.context.report.error(entry.where("on"), Code.ENDLESS_ENTRY, message)
    reentry, pause_ms = Reentry.AFTER_END, 0
    rule = entry.value("reentry")
    if isinstance(rule, Fields):
        for name, item in rule.read.items():
            reentry, pause_ms = Reentry(name), item.value
    elif rule is not None:
        reentry = rule
    return Entry(
        on=types,
        when=scene.expression(entry.get("when"), types, Place.EVENT),
        key=scene.expression(entry.get("key"), types, Place.EVENT),
        reentry=reentry,
        reentry_ms=pause_ms,
    )


def _build_goal(goal: Fields | None, scene: Scene) -> Goal | None:
    if goal is None:
        return None
    types = scene.context.uses.on(goal)
    return Goal(
        on=types,
        when=scene.condition(goal, types),
        within_ms=goal.value("within"),
        exit=goal.value("exit", False),
        do=build_steps(goal.items("do"), types, scene),
    )


def _build_exits(fields: Fields, scene: Scene) -> tuple[Exit, ...]:
    rules = []
    for item in fields.items("exit"):
        rule: Fields = item.value
        types = scene.context.uses.on(rule)
        rules.append(
            Exit(
                on=types,
                when=scene.condition(rule, types),
                as_=rule.value("as", ""),
                do=build_steps(rule.items("do"), types, scene),
            )
        )
    return tuple(rules)


def _build_on(item: Item | None, scene: Scene) -> dict[str, tuple[Transition, ...]]:
    """Return transitions by event type; a key that is a list stands for each of its types."""
    on: dict[str, tuple[Transition, ...]] = {}
    pairs: list[Pair] = item.value if item is not None else []
    for pair in pairs:
        types = scene.context.uses.hear(pair.key.value)
        transitions = build_transitions(pair.value, types, scene)
        for key in pair.key.value:
            if key.value in on:
                message = f"event type {quoted(key.value)} is here already: write one list"
                scene.context.report.error(key.node, Code.REPEATED, message)
            on[key.value] = transitions
    return on


def _build_state(pair: Pair, scene: Scene) -> State:
    fields: Fields = pair.value
    report = scene.context.report
    if "end" in fields.keys:
        for name in _NEVER_USED:
            if name in fields.keys:
                report.warn(
                    fields.where(name),
                    Code.NO_EFFECT,
                    f"{quoted(name)} has no effect: the state is final",
                )
    always = fields.items("always")
    for item in always:
        if not item.value.keys.keys() & {"to", "split"} and isinstance(item.node, Mapping):
            report.error(item.node, Code.TARGET, "a transition of 'always' needs 'to' or 'split'")
    return State(
        name=pair.key.value,
        enter=build_steps(fields.items("enter"), None, scene),
        leave=build_steps(fields.items("leave"), None, scene),
        on=_build_on(fields.get("on"), scene),
        always=build_transitions(always, None, scene),
        timers=tuple(_build_timers(fields, scene)),
        end=fields.value("end"),
    )


def _build_timers(fields: Fields, scene: Scene) -> Iterator[TimerRule]:
    """Yield the timers of a state in the order written."""
    for name in fields.read:
        if name == "after":
            yield from _build_after(fields.items("after"), scene)
        elif name == "at":
            for item in fields.items("at"):
                rule: Fields = item.value
                yield TimerRule(
                    at=scene.expression(rule.get("time"), None, Place.JOURNEY),
                    past=rule.value("past", Past.FIRE),
                    transition=build_transition(rule, None, scene),
                )


def _build_after(pairs: list[Pair], scene: Scene) -> Iterator[TimerRule]:
    first: dict[int, Item] = {}
    for pair in pairs:
        equal = first.setdefault(pair.key.value, pair.key)
        if equal is not pair.key:
            written = equal.node.text if isinstance(equal.node, Scalar) else ""
            message = f"equal to {quoted(written)}: durations of one 'after' differ"
            scene.context.report.error(pair.key.node, Code.REPEATED, message)
        transition = build_transition(pair.value, None, scene)
        yield TimerRule(after_ms=pair.key.value, transition=transition)
