"""An installation in memory whose definitions change while customers live.

Times are hours after the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import (
    ActivateSet,
    Find,
    Message,
    Show,
    StoreSet,
    Unlink,
    identifier_key,
    partition_of,
)
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import DeadLetter
from cjo_stream.core.snapshot import snapshot
from cjo_stream.core.state import Customer
from cjo_stream.core.state import Identifier as State
from cjo_stream.definition import DefinitionSet, compile_content, heed, succeed
from cjo_stream.definition.content import digest, encode, new_content
from cjo_stream.embedded.log import INTERNAL, Append, MemoryLog
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.engine.codec import actor_key_bytes, decode_actor
from cjo_stream.engine.frame import Effect
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.store.memory import MemoryStore

START_MS = 1_772_323_200_000
"""2026-03-01T00:00:00Z"""
HOUR_MS = 3_600_000
KEY = b"a key for tests"

Row = dict[str, Any]


@lru_cache(maxsize=8)
def loaded(text: str) -> DefinitionSet:
    """Return the definitions of a text, each document a file; raises DefinitionError.

    A file that another text has too is read once.
    """
    parts = text.split("---\n")
    content = new_content({f"{number:02}.yaml": part for number, part in enumerate(parts)})
    program = compile_content(0, encode(content))
    return DefinitionSet(program, encode(content), [], digest(content))


class World:
    """Tasks over an in-memory log, whose definition sets follow each other as `apply` has them."""

    def __init__(self, text: str, partitions: int) -> None:
        self._log = _CountingLog()
        self._records = _Records()
        self._partitions = partitions
        self._stores = [MemoryStore() for _ in range(partitions)]
        self._runtime = Runtime(
            log=self._log,
            stores=self._stores,
            compile_=compile_content,
            output=self._records,
        )
        self._now = START_MS
        self._offset = 0
        self.number = 0
        self.content: bytes | None = None
        self.apply(text)

    @property
    def program(self) -> Program:
        """The set applied last."""
        assert self.content is not None
        return compile_content(self.number, self.content)

    # --- what happens

    def apply(self, text: str) -> None:
        """Apply a text everywhere; raises what `apply` would."""
        self.store(text)
        self.activate()

    def store(self, text: str) -> None:
        """Store a text everywhere, and let it govern nowhere yet."""
        before = self.content
        if before is not None:
            before = heed(before, self._runtime.verdicts)
        self.content = succeed(loaded(text), before, self._runtime.live)
        self.number += 1
        self._everywhere(StoreSet(self.number, self.content))

    def activate(self, partitions: Sequence[int] | None = None) -> None:
        """Let what was stored last govern, everywhere or in some partitions."""
        self._everywhere(ActivateSet(self.number), partitions)

    def event(self, type_: str, at: float, identifiers: dict[str, str], **attributes: Any) -> None:
        """Let an event happen, with all that it causes."""
        self._offset += 1
        ranks = {name: kind.rank for name, kind in self.program.identifiers.items()}
        named = [
            Identifier(name, value, identifier_hash(KEY, name, value))
            for name, value in sorted(identifiers.items(), key=lambda pair: ranks[pair[0]])
        ]
        event = Event(
            type_,
            START_MS + int(at * HOUR_MS),
            attributes,
            f"e{self._offset}",
            "web",
            named,
            own_id=True,
            topic="web",
            partition=0,
            offset=self._offset,
        )
        assert self._runtime.offer("web", self._offset, event) is None
        self._runtime.flush()

    def to(self, at: float) -> int:
        """Let time run on; return how many records that took."""
        before = self._log.internal
        self._runtime.advance(START_MS + int(at * HOUR_MS))
        return self._log.internal - before

    def show(self, identifier: str) -> Row:
        """Return what an operator is told of a customer, with the history."""
        return self._order(identifier, Show("show", history=True))

    def unlink(self, one: str, other: str) -> Row:
        """Take a link back."""
        return self._order(one, Unlink("unlink", _hash(one), _hash(other), True))

    # --- what there is

    def customer(self, identifier: str) -> Customer:
        """Return the state of the customer who has `type:value`."""
        (found,) = [c for c in self._runtime.customers() if _hash(identifier) in c.members]
        return found

    def identifier(self, identifier: str) -> State:
        """Return the state of `type:value`."""
        key = identifier_key(_hash(identifier))
        value = self._stores[partition_of(key, self._partitions)].get(actor_key_bytes(key))
        assert value is not None
        state = decode_actor(key, value)
        assert isinstance(state, State)
        return state

    def row(self, identifier: str) -> Row:
        """Return the customer's row of customers.jsonl."""
        row = snapshot(self.customer(identifier), self.program, self.clock, for_operators=True)
        return dict(msgspec.to_builtins(row))

    def traits(self, identifier: str) -> Row:
        """Return the customer's traits."""
        found: Row = self.row(identifier)["traits"]
        return found

    def facts(self, identifier: str) -> Row:
        """Return the customer's facts."""
        found: Row = self.row(identifier)["facts"]
        return found

    def sent(self, kind: str) -> list[Row]:
        """Return the records of a kind that went out."""
        return [value for of, value in self._records.out if of == kind]

    @property
    def clock(self) -> int:
        """The furthest clock of the tasks."""
        return max(task.clock for task in self._runtime.tasks)

    @property
    def failures(self) -> list[Row]:
        """What failed inside the engine."""
        return self._records.failed

    def _everywhere(self, message: Message, partitions: Sequence[int] | None = None) -> None:
        to = range(self._partitions) if partitions is None else partitions
        self._runtime.order(dict.fromkeys(to, ("", message)))

    def _order(self, identifier: str, order: Show | Unlink) -> Row:
        key = identifier_key(_hash(identifier))
        self._runtime.order({partition_of(key, self._partitions): (key, Find(order))})
        body: Row = self.sent("reply")[-1]["body"]
        return body


def _hash(identifier: str) -> str:
    return identifier_hash(KEY, *identifier.split(":"))


class _CountingLog(MemoryLog):
    """Counts the records of the internal log."""

    internal = 0

    def append(self, appends: Sequence[Append], notes: dict[str, bytes] | None = None) -> None:
        self.internal += sum(record[0] == INTERNAL for record in appends)
        super().append(appends, notes)


class _Records:
    """An output that keeps what went out."""

    def __init__(self) -> None:
        self.out: list[tuple[str, Row]] = []
        self.failed: list[Row] = []

    def write(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if effect.kind == "dead_letter":
                told = {name: value.decode() for name, value in effect.headers}
                if told["reason"] == "failed":
                    self.failed.append(told)
            elif effect.value:
                self.out.append((effect.kind, msgspec.json.decode(effect.value)))

    def refuse(self, letter: DeadLetter) -> None:
        raise AssertionError(letter.detail)

    def notes(self) -> dict[str, bytes]:
        return {}
