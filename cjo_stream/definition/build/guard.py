"""The canary of a journey, and its guards."""

from __future__ import annotations

from typing import Final

from cjo_stream.core.program.journey import Guard, Guards
from cjo_stream.core.word import Metric, TraitKind
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields
from cjo_stream.definition.text.report import unknown

_NUMBERS: Final = (TraitKind.COUNT, TraitKind.SUM, TraitKind.MIN, TraitKind.MAX)


def share_of(journey: Fields) -> float:
    """Return the share of customers who enter the version, as written."""
    canary = journey.value("canary", 1.0)
    share: float = canary.value("share", 1.0) if isinstance(canary, Fields) else canary
    return share


def build_guards(journey: Fields) -> Guards | None:
    """Return the guards of the canary; None if it has none, or they do not load."""
    canary = journey.value("canary")
    if not isinstance(canary, Fields) or not {"then", "for"} <= canary.read.keys():
        return None
    rules: list[Fields] = [item.value for item in canary.items("guards")]
    each = tuple(
        Guard(metric=rule.value("metric"), worse_than=rule.value("worse_than"))
        for rule in rules
        if {"metric", "worse_than"} <= rule.read.keys()
    )
    return Guards(each=each, then=canary.value("then"), for_ms=canary.value("for"))


def check_guards(journey: Fields, context: Context) -> None:
    """Report guards that compare an unknown metric, or a trait that is no number."""
    canary = journey.value("canary")
    if not isinstance(canary, Fields) or not context.declared.is_known:
        return
    numbers = [name for name, trait in context.traits.items() if trait.kind in _NUMBERS]
    for item in canary.items("guards"):
        rule: Fields = item.value
        metric = rule.value("metric")
        if metric is None:
            continue
        if metric == Metric.GOAL_RATE and "goal" not in journey.keys:
            message = "a guard of 'goal_rate' needs a 'goal' of the journey"
            context.report.error(rule.where("metric"), Code.TOGETHER, message)
        if metric in (*Metric, *numbers):
            continue
        if metric in context.traits:
            message = (
                f"the trait '{metric}' is no number: a guard compares a trait that counts or "
                "sums, or takes the least or greatest"
            )
            context.report.error(rule.where("metric"), Code.TYPE, message)
        elif metric not in context.declared.traits:
            found = unknown("metric of a guard", metric, [*Metric, *numbers])
            context.report.error(rule.where("metric"), *found)
