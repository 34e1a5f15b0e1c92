"""Segment's calls (its Spec: track, identify, page, screen, group, alias) as native events.

    call       event type                      attributes
    track      `event`, as an event type       `properties`
    page       page                            `properties`, and `name`, `category` where given
    screen     screen                          `properties`, and `name`, `category` where given
    identify   cjo.profile                     `traits`, camelCase names in snake_case: as facts
    group      group                           `traits`, and `group_id`
    alias      alias                           none

The name of an event is converted if it is not an event type (see `ingest.format.name`).

    field                                   identifier type, the first that the topology declares
    userId                                  user_id customer_id user
    anonymousId, an alias's previousId      anonymous_id cookie anonymous
    context.device.id                       device_id device
    context.device.advertisingId            advertising_id
    context.device.token                    push_token device_token
    traits and context.traits: NAME         NAME itself, in snake_case
    context.externalIds: {type, id}         its `type`, in snake_case

    native field      from
    time              timestamp, else originalTimestamp, sentAt, receivedAt
    id                messageId

A call with more than 1,000 traits, or more than 100 external ids, is `invalid`.

Null fields count as absent, because Segment's libraries write them, and `[]` as an empty object,
because PHP writes it so. Of two traits that are one name in snake_case, the one that is written so
is the fact, else the first; the other keeps its own name. Any other call is `unmapped`.
The rest of `context`, and `integrations`, are ignored.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.format.document import read_object
from cjo_stream.ingest.format.name import event_type, snake_case
from cjo_stream.ingest.format.native import Native, Reader, from_fields

_USER = ("user_id", "customer_id", "user")
_ANONYMOUS = ("anonymous_id", "cookie", "anonymous")
_DEVICE = {
    "id": ("device_id", "device"),
    "advertisingId": ("advertising_id",),
    "token": ("push_token", "device_token"),
}
_TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
_NAMING = (str, int, float)
_TRAITS_MAX = 1_000
"""A bound, because converting names takes longer than reading them."""
_EXTERNAL_IDS_MAX = 100
_CALLS = ("track", "identify", "page", "screen", "group", "alias")


def reader(types: Collection[str]) -> Reader:
    """Return the reader for a topology that declares the identifier `types`."""
    declared = frozenset(types)

    def choose(candidates: tuple[str, ...]) -> str:
        return next((name for name in candidates if name in declared), candidates[0])

    user, anonymous = choose(_USER), choose(_ANONYMOUS)
    device = {field: choose(candidates) for field, candidates in _DEVICE.items()}

    def read(record: RawRecord) -> Native:
        call = read_object(record.value)
        if call.get("type") not in _CALLS:
            raise InputError("unmapped", "not a call of Segment, by its `type`")
        context = _object(call, "context")
        traits = _object(call, "traits")
        identifiers: dict[str, list[Any]] = {}

        def add(type_: str, value: Any) -> None:
            if value is not None:
                identifiers.setdefault(type_, []).append(value)

        add(user, call.get("userId"))
        add(anonymous, call.get("anonymousId"))
        if call["type"] == "alias":
            add(anonymous, call.get("previousId"))
        for field, value in _object(context, "device").items():
            if field in device:
                add(device[field], value)
        # Traits of a group call belong to the group: its e-mail is not the customer's.
        own = [] if call["type"] == "group" else _ours(traits)
        for _, name, value in (*own, *_ours(_object(context, "traits"))):
            if name in declared and isinstance(value, _NAMING):
                add(name, value)
        for type_, value in _external(context):
            add(snake_case(type_), value)
        return from_fields(_fields(call, traits, _facts(own), identifiers))

    return read


def _fields(
    call: dict[str, Any],
    traits: dict[str, Any],
    facts: dict[str, Any],
    identifiers: dict[str, list[Any]],
) -> dict[str, Any]:
    """Return the call in the native form."""
    type_, attributes = _content(call, traits, facts)
    fields = {"type": type_, "identifiers": identifiers, "attributes": attributes}
    if call.get("messageId") is not None:
        fields["id"] = call["messageId"]
    for name in _TIMES:
        if call.get(name) is not None:
            fields["time"] = call[name]
            break
    return fields


def _content(
    call: dict[str, Any], traits: dict[str, Any], facts: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return the event type and the attributes of a call."""
    kind = call["type"]
    if kind == "identify":
        return "cjo.profile", facts
    if kind == "group":
        group = call.get("groupId")
        return "group", traits if group is None else {**traits, "group_id": group}
    if kind == "alias":
        return "alias", {}
    properties = _object(call, "properties")
    if kind == "track":
        name = call.get("event")
        if not isinstance(name, str):
            raise InputError("invalid", "a track call's `event` must be a text")
        return event_type(name), properties
    named = {
        field: call[field]
        for field in ("name", "category")
        if field not in properties and call.get(field) is not None
    }
    return kind, {**properties, **named}


def _facts(traits: list[tuple[str, str, Any]]) -> dict[str, Any]:
    """Return the facts that traits set; no trait takes another one's place."""
    facts = {name: value for given, name, value in traits if given == name}
    for given, name, value in traits:
        facts[name if facts.setdefault(name, value) == value else given] = value
    return facts


def _ours(traits: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Return name, name in snake_case (if it has one) and value of each trait."""
    if len(traits) > _TRAITS_MAX:
        raise InputError("invalid", f"{len(traits)} traits; {_TRAITS_MAX} at most")
    return [(name, snake_case(name) or name, value) for name, value in traits.items()]


def _object(parent: dict[str, Any], field: str) -> dict[str, Any]:
    """Return an object of `parent`; empty if it is absent, null or `[]`."""
    value = parent.get(field)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise InputError("invalid", f"`{field}` must be an object")
    return value


def _external(context: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return (type, value) of each external id."""
    given = context.get("externalIds")
    if not isinstance(given, list):
        return []
    if len(given) > _EXTERNAL_IDS_MAX:
        raise InputError("invalid", f"{len(given)} external ids; {_EXTERNAL_IDS_MAX} at most")
    return [
        (one["type"], one.get("id"))
        for one in given
        if isinstance(one, dict) and isinstance(one.get("type"), str)
    ]
