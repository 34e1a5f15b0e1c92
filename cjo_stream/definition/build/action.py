"""An `action` document to an Action."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from cjo_stream.core.expression import Expression, Place
from cjo_stream.core.program.action import Action, Propensity, Treatment, Weight
from cjo_stream.core.program.policy import Coverage, Limit
from cjo_stream.core.word import ActionClass
from cjo_stream.definition.build.context import Ask, Context
from cjo_stream.definition.build.limit import build_limit
from cjo_stream.definition.build.number import check_number
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Item, Pair
from cjo_stream.definition.text.report import quoted

EXPIRES_MS = 7 * 86_400_000


def ask_of(fields: Fields) -> Ask:
    """Return the properties of an action that the requests for it need."""
    return Ask(
        fields.value("class", ActionClass.MARKETING),
        tuple(fields.written("treatments")),
        fields.value("issue"),
        fields.value("group"),
    )


def build_action(fields: Fields, context: Context) -> Action:
    """Return the action; its references to the topology are checked."""
    name = fields.value("action")
    definition = f"action.{name}"
    _check_channels(fields, context)

    def condition(gate: str) -> Expression | None:
        return context.expression(fields.get(gate), Place.ACTION, definition)

    treatments = {
        pair.key.value: _build_treatment(pair, context, definition)
        for pair in fields.items("treatments")
    }
    action = Action(
        name=name,
        issue=fields.value("issue"),
        group=fields.value("group"),
        owner=fields.value("owner"),
        class_=fields.value("class", ActionClass.MARKETING),
        value=_build_value(fields.get("value"), context, definition),
        lever=fields.value("lever", 0),
        eligible=condition("eligible"),
        applicable=condition("applicable"),
        suitable=condition("suitable"),
        context=tuple(_build_weights(fields, context, definition)),
        propensity=_build_propensity(fields.get("propensity"), context, definition),
        limits=tuple(_build_limits(fields, name)),
        expires_ms=fields.value("expires", EXPIRES_MS),
        treatments=treatments,
    )
    return msgspec.structs.replace(action, event_reads=_event_reads(action))


def _build_treatment(pair: Pair, context: Context, definition: str) -> Treatment:
    fields: Fields = pair.value
    return Treatment(
        channel=pair.key.value,
        template=fields.value("template"),
        payload=context.expressions(fields.items("payload"), Place.ACTION, definition),
        propensity=_build_propensity(fields.get("propensity"), context, definition),
    )


def _build_limits(fields: Fields, action: str) -> Iterator[Limit]:
    coverage = Coverage(actions=frozenset((action,)))
    for item in fields.items("limits"):
        yield build_limit(item.value, coverage)


def _event_reads(action: Action) -> frozenset[str]:
    """Return the attributes of an event that the action's expressions read."""
    held = [action.value, action.eligible, action.applicable, action.suitable, action.propensity]
    held += [weight.when for weight in action.context]
    for treatment in action.treatments.values():
        held += [treatment.propensity, *treatment.payload.values()]
    read = set()
    for one in held:
        expressions = one.features if isinstance(one, Propensity) else (one,)
        for expression in expressions:
            if expression is not None:
                read |= {path[1] for path in expression.reads if path[0] == "event"}
    return frozenset(read)


def _check_channels(fields: Fields, context: Context) -> None:
    """Warn of treatments on channels without `out`; report an action that has no others."""
    report = context.report
    mute: list[Pair] = []
    treatments: list[Pair] = fields.items("treatments")
    for pair in treatments:
        channel = context.channels.get(pair.key.value)
        if channel is None:
            declared = context.declared.channels
            context.check_known(pair.key.node, "channel", pair.key.value, declared)
        elif channel.output is None:
            mute.append(pair)
    if mute and len(mute) == len(treatments):
        message = "no channel can carry this action: none of its treatments' channels has an 'out'"
        report.error(fields.where("treatments"), Code.SENT, message)
        return
    for pair in mute:
        channel_name = quoted(pair.key.value)
        report.warn(
            pair.key.node,
            Code.NO_EFFECT,
            f"channel {channel_name} has no 'out': this treatment is never sent",
        )


def _build_value(item: Item | None, context: Context, definition: str) -> Expression | None:
    if item is not None and _is_no_number(item):
        context.report.error(item.node, Code.TYPE, "must be a number or an expression")
        return None
    value = context.expression(item, Place.ACTION, definition)
    if item is not None and value is not None:
        check_number(item, value, context, -math.inf, math.inf, "a number")
    return value


def _build_weights(fields: Fields, context: Context, definition: str) -> Iterator[Weight]:
    for item in fields.items("context"):
        when = context.expression(item.value.get("when"), Place.EVENT, definition)
        context.uses.read(item.value.get("when"), when, "event", None)
        if when is not None:
            yield Weight(when=when, percent=item.value.value("weight", 0))


def _build_propensity(
    item: Item | None, context: Context, definition: str
) -> Propensity | Expression | None:
    if item is None:
        return None
    if isinstance(item.value, Fields):
        features = (
            context.expression(feature, Place.ACTION, definition)
            for feature in item.value.items("features")
        )
        return Propensity(
            prior=item.value.value("prior", 0.0),
            features=tuple(feature for feature in features if feature is not None),
        )
    wanted = "a number from 0 to 1"
    if _is_no_number(item):
        context.report.error(item.node, Code.TYPE, f"must be {wanted}, or an expression")
        return None
    expression = context.expression(item, Place.ACTION, definition)
    if expression is not None:
        check_number(item, expression, context, 0, 1, wanted)
    return expression


def _is_no_number(item: Item) -> bool:
    return isinstance(item.value, bool) or item.value is None
