"""A runtime with its log, its stores and its output folder, in memory or in a state folder.

An installation in a state folder survives kill -9: opened again with the same output folder, it
cuts the output files back to where the last noted step ended and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import msgspec

from cjo_stream.definition import DefinitionSet, carry, compile_content
from cjo_stream.embedded.log import Log, MemoryLog
from cjo_stream.embedded.output import SIZES_NOTE, Output, prepare
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine.port import Store
from cjo_stream.errors import RefusalError, UsageError
from cjo_stream.ingest.tenant import check_fingerprint, fingerprint
from cjo_stream.store.memory import MemoryStore

_SHAPE = "shape"
_TENANT_KEY = "tenant_key"
_SET = "set"


class _Shape(msgspec.Struct):
    """What a state folder was made for."""

    partitions: int
    topology: str


class _Begun(msgspec.Struct):
    """The definition set last begun to be applied: the note fixes whose its number is.

    What governs, the tasks say. A set that was broken off before governs after all when it is
    applied again; another one takes the next number.
    """

    number: int
    digest: str
    content: bytes


class Installation(msgspec.Struct):
    """An open runtime with its output."""

    runtime: Runtime
    output: Output
    resumed: bool
    """Whether this goes on with a run that ended before its output was finished."""


@contextmanager
def open_installation(
    definitions: DefinitionSet,
    out: Path,
    *,
    state: Path | None,
    partitions: int = 1,
    force: bool = False,
    tenant_key: bytes | None = None,
) -> Iterator[Installation]:
    """Open an installation and let `definitions` govern it; closes it in order at the end.

    `tenant_key` is that by which its events are decoded: a state folder keeps one. Raises
    UsageError where the output folder is not empty, or the state folder is another's,
    RefusalError where that has another tenant key.
    """
    log: Log
    stores: Sequence[Store]
    if state is None:
        log, stores = MemoryLog(), [MemoryStore() for _ in range(partitions)]
    else:
        folder = StateFolder(state, is_new=True)
        log = folder.log
        stores = folder.stores(check_shape(log, state, definitions, partitions))
        keep_key(log, state, tenant_key)
    with ExitStack() as stack:
        stack.callback(log.close)
        name = f"{SIZES_NOTE}:{out.resolve()}"
        unfinished = log.note(name)
        if not unfinished:
            prepare(out, force=force)
        output = stack.enter_context(closing(Output(out, name, unfinished)))
        runtime = stack.enter_context(
            Runtime(log=log, stores=stores, compile_=compile_content, output=output)
        )
        govern(runtime, log, definitions)
        yield Installation(runtime, output, bool(unfinished))
        runtime.settle()
        log.append([], {name: b""})


def keep_key(log: Log, state: Path, tenant_key: bytes | None) -> None:
    """Keep the fingerprint of the tenant key that the customers of a state folder have.

    Raises RefusalError, and closes the log, where it is another already.
    """
    if tenant_key is None:
        return
    try:
        check_key(log, state, tenant_key)
    except RefusalError:
        log.close()
        raise
    log.append([], {_TENANT_KEY: fingerprint(tenant_key).encode()})


def check_key(log: Log, state: Path, tenant_key: bytes) -> None:
    """Raise RefusalError where the customers of a state folder have another tenant key."""
    kept = log.note(_TENANT_KEY)
    if kept:
        check_fingerprint(tenant_key, kept.decode(), f"the state in {state}")


def check_shape(log: Log, state: Path, definitions: DefinitionSet, partitions: int) -> int:
    """Return how many partitions a state folder has; a new one gets `partitions`.

    Raises UsageError, and closes the log, where the folder is another topology's.
    """
    noted = log.note(_SHAPE)
    topology = definitions.program.topology
    if noted is None:
        log.append([], {_SHAPE: msgspec.msgpack.encode(_Shape(partitions, topology))})
        return partitions
    shape = msgspec.msgpack.decode(noted, type=_Shape)
    if shape.topology != topology:
        log.close()
        raise UsageError(
            f"{state} holds the state of topology {shape.topology}, not of {topology}: "
            "name another folder"
        )
    return shape.partitions


def govern(runtime: Runtime, log: Log, definitions: DefinitionSet) -> tuple[int, bool]:
    """Let `definitions` govern; return the set's number, and whether that is new.

    Raises DefinitionError for what may not follow the set in force.
    """
    noted = log.note(_SET)
    begun = msgspec.msgpack.decode(noted, type=_Begun) if noted else _Begun(0, "", b"")
    if begun.digest == definitions.digest and runtime.has_room(begun.number, begun.content):
        number, content = begun.number, begun.content
    else:
        number = begun.number + 1
        content = carry(definitions, runtime.governing)
        begun = _Begun(number, definitions.digest, content)
        log.append([], {_SET: msgspec.msgpack.encode(begun)})
    changed = runtime.active_number < number
    if changed:
        runtime.apply(number, content)
    return number, changed
