"""The actors that a task holds in memory: decoded, written back in one batch, dropped when cold.

Two generations approximate least-recently-used without bookkeeping on a hit. Actors in use are in
the young one; when that is full it becomes the old one, and an actor used again moves back.
"""

from __future__ import annotations

import heapq
from itertools import groupby, islice

from cjo_stream.core.actor import wake_ms
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


class CachedActor:
    """One actor. `wake` is its next due time in the index, `written_wake` that in the store.

    `is_put_off`: it wakes later than its state says, so the time is stored beside the state.
    """

    __slots__ = ("dirty", "is_put_off", "state", "wake", "written_wake")

    def __init__(self, state: ActorState | None, put_off: int | None = None) -> None:
        self.state = state
        self.wake = put_off if put_off is not None else wake_ms(state)
        self.written_wake = self.wake
        self.is_put_off = put_off is not None
        self.dirty = False


class Cache:
    """Actors by key, over a store."""

    def __init__(self, store: Store, actors_max: int = 40_000) -> None:
        self._store = store
        self._half = max(1, actors_max // 2)
        self._young: dict[str, CachedActor] = {}
        self._old: dict[str, CachedActor] = {}
        self._dirty: dict[str, CachedActor] = {}

    def entry(self, key: str) -> CachedActor:
        """Return the actor's entry; its state is None where there is none yet."""
        found = self._young.get(key)
        if found is not None:
            return found
        found = self._old.pop(key, None)
        if found is None:
            value = self._store.get(actor_key_bytes(key))
            if value is None:
                found = CachedActor(None)
            else:
                found = CachedActor(decode_actor(key, value), read_put_off(value))
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

    def batch(self) -> Batch:
        """Return the writes of everything changed."""
        writes: Batch = []
        for key, entry in self._dirty.items():
            if entry.state is None:
                writes.append((actor_key_bytes(key), None))
            else:
                put_off = entry.wake if entry.is_put_off else None
                writes.append((actor_key_bytes(key), encode_actor(entry.state, put_off)))
            if entry.wake != entry.written_wake:
                if entry.written_wake is not None:
                    writes.append((timer_key(entry.written_wake, key), None))
                if entry.wake is not None:
                    writes.append((timer_key(entry.wake, key), b""))
        return writes

    def settle(self) -> None:
        """Mark everything as written."""
        for entry in self._dirty.values():
            entry.dirty = False
            entry.written_wake = entry.wake
        self._dirty.clear()
        if len(self._young) > self._half:
            self._old, self._young = self._young, {}

    def reset(self) -> None:
        """Forget everything changed since the last `settle`."""
        for key in self._dirty:
            self._young.pop(key, None)
            self._old.pop(key, None)
        self._dirty.clear()
