"""The layout of a task's store.

Keys sort as their parts do; numbers in them are big-endian, unsigned. Every value but a timer's
starts with a version byte, 1. An actor's starts with 2 if the actor wakes at another time than its
state says; that time follows. A note's starts with 2 if it has several entries.

    s | actor key (ascii)              an actor's state: msgpack; version 2: wake (8), state
    h | actor key | slot (2)           a note of a customer's timeline, a ring: msgpack; version 1:
                                       an entry; version 2: a list of them
    t | due + 2^63 (8) | actor key     when an actor is due next: empty
    l i | partition (4) | topic id     cursor of an incoming lane: offset, index (8, 8; signed)
    l o | receiver (4)                 last number sent to a receiver: offset, index (8, 8; signed)
    d | number (8)                     a definition set: its content
    w | number (8) | part (4)          a part of a learnt model: how many parts (4), its content
    m                                  Meta: msgpack

A value of a higher version than this release's is refused.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from cjo_stream.core.message import Verdict
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.timeline import TimelineEntry
from cjo_stream.engine.decider import Decider
from cjo_stream.engine.frame import Position
from cjo_stream.engine.governor import Sweeps
from cjo_stream.engine.port import Log
from cjo_stream.engine.rollout import Rollout
from cjo_stream.errors import RefusalError

BEHAVIOUR = 6
"""Raised when the same log would give other results than before."""

VERSION: Final = b"\x01"
PUT_OFF: Final = b"\x02"
SEVERAL: Final = b"\x02"
META_KEY: Final = b"m"
ACTORS: Final = (b"s", b"t")
CUSTOMERS: Final = (b"sp", b"sq")
TIMERS: Final = (b"t", b"u")
LANES_IN: Final = (b"li", b"lj")
LANES_OUT: Final = (b"lo", b"lp")
SETS: Final = (b"d", b"e")
MODELS: Final = (b"w", b"x")

_SHIFT = 1 << 63
_DUE = struct.Struct(">Q")
_SLOT = struct.Struct(">H")
_NUMBER = struct.Struct(">Q")
_PART = struct.Struct(">I")
_WAKE = struct.Struct(">q")
_POSITION = struct.Struct(">qq")
_MODEL_PART = struct.Struct(">QI")


UNKNOWN: Final = -1
"""The digest before the first record, and in a store that an older release left."""


class Meta(msgspec.Struct, array_like=True):
    """Where a task stands. `applied` is the last internal offset in the state; -1 when none."""

    behaviour: int = BEHAVIOUR
    topic_id: str = ""
    partition: int = -1
    partitions: int = 0
    applied: int = -1
    digest: int = UNKNOWN
    """Of the record at `applied`: identifies the log at the next start."""
    clock: int = 0
    active: int = 0
    clean: bool = False
    purges: list[str] = []
    """Actor keys, or prefixes of them, whose former states the store must still forget.

    An empty one stands for no actor: only the store's own log must be emptied.
    """
    live_by_state: dict[str, dict[str, int]] = {}
    """Of an earlier release: live instances by journey and state alone."""
    model: int = 0
    """Number of the learnt model in force; 0 before the first."""
    events: dict[str, int] = {}
    """Events so far by result: applied, late, repeated, erased."""
    live: dict[str, dict[int, dict[str, int]]] = {}
    """Live instances by journey, version and state."""
    rollout: Rollout = msgspec.field(default_factory=Rollout)
    """How far the set in force has reached the customers."""
    sweeps: Sweeps = msgspec.field(default_factory=Sweeps)
    """Of the first partition: how far sets have reached the customers of all partitions."""
    verdicts: list[Verdict] = []
    """All verdicts of guards, in order."""
    decider: Decider = msgspec.field(default_factory=Decider)
    """Of the first partition: what guards have counted in all partitions."""


_ENCODER = msgspec.msgpack.Encoder()
_META = msgspec.msgpack.Decoder(Meta)
_CUSTOMER = msgspec.msgpack.Decoder(Customer)
_IDENTIFIER = msgspec.msgpack.Decoder(Identifier)

_ENTRY = msgspec.msgpack.Decoder(TimelineEntry)
_ENTRIES = msgspec.msgpack.Decoder(list[TimelineEntry])

ActorState: TypeAlias = Customer | Identifier


def _body(value: bytes) -> bytes:
    if value[:1] != VERSION:
        raise RefusalError(
            f"a stored value of version {value[0]}; this release reads version {VERSION[0]}. "
            "Run the release that wrote the store"
        )
    return value[1:]


def actor_key_bytes(key: str) -> bytes:
    """Return the store key of an actor."""
    return b"s" + key.encode()


def read_actor_key(key: bytes) -> str:
    """Return the actor key."""
    return key[1:].decode()


def encode_actor(state: ActorState, put_off: int | None = None) -> bytes:
    """Return the stored value of an actor; `put_off`: when it wakes, if not as its state says."""
    if put_off is not None:
        return PUT_OFF + _WAKE.pack(put_off) + _ENCODER.encode(state)
    return VERSION + _ENCODER.encode(state)


def decode_actor(key: str, value: bytes) -> ActorState:
    """Return the state stored for the actor at `key`."""
    decoder = _IDENTIFIER if key[0] == "n" else _CUSTOMER
    if value[:1] == PUT_OFF:
        state = decoder.decode(value[1 + _WAKE.size :])
    else:
        state = decoder.decode(_body(value))
    if type(state) is Customer:  # else it would keep the whole value
        state.held_commands = state.held_commands.copy()
    return state


def read_put_off(value: bytes) -> int | None:
    """Return when a stored actor wakes; None if its state says so."""
    return int(_WAKE.unpack_from(value, 1)[0]) if value[:1] == PUT_OFF else None


def ring_key(key: str) -> bytes:
    """Return the beginning of the store keys of a customer's timeline."""
    return b"h" + key.encode()


def slot_key(ring: bytes, slot: int) -> bytes:
    """Return the store key of one note of a timeline."""
    return ring + _SLOT.pack(slot)


def encode_note(entries: Sequence[TimelineEntry]) -> bytes:
    """Return the stored value of a note of one or more entries."""
    if len(entries) == 1:
        return VERSION + _ENCODER.encode(entries[0])
    return SEVERAL + _ENCODER.encode(entries)


def decode_note(value: bytes) -> list[TimelineEntry]:
    """Return the note's entries."""
    if value[:1] == SEVERAL:
        return _ENTRIES.decode(value[1:])
    return [_ENTRY.decode(_body(value))]


def key_ranges(prefix: str) -> list[tuple[bytes, bytes]]:
    """Return the ranges of store keys of the actors with this prefix, timelines included."""
    begin = prefix.encode()
    return [(kind + begin, kind + begin + b"\xff") for kind in (b"s", b"h")]


def timer_key(due: int, actor_key: str) -> bytes:
    """Return the store key of an actor's next due time."""
    return b"t" + _DUE.pack(due + _SHIFT) + actor_key.encode()


def read_timer_key(key: bytes) -> tuple[int, str]:
    """Return (due, actor key)."""
    return _DUE.unpack_from(key, 1)[0] - _SHIFT, key[9:].decode()


def lane_in_key(lane: Log) -> bytes:
    """Return the store key of an incoming lane's cursor."""
    return b"li" + _PART.pack(lane.partition) + lane.topic_id.encode()


def read_lane_in_key(key: bytes) -> Log:
    """Return the lane."""
    return Log(key[6:].decode(), _PART.unpack_from(key, 2)[0])


def lane_out_key(receiver: int) -> bytes:
    """Return the store key of the last number sent; the effect partition is receiver 2^32 - 1."""
    return b"lo" + _PART.pack(receiver)


def read_lane_out_key(key: bytes) -> int:
    """Return the receiver."""
    return int(_PART.unpack_from(key, 2)[0])


def encode_position(position: Position) -> bytes:
    """Return the stored value of a position."""
    return VERSION + _POSITION.pack(*position)


def decode_position(value: bytes) -> Position:
    """Return the position."""
    offset, index = _POSITION.unpack(_body(value))
    return offset, index


def set_key(number: int) -> bytes:
    """Return the store key of a definition set."""
    return b"d" + _NUMBER.pack(number)


def read_set_key(key: bytes) -> int:
    """Return the set's number."""
    return int(_NUMBER.unpack_from(key, 1)[0])


def encode_set(content: bytes) -> bytes:
    """Return the stored value of a definition set."""
    return VERSION + content


def decode_set(value: bytes) -> bytes:
    """Return a definition set's content."""
    return _body(value)


def model_key(number: int, part: int) -> bytes:
    """Return the store key of a part of a learnt model."""
    return b"w" + _MODEL_PART.pack(number, part)


def read_model_key(key: bytes) -> tuple[int, int]:
    """Return (number, part)."""
    number, part = _MODEL_PART.unpack_from(key, 1)
    return number, part


def encode_model_part(parts: int, content: bytes) -> bytes:
    """Return the stored value of a part of a model of `parts` parts."""
    return VERSION + _PART.pack(parts) + content


def decode_model_part(value: bytes) -> tuple[int, bytes]:
    """Return (how many parts the model has, this one's content)."""
    body = _body(value)
    return int(_PART.unpack_from(body)[0]), body[_PART.size :]


def record_digest(time: int, value: bytes) -> int:
    """Return a digest of an internal record's append time and value, as a number of 8 bytes."""
    hashed = hashlib.blake2b(value, digest_size=8, key=_WAKE.pack(time))
    return int.from_bytes(hashed.digest(), "big")


def encode_meta(meta: Meta) -> bytes:
    """Return the stored value of a task's position."""
    return VERSION + _ENCODER.encode(meta)


def decode_meta(value: bytes) -> Meta:
    """Return where the task stood."""
    return _META.decode(_body(value))
