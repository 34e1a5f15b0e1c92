"""What a task sends in one step: items to other partitions, and effects."""

from __future__ import annotations

from typing import Final

import msgspec

from cjo_stream.core.message import Message
from cjo_stream.core.record import Record, Reply
from cjo_stream.engine.effect import effect_of
from cjo_stream.engine.frame import Effect, EffectWriter, FrameWriter
from cjo_stream.engine.lane import Numbering
from cjo_stream.engine.port import Cascade, Log, Outbox

EFFECTS: Final = (1 << 32) - 1
"""The receiver number of a task's effect partition."""


class Outgoing:
    """Items by receiver, numbered in the order in which they were sent."""

    def __init__(self, log: Log, numbers: Numbering, frame_items_max: int) -> None:
        self._log = log
        self._numbers = numbers
        self._frame_items_max = frame_items_max
        self.begin()

    def begin(self) -> None:
        """Begin a step: nothing has been sent."""
        self._frames: dict[int, FrameWriter] = {}
        self._effects = EffectWriter(self._log, self._frame_items_max)
        self._sent = 0
        self.cascades: list[Cascade] = []
        """Of the step, in order: one of each record, and of each actor whose time came."""
        self.traces: dict[str, None] = {}
        """The trace contexts (traceparent) of the events that the step handled, in order."""

    def begin_cascade(self, clock: int, actor: str, examples: int) -> None:
        """Note that what is sent from now on is of another cascade."""
        self.cascades.append(Cascade(clock, actor, self._sent, examples))

    def send(self, receiver: int, to: str, message: Message) -> None:
        """Send a message to a partition; `to` is an actor's key, "" for the task."""
        writer = self._frames.get(receiver)
        if writer is None:
            writer = self._frames[receiver] = FrameWriter(self._frame_items_max)
        writer.add(self._log, *self._numbers.number(receiver), to, message)

    def emit(self, record: Record) -> None:
        """Send a record to dispatch."""
        self.add(effect_of(record))

    def add(self, effect: Effect) -> None:
        """Send an effect to dispatch."""
        self._effects.add(*self._numbers.number(EFFECTS), effect)
        self._sent += 1

    def answer(self, command_id: str, body: msgspec.Struct) -> None:
        """Answer an operator's command, if one was given."""
        if command_id:
            self.emit(Reply(command_id=command_id, partition=self._log.partition, body=body))

    def outbox(self, clock: int, set_number: int) -> Outbox:
        """Return all that was sent in the step."""
        frames = [
            (to, frame)
            for to, writer in self._frames.items()
            for frame in writer.frames(clock, set_number)
        ]
        return Outbox(frames, self._effects.frames())
