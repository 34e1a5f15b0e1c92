"""Definition sets of a state folder: applied while nothing runs on it, and told."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from cjo_stream.core.record import DeadLetter
from cjo_stream.definition import (
    DefinitionSet,
    compile_content,
    compile_stored,
    library_differences,
)
from cjo_stream.embedded.installation import check_shape, govern, keep_key
from cjo_stream.embedded.log import DurableLog
from cjo_stream.embedded.output import SIZES_NOTE
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine import codec
from cjo_stream.engine.frame import Effect
from cjo_stream.errors import InvariantError, UsageError


class Applied(msgspec.Struct, frozen=True):
    """What `apply` did. `changed` is False where this very set was in force already."""

    number: int
    changed: bool


class Status(msgspec.Struct, frozen=True):
    """Which set runs where; 0 before the first."""

    topology: str | None
    partitions: dict[int, int]
    libraries: list[str] = []
    """Where this machine's data libraries differ from those of the set, in words."""


def apply(definitions: DefinitionSet, state: Path, tenant_key: bytes | None = None) -> Applied:
    """Let a definition set govern the customers in a state folder.

    Raises UsageError for what is no state folder, is another topology's, or holds a run that was
    killed; DefinitionError for what may not follow the set in force.
    """
    with closing(StateFolder(state)) as folder:
        log = folder.log
        check_finished(log, state)
        stores = folder.stores(check_shape(log, state, definitions, 1))
        keep_key(log, state, tenant_key)
        with Runtime(
            log=log, stores=stores, compile_=compile_content, output=_Nowhere()
        ) as runtime:
            return Applied(*govern(runtime, log, definitions))


def status(state: Path) -> Status:
    """Return which set runs on a state folder; raises UsageError for what is none."""
    with closing(StateFolder(state)) as folder:
        stores = folder.tasks()
        values = [store.get(codec.META_KEY) for store in stores]
        active = [codec.decode_meta(value).active if value is not None else 0 for value in values]
        content = stores[0].get(codec.set_key(active[0]))
        topology = None
        libraries: list[str] = []
        if content is not None:
            applied = codec.decode_set(content)
            topology = compile_stored(applied).topology
            libraries = library_differences(applied)
        return Status(topology, dict(enumerate(active)), libraries)


def check_finished(log: DurableLog, state: Path) -> None:
    """Raise UsageError where a run was killed: only it knows where its output belongs."""
    for name, content in log.notes(f"{SIZES_NOTE}:"):
        if content:
            raise UsageError(
                f"a run on {state} was killed, its output in {name.partition(':')[2]}: start it "
                "again first, the same way; it goes on where it was"
            )


class _Nowhere:
    """The output of a runtime that only takes a definition set, which has no effects."""

    def write(self, effects: Sequence[Effect]) -> None:
        """Take no effects."""
        if effects:
            raise InvariantError("a definition set had effects, and there is nowhere to keep them")

    def refuse(self, letter: DeadLetter) -> None:
        """Take no dead letter."""
        raise InvariantError(f"a definition set was refused as {letter.reason}")

    def notes(self) -> dict[str, bytes]:
        """Return none."""
        return {}
