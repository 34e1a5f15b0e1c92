"""Events: what a customer did, or what a channel did to the customer."""

from __future__ import annotations

from typing import Any

import msgspec


class Identifier(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A typed, normalised value. `hash` is HMAC(tenant key, type, value): 32 hex digits."""

    type: str
    value: str
    hash: str


class Event(msgspec.Struct, array_like=True, gc=False):
    """An event after decoding and normalising, as intake sends it and journeys see it.

    `time` is when it happened, `received_at` the timestamp of its raw record; both are ms since
    the epoch, UTC. `identifiers` are sorted by type, strongest first; the first is the anchor.
    `own_id`: the id is the producer's, and repeats of it are dropped; otherwise the id is made of
    topic, partition and offset. An event raised by a journey has no `id`, no `channel` and no
    identifiers.
    """

    type: str
    time: int
    attributes: dict[str, Any]
    id: str | None = None
    channel: str | None = None
    identifiers: list[Identifier] = []
    own_id: bool = False
    received_at: int = 0
    topic: str = ""
    partition: int = 0
    offset: int = 0


def native(event: Event) -> dict[str, Any]:
    """Return `event` in the native form of docs/events.md, for dead letters."""
    identifiers: dict[str, Any] = {}
    for identifier in event.identifiers:
        identifiers.setdefault(identifier.type, []).append(identifier.value)
    shown: dict[str, Any] = {"type": event.type, "time": event.time, "identifiers": identifiers}
    if event.own_id:
        shown["id"] = event.id
    if event.channel is not None:
        shown["channel"] = event.channel
    shown["attributes"] = event.attributes
    return shown
