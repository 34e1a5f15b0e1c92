"""Definition sets of a state folder: applied while nothing runs on it, and told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import msgspec

from cjo_stream.core.record import DeadLetter
from cjo_stream.definition import DefinitionSet, compile_content
from cjo_stream.embedded.installation import check_shape, govern, keep_key
from cjo_stream.embedded.log import DurableLog
from cjo_stream.embedded.output import SIZES_NOTE
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.engine import codec
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.port import Store
from cjo_stream.errors import InvariantError, UsageError
from cjo_stream.store.rocks import RocksStore


class Applied(msgspec.Struct, frozen=True):
    """What `apply` did. `changed` is False where this very set was in force already."""

    number: int
    changed: bool


class Status(msgspec.Struct, frozen=True):
    """Which set runs where; 0 before the first."""

    topology: str | None
    partitions: dict[int, int]


def apply(definitions: DefinitionSet, state: Path, tenant_key: bytes | None = None) -> Applied:
    """Let a definition set govern the customers in a state folder.

    Raises UsageError for what is no state folder, is another topology's, or holds a run that was
    killed; DefinitionError for what may not follow the set in force.
    """
    with open_log(state) as log:
        check_finished(log, state)
        partitions = check_shape(log, state, definitions, 1)
        keep_key(log, state, tenant_key)
        stores: list[Store] = [RocksStore(state / f"task-{p}") for p in range(partitions)]
        runtime = Runtime(log=log, stores=stores, compile_=compile_content, output=_Nowhere())
        try:
            return Applied(*govern(runtime, log, definitions))
        finally:
            runtime.close()


def status(state: Path) -> Status:
    """Return which set runs on a state folder; raises UsageError for what is none."""
    with ExitStack() as stack:
        stack.enter_context(open_log(state))
        metas: dict[int, codec.Meta] = {}
        topology = None
        for folder in state.glob("task-*"):
            store = stack.enter_context(closing(RocksStore(folder)))
            value = store.get(codec.META_KEY)
            number = int(folder.name.removeprefix("task-"))
            metas[number] = meta = codec.decode_meta(value) if value else codec.Meta()
            content = store.get(codec.set_key(meta.active))
            if content is not None:
                topology = compile_content(meta.active, codec.decode_set(content)).topology
        return Status(topology, {number: metas[number].active for number in sorted(metas)})


@contextmanager
def open_log(state: Path) -> Iterator[DurableLog]:
    """Open the log of a state folder; raises UsageError for what is none, LockedError."""
    if not (state / "log").is_dir():
        raise UsageError(
            f"{state} holds no state: name the folder that `run` was given with --state, or "
            "DIR/state of a demo"
        )
    with closing(DurableLog(RocksStore(state / "log"))) as log:
        yield log


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
