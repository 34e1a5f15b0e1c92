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
from cjo_stream.core.turn import Turn
from cjo_stream.definition import compile_content
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine import codec
from cjo_stream.engine.port import Store
from cjo_stream.engine.timelines import Timelines
from cjo_stream.errors import UsageError


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
