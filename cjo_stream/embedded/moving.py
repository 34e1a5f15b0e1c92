"""The customer base of a state folder: exported, and imported into a new one.

    STATE.importing/    a state folder that is being made; it becomes STATE once it is whole

The new folder may have another number of partitions. It goes on in the files that the old one has
taken, behind the rows that it took. Moved to Kafka, it leaves that behind.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import cjo_stream
from cjo_stream.core.message import customer_key
from cjo_stream.embedded.delivery import check_ended
from cjo_stream.embedded.effects import written_in
from cjo_stream.embedded.hold import holds_in, note_of, shelf_note, waiting_in
from cjo_stream.embedded.installation import (
    Begun,
    begun_in,
    check_key,
    fingerprint_in,
    founding,
    shape_of,
)
from cjo_stream.embedded.learning import LEARNS_AT, Learning
from cjo_stream.embedded.learning import note_of as learnt_note
from cjo_stream.embedded.log import EFFECT, HELD, INTERNAL, TOPIC_ID, Append, DurableLog
from cjo_stream.embedded.runtime import read_elsewhere
from cjo_stream.embedded.state import StateFolder, holds_state
from cjo_stream.engine import codec
from cjo_stream.engine.hold import Shelf, decode_command, encode
from cjo_stream.engine.moving import (
    NotAtRestError,
    Pair,
    Part,
    actors_of,
    complete,
    joined,
    part_of,
    partition_of_held,
    write_actors,
)
from cjo_stream.engine.port import Log
from cjo_stream.errors import UsageError
from cjo_stream.ingest.tenant import check_fingerprint
from cjo_stream.installation.customer_base import AppliedSet, CustomerBase
from cjo_stream.store.export import Export, Manifest, NewExport
from cjo_stream.store.private import make_private

_IMPORTING: Final = ".importing"
_KEPT: Final = ("file:", "reading", "profiles", "output:", LEARNS_AT)
"""Notes that are as true of the new folder, by how their names begin."""
_LOG: Final = "log"
_HELD_AT_ONCE: Final = 200


def export(state: Path, folder: Path, tenant_key: bytes) -> Manifest:
    """Write the customer base of a state folder into a new `folder`; return what is in it.

    Raises UsageError if the state folder holds no state, or a run on it was killed; LockedError
    while a process has it open; RefusalError if its customers have another tenant key.
    """
    with closing(StateFolder(state)) as opened:
        log, stores = opened.log, opened.tasks()
        check_ended(log, state)
        check_key(log, state, tenant_key)
        begun, shape = begun_in(log), shape_of(log)
        parts = [part_of(store, number) for number, store in enumerate(stores)]
        problems = [*_at_work(log, parts)]
        if shape is None or not begun.number:
            raise UsageError(f"{state} has no customers yet: `run` something on it first")
        if begun.number != parts[0].meta.active:
            problems.append(f"the application of definition set {begun.number} was interrupted")
        try:
            common = joined(parts)
        except NotAtRestError as error:
            problems += error.problems
        if problems:
            raise UsageError(
                f"{state} is not at rest: {'; '.join(problems)}. Let the next `run` or `apply` on "
                "it end, then export"
            )
        base = CustomerBase(
            common=common,
            partitions=len(stores),
            topology=shape[1],
            fingerprint=fingerprint_in(log),
            sets=[AppliedSet(begun.number, begun.digest, begun.content)],
            learnt=Learning(log, written_in(log, len(stores))).learnt(),
            holds=holds_in(log),
            notes=_notes(log),
        )
        new = NewExport(folder)
        for number, store in enumerate(stores):
            new.add_partition(number, actors_of(store))
        new.add_held(_held(log, len(stores)))
        return new.close(base, cjo_stream.__version__, str(state))


def import_(exported: Export, state: Path, partitions: int, tenant_key: bytes) -> None:
    """Make a state folder of an export, with so many partitions.

    Raises UsageError where there is a state already, RefusalError where the base has another
    tenant key.
    """
    base = exported.base
    if base.fingerprint:
        check_fingerprint(tenant_key, base.fingerprint, f"the export in {exported.folder}")
    if holds_state(state):
        raise UsageError(
            f"{state} holds a state already: name a new folder, for two customer bases do not "
            "become one"
        )
    importing = state.with_name(state.name + _IMPORTING)
    shutil.rmtree(importing, ignore_errors=True)  # a killed import's
    with closing(StateFolder(importing, is_new=True)) as opened:
        stores = opened.stores(partitions)
        write_actors(exported.actors(), dict(enumerate(stores)), partitions)
        for number, store in enumerate(stores):
            log = Log(TOPIC_ID, number)
            complete(store, base.common, log, partitions, digest=codec.UNKNOWN)
        _put_held(opened.log, exported, partitions)
        in_force = base.sets[-1]
        begun = Begun(in_force.number, in_force.digest, in_force.content)
        notes = founding(partitions, base.topology, base.fingerprint, begun)
        for hold in base.holds:
            notes |= note_of(hold, is_held=True)
        if base.learnt is not None:
            notes |= learnt_note(base.learnt, [-1] * partitions)
        opened.log.append([], {**base.notes, **notes})
        opened.log.purge()  # so that it is on the disk before it has its name
    make_private(state)
    (importing / _LOG).rename(state / _LOG)
    _sync(state)
    shutil.rmtree(importing)


def _at_work(log: DurableLog, parts: Sequence[Part]) -> Iterator[str]:
    """Yield the partitions that have not done all that is in their log."""
    written = written_in(log, len(parts))
    for number, part in enumerate(parts):
        if log.end(INTERNAL, number) > part.meta.applied:
            yield f"partition {number} has not processed its log to the end"
        if log.end(EFFECT, number) > written[number]:
            yield f"partition {number} has effects that are in no file yet"


def _notes(log: DurableLog) -> dict[str, bytes]:
    kept = {name: note for begin in _KEPT for name, note in log.notes(begin)}
    return {**kept, **read_elsewhere(log)}


def _held(log: DurableLog, partitions: int) -> Iterator[Pair]:
    for number in range(partitions):
        for command in waiting_in(log, number):
            yield customer_key(command.key).encode(), encode(command)


def _put_held(log: DurableLog, exported: Export, partitions: int) -> None:
    """Put the commands that wait into their customers' partitions, in order."""
    shelves: dict[int, Shelf] = {}
    held, at = exported.held(), exported.base.common.clock
    while chunk := list(islice(held, _HELD_AT_ONCE)):
        appends: list[Append] = []
        for key, value in chunk:
            number = partition_of_held(key, partitions)
            shelves.setdefault(number, Shelf()).put(decode_command(value))
            appends.append((HELD, number, at, value))
        log.append(appends)
    for number, shelf in shelves.items():
        log.append([], shelf_note(number, shelf))


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
