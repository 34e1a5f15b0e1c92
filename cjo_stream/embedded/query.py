"""Answers of a state folder to an operator, read while nothing runs on it; nothing is written.

The question goes through the same handlers as in a task, from actor to actor; their changes are
discarded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from cjo_stream.core import actor
from cjo_stream.core.message import ActorMessage, partition_of
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Reply
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn
from cjo_stream.definition import compile_content, compile_stored, heed
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine import codec
from cjo_stream.engine.governor import GOVERNOR
from cjo_stream.engine.port import Store
from cjo_stream.engine.prospect import People, people
from cjo_stream.engine.rollout import add_live
from cjo_stream.engine.timelines import Timelines
from cjo_stream.errors import UsageError
from cjo_stream.installation.answer import Population


def program_of(state: Path) -> Program:
    """Return the definition set in force; raises as `look` does."""
    with _stores(state) as stores:
        return _program(stores[0], _meta(stores[0], state))


def look(state: Path, key: str, message: ActorMessage) -> Any:
    """Return the answer to a message for the actor at `key`; the message changes nothing.

    Raises UsageError if the folder holds no state, or was left in the middle of a merge;
    LockedError while a process has the folder open.
    """
    with _stores(state) as stores:
        metas = [_meta(store, state) for store in stores]
        program = _program(stores[0], metas[0])
        waiting: deque[tuple[str, ActorMessage]] = deque([(key, message)])
        while waiting:
            to, asked = waiting.popleft()
            number = partition_of(to, len(stores))
            value = stores[number].get(codec.actor_key_bytes(to))
            known = codec.decode_actor(to, value) if value is not None else None
            turn = Turn(program, metas[number].clock, timelines=Timelines(stores[number]))
            actor.receive(to, known, asked, turn)
            for record in turn.records:
                if isinstance(record, Reply):
                    return msgspec.json.decode(msgspec.json.encode(record.body))
            waiting.extend(turn.messages)
    raise UsageError(
        f"a run on {state} was killed in the middle of a merge: start it again first, with the "
        "same command; it goes on where it stopped"
    )


def in_force(state: Path) -> bytes | None:
    """Return the set in force, as it is stored; None before the first; raises as `population`."""
    with _stores(state) as stores:
        value = stores[0].get(codec.META_KEY)
        active = codec.decode_meta(value).active if value is not None else 0
        content = stores[0].get(codec.set_key(active)) if active else None
        return codec.decode_set(content) if content is not None else None


def stored_sets(state: Path) -> dict[int, bytes]:
    """Return the sets that a state folder keeps, by number; raises as `population`."""
    with _stores(state) as stores:
        return sets_in(stores[0])


def sets_in(store: Store) -> dict[int, bytes]:
    """Return the sets that a task keeps, by number, in order."""
    pairs = store.scan(*codec.SETS)
    return {codec.read_set_key(key): codec.decode_set(value) for key, value in pairs}


def population(state: Path) -> Population | None:
    """Return the set in force with the customers who live by it; None before the first set.

    Raises UsageError if the folder holds no state, LockedError while a process has it open.
    """
    with _stores(state) as stores:
        values = [store.get(codec.META_KEY) for store in stores]
        metas = [codec.decode_meta(value) for value in values if value is not None]
        if not metas or not metas[0].active:
            return None
        content = stores[0].get(codec.set_key(metas[0].active))
        assert content is not None, "the active definition set is in every store"
        verdicts = [one.row for one in metas[GOVERNOR].verdicts]
        return Population(
            content=heed(codec.decode_set(content), verdicts),
            living=add_live(meta.live for meta in metas),
            foresee=lambda after: _foresee(state, after),
        )


def _foresee(state: Path, content: bytes) -> People:
    with _stores(state) as stores:
        clock = max(_meta(store, state).clock for store in stores)
        customers = (one for store in stores for one in _customers(store))
        return people(customers, compile_stored(content), clock)


def _customers(store: Store) -> Iterator[Customer]:
    """Yield a task's customers in order of their keys."""
    for key, value in store.scan(*codec.CUSTOMERS):
        found = codec.decode_actor(codec.read_actor_key(key), value)
        if isinstance(found, Customer):
            yield found


@contextmanager
def _stores(state: Path) -> Iterator[Sequence[Store]]:
    with closing(StateFolder(state)) as folder:
        yield folder.tasks()


def _meta(store: Store, state: Path) -> codec.Meta:
    value = store.get(codec.META_KEY)
    meta = codec.decode_meta(value) if value else codec.Meta()
    if not meta.active:
        raise UsageError(f"{state} holds no customers yet: `run` something on it")
    return meta


def _program(store: Store, meta: codec.Meta) -> Program:
    content = store.get(codec.set_key(meta.active))
    assert content is not None, "the active definition set is in every store"
    return compile_content(meta.active, codec.decode_set(content))
