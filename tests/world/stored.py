"""What lies in a store of a task, and copies of it."""

from __future__ import annotations

from collections.abc import Iterator

from cjo_stream.engine import codec
from cjo_stream.store.memory import MemoryStore


def pairs(store: MemoryStore) -> list[tuple[bytes, bytes]]:
    """Return everything in a store."""
    return list(store.scan(b"", b"\xff"))


def actors(store: MemoryStore) -> list[tuple[bytes, bytes]]:
    """Return the stored actors, timers and models."""
    return [(key, value) for key, value in pairs(store) if key[:1] in b"stw"]


def copy_of(store: MemoryStore) -> MemoryStore:
    """Return an independent copy."""
    copy = MemoryStore()
    copy.write(pairs(store))
    return copy


def held(store: MemoryStore) -> list[tuple[bytes, bytes]]:
    """Return the actors, timelines and timers of a store."""
    return [(key, value) for key, value in pairs(store) if key[:1] in b"hst"]


def actor_states(stores: list[MemoryStore]) -> Iterator[tuple[str, codec.ActorState]]:
    """Yield (actor key, state) of every actor in the stores."""
    for store in stores:
        for key, value in store.scan(b"s", b"t"):
            name = key[1:].decode()
            yield name, codec.decode_actor(name, value)
