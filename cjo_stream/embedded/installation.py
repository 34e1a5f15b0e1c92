"""A runtime with its log, its stores and its output folder, in memory or in a state folder.

An installation in a state folder survives kill -9: opened again with the same output folder, it
cuts the output files back to the end of the last noted step and goes on (`delivery`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import msgspec

from cjo_stream.definition import DefinitionSet, compile_content, compile_stored, heed, succeed
from cjo_stream.embedded.delivery import delivering, run_destination
from cjo_stream.embedded.driven import Driven
from cjo_stream.embedded.log import EmbeddedLog, MemoryLog
from cjo_stream.embedded.output import Output, check_free, clear
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine.port import Compile, Store
from cjo_stream.errors import DefinitionError, RefusalError, UsageError
from cjo_stream.ingest.files import DecodeAll
from cjo_stream.ingest.tenant import check_fingerprint, fingerprint
from cjo_stream.store.memory import MemoryStore

_SHAPE = "shape"
_TENANT_KEY = "tenant_key"
_SET = "set"


class _Shape(msgspec.Struct):
    """The partitions and the topology that a state folder was made for."""

    partitions: int
    topology: str


class Begun(msgspec.Struct):
    """The definition set whose application was last begun; its note reserves the number.

    The set in force is known by the tasks. If the application was interrupted, the same set goes
    on under its number when it is applied again; another set takes the next number.
    """

    number: int
    digest: str
    content: bytes


class Installation(msgspec.Struct):
    """An open runtime with its output."""

    runtime: Driven
    output: Output
    clock_before: int = 0
    """The stream clock when it was opened, ms; 0: its state is new."""
    set_before: int = 0
    """The number of the definition set in force before; 0: none."""
    decode_all: DecodeAll | None = None
    """Decodes in other processes."""


@contextmanager
def open_installation(
    definitions: DefinitionSet,
    out: Path,
    *,
    state: Path | None,
    partitions: int = 1,
    force: bool = False,
    tenant_key: bytes | None = None,
    prepare: Callable[[EmbeddedLog, bool], None] | None = None,
    compile_: Compile = compile_content,
    profiles: bool = False,
) -> Iterator[Installation]:
    """Open an installation and put `definitions` in force; close it cleanly at the end.

    `tenant_key` is the key by which the events are decoded; a state folder keeps its fingerprint.
    `prepare` is called before anything of the run is written, with whether a killed run goes on,
    and may refuse it by raising. With `force` the results of an earlier run are replaced, or a
    killed run goes on without what its files have lost. `compile_` makes the programs. With
    `profiles`, profiles are written.
    Raises UsageError where the output folder is not empty, or the state folder belongs to another
    topology; RefusalError where the folder has another tenant key.
    """
    log: EmbeddedLog
    stores: Sequence[Store]
    with ExitStack() as stack:
        if state is None:
            log, stores = MemoryLog(), [MemoryStore() for _ in range(partitions)]
        else:
            folder = stack.enter_context(closing(StateFolder(state, is_new=True)))
            log = folder.log
            stores = folder.stores(check_shape(log, state, definitions, partitions))
            keep_key(log, state, tenant_key)
        destination = run_destination(out)
        runtime, delivery = stack.enter_context(
            delivering(log, stores, state, destination, without_lost=force, compile_=compile_)
        )
        is_new = delivery.destination != destination
        if prepare is not None:
            prepare(log, not is_new)
        if is_new:
            check_free(out, force=force)
        begun = choose(runtime, log, definitions)
        if is_new:
            clear(out)
        output = delivery.begin(destination, runtime.events, profiles=profiles)
        clock, number = runtime.clock, runtime.active_number
        govern(runtime, log, begun)
        yield Installation(runtime, output, clock, number)


def keep_key(log: EmbeddedLog, state: Path, tenant_key: bytes | None) -> None:
    """Note the fingerprint of the tenant key of a state folder's customers.

    Raises RefusalError where another one is noted.
    """
    if tenant_key is not None:
        check_key(log, state, tenant_key)
        log.append([], {_TENANT_KEY: fingerprint(tenant_key).encode()})


def check_key(log: EmbeddedLog, state: Path, tenant_key: bytes) -> None:
    """Raise RefusalError where the customers of a state folder have another tenant key."""
    kept = log.note(_TENANT_KEY)
    if kept:
        check_fingerprint(tenant_key, kept.decode(), f"the state in {state}")


def check_shape(log: EmbeddedLog, state: Path, definitions: DefinitionSet, partitions: int) -> int:
    """Return how many partitions a state folder has; a new one gets `partitions`.

    Raises UsageError where the folder belongs to another topology.
    """
    noted = log.note(_SHAPE)
    topology = definitions.program.topology
    if noted is None:
        log.append([], {_SHAPE: msgspec.msgpack.encode(_Shape(partitions, topology))})
        return partitions
    shape = msgspec.msgpack.decode(noted, type=_Shape)
    if shape.topology != topology:
        raise UsageError(
            f"{state} holds the state of topology {shape.topology}, not of {topology}: "
            "name another folder"
        )
    return shape.partitions


def shape_of(log: EmbeddedLog) -> tuple[int, str] | None:
    """Return the partitions and the topology of a state folder; None if nothing ran there."""
    noted = log.note(_SHAPE)
    if noted is None:
        return None
    shape = msgspec.msgpack.decode(noted, type=_Shape)
    return shape.partitions, shape.topology


def founding(partitions: int, topology: str, fingerprint_: str, begun: Begun) -> dict[str, bytes]:
    """Return the notes with which a state folder begins in which a set is in force."""
    return {
        _SHAPE: msgspec.msgpack.encode(_Shape(partitions, topology)),
        _TENANT_KEY: fingerprint_.encode(),
        _SET: msgspec.msgpack.encode(begun),
    }


def fingerprint_in(log: EmbeddedLog) -> str:
    """Return the fingerprint of the tenant key of a state folder; empty if none is noted."""
    return (log.note(_TENANT_KEY) or b"").decode()


def choose(
    runtime: Runtime, log: EmbeddedLog, definitions: DefinitionSet, *, retire: bool = False
) -> Begun:
    """Return the set to put in force, with its number; nothing is changed yet.

    With `retire`, journeys whose files are gone are retired.

    Raises DefinitionError for a set that may not follow the one in force, RefusalError for one
    whose application was begun and cannot go on.
    """
    begun = begun_in(log)
    if begun.digest == definitions.digest and runtime.has_room(begun.number, begun.content):
        if runtime.active_number < begun.number:
            _check_compiles(begun)
        return begun
    governing = runtime.governing
    before = heed(governing, runtime.verdicts) if governing is not None else None
    content = succeed(definitions, before, runtime.live, retire=retire)
    return Begun(begun.number + 1, definitions.digest, content)


def begun_number(log: EmbeddedLog) -> int:
    """Return the number of the set whose application was last begun; 0 before the first."""
    return begun_in(log).number


def begun_in(log: EmbeddedLog) -> Begun:
    """Return the set whose application was last begun; number 0 before the first."""
    noted = log.note(_SET)
    return msgspec.msgpack.decode(noted, type=Begun) if noted else Begun(0, "", b"")


def govern(runtime: Runtime, log: EmbeddedLog, begun: Begun) -> bool:
    """Put a set in force; return False if it was in force before."""
    if runtime.active_number >= begun.number:
        return False
    log.append([], {_SET: msgspec.msgpack.encode(begun)})
    runtime.apply(begun.number, begun.content)
    return True


def _check_compiles(begun: Begun) -> None:
    try:
        compile_stored(begun.content)
    except (DefinitionError, RefusalError) as error:
        raise RefusalError(
            f"another release began to apply definition set {begun.number}, and the set does not "
            "compile in this one. Change what `cjo-stream validate` finds and apply it again, or "
            "finish it with the release that began it"
        ) from error
