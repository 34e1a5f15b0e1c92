"""Sources: the format of a channel's events, how soon they arrive, their Kafka keys."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from cjo_stream.simulate.record import Simulated
from cjo_stream.simulate.scene import Scene
from cjo_stream.simulate.wire import Write


class Source(msgspec.Struct, frozen=True):
    """One channel's source: records arrive after `least_ms` to `least_ms + spread_ms`."""

    write: Write
    least_ms: int
    spread_ms: int
    key: str | None = None
    """The identifier or attribute that is the key of its records."""


class Named(Protocol):
    """The person of an event."""

    @property
    def name(self) -> str:
        """The person's name in the truth."""


class Reporter:
    """Sends events in the formats of their channels."""

    def __init__(self, scene: Scene, sources: dict[str, Source]) -> None:
        """Send by `sources`, which are by channel."""
        self._scene = scene
        self._sources = sources
        self._end_ms = scene.setting.last_ms
        self._tag = f"{scene.setting.start_ms // 1000:x}.{scene.setting.seed:x}."

    def name(self, kind: str) -> str:
        """Return a new id, such as a cart's; another start or seed gives other ids."""
        return f"{kind}{self._tag}{self._scene.number():x}"

    def report(
        self,
        person: Named,
        channel: str,
        type_: str,
        time_ms: int,
        identifiers: dict[str, str],
        attributes: dict[str, Any],
        id_: str | None = None,
    ) -> None:
        """Send one event; one past the end is dropped."""
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
