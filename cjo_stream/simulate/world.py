"""A world of simulated people: their traffic, and their answers to commands.

    world = open_world("shop", people=1000, seed=7, start_ms=..., duration_ms=...)
    while not world.is_over:
        until_ms += SOONEST_MS
        for record in world.before(until_ms): ...      the engine handles it
        for command in ...: world.hear(command)        those issued before until_ms, in order

Used in this way, the same commands give the same traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from cjo_stream.simulate.answer import Owners, Received
from cjo_stream.simulate.record import Simulated
from cjo_stream.simulate.response import Response
from cjo_stream.simulate.scene import Scene


class Hidden(msgspec.Struct, frozen=True):
    """What only a score may see, not the engine: how people answer, and their identifiers."""

    response: Response
    owners: Owners


class World:
    """A scene, the receiver of its people's commands, and the hidden model of their responses."""

    def __init__(
        self,
        scene: Scene,
        hear: Callable[[Received], None] | None = None,
        hidden: Hidden | None = None,
    ) -> None:
        """Open a world; without `hear` its people do not answer."""
        self._scene = scene
        self._hear = hear
        self.hidden = hidden

    def events(self) -> Iterator[Simulated]:
        """Yield all records to the end, in order of arrival."""
        return self._scene.events()

    def before(self, time_ms: int) -> Iterator[Simulated]:
        """Yield the records that arrive before `time_ms` and were not yielded before, in order."""
        return self._scene.before(time_ms)

    def hear(self, received: Received) -> None:
        """Deliver a command to its receiver; commands come in order of issue."""
        if self._hear is not None:
            self._hear(received)

    @property
    def is_over(self) -> bool:
        """Whether no record will come, unless a command is delivered."""
        return self._scene.is_over
