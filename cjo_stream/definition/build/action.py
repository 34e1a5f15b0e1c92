"""An `action` document to an Action."""

from __future__ import annotations

from cjo_stream.core.expression import Place
from cjo_stream.core.program import Action, Treatment
from cjo_stream.definition.build.context import Ask, Context
from cjo_stream.definition.grammar.item import Entry, Fields, Item
from cjo_stream.definition.report import quoted

EXPIRES_MS = 7 * 86_400_000


def ask_of(fields: Fields) -> Ask:
    """Return what those who ask for an action need to know of it."""
    return Ask(fields.value("class", "marketing"), tuple(fields.written("treatments")))


def build_action(fields: Fields, context: Context) -> Action:
    """Return the action; what it needs of the topology is checked."""
    name = fields.value("action")
    definition = f"action.{name}"
    _check_carried(fields, context)
    _check_weights(fields, context, definition)
    conditions = {
        gate: context.expression(fields.get(gate), Place.ACTION, definition)
        for gate in ("eligible", "applicable", "suitable")
    }
    treatments = {}
    for entry in fields.items("treatments"):
        payload = context.expressions(entry.value.items("payload"), Place.ACTION, definition)
        channel, template = entry.key.value, entry.value.value("template")
        treatments[channel] = Treatment(channel=channel, template=template, payload=payload)
    return Action(
        name=name,
        issue=fields.value("issue"),
        group=fields.value("group"),
        owner=fields.value("owner"),
        class_=fields.value("class", "marketing"),
        expires_ms=fields.value("expires", EXPIRES_MS),
        treatments=treatments,
        **conditions,
    )


def _check_carried(fields: Fields, context: Context) -> None:
    """Report treatments that go nowhere: an error where no other one goes anywhere."""
    report = context.report
    mute: list[Entry] = []
    treatments: list[Entry] = fields.items("treatments")
    for entry in treatments:
        channel = context.channels.get(entry.key.value)
        if channel is None:
            declared = context.declared.channels
            context.check_known(entry.key.node, "channel", entry.key.value, declared)
        elif channel.output is None:
            mute.append(entry)
    if mute and len(mute) == len(treatments):
        message = "no channel can carry this action: none of its treatments' channels has an 'out'"
        report.error(fields.where("treatments"), message)
        return
    for entry in mute:
        channel_name = quoted(entry.key.value)
        report.warn(entry.key.node, f"channel {channel_name} has no 'out': this is never sent")


def _check_weights(fields: Fields, context: Context, definition: str) -> None:
    """Check what arbitration will weigh: it has no effect before there is a `decide`."""
    value = fields.get("value")
    if value is not None and _is_no_number(value):
        context.report.error(value.node, "must be a number or an expression")
    context.expression(value, Place.ACTION, definition)
    for item in fields.items("context"):
        context.expression(item.value.get("when"), Place.EVENT, definition)
    for holder in (fields, *(entry.value for entry in fields.items("treatments"))):
        _check_propensity(holder.get("propensity"), context, definition)


def _check_propensity(item: Item | None, context: Context, definition: str) -> None:
    if item is None:
        return
    if isinstance(item.value, Fields):
        for feature in item.value.items("features"):
            context.expression(feature, Place.ACTION, definition)
        return
    value = item.value
    if _is_no_number(item) or (not isinstance(value, str) and not 0 <= value <= 1):
        context.report.error(item.node, "must be a number from 0 to 1, or an expression")
    context.expression(item, Place.ACTION, definition)


def _is_no_number(item: Item) -> bool:
    return isinstance(item.value, bool) or item.value is None
