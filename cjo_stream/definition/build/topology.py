"""The `topology` document to its parts of a Program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

from cjo_stream.core.expression import Expression, Place, Scope
from cjo_stream.core.expression.compiler import PROFILE_FIELDS
from cjo_stream.core.expression.literal import results
from cjo_stream.core.program.topology import (
    Blocked,
    CaseRule,
    Channel,
    Fact,
    IdentifierType,
    Input,
    RowMap,
    Trait,
    slot,
)
from cjo_stream.core.word import AttributeType, CommandFormat, FactType, Format, TraitKind
from cjo_stream.definition.build.context import Context, report_repeated
from cjo_stream.definition.build.fact import build_fact
from cjo_stream.definition.build.prediction import build_predictions
from cjo_stream.definition.build.use import Given, Named, Types
from cjo_stream.definition.code import Code
from cjo_stream.definition.era import CASES, era_of_fact, era_of_trait
from cjo_stream.definition.grammar.item import Fields, Item, Pair
from cjo_stream.definition.grammar.scalar import EVENT_TYPE
from cjo_stream.definition.pattern import compile_pattern
from cjo_stream.definition.text.report import Report, quoted, unknown

RANK_STEP = 8
RANK_MAX = 255
TYPES_MAX = RANK_MAX // RANK_STEP
"""A rank is one byte of a customer's id; gaps between ranks are for later types."""
_KEEP = 50
KEEP_MAX = 1_000
TIMEZONE = "timezone"
_WITHOUT_PHONES = frozenset(("AQ", "BV", "GS", "HM", "PN", "TF", "UM"))
_NOT_IN_ISO = frozenset(("AC", "TA", "XK"))
_TYPE = re.compile(EVENT_TYPE)
_WITH_MAP = frozenset(form.value for form in Format if form.has_map)


def build_topology(fields: Fields, context: Context) -> dict[str, Any]:
    """Return the topology's fields of a Program, and put its declarations into `context`."""
    report = context.report
    _build_identity(fields, context)
    for pair in fields.items("channels"):
        context.channels[pair.key.value] = _build_channel(pair, context)
    _check_input_topics(fields, context)
    for team in fields.items("owners"):
        for one in team.value.items("channels"):
            context.check_known(one.node, "channel", one.value, context.declared.channels)
    _build_profile(fields, context)
    service: Fields | None = fields.value("service")
    zone = fields.get("timezone")
    if zone is not None and zone.value not in (zones := _zones()):
        report.error(zone.node, *unknown("time zone", zone.value, zones))
    region = fields.get("region")
    if region is not None and region.value not in (regions := _regions()):
        report.error(region.node, *unknown("region", region.value, regions))
    identity: Fields | None = fields.value("identity")
    blocked = identity.items("blocked") if identity else []
    durations = {
        f"{name}_ms": item.value
        for name in ("dedupe", "grace", "max_late")
        if (item := fields.get(name)) is not None
    }
    return {
        "topology": fields.value("topology"),
        "about": fields.value("about"),
        "timezone": fields.value("timezone", "UTC"),
        "region": fields.value("region"),
        **durations,
        "channels": context.channels,
        "identifiers": context.identifiers,
        "blocked": tuple(_build_blocked(item, context) for item in blocked),
        "events": _build_events(fields, context),
        "facts": context.facts,
        "traits": context.traits,
        "predictions": build_predictions(fields.items("predict"), context),
        "opened": _build_cases(service, "opened", context),
        "closed": _build_cases(service, "closed", context),
        "cases_era": context.eras.get(CASES, 0),
    }


def _build_events(fields: Fields, context: Context) -> dict[str, dict[str, AttributeType]] | None:
    if "events" not in fields.keys:
        return None
    context.uses.hear([pair.key for pair in fields.items("events")])
    return {
        pair.key.value: {one.key.value: one.value for one in pair.value}
        for pair in fields.items("events")
    }


def _build_blocked(item: Item, context: Context) -> Blocked:
    fields = item.value
    if not isinstance(fields, Fields):
        return Blocked(None, fields.strip().lower())
    type_, value, pattern = (fields.get(name) for name in ("type", "value", "pattern"))
    if type_ is not None and type_.value not in context.identifiers:
        wrong = unknown("identifier", type_.value, context.identifiers)
        context.report.error(type_.node, *wrong)
    if len(fields.keys.keys() & {"value", "pattern"}) != 1:
        message = "a blocked value needs 'value' or 'pattern', one of them"
        context.report.error(fields.node, Code.TOGETHER, message)
    if pattern is not None:
        try:
            compile_pattern(pattern.value)
        except ValueError as error:
            message = f"not a regular expression of RE2: {error}"
            context.report.error(pattern.node, Code.FORM, message)
    return Blocked(
        fields.value("type"),
        None if value is None else value.value.strip().lower(),
        fields.value("pattern"),
    )


def _regions() -> frozenset[str]:
    """Return the regions with phone numbers: codes of ISO 3166, and some similar ones."""
    listed = resources.files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8")
    codes = (line[:2] for line in listed.splitlines() if not line.startswith("#"))
    return frozenset(codes) - _WITHOUT_PHONES | _NOT_IN_ISO


def _zones() -> frozenset[str]:
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(listed.split())


def _build_identity(fields: Fields, context: Context) -> None:
    identity: Fields | None = fields.value("identity")
    rows: list[Item] = identity.items("identifiers") if identity else []
    report = context.report
    names = [item for row in rows if (item := row.value.get("type")) is not None]
    report_repeated(names, "identifier type", report)
    if len(rows) > TYPES_MAX:
        report.error(
            rows[TYPES_MAX].node, Code.RANGE, f"more than {TYPES_MAX} types of identifiers"
        )
    strongest = names[0].value if names else None
    for position, row in enumerate(rows):
        of, type_ = row.value.get("of"), row.value.value("type")
        if of is not None:
            types = context.declared.identifiers
            context.check_known(of.node, "identifier type", of.value, types)
        if of is not None and "shared_after" not in row.value.keys:
            report.error(row.value.where("of"), Code.TOGETHER, "'of' goes with 'shared_after'")
        if type_ is not None:
            shared_after = row.value.value("shared_after")
            counts = of.value if of is not None else strongest
            context.identifiers[type_] = IdentifierType(
                type=type_,
                rank=(position + 1) * RANK_STEP,
                limit=row.value.value("limit", 5),
                per_ms=row.value.value("per"),
                normalise=row.value.value("normalise"),
                shared_after=shared_after,
                counts=counts if shared_after is not None else None,
            )


def _build_channel(pair: Pair, context: Context) -> Channel:
    name, fields = pair.key.value, pair.value
    if not fields.keys:
        context.report.error(
            pair.key.node, Code.MISSING, f"channel {quoted(name)} needs 'in' or 'out'"
        )
    taken: Fields | None = fields.value("in")
    sent: Fields | None = fields.value("out")
    address = sent.get("address") if sent else None
    if address is not None:
        types = context.declared.identifiers
        context.check_known(address.node, "identifier type", address.value, types)
    return Channel(
        name=name,
        input=None if taken is None else _build_input(name, taken, context),
        output=sent.value("topic", f"action.{name}.v1") if sent else None,
        output_prefixed=sent is None or sent.get("topic") is None,
        address=address.value if address else None,
        format=sent.value("format", CommandFormat.JSON) if sent else CommandFormat.JSON,
    )


def _build_input(channel: str, fields: Fields, context: Context) -> Input:
    report = context.report
    form = fields.value("format", "native")
    has_map = form in _WITH_MAP
    if has_map and "map" not in fields.keys:
        report.error(fields.where("format"), Code.TOGETHER, f"format '{form}' needs 'map'")
    if not has_map and "map" in fields.keys and not fields.is_broken("format"):
        message = "'map' goes with 'format: mapped' or 'format: debezium'"
        report.error(fields.where("map"), Code.TOGETHER, message)
    return Input(
        topic=fields.value("topic", f"event.{channel}.v1"),
        prefixed=fields.get("topic") is None,
        format=form,
        maps=tuple(_build_maps(channel, fields.items("map"), context)),
        registry=fields.value("registry"),
    )


def _build_maps(channel: str, items: list[Item], context: Context) -> Iterator[RowMap]:
    """Yield the maps that compile."""
    for item in items:
        fields: Fields = item.value
        place = Place.ITEM if "each" in fields.keys else Place.MAP
        definition = f"channel.{channel}"
        formulas = {
            name: context.expression(fields.get(name), place, definition)
            for name in ("id", "type", "time")
        }
        each = context.expression(fields.get("each"), Place.MAP, definition)
        types = _types_of_map(fields.get("type"), formulas["type"], context)
        for entry in fields.items("identifiers"):
            known = context.declared.identifiers
            context.check_known(entry.key.node, "identifier type", entry.key.value, known)
        several = {
            name: context.expressions(fields.items(name), place, definition)
            for name in ("identifiers", "attributes")
        }
        attributes = fields.items("attributes")
        names = frozenset(one.key.value for one in attributes)
        context.uses.given += (
            Given(one, several["attributes"].get(one.key.value), types, names)
            for one in attributes
        )
        type_, time = formulas["type"], formulas["time"]
        if type_ is not None and time is not None:
            yield RowMap(type=type_, time=time, id=formulas["id"], each=each, **several)


def _types_of_map(item: Item | None, type_: Expression | None, context: Context) -> Types:
    """Return the event types that a map gives, if they are fixed; report what is none."""
    if item is None or type_ is None:
        return None
    named = results(item.value) if isinstance(item.value, str) else []
    fixed = type_.evaluate(Scope(now=0)) if type_.is_constant and not named else None
    wrong = [one for one in named if not _TYPE.fullmatch(one[0])]
    if wrong or (fixed is not None and not (isinstance(fixed, str) and _TYPE.fullmatch(fixed))):
        context.report.error(item.node, Code.FORM, f"this is not an event type: {EVENT_TYPE}")
        return None
    context.uses.types += (Named(item, *one) for one in named)
    return frozenset(name for name, _ in named) or None


def _check_input_topics(fields: Fields, context: Context) -> None:
    """Report channels that read the same topic: the topic determines a record's channel."""
    first: dict[tuple[str, bool], str] = {}
    for pair in fields.items("channels"):
        taken = context.channels[pair.key.value].input
        if taken is None:
            continue
        owner = first.setdefault((taken.topic, taken.prefixed), pair.key.value)
        if owner != pair.key.value:
            message = f"channel {quoted(owner)} reads topic {quoted(taken.topic)} already"
            context.report.error(pair.value.value("in").where("topic"), Code.REPEATED, message)


def _build_profile(fields: Fields, context: Context) -> None:
    profile: Fields | None = fields.value("profile")
    if profile is None:
        return
    report = context.report
    for pair in profile.items("facts"):
        _check_name(pair, "fact", report)
        era = context.eras.get(era_of_fact(pair.key.value), 0)
        context.facts[pair.key.value] = build_fact(pair, era, report)
        if pair.key.value == TIMEZONE:
            _check_zone_fact(pair, context.facts[TIMEZONE], report)
    traits = profile.items("traits")
    for pair in traits:
        _check_name(pair, "trait", report)
        if pair.key.value in context.declared.facts:
            report.error(
                pair.key.node, Code.REPEATED, f"{quoted(pair.key.value)} is a fact already"
            )
    context.traits = {pair.key.value: _build_trait(pair, context) for pair in traits}


def _check_zone_fact(pair: Pair, fact: Fact, report: Report) -> None:
    """Report a fact `timezone` that cannot hold a zone: the engine reads it as the customer's."""
    fields: Fields = pair.value
    type_, default = fields.get("type"), fields.get("default")
    if type_ is not None and fact.type != FactType.STRING:
        message = f"the fact 'timezone' is the customer's time zone: a 'string', not a {fact.type}"
        report.error(type_.node, Code.TYPE, message)
    elif isinstance(fact.default, str) and default is not None:
        zones = _zones()
        if fact.default not in zones:
            report.error(default.node, *unknown("time zone", fact.default, zones))


def _check_name(pair: Pair, what: str, report: Report) -> None:
    if pair.key.value in PROFILE_FIELDS:
        message = f"a {what} cannot be named {quoted(pair.key.value)}: every profile has that"
        report.error(pair.key.node, Code.REPEATED, message)


def _build_trait(pair: Pair, context: Context) -> Trait:
    name, fields = pair.key.value, pair.value
    report = context.report
    definition = f"trait.{name}"
    kind = next((kind for kind in TraitKind if kind in fields.keys), TraitKind.COUNT)
    value = None
    if kind is TraitKind.COUNT:
        on = context.uses.hear(fields.items("count"))
        if "on" in fields.keys and "count" in fields.keys:
            report.error(
                fields.where("on"),
                Code.TOGETHER,
                "'count' names its event types itself: remove 'on'",
            )
    else:
        on = context.uses.on(fields)
        if "on" not in fields.keys:
            report.error(
                fields.where(kind.value), Code.MISSING, f"{quoted(kind.value)} needs 'on'"
            )
        item = fields.get(kind.value)
        value = context.expression(item, Place.TRAIT, definition)
        context.uses.read(item, value, "event", on)
    if "keep" in fields.keys and kind is not TraitKind.DISTINCT:
        report.error(fields.where("keep"), Code.TOGETHER, "'keep' goes with 'distinct'")
    keep = fields.value("keep", _KEEP)
    if keep > KEEP_MAX:
        report.warn(fields.where("keep"), Code.RANGE, f"at most {KEEP_MAX} values are kept")
    condition = fields.get("when")
    when = context.expression(condition, Place.TRAIT, definition)
    context.uses.read(condition, when, "event", on)
    return Trait(
        name=name,
        kind=kind,
        on=on,
        when=when,
        value=value,
        per_ms=fields.value("per"),
        keep=min(keep, KEEP_MAX),
        slot=slot(name, context.eras.get(era_of_trait(name), 0)),
    )


def _build_cases(service: Fields | None, name: str, context: Context) -> tuple[CaseRule, ...]:
    rules = []
    for item in service.items(name) if service else []:
        fields: Fields = item.value
        on = context.uses.on(fields)
        compiled = {}
        for part in ("when", "key"):
            compiled[part] = context.expression(fields.get(part), Place.TRAIT, "service")
            context.uses.read(fields.get(part), compiled[part], "event", on)
        rules.append(CaseRule(on=on, **compiled))
    return tuple(rules)
