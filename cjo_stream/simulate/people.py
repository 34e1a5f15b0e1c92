"""A world's people for the embedded runtime: raw records out, commands in."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.engine.port import RawRecord
from cjo_stream.simulate.answer import Received
from cjo_stream.simulate.scene import NEVER_MS
from cjo_stream.simulate.world import World

OUTCOMES = "cjo.outcome.v1"


class People:
    """A world's people, as the raw records of one partition; `met` are those seen so far."""

    def __init__(self, world: World, program: Program) -> None:
        self._world = world
        self._topics = {c.name: c.input.topic for c in program.channels.values() if c.input}
        self._decode = msgspec.json.Decoder(Received).decode
        self._number = -1
        self.met: set[str] = set()

    def events(self) -> Iterator[RawRecord]:
        """Yield all records of people who receive no commands."""
        return self.before(NEVER_MS)

    def before(self, time_ms: int) -> Iterator[RawRecord]:
        """Yield the records that arrive before `time_ms` and were not yielded before."""
        for sent in self._world.before(time_ms):
            self._number += 1
            self.met.add(sent.person)
            topic = OUTCOMES if sent.is_outcome else self._topics[sent.channel]
            yield RawRecord(
                topic,
                topic,
                0,
                self._number,
                sent.arrives_ms,
                sent.value,
                sent.key,
                channel=sent.channel,
            )

    def hear(self, command: bytes) -> None:
        """Deliver a command to its receiver."""
        self._world.hear(self._decode(command))

    @property
    def is_over(self) -> bool:
        """Whether no record will come, unless a command is delivered."""
        return self._world.is_over
