"""Events: what a customer did, or what a channel did to the customer."""

from __future__ import annotations

from typing import Any, Final

import msgspec

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
"""The headers of a trace context, as W3C Trace Context names them."""


class Identifier(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A typed, normalised value. `hash` is HMAC(tenant key, type, value): 32 hex digits."""

    type: str
    value: str
    hash: str


class Traced(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """When a raw record was received, ms, and the W3C trace context that came with it."""

    at: int
    traceparent: str
    tracestate: str = ""


class Event(msgspec.Struct, array_like=True, gc=False):
    """An event after decoding and normalising, as intake sends it and journeys see it.

    `time` is when it happened, `received` the timestamp of its raw record, with the trace context
    that came with that, if any. Both times are ms since the epoch, UTC. `identifiers` are sorted
    by type, strongest first; the first is the anchor. `own_id`: the id is the producer's, and
    repeats of it are dropped; otherwise the id is made of topic, partition and offset. An event
    raised by a journey has no `id`, no `channel` and no identifiers.
    """

    type: str
    time: int
    attributes: dict[str, Any]
    id: str | None = None
    channel: str | None = None
    identifiers: list[Identifier] = []
    own_id: bool = False
    received: int | Traced = 0
    topic: str = ""
    partition: int = 0
    offset: int = 0

    @property
    def received_at(self) -> int:
        """The timestamp of the raw record, ms; 0 for a raised event."""
        return self.received if isinstance(self.received, int) else self.received.at


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
