"""A `measure` document to a MeasureRule."""

from __future__ import annotations

from cjo_stream.core.expression import Place
from cjo_stream.core.program.measure import VALUE_MAX, MeasureRule
from cjo_stream.core.word import Per
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.number import check_number
from cjo_stream.definition.grammar.item import Fields


def build_measure(fields: Fields, context: Context) -> MeasureRule:
    """Return the measure; its references to the topology are checked."""
    name, per = fields.value("measure"), fields.value("per", Per.CUSTOMER)
    place = Place.EVENT if per == Per.CUSTOMER else Place.DATA
    on = context.uses.on(fields)
    compiled = {}
    for part in ("when", "value"):
        item = fields.get(part)
        compiled[part] = context.expression(item, place, f"measure.{name}")
        context.uses.read(item, compiled[part], "event", on)
    item, value = fields.get("value"), compiled["value"]
    if item is not None and value is not None:
        check_number(item, value, context, -VALUE_MAX, VALUE_MAX, "a number up to 1e15")
    return MeasureRule(name=name, on=on, per=Per(per), **compiled)
