"""The shop's sources: who writes an event down, how soon it arrives, which Kafka key it has."""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.simulate.population import Person
from cjo_stream.simulate.scene import Scene, Simulated
from cjo_stream.simulate.wire import WRITERS, Write


class Source(msgspec.Struct, frozen=True):
    """One channel's habits: records take `least_ms` to `least_ms + spread_ms` to reach us."""

    write: Write
    least_ms: int
    spread_ms: int
    key: str | None
    """The identifier or attribute that the source keys its records by."""


SOURCES = {
    "web": Source(WRITERS["web"], 20, 400, "cookie"),
    "app": Source(WRITERS["app"], 300, 3_000, "device"),
    "store": Source(WRITERS["store"], 1_000, 60_000, "store"),
    "parcel": Source(WRITERS["parcel"], 1_000, 30_000, "order_id"),
    "email": Source(WRITERS["email"], 1_000, 5_000, None),
    "desk": Source(WRITERS["desk"], 500, 2_000, None),
}


class Teller:
    """Puts what happened on its way to us."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._end_ms = scene.setting.end_ms
        self._tag = f"{scene.setting.start_ms // 1000:x}.{scene.setting.seed:x}."

    def name(self, kind: str) -> str:
        """Return a new id, of a cart or an order; another start or seed gives other ones."""
        return f"{kind}{self._tag}{self._scene.number():x}"

    def tell(
        self,
        person: Person,
        channel: str,
        type_: str,
        time_ms: int,
        identifiers: dict[str, str],
        attributes: dict[str, Any],
        id_: str | None = None,
    ) -> None:
        """Send one event; what lies past the end has not happened."""
        if time_ms >= self._end_ms:
            return
        source = SOURCES[channel]
        scene = self._scene
        key = None
        if source.key is not None:
            key = (identifiers.get(source.key) or attributes[source.key]).encode()
        scene.send(
            Simulated(
                channel,
                time_ms,
                time_ms + source.least_ms + int(scene.random() * source.spread_ms),
                key,
                source.write(id_ or self.name("e"), type_, time_ms, identifiers, attributes),
                person.name,
            )
        )
