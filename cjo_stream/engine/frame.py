"""Frames: one record of a private topic that carries many items.

    internal frame   [version, clock_ms, [[topic_id, partition], ...], [item, ...], set]
    item             [lane, offset, index, previous_offset, previous_index, actor key, message]
    effect frame     [version, [topic_id, partition], [effect item, ...]]
    effect item      [offset, index, previous_offset, previous_index, effect]

All msgpack. `lane` indexes the frame's table of lanes; -1 marks an item without one (an
operator's, or a definition set on its way), which is idempotent by its own number or id. `offset`
is the offset of the source record that caused the item, `index` counts what that source offset
sends to the same receiver. A frame holds at most ITEMS_MAX items and about FRAME_BYTES_MAX bytes,
a single larger item excepted. So that no frame is ever one that the broker refuses:

    item of an internal frame   at most ITEM_BYTES_MAX: a definition set; no other comes near
    effect                      at most EFFECT_BYTES_MAX: a record is cut before (core/cut.py)
    frame                       less than RECORD_BYTES_MAX, which the topics' bound must allow
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from cjo_stream.core.message import Message
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.errors import InputError, InvariantError, RefusalError

FRAME_VERSION = 1
"""A frame of any release is an array of 3 to 15 elements, the first a version from 1 to 15. So a
frame of an unknown version can be distinguished from a record that is no frame."""
ITEMS_MAX = 500
FRAME_BYTES_MAX = 256 * 1024
ITEM_BYTES_MAX = 4 * 1024 * 1024
EFFECT_BYTES_MAX = 1024 * 1024
RECORD_BYTES_MAX = 8 * 1024 * 1024
"""The most that a record of the private topics takes."""
NO_LANE = -1
START = (-1, -1)
"""The position before the first item of a lane."""

Position = tuple[int, int]
"""(offset, index) of an item in its lane."""


class Item(msgspec.Struct, array_like=True, gc=False):
    """One message on its way to an actor of another partition, or to a task (`to` is empty)."""

    lane: int
    offset: int
    index: int
    previous_offset: int
    previous_index: int
    to: str
    message: Message


class Frame(msgspec.Struct, array_like=True, gc=False):
    """A decoded internal frame. `clock` is the sender's stream clock in ms (0: it has none).

    `set_number` is the definition set that governs the sender (0: none): the receiver of a
    customer's state must not read it by an older set.
    """

    version: int
    clock: int
    lanes: list[Log]
    items: list[Item]
    set_number: int = 0


class Effect(msgspec.Struct, array_like=True, gc=False):
    """One record on its way out.

    `kind` is one of action, decision, reward, transition, identity, profile, dead_letter, reply.
    `channel` is set for an action. `value` is the record's value; an empty one is written as null.
    `received_at` and `expires_at` are ms (0: none). `set_number` is set for an action: the
    definition set that decided it, which names the topic of the channel's commands (0: from a
    release that did not note it).
    """

    kind: str
    key: str
    value: bytes
    channel: str | None = None
    headers: list[tuple[str, bytes]] = []
    received_at: int = 0
    expires_at: int = 0
    set_number: int = 0


class EffectItem(msgspec.Struct, array_like=True, gc=False):
    """One effect with its place in the lane from its task."""

    offset: int
    index: int
    previous_offset: int
    previous_index: int
    effect: Effect


class EffectFrame(msgspec.Struct, array_like=True, gc=False):
    """A decoded effect frame."""

    version: int
    lane: Log
    items: list[EffectItem]


_AnyFrame = TypeVar("_AnyFrame", Frame, EffectFrame)
_ENCODER = msgspec.msgpack.Encoder()
_FRAMES = msgspec.msgpack.Decoder(Frame)
_EFFECT_FRAMES = msgspec.msgpack.Decoder(EffectFrame)


def decode_frame(value: bytes) -> Frame:
    """Return the internal frame.

    Raises InputError for a record that no release wrote. It may be skipped, because the lanes show
    whether it replaced one of ours. Raises RefusalError for a frame that this release cannot read.
    """
    return _decode(_FRAMES, value, "internal")


def decode_effect_frame(value: bytes) -> EffectFrame:
    """Return the effect frame; raises as `decode_frame` does."""
    return _decode(_EFFECT_FRAMES, value, "effect")


def frame_of(record: LogRecord) -> Frame:
    """Return the frame of an internal record; raises as `decode_frame` does."""
    held = record.held
    return held if isinstance(held, Frame) else decode_frame(record.value)


def bytes_of(record: LogRecord) -> bytes:
    """Return the frame of a record, encoded."""
    return record.value if record.held is None else _ENCODER.encode(record.held)


def _decode(decoder: msgspec.msgpack.Decoder[_AnyFrame], value: bytes, topic: str) -> _AnyFrame:
    try:
        frame = decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        version = _version(value)
        if version is None:
            detail = f"no frame: something else writes to the {topic} topic; find and stop it"
            raise InputError("invalid", detail) from error
        if version == FRAME_VERSION:
            raise RefusalError(
                f"a record of the {topic} topic begins as a frame and is none: it is damaged, "
                "or something else writes to that topic. Find and stop the writer; bring the "
                "record back from a replica or a copy, or start a new installation"
            ) from error
        raise _unread(version) from error
    if frame.version != FRAME_VERSION:
        raise _unread(frame.version)
    return frame


def _version(value: bytes) -> int | None:
    """Return the version of a record that begins as a frame does; else None."""
    begins = len(value) > 1 and 0x93 <= value[0] <= 0x9F and 1 <= value[1] <= 0x0F
    return value[1] if begins else None


def _unread(version: int) -> RefusalError:
    return RefusalError(
        f"a frame of version {version} in a release that reads {FRAME_VERSION}: "
        "run the release that wrote it until its log is empty"
    )


def tick_frame(clock: int = 0) -> bytes:
    """Return a frame without items: it only carries time."""
    return _ENCODER.encode(Frame(FRAME_VERSION, clock, [], []))


def control_frame(messages: Sequence[tuple[str, Message]]) -> bytes:
    """Return a frame of (actor key, message) without lanes; the key is empty for a task's own."""
    items = [Item(NO_LANE, -1, 0, -1, -1, to, message) for to, message in messages]
    return _ENCODER.encode(Frame(FRAME_VERSION, 0, [], items))


def single_frame(
    lane: Log, position: Position, previous: Position, to: str, message: Message
) -> bytes:
    """Return the frame of one item, without a clock: the same bytes as a FrameWriter's."""
    item = Item(0, *position, *previous, to, message)
    frame = _ENCODER.encode((FRAME_VERSION, 0, (lane,), (item,)))
    if len(frame) > ITEM_BYTES_MAX:
        raise _too_large(len(frame))
    return frame


def held_frame(to: str, message: Message) -> Frame:
    """Return the frame of one item, without lane and clock, for a log that ends with the process.

    Nobody sends such an item twice.
    """
    return Frame(FRAME_VERSION, 0, [], [Item(NO_LANE, -1, 0, -1, -1, to, message)])


def _too_large(size: int) -> InvariantError:
    return InvariantError(f"an item of {size} bytes; the bound is {ITEM_BYTES_MAX}")


class FrameWriter:
    """Collects the items for one receiver and cuts them into frames."""

    __slots__ = ("_bytes", "_frames", "_items", "_items_max", "_lanes")

    def __init__(self, items_max: int = ITEMS_MAX) -> None:
        self._items_max = items_max
        self._lanes: dict[Log, int] = {}
        self._items: list[msgspec.Raw] = []
        self._bytes = 0
        self._frames: list[tuple[list[Log], list[msgspec.Raw]]] = []

    def add(
        self, lane: Log, position: Position, previous: Position, to: str, message: Message
    ) -> None:
        """Append one item; raises InvariantError where the core let it grow past its bound."""
        number = self._lanes.setdefault(lane, len(self._lanes))
        encoded = _ENCODER.encode(Item(number, *position, *previous, to, message))
        if len(encoded) > ITEM_BYTES_MAX:
            raise _too_large(len(encoded))
        if self._items and (
            len(self._items) >= self._items_max or self._bytes + len(encoded) > FRAME_BYTES_MAX
        ):
            self._cut()
            self._lanes = {lane: 0}
            encoded = _ENCODER.encode(Item(0, *position, *previous, to, message))
        self._items.append(msgspec.Raw(encoded))
        self._bytes += len(encoded)

    def frames(self, clock: int, set_number: int = 0) -> Iterator[bytes]:
        """Yield the frames, in order, and start afresh."""
        if self._items:
            self._cut()
        self._lanes = {}
        frames, self._frames = self._frames, []
        for lanes, items in frames:
            yield _ENCODER.encode((FRAME_VERSION, clock, lanes, items, set_number))

    def _cut(self) -> None:
        self._frames.append((list(self._lanes), self._items))
        self._items, self._bytes = [], 0


class EffectWriter:
    """Collects the effects of one task and cuts them into frames."""

    __slots__ = ("_bytes", "_frames", "_items", "_items_max", "_lane")

    def __init__(self, lane: Log, items_max: int = ITEMS_MAX) -> None:
        self._lane = lane
        self._items_max = items_max
        self._items: list[EffectItem] = []
        self._bytes = 0
        self._frames: list[list[EffectItem]] = []

    def add(self, position: Position, previous: Position, effect: Effect) -> None:
        """Append one effect; raises InvariantError where it is past its bound."""
        size = len(effect.value)
        for _, value in effect.headers:
            size += len(value)
        if size > EFFECT_BYTES_MAX:
            raise InvariantError(f"an effect of {size} bytes; the bound is {EFFECT_BYTES_MAX}")
        is_full = len(self._items) >= self._items_max or self._bytes + size > FRAME_BYTES_MAX
        if self._items and is_full:
            self._cut()
        self._items.append(EffectItem(*position, *previous, effect))
        self._bytes += size + len(effect.key) + 64

    def frames(self) -> list[EffectFrame]:
        """Return the frames, in order, and start afresh."""
        if self._items:
            self._cut()
        frames, self._frames = self._frames, []
        return [EffectFrame(FRAME_VERSION, self._lane, items) for items in frames]

    def _cut(self) -> None:
        self._frames.append(self._items)
        self._items, self._bytes = [], 0
