"""The engine as `cjo-stream run` runs it, in this process, over the same records."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cjo_stream.core.catalogue import GOVERNANCE
from cjo_stream.core.record import DeadLetter
from cjo_stream.definition import DefinitionSet, compile_content
from cjo_stream.embedded.log import MemoryLog
from cjo_stream.embedded.run import run
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.engine.effect import effect_of
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.intake import dead_letter_of
from cjo_stream.engine.port import Decode, DecodedRecord, RawRecord
from cjo_stream.errors import InputError
from cjo_stream.store.memory import MemoryStore

FILES = ("action", "decision", "transition", "identity", "reward", "prediction")
NAMES = {"identity": "identities"}


class Killed(BaseException):
    """A kill -9, as far as one process can do it to itself."""


class Collected:
    """An output that keeps all."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []

    def write(self, effects: Sequence[Effect]) -> None:
        """Take effects."""
        self.effects += effects

    def refuse(self, letter: DeadLetter) -> None:
        """Take a dead letter."""
        self.effects.append(effect_of(letter))

    def notes(self) -> dict[str, bytes]:
        """Return nothing: all is in memory."""
        return {}


class Change(NamedTuple):
    """After so many records another set is applied."""

    after: int
    content: bytes


def of_customers(effects: Sequence[Effect]) -> list[Effect]:
    """Return effects without those about definition sets: they are no customer's."""
    return [one for one in effects if one.kind != GOVERNANCE.name]


def run_in_memory(
    definitions: DefinitionSet,
    decode: Decode,
    records: Sequence[RawRecord],
    drain_ms: int,
    partitions: int,
    change: Change | None = None,
    stores: Sequence[MemoryStore] | None = None,
) -> tuple[list[Effect], list[dict[str, object]]]:
    """Return all effects in the order of issue, and the rows of customers.jsonl.

    `stores`, one a partition, are left with what was stored.
    """
    output = Collected()
    stores = stores or [MemoryStore() for _ in range(partitions)]
    with Runtime(
        log=MemoryLog(), stores=stores, compile_=compile_content, output=output
    ) as runtime:
        runtime.apply(1, definitions.content)
        for number, record in enumerate(records):
            if change is not None and number == change.after:
                runtime.apply(2, change.content)
            event = decode(record)
            refused = event if isinstance(event, InputError) else None
            if not isinstance(event, InputError):
                refused = runtime.offer("lane", number, event)
            if refused is not None:
                runtime.refuse("lane", number, dead_letter_of(record, refused))
        runtime.flush()
        runtime.advance(runtime.high + drain_ms)
        return output.effects, msgspec.to_builtins(list(runtime.rows()))


def run_on_disk(
    definitions: DefinitionSet,
    decode: Decode,
    records: Sequence[RawRecord],
    drain_ms: int,
    partitions: int,
    kills: Sequence[int],
) -> dict[str, list[Any]]:
    """Return the lines of each file of a run that was killed after so many records, each time."""
    with tempfile.TemporaryDirectory() as folder:
        state, out = Path(folder, "state"), Path(folder, "out")

        def source(kill: int | None) -> Iterator[DecodedRecord]:
            for number, record in enumerate(records):
                if number == kill:
                    raise Killed
                yield record, decode(record)

        for kill in [*kills, None]:
            try:
                run(
                    definitions,
                    lambda _, kill=kill: ("lane", source(kill)),
                    out,
                    drain_ms=drain_ms,
                    state=state,
                    partitions=partitions,
                )
            except Killed:
                continue
        return {
            kind: [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
            for kind, name in [(k, NAMES.get(k, f"{k}s")) for k in FILES]
            + [("customer", "customers"), ("dead_letter", "dead_letters")]
        }
