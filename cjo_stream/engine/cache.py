"""The actors that a task holds in memory: decoded, written back in one batch, dropped when cold.

Two generations approximate least-recently-used without bookkeeping on a hit. Actors in use are in
the young one; when that is full it becomes the old one, and an actor used again moves back. The
generations are those of the process: all its tasks fill one `ActorMemory`, so what an idle one
holds makes room for a busy one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import groupby, islice

import msgspec

from cjo_stream.core.actor import wake_ms
from cjo_stream.core.state import Customer
from cjo_stream.engine.codec import (
    CUSTOMERS,
    ActorState,
    actor_key_bytes,
    decode_actor,
    encode_actor,
    read_actor_key,
    read_put_off,
    timer_key,
)
from cjo_stream.engine.port import Batch, Store

ACTORS_BYTES = 896 << 20
"""The memory for actors, where nothing else is asked for."""
ACTOR_BYTES = 600
ENCODED_TIMES = 8
"""An actor takes about 600 bytes of memory, and 8 for each that it is encoded in: measured, of
identifiers and customers, with the dictionaries' part. What is not decoded is taken as it is."""


class ActorMemory:
    """The memory that the actors of all tasks of a process share, in bytes, about.

    A task adds what it reads, begins to use again or changes. When the young generation is full,
    each task should commit, and then drops its old one; until then there is more. For one thread.
    """

    __slots__ = ("_before", "_half", "_young", "generation")

    def __init__(self, bytes_max: int = ACTORS_BYTES) -> None:
        self._half = bytes_max // 2
        self._young = self._before = 0
        self.generation = 0
        """Grows when the young generation is full: it becomes the old one, which is dropped."""

    @property
    def held_bytes(self) -> int:
        """Return about how many bytes the actors take."""
        return self._young + self._before

    def add(self, more_bytes: int) -> None:
        """Note that so many more bytes are in the young generation, or fewer."""
        self._young = max(0, self._young + more_bytes)
        if self._young > self._half:
            self._before, self._young = self._young, 0
            self.generation += 1

    def give_back(self, young_bytes: int, before_bytes: int) -> None:
        """Note that a task has ended which held so many bytes of both generations."""
        self._young = max(0, self._young - young_bytes)
        self._before = max(0, self._before - before_bytes)


class CachedActor(msgspec.Struct, gc=False):
    """One actor. `wake` is its next due time in the index, `written_wake` that in the store.

    `is_put_off`: it wakes later than its state says, so the time is stored beside the state.
    `size_bytes` is about what it takes in memory, as of the last commit; `stored_bytes` of these
    were not decoded then.
    """

    state: ActorState | None = None
    wake: int | None = None
    written_wake: int | None = None
    is_put_off: bool = False
    dirty: bool = False
    size_bytes: int = ACTOR_BYTES
    stored_bytes: int = 0


class Cache:
    """Actors by key, over a store."""

    def __init__(self, store: Store, memory: ActorMemory | None = None) -> None:
        self._store = store
        self._memory = memory or ActorMemory()
        self._generation = self._memory.generation
        self._young: dict[str, CachedActor] = {}
        self._old: dict[str, CachedActor] = {}
        self._dirty: dict[str, CachedActor] = {}

    @property
    def must_settle(self) -> bool:
        """Whether a commit would let it drop what is cold."""
        return self._generation != self._memory.generation

    def entry(self, key: str) -> CachedActor:
        """Return the actor's entry; its state is None where there is none yet."""
        found = self._young.get(key)
        if found is not None:
            return found
        found = self._old.pop(key, None)
        if found is None:
            value = self._store.get(actor_key_bytes(key))
            found = _stored(key, value) if value is not None else CachedActor()
        self._memory.add(found.size_bytes)
        self._young[key] = found
        return found

    def peek(self, key: str) -> ActorState | None:
        """Return the actor's state, without keeping it in memory; it must not be changed."""
        found = self._young.get(key) or self._old.get(key)
        if found is not None:
            return found.state
        value = self._store.get(actor_key_bytes(key))
        return decode_actor(key, value) if value is not None else None

    def customers_after(self, key: str, most: int) -> list[str]:
        """Return the next keys of customers after `key`, in order; "" is before the first."""
        start = actor_key_bytes(key) + b"\x00" if key else CUSTOMERS[0]
        stored = (read_actor_key(found) for found, _ in self._store.scan(start, CUSTOMERS[1]))
        unwritten = sorted(one for one in self._dirty if one[0] == "p" and one > key)
        merged = (one for one, _ in groupby(heapq.merge(stored, unwritten)))
        present = (one for one in merged if self._is_present(one))
        return list(islice(present, most))

    def _is_present(self, key: str) -> bool:
        entry = self._dirty.get(key)
        return entry is None or entry.state is not None

    def touch(self, key: str, entry: CachedActor) -> None:
        """Mark `entry` as changed."""
        if not entry.dirty:
            entry.dirty = True
            self._dirty[key] = entry
        if entry.stored_bytes and _stored_bytes(entry.state) == 0:  # they are decoded now
            more_bytes = (ENCODED_TIMES - 1) * entry.stored_bytes
            entry.size_bytes += more_bytes
            entry.stored_bytes = 0
            self._memory.add(more_bytes)

    def batch(self) -> Batch:
        """Return the writes of everything changed."""
        writes: Batch = []
        more_bytes = 0
        for key, entry in self._dirty.items():
            if entry.state is None:
                writes.append((actor_key_bytes(key), None))
            else:
                put_off = entry.wake if entry.is_put_off else None
                value = encode_actor(entry.state, put_off)
                writes.append((actor_key_bytes(key), value))
                before_bytes = entry.size_bytes
                _measure(entry, value)
                more_bytes += entry.size_bytes - before_bytes
            if entry.wake != entry.written_wake:
                if entry.written_wake is not None:
                    writes.append((timer_key(entry.written_wake, key), None))
                if entry.wake is not None:
                    writes.append((timer_key(entry.wake, key), b""))
        self._memory.add(more_bytes)
        return writes

    def settle(self) -> None:
        """Mark everything as written."""
        for entry in self._dirty.values():
            entry.dirty = False
            entry.written_wake = entry.wake
        self._dirty.clear()
        if self.must_settle:
            generation = self._memory.generation
            was_last = self._generation + 1 == generation
            self._old, self._young = self._young if was_last else {}, {}
            self._generation = generation

    def reset(self) -> None:
        """Forget everything changed since the last `settle`."""
        young = [found for key in self._dirty if (found := self._young.pop(key, None)) is not None]
        old = [found for key in self._dirty if (found := self._old.pop(key, None)) is not None]
        self._give_back(young, old)
        self._dirty.clear()

    def release(self) -> None:
        """Give the memory back; the task has ended."""
        self._give_back(self._young.values(), self._old.values())
        self._young, self._old = {}, {}

    def _give_back(self, young: Iterable[CachedActor], old: Iterable[CachedActor]) -> None:
        age = self._memory.generation - self._generation
        young_bytes, old_bytes = (sum(one.size_bytes for one in held) for held in (young, old))
        if age == 0:
            self._memory.give_back(young_bytes, old_bytes)
        elif age == 1:
            self._memory.give_back(0, young_bytes)


def _stored(key: str, value: bytes) -> CachedActor:
    """Return the entry of an actor that the store holds."""
    state, put_off = decode_actor(key, value), read_put_off(value)
    wake = put_off if put_off is not None else wake_ms(state)
    entry = CachedActor(state, wake, wake, put_off is not None)
    _measure(entry, value)
    return entry


def _measure(entry: CachedActor, value: bytes) -> None:
    """Note about how many bytes of memory an actor takes that is encoded as `value`."""
    stored = entry.stored_bytes = _stored_bytes(entry.state)
    entry.size_bytes = ACTOR_BYTES + stored + ENCODED_TIMES * (len(value) - stored)


def _stored_bytes(state: ActorState | None) -> int:
    """Return the bytes of an actor that are not decoded yet."""
    held = state.held_commands if type(state) is Customer else None
    return memoryview(held).nbytes if type(held) is msgspec.Raw else 0
