"""What a task sends in one step: items to other partitions, and effects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from cjo_stream.core.message import Message
from cjo_stream.core.record import Record, Reply
from cjo_stream.engine.effect import effect_of
from cjo_stream.engine.frame import Effect, EffectWriter, FrameWriter, Position
from cjo_stream.engine.lane import Numbering
from cjo_stream.engine.port import Cascade, Log

EFFECTS: Final = (1 << 32) - 1
"""The receiver number of a task's effect partition."""


class Outbox(msgspec.Struct, gc=False):
    """What one step of a task sends: frames, by partition, in order; and effects."""

    frames: list[tuple[int, bytes]]
    """(partition of the internal topic, frame)"""
    emitted: list[Effect]
    """The effects, in order; a runtime in whose process they stay takes them as they are."""
    _log: Log
    _begins: Sequence[tuple[int, int]]
    """The offset of each record of the step, and the effects before it."""
    _last: Position
    """The number of the last effect before the step."""
    _frame_items_max: int

    @property
    def effects(self) -> list[bytes]:
        """The effects in frames of the effect partition with the task's own number, encoded."""
        writer, previous = EffectWriter(self._log, self._frame_items_max), self._last
        ends = [*self._begins, (-1, len(self.emitted))]
        for (offset, begin), (_, end) in pairwise(ends):
            for index, effect in enumerate(self.emitted[begin:end]):
                position = (offset, index)
                writer.add(position, previous, effect)
                previous = position
        return list(map(msgspec.msgpack.encode, writer.frames()))


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
        self._effects: list[Effect] = []
        self._begins: list[tuple[int, int]] = []
        self.cascades: list[Cascade] = []
        """Of the step, in order: one of each record, and of each actor whose time came."""
        self.traces: dict[str, None] = {}
        """The trace contexts (traceparent) of the events that the step handled, in order."""

    def begin_record(self, offset: int) -> None:
        """Note that what is sent from now on is caused by the record at `offset`."""
        self._numbers.begin(offset)
        self._begins.append((offset, len(self._effects)))

    def begin_cascade(self, clock: int, actor: str, examples: int) -> None:
        """Note that what is sent from now on is of another cascade."""
        self.cascades.append(Cascade(clock, actor, len(self._effects), examples))

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
        self._effects.append(effect)

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
        before = self._numbers.pass_on(EFFECTS, self._last_place())
        return Outbox(
            frames, self._effects, self._log, self._begins, before, self._frame_items_max
        )

    def _last_place(self) -> Position | None:
        """Return the number of the step's last effect; None if it has none."""
        number = len(self._effects)
        last = (begun for begun in reversed(self._begins) if begun[1] < number)
        offset, begin = next(last, (-1, number))
        return (offset, number - begin - 1) if begin < number else None
