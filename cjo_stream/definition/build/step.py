"""Steps and transitions, and the scene that they share: the names that a journey may use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from cjo_stream.core.decision.request import asked_of, candidates_of
from cjo_stream.core.expression import Expression, Place
from cjo_stream.core.likeness import nearest
from cjo_stream.core.program.journey import (
    Act,
    Assign,
    Branch,
    Decide,
    Raise,
    SetFact,
    Split,
    Step,
    Transition,
)
from cjo_stream.definition.build.context import PROFILE_TYPES, Ask, Context, report_repeated
from cjo_stream.definition.build.fact import fit
from cjo_stream.definition.build.use import Types
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Item
from cjo_stream.definition.text.node import Node
from cjo_stream.definition.text.report import quoted, unknown

Asking = TypeVar("Asking", Act, Decide)


@dataclass
class Scene:
    """One journey while it is compiled: the names that it may use, and those it uses."""

    context: Context
    definition: str
    data: frozenset[str]
    states: frozenset[str]
    entry_types: frozenset[str]
    origins: dict[Expression, Item] = field(default_factory=dict)
    asks: list[tuple[Node, Act | Decide]] = field(default_factory=list)
    """Each request, with the node of its `act` or `decide`."""
    raised: dict[str, set[str]] = field(default_factory=dict)
    """The attributes of events that it raises, by type."""
    is_graph_known: bool = True
    """Whether the target of every transition is known, or guessed from the closest name."""

    def expression(self, item: Item | None, types: Types, place: Place) -> Expression | None:
        """Return an expression of this journey; None if it is absent, or was reported."""
        context = self.context
        expression = context.expression(item, place, self.definition, self.data)
        if item is not None and expression is not None:
            context.uses.read(item, expression, "event", types)
            context.uses.read(item, expression, "entry", self.entry_types)
            self.origins[expression] = item
        return expression

    def condition(self, fields: Fields, types: Types) -> Expression | None:
        """Return a rule's `when`."""
        return self.expression(fields.get("when"), types, Place.JOURNEY)

    def expressions(self, fields: Fields, name: str, types: Types) -> dict[str, Expression]:
        """Return the expressions of a mapping, by name."""
        compiled = (
            (pair.key.value, self.expression(pair, types, Place.JOURNEY))
            for pair in fields.items(name)
        )
        return {key: expression for key, expression in compiled if expression is not None}

    def target(self, item: Item) -> str:
        """Return the name of a state; report an unknown name, and return the closest one."""
        name: str = item.value
        if name in self.states:
            return name
        self.context.report.error(item.node, *unknown("state", name, self.states))
        guess = nearest(name, self.states)
        if guess is None:
            self.is_graph_known = False
            return name
        return guess


def build_steps(items: list[Item], types: Types, scene: Scene) -> tuple[Step, ...]:
    """Return steps in their order."""
    steps = (_build_step(item.value, types, scene) for item in items)
    return tuple(step for step in steps if step is not None)


def build_transitions(items: list[Item], types: Types, scene: Scene) -> tuple[Transition, ...]:
    """Return transitions in their order."""
    return tuple(build_transition(item.value, types, scene) for item in items)


def build_transition(fields: Fields, types: Types, scene: Scene) -> Transition:
    """Return a transition; its target is a state, a split, or none."""
    to: str | Split | None = None
    target, branches = fields.get("to"), fields.get("split")
    if "to" in fields.keys and "split" in fields.keys:
        scene.context.report.error(
            fields.where("split"), Code.TARGET, "'to' is here already: write one of the two"
        )
    if branches is not None:
        to = _build_split(branches, scene)
    elif target is not None:
        to = scene.target(target)
    return Transition(
        when=scene.condition(fields, types),
        to=to,
        do=build_steps(fields.items("do"), types, scene),
    )


def _build_split(item: Item, scene: Scene) -> Split:
    branches = []
    for pair in item.value:
        target = pair.value.get("to")
        to = scene.target(target) if target is not None else ""
        weight = pair.value.value("weight", 1)
        branches.append(Branch(name=pair.key.value, weight=weight, to=to))
    if branches and not sum(branch.weight for branch in branches):
        scene.context.report.error(item.node, Code.TARGET, "all weights of this split are 0")
    return Split(branches=tuple(sorted(branches, key=lambda branch: branch.name)))


def _build_step(fields: Fields, types: Types, scene: Scene) -> Step | None:
    if (act := fields.get("act")) is not None:
        return _build_act(act.value, types, scene)
    if (decide := fields.get("decide")) is not None:
        return _build_decide(decide, types, scene)
    if (put := fields.get("raise")) is not None:
        return _build_raise(put.value, types, scene)
    if "set" in fields.read:
        return _build_set(fields, types, scene)
    if "assign" in fields.read:
        return Assign(variables=scene.expressions(fields, "assign", types))
    return None


def _build_act(fields: Fields, types: Types, scene: Scene) -> Act | None:
    data = scene.expressions(fields, "data", types)
    item = fields.get("action")
    if item is None:
        return None
    context = scene.context
    channels: list[Item] = fields.items("channels")
    report_repeated(channels, "channel", context.report)
    if item.value not in context.actions:
        context.report.error(item.node, *unknown("action", item.value, context.actions))
    ask = context.actions.get(item.value)
    for channel in channels:
        if ask is not None and channel.value not in ask.channels:
            _refuse_channel(channel, item.value, ask, context)
    asked = tuple(channel.value for channel in channels) or None
    return _with_candidates(Act(action=item.value, channels=asked, data=data), item.node, scene)


def _build_decide(item: Item, types: Types, scene: Scene) -> Decide:
    fields: Fields = item.value
    context = scene.context
    for action in fields.items("actions"):
        if action.value not in context.actions:
            context.report.error(action.node, *unknown("action", action.value, context.actions))
    for channel in fields.items("channels"):
        context.check_known(channel.node, "channel", channel.value, context.declared.channels)
    for what in ("issue", "group"):
        context.warn_unless_used(fields.items(what), what)
    for name, what in (("actions", "action"), ("channels", "channel")):
        report_repeated(fields.items(name), what, context.report)
    decide = Decide(
        issues=_listed(fields, "issue"),
        groups=_listed(fields, "group"),
        actions=_listed(fields, "actions"),
        channels=_listed(fields, "channels"),
        data=scene.expressions(fields, "data", types),
    )
    return _with_candidates(decide, item.node, scene)


def _listed(fields: Fields, name: str) -> tuple[str, ...] | None:
    return tuple(item.value for item in fields.items(name)) or None


def _with_candidates(step: Asking, node: Node, scene: Scene) -> Asking:
    """Return a request with its candidates."""
    candidates = candidates_of(scene.context.candidates, asked_of(step))
    step = msgspec.structs.replace(step, candidates=candidates)
    scene.asks.append((node, step))
    for candidate in candidates:
        given = scene.context.given.setdefault(candidate.action.name, set())
        given |= scene.data | step.data.keys()
    return step


def _refuse_channel(channel: Item, action: str, ask: Ask, context: Context) -> None:
    if channel.value in context.declared.channels or not context.declared.is_known:
        finding = (
            Code.UNKNOWN,
            (
                f"action {quoted(action)} has no treatment on channel {quoted(channel.value)}; "
                f"it has {', '.join(ask.channels)}"
            ),
            "",
        )
    else:
        finding = unknown("channel", channel.value, ask.channels)
    context.report.error(channel.node, *finding)


def _build_raise(fields: Fields, types: Types, scene: Scene) -> Raise | None:
    attributes = scene.expressions(fields, "attributes", types)
    item = fields.get("type")
    if item is None:
        return None
    if item.value in PROFILE_TYPES:
        message = f"raised events do not change the profile: {quoted(item.value)} has no effect"
        scene.context.report.warn(item.node, Code.NO_EFFECT, message)
    scene.raised.setdefault(item.value, set()).update(fields.written("attributes"))
    return Raise(type=item.value, attributes=attributes)


def _build_set(fields: Fields, types: Types, scene: Scene) -> SetFact:
    context = scene.context
    for pair in fields.items("set"):
        name, value = pair.key.value, pair.value
        context.check_known(pair.key.node, "fact", name, context.declared.facts)
        fact = context.facts.get(name)
        if fact is None or value is None or isinstance(value, str):
            continue
        if fit(fact.type, value) is None:
            context.report.error(pair.node, Code.TYPE, f"fact {quoted(name)} is a {fact.type}")
    return SetFact(facts=scene.expressions(fields, "set", types))
