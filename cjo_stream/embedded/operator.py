"""An operator's commands on a state folder: through the same tasks as its events.

What they have for effects goes to STATE.operator/, in files as a run writes them. That folder lies
beside the state, not in it: like a run's output it keeps values that are erased later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from cjo_stream.core.event import Identifier
from cjo_stream.core.message import ActorMessage, Message, Sweep, identifier_key, partition_of
from cjo_stream.core.record import DeadLetter, Reply
from cjo_stream.definition import compile_content
from cjo_stream.embedded.definition import check_finished
from cjo_stream.embedded.installation import check_key
from cjo_stream.embedded.log import DurableLog
from cjo_stream.embedded.lookup import look, program_of
from cjo_stream.embedded.output import CUSTOMERS, NAMES, SIZES_NOTE, Output
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine.frame import Effect
from cjo_stream.errors import InvariantError, UsageError
from cjo_stream.ingest.identifier import named
from cjo_stream.store.private import make_private

SUFFIX = ".operator"
_NOTE = "operator"
_COMMAND = "operator"
"""The id of a command: its answer is seen by nobody else."""


class Kept(msgspec.Struct, frozen=True):
    """A file that still holds what it held before an erasure, until somebody deletes it."""

    place: str
    holds: str
    kept_ms: None = None
    how: str = "until you delete it"


class InFolder:
    """The customers in a state folder that no process has open.

    All methods raise UsageError for what is no state folder, LockedError while a process has it,
    the first RefusalError where its customers have another tenant key.
    """

    def __init__(self, state: Path, tenant_key: bytes) -> None:
        self._state = state
        self._tenant_key = tenant_key
        with closing(StateFolder(state)) as folder:
            check_key(folder.log, state, tenant_key)
        self._program = program_of(state)

    @property
    def output(self) -> Path:
        """The folder of the files that commands write to."""
        return self._state.with_name(self._state.name + SUFFIX)

    def named(self, written: str) -> Identifier:
        """Return the identifier written `type:value`; raises UsageError."""
        return named(self._program, self._tenant_key, written)

    def look(self, at: Identifier, order: Callable[[str], ActorMessage]) -> Any:
        """Return the answer to an order that changes nothing; nothing is written."""
        return look(self._state, identifier_key(at.hash), order(_COMMAND))

    def tell(self, at: Identifier, order: Callable[[str], ActorMessage]) -> Any:
        """Carry out an order; return its answer."""
        key = identifier_key(at.hash)
        with self._open() as (runtime, answers):
            partition = partition_of(key, len(runtime.tasks))
            items: dict[int, tuple[str, Message]] = {partition: (key, order(_COMMAND))}
            answers.bodies.clear()  # of one that was killed
            runtime.order(items)
            if not answers.bodies:
                raise InvariantError(f"{self._state} did not answer: its state is not at rest")
            return answers.bodies[-1]

    def sweep(self) -> list[int]:
        """Let every store forget what was overwritten; return those that have not: none."""
        with self._open() as (runtime, _):
            runtime.order(dict.fromkeys(range(len(runtime.tasks)), ("", Sweep())))
        return []

    def kept(self) -> list[Kept]:
        """Return the files of runs on this folder, which hold what was written before."""
        with closing(StateFolder(self._state)) as folder:
            noted = folder.log.notes(f"{SIZES_NOTE}:")
            outs = [Path(name.partition(":")[2]) for name, _ in noted]
        found = []
        for out in [*outs, self.output]:
            for name in (*NAMES.values(), CUSTOMERS):
                path = out / name
                if path.is_file() and path.stat().st_size:
                    found.append(Kept(str(path), name.removesuffix(".jsonl").replace("_", " ")))
        return found

    @contextmanager
    def _open(self) -> Iterator[tuple[Runtime, _Answers]]:
        state = self._state
        with ExitStack() as stack:
            folder = stack.enter_context(closing(StateFolder(state)))
            log = folder.log
            check_finished(log, state)
            stores = folder.tasks()
            output = stack.enter_context(closing(_output(self.output, log)))
            answers = _Answers(output)
            runtime = stack.enter_context(
                Runtime(log=log, stores=stores, compile_=compile_content, output=answers)
            )
            yield runtime, answers
            log.append([], {_NOTE: b""})


def _output(folder: Path, log: DurableLog) -> Output:
    """Return the files, cut back to where a command that was killed had them."""
    try:
        make_private(folder)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written to ({error.strerror}): let this user write there"
        ) from error
    return Output(folder, _NOTE, log.note(_NOTE))


class _Answers:
    """An output that keeps the answers, and passes the rest on."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.bodies: list[Any] = []

    def write(self, effects: Sequence[Effect]) -> None:
        """Take effects."""
        for effect in effects:
            if effect.kind == "reply":
                self.bodies.append(msgspec.json.decode(effect.value, type=Reply).body)
        self._output.write(effects)

    def refuse(self, letter: DeadLetter) -> None:
        """Take a dead letter."""
        self._output.refuse(letter)

    def notes(self) -> dict[str, bytes]:
        """Return how far the files reach."""
        return self._output.notes()
