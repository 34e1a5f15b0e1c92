"""`predict` of a topology to rules, and what can only be checked when all has compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from cjo_stream.core.expression import Place
from cjo_stream.core.program.prediction import PredictionRule
from cjo_stream.core.program.program import ENGINE_TYPES
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Pair
from cjo_stream.definition.text.report import quoted, unknown

_DIGEST_BYTES = 4


def build_predictions(pairs: list[Pair], context: Context) -> dict[str, PredictionRule]:
    """Return the rules by name, in the order written."""
    return {pair.key.value: _build(pair, context) for pair in pairs}


def check_predictions(
    pairs: list[Pair], goals: Mapping[str, bool], raised: Collection[str], context: Context
) -> None:
    """Report goals that no journey has, and warn of events that are only raised.

    `goals` says of each journey whether it has a goal.
    """
    for pair in pairs:
        fields: Fields = pair.value
        goal = fields.get("goal")
        if goal is not None and goal.value not in goals:
            context.report.error(goal.node, *unknown("journey", goal.value, goals))
        elif goal is not None and not goals[goal.value]:
            message = f"journey {quoted(goal.value)} has no goal"
            context.report.error(goal.node, Code.NO_EFFECT, message)
        for name in ("on", "event", "without"):
            for item in fields.items(name):
                if item.value in raised or item.value in ENGINE_TYPES:
                    message = f"{quoted(item.value)} is raised: predictions hear what comes in"
                    context.report.warn(item.node, Code.NO_EFFECT, message)


def _build(pair: Pair, context: Context) -> PredictionRule:
    name, fields = pair.key.value, pair.value
    definition = f"predict.{name}"
    on = context.uses.on(fields)
    condition = fields.get("when")
    when = context.expression(condition, Place.TRAIT, definition)
    context.uses.read(condition, when, "event", on)
    is_without = "without" in fields.keys
    events = context.uses.hear(fields.items("without" if is_without else "event"))
    goal, within_ms = fields.value("goal"), fields.value("within", 0)
    features = (
        context.expression(feature, Place.FEATURE, definition)
        for feature in fields.items("features")
    )
    said = (sorted(on), when and when.meaning, sorted(events), is_without, goal, within_ms)
    digest = hashlib.blake2b(repr(said).encode(), digest_size=_DIGEST_BYTES)
    return PredictionRule(
        name=name,
        definition=digest.hexdigest(),
        on=on,
        when=when,
        events=events,
        is_without=is_without,
        goal=goal,
        within_ms=within_ms,
        prior=fields.value("prior", 0.0),
        features=tuple(feature for feature in features if feature is not None),
    )
