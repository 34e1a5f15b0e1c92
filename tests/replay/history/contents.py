"""What stands in stores, logs and topics, as this release reads it; and all that may stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from cjo_stream.core.catalogue import KIND_OF
from cjo_stream.core.identity.parcel import Parcel, unpack
from cjo_stream.core.learning import weight
from cjo_stream.core.learning.posterior import Posterior
from cjo_stream.core.message import Absorb, Message, Seed, StoreModel, StoreSet
from cjo_stream.core.record import DeadLetter
from cjo_stream.core.state import Command, Customer, Identifier
from cjo_stream.core.timeline import EVENT, EventEntry, TimelineEntry, events_of
from cjo_stream.definition.content import Content, decode
from cjo_stream.embedded import installation, learning, output, runtime
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine import codec
from cjo_stream.engine.frame import (
    Effect,
    EffectFrame,
    Frame,
    decode_effect_frame,
    decode_frame,
)
from cjo_stream.errors import InputError
from cjo_stream.kafka.definition.log import Fingerprint, Pointer, Published
from cjo_stream.kafka.position.folder import Folder
from cjo_stream.kafka.position.position import Position
from cjo_stream.kafka.stage.memory import Standing
from cjo_stream.store.checkpoint import Checkpoints, Manifest
from tests.replay.history.kept import History, Pairs
from tests.replay.history.layout import met

STORED: Final = (
    Customer,
    Command,
    Identifier,
    TimelineEntry,
    EventEntry,
    codec.Meta,
    Content,
    weight._Published,
)
"""Roots of what a task's store holds."""
SENT: Final = (Frame, EffectFrame, *get_args(Message), Parcel, Content, weight._Published)
"""Roots of what the internal and the effect logs hold."""
RECORDS: Final = tuple(type_ for type_ in KIND_OF if type_ is not DeadLetter)
"""What effects carry, as JSON or headers."""
TOPICS: Final[Mapping[str, tuple[Any, ...]]] = {
    "definition": (Fingerprint, Published, Pointer),
    "cursor": (Position, Folder),
    "model": (Standing, Posterior),
}
"""Roots of what the compacted topics hold."""
NOTES: Final[Mapping[str, Any]] = {
    installation._SET: installation.Begun,
    installation._SHAPE: installation._Shape,
    learning.NOTE: learning._Note,
    runtime._SOURCES: runtime._Read,
}
"""Of a state folder, those that are structs."""
STATE: Final = (*NOTES.values(), output._Reach, Manifest)
"""What a state folder and a checkpoint hold beside a task's store."""
ALL: Final = (
    *STORED,
    *SENT,
    *(type_ for types in TOPICS.values() for type_ in types),
    *STATE,
    *RECORDS,
)
KINDS_OF_KEYS: Final = ("s", "s put off", "h", "t", "li", "lo", "d", "w", "m")
"""As the codec draws them; a state may be put off."""
_READ: Final[dict[str, Any]] = {kind.name: type_ for type_, kind in KIND_OF.items()}
_MODEL_PART: Final = msgspec.msgpack.Decoder(list[weight._Published])


def met_in_store(pairs: Pairs) -> Iterator[str]:
    """Yield what is met in a task's store: fields, and the kinds of keys and values."""
    for key, value in pairs:
        kind = chr(key[0]) if key[:1] != b"l" else key[:2].decode()
        if kind == "s":
            yield "s put off" if codec.read_put_off(value) is not None else "s"
            state = codec.decode_actor(key[1:].decode(), value)
            if isinstance(state, Customer):
                yield from met(state.commands)  # in the state they are as they are stored
            yield from met(state)
        else:
            yield kind
        if kind == "h":
            for entry in codec.decode_note(value):
                yield f"h {entry.kind}"
                yield from met(entry)
                if entry.kind == EVENT:
                    yield from met(events_of([entry]))
        elif kind == "m":
            yield from met(codec.decode_meta(value))
        elif kind == "d":
            yield from met(decode(codec.decode_set(value)))
        elif kind == "w":
            yield from met(_MODEL_PART.decode(codec.decode_model_part(value)[1]))


def met_in_log(frames: list[bytes]) -> Iterator[str]:
    """Yield what is met in the frames of an internal log, and in what their items carry."""
    pieces: dict[tuple[str, str], list[bytes]] = {}
    for value in frames:
        try:
            frame = decode_frame(value)
        except InputError:
            continue
        yield from met(frame)
        for item in frame.items:
            message = item.message
            yield type(message).__name__
            if isinstance(message, StoreSet):
                yield from met(decode(message.content))
            elif isinstance(message, StoreModel):
                yield from met(_MODEL_PART.decode(message.content))
            elif isinstance(message, (Absorb, Seed)):
                source = message.absorbed if isinstance(message, Absorb) else message.source
                waiting = pieces.setdefault((item.to, source), [])
                waiting.append(message.piece)
                if message.part + 1 == message.parts:
                    yield from met(unpack(pieces.pop((item.to, source))))


def met_in_effects(frames: list[bytes]) -> Iterator[str]:
    """Yield what is met in effect frames, and in the records that they carry."""
    for value in frames:
        frame = decode_effect_frame(value)
        yield from met(frame)
        for item in frame.items:
            yield item.effect.kind
            if (record := record_of(item.effect)) is not None:
                yield from met(record)


def record_of(effect: Effect) -> msgspec.Struct | None:
    """Return the record that an effect carries; None for a null value and a dead letter."""
    if effect.kind == "dead_letter" or not effect.value:
        return None
    record: msgspec.Struct = msgspec.json.decode(effect.value, type=_READ[effect.kind])
    return record


def met_in_topic(name: str, records: Mapping[str, bytes]) -> Iterator[str]:
    """Yield what is met in a compacted topic."""
    for key, value in records.items():
        yield from met(read_topic(name, key, value))


def read_topic(name: str, key: str, value: bytes) -> Any:
    """Return what a record of a compacted topic says."""
    if name == "model":
        type_: Any = Standing if key == "learner" else Posterior
        return msgspec.msgpack.decode(value, type=type_)
    kind = key.partition("/")[0]
    if name == "cursor":
        types = {"intake": Position, "dispatch": Position, "folder": Folder, "clock": int}
        return msgspec.json.decode(value, type=types[kind])
    if not kind:
        return msgspec.json.decode(value, type=Fingerprint)
    return msgspec.json.decode(value, type=Published if "/" in key else Pointer)


def met_in(history: History) -> set[str]:
    """Return all that is met in a history."""
    found: set[str] = set()
    for partition in history.partitions:
        for pairs in (*partition.stores.values(), partition.end):
            found.update(met_in_store(pairs))
        found.update(met_in_log([step.value for step in partition.steps]))
        for step in partition.steps:
            found.update(met_in_effects(step.effects))
    for name, records in history.topics.items():
        found.update(met_in_topic(name, records))
    return found


def met_in_state(folder: Path) -> Iterator[str]:
    """Yield what is met in the state folder of a run: in its notes, and in its tasks' stores."""
    state = StateFolder(folder)
    try:
        for name, type_ in NOTES.items():
            noted = state.log.note(name)
            if noted:
                yield from met(msgspec.msgpack.decode(noted, type=type_))
        for _, noted in state.log.notes("output:"):
            if noted:
                yield from met(msgspec.json.decode(noted, type=output._Reach))
        for store in state.tasks():
            yield from met_in_store(list(store.scan(b"", b"\xff")))
    finally:
        state.close()


def met_in_checkpoint(url: str, name: str) -> Iterator[str]:
    """Yield what is met in the newest manifest of a checkpoint store."""
    yield from met(Checkpoints(url, name).newest())
