"""An operator's commands on a state folder: they go through the same tasks as its events.

Their effects go to STATE.operator/, in files like those of a run (`delivery`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from cjo_stream.core.catalogue import RECORDS
from cjo_stream.core.event import Identifier
from cjo_stream.core.message import Message, Sweep, identifier_key, partition_of
from cjo_stream.core.program.program import Program
from cjo_stream.definition import DefinitionSet
from cjo_stream.embedded import definition
from cjo_stream.embedded.delivery import Delivery, delivering, operator_destination, run_folders
from cjo_stream.embedded.hold import holding_in, note_of
from cjo_stream.embedded.installation import check_key
from cjo_stream.embedded.output import CUSTOMERS
from cjo_stream.embedded.query import in_force, look, population, program_of, stored_sets
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine.hold import Hold
from cjo_stream.errors import InvariantError, LockedError
from cjo_stream.ingest.identifier import named
from cjo_stream.installation.answer import (
    UNTIL_RELEASED,
    Applied,
    Holding,
    Kept,
    Population,
    Status,
    answered,
)
from cjo_stream.installation.known import KnownSet, former, known_sets
from cjo_stream.installation.port import Check, Order

LOCKED_WITHIN_S: Final = 10.0
"""For another process, such as another `apply`, to close the folder."""
LOCKED_RETRY_S: Final = 1.0
_COMMAND = "operator"
"""The id of every command: the folder is locked, so no other command's answer can be mixed up."""


_HELD = {kind.file: kind.holds for kind in RECORDS if kind.file and kind.holds} | {
    CUSTOMERS: "customers as they were at the end"
}
"""What each file of a run holds of a person."""
_Answer = TypeVar("_Answer")


class InFolder:
    """The installation in a state folder that no process has open.

    All methods raise UsageError if the folder holds no state, and LockedError while a process has
    it open. The methods about customers raise RefusalError if these have another tenant key.
    """

    def __init__(self, state: Path, tenant_key: bytes) -> None:
        self.place = str(state)
        self._state = state
        self._tenant_key = tenant_key

    def status(self) -> Status:
        """Return which definition set is in force."""
        return definition.status(self._state)

    def apply(
        self,
        definitions: DefinitionSet,
        on_step: Callable[[str], None],
        check: Check,
        *,
        retire: bool = False,
    ) -> Applied:
        """Put a definition set in force; wait a while for a process that has the folder open."""
        until_s = time.monotonic() + LOCKED_WITHIN_S
        while True:
            try:
                return definition.apply(
                    definitions, self._state, self._tenant_key, check, retire=retire
                )
            except LockedError:
                if time.monotonic() > until_s:
                    raise
                on_step(f"waiting for the process that has {self._state} open")
                time.sleep(LOCKED_RETRY_S)

    def in_force(self) -> bytes | None:
        """Return the set in force, as it is stored; None before the first `apply`."""
        return in_force(self._state)

    def sets(self) -> list[KnownSet]:
        """Return the sets that are kept, the oldest first."""
        return known_sets(stored_sets(self._state))

    def former(self, number: int) -> bytes:
        """Return a set that is kept, as it was stored."""
        return former(stored_sets(self._state), number)

    def population(self) -> Population | None:
        """Return the set in force and its customers; nothing is written."""
        return population(self._state)

    def program(self) -> Program:
        """Return the definitions in force."""
        return program_of(self._state)

    def named(self, written: str) -> Identifier:
        """Return the identifier written `type:value`; raises UsageError.

        A value that names nobody is refused as that, also with another tenant key than the
        state's.
        """
        found = named(self.program(), self._tenant_key, written)
        with closing(StateFolder(self._state)) as folder:
            check_key(folder.log, self._state, self._tenant_key)
        return found

    def look(self, at: Identifier, order: Order, answer: type[_Answer]) -> _Answer:
        """Return the answer to an order that changes nothing; nothing is written."""
        body = look(self._state, identifier_key(at.hash), order(_COMMAND))
        return answered(body, at, answer)

    def order(self, at: Identifier, order: Order, answer: type[_Answer]) -> _Answer:
        """Carry out an order; return its answer."""
        key = identifier_key(at.hash)
        with self._open() as (runtime, delivery):
            partition = partition_of(key, len(runtime.tasks))
            items: dict[int, tuple[str, Message]] = {partition: (key, order(_COMMAND))}
            delivery.answers.clear()  # those of a killed command
            runtime.order(items)
            if not delivery.answers:
                raise InvariantError(f"{self._state} did not answer: its state is not at rest")
            return answered(delivery.answers[-1], at, answer)

    def holding(self) -> Holding:
        """Return what operators hold, and what waits."""
        with closing(StateFolder(self._state)) as folder:
            return holding_in(folder.log, len(folder.tasks()))

    def hold(self, hold: Hold) -> None:
        """Let commands wait, from the next run on."""
        with closing(StateFolder(self._state)) as folder:
            folder.log.append([], note_of(hold, is_held=True))

    def release(self, hold: Hold) -> None:
        """Take a hold back; commands that wait no longer go to the files of operators."""
        with self._open() as (runtime, _):
            runtime.heed(note_of(hold, is_held=False))

    def sweep(self) -> list[int]:
        """Let every store forget what was overwritten; return the partitions that failed: none."""
        with self._open() as (runtime, _):
            runtime.order(dict.fromkeys(range(len(runtime.tasks)), ("", Sweep())))
        return []

    def unarchived(self, on_wait: Callable[[], None]) -> list[str]:
        """Return nothing: a state folder archives no events, it reads them from files."""
        del on_wait
        return []

    def kept(self) -> list[Kept]:
        """Return the files of runs and commands on this folder: an erasure does not reach them."""
        with closing(StateFolder(self._state)) as folder:
            outs = [*run_folders(folder.log), operator_destination(self._state).folder]
        found = []
        for out in outs:
            for name, holds in _HELD.items():
                path = out / name
                if path.is_file() and path.stat().st_size:
                    found.append(Kept(str(path), holds, None, "until you delete it"))
        if self.holding().waiting:
            held = "commands that an operator holds"
            found.append(Kept(str(self._state), held, None, UNTIL_RELEASED))
        return found

    @contextmanager
    def _open(self) -> Iterator[tuple[Runtime, Delivery]]:
        with closing(StateFolder(self._state)) as folder:
            own = operator_destination(self._state)
            with delivering(folder.log, folder.tasks(), self._state, own) as (runtime, delivery):
                delivery.begin(own)
                yield runtime, delivery
