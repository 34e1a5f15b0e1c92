"""Sources: who writes an event down, how soon it arrives, which Kafka key it has."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from cjo_stream.simulate.record import Simulated
from cjo_stream.simulate.scene import Scene
from cjo_stream.simulate.wire import Write


class Source(msgspec.Struct, frozen=True):
    """One channel's habits: records take `least_ms` to `least_ms + spread_ms` to reach us."""

    write: Write
    least_ms: int
    spread_ms: int
    key: str | None = None
    """The identifier or attribute that the source keys its records by."""


class Named(Protocol):
    """Whoever it happened to."""

    @property
    def name(self) -> str:
        """The name under which the truth knows them."""


class Teller:
    """Puts what happened on its way to us."""

    def __init__(self, scene: Scene, sources: dict[str, Source]) -> None:
        """Tell by `sources`, by channel."""
        self._scene = scene
        self._sources = sources
        self._end_ms = scene.setting.last_ms
        self._tag = f"{scene.setting.start_ms // 1000:x}.{scene.setting.seed:x}."

    def name(self, kind: str) -> str:
        """Return a new id, of a cart or an order; another start or seed gives other ones."""
        return f"{kind}{self._tag}{self._scene.number():x}"

    def tell(
        self,
        person: Named,
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
        source = self._sources[channel]
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
