"""Warnings of keys that load but never have an effect: the author probably meant something else.

They are warnings, so that existing topologies still load. The other modules report plain errors.
"""

from __future__ import annotations

from typing import Any

from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.number import is_never_a_number
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Item
from cjo_stream.definition.text.report import quoted

_NUMERIC = ("sum", "min", "max")
_GRACE_MS = 5 * 60_000
_MAX_LATE_MS = 86_400_000


def warn_of_idle_topology(fields: Fields, context: Context) -> None:
    """Warn of keys of a topology that have no effect."""
    _warn_of_identity(fields, context)
    _warn_of_channels(fields, context)
    _warn_of_times(fields, context)
    service: Fields | None = fields.value("service")
    if service is not None:
        _warn_of_cases(service, context)
    profile: Fields | None = fields.value("profile")
    for pair in profile.items("traits") if profile is not None else []:
        for kind in _NUMERIC:
            item = pair.value.get(kind)
            if item is not None and _is_no_number(item, context):
                context.report.warn(
                    item.node, Code.NO_EFFECT, f"this is never a number: {kind!r} stays empty"
                )


def warn_of_idle_policy(fields: Fields, topology: Fields | None, context: Context) -> None:
    """Warn of keys of a policy that have no effect with this topology."""
    report = context.report
    gate: Fields | None = fields.value("service_gate")
    if gate is not None:
        service: Fields | None = topology.value("service") if topology is not None else None
        opens = service is not None and "opened" in service.keys
        if context.declared.is_known and not opens:
            message = "no rule under 'service' opens a case: this gate never stops anything"
            report.warn(fields.where("service_gate"), Code.NO_EFFECT, message)
        if "block" in gate.read and not gate.items("block"):
            report.warn(
                gate.where("block"),
                Code.NO_EFFECT,
                "no class is named: this gate never stops anything",
            )
    for name in ("caps", "limits", "quiet_hours"):
        for rule in fields.items(name):
            for item in rule.value.items("channel"):
                channel = context.channels.get(item.value)
                if channel is not None and channel.output is None:
                    what = quoted(item.value)
                    report.warn(
                        item.node,
                        Code.NO_EFFECT,
                        f"channel {what} has no 'out': this has no effect",
                    )


def _warn_of_identity(fields: Fields, context: Context) -> None:
    report = context.report
    identity: Fields | None = fields.value("identity")
    rows: list[Item] = identity.items("identifiers") if identity is not None else []
    for row in rows:
        shared, type_ = row.value.get("shared_after"), row.value.value("type")
        declared = context.identifiers.get(type_)
        if shared is not None and declared is not None and declared.counts == type_:
            others = [name for name in context.identifiers if name != type_]
            other = f"'of: {others[0]}'" if others else "another type, with 'of'"
            message = f"this counts values of {quoted(type_)} itself: name {other}, or remove it"
            report.warn(row.value.where("shared_after"), Code.NO_EFFECT, message)


def _warn_of_channels(fields: Fields, context: Context) -> None:
    report = context.report
    sent = {
        (channel.output, channel.output_prefixed): channel.name
        for channel in context.channels.values()
        if channel.output is not None
    }
    for pair in fields.items("channels"):
        taken: Fields | None = pair.value.value("in")
        if taken is None:
            continue
        channel = context.channels[pair.key.value].input
        writer = sent.get((channel.topic, channel.prefixed)) if channel is not None else None
        if writer is not None:
            message = f"channel {quoted(writer)} writes its commands there: they are not events"
            report.warn(taken.where("topic"), Code.NO_EFFECT, message)
        maps = taken.items("map")
        for one in maps:
            if not one.value.items("identifiers"):
                message = "without 'identifiers' the events of this map have no customer"
                where = taken.where("map") if len(maps) == 1 else one.node
                report.warn(where, Code.NO_EFFECT, message)


def _warn_of_times(fields: Fields, context: Context) -> None:
    grace = fields.value("grace", _GRACE_MS)
    if grace > fields.value("max_late", _MAX_LATE_MS):
        where = fields.where("grace" if "grace" in fields.keys else "max_late")
        message = "'grace' exceeds 'max_late': events that late change only the profile"
        context.report.warn(where, Code.NO_EFFECT, message)


def _warn_of_cases(service: Fields, context: Context) -> None:
    report = context.report
    if "opened" not in service.keys:
        report.warn(
            service.where("closed"), Code.NO_EFFECT, "nothing is 'opened': there are no cases"
        )
    elif "closed" not in service.keys:
        report.warn(
            service.where("opened"),
            Code.NO_EFFECT,
            "nothing is 'closed': a case stays open for ever",
        )


def _is_no_number(item: Item, context: Context) -> bool:
    value: Any = item.value
    if isinstance(value, str):
        return is_never_a_number(value, context.facts)
    return type(value) not in (int, float)
