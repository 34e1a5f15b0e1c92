"""A customer base arrives in an installation on Kafka that was just made: it is imported.

    checks  ──▶  keep out  ──▶  stores, as checkpoints  ──▶  the rest  ──▶  let in
                 (`/shut` in the definition topic)                      (one transaction)

Until the last transaction every process refuses to start, and a killed import is simply done
again: each step may be done twice. The last one writes the definition sets and removes `/shut`.
So the installation is new, or kept shut, or has all of the base.

    the export               the new installation
    actors, sets, model      the store of each partition, behind the last record that its log had
    held commands            the shelf of their customer's partition, in their order
    holds                    the topic of holds
    what was learnt          the learner's memory; its logs from their beginning, if they are new
    intake's positions       committed, with copies (`source`)
    letters that were sent   the cursor topic, if the topic of letters is the same
      again
    dispatch's positions     none: its log is new
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.definition import compile_stored
from cjo_stream.engine import codec
from cjo_stream.engine.frame import tick_frame
from cjo_stream.engine.hold import Shelf, decode_command, encode, encode_hold
from cjo_stream.engine.learner import Learner
from cjo_stream.engine.moving import complete, partition_of_held, write_actors
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.engine.task import CLOCK_AHEAD_MAX_MS
from cjo_stream.errors import RefusalError, UsageError
from cjo_stream.ingest.tenant import check_fingerprint
from cjo_stream.installation.customer_base import Learnt, LogPlace
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.client.contents import table
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.client.transaction import Transactions
from cjo_stream.kafka.definition.log import (
    SHUT,
    DefinitionLog,
    Pointer,
    Published,
    Shut,
    read_definitions,
)
from cjo_stream.kafka.definition.tenant import fingerprint_record
from cjo_stream.kafka.definition.writer import Writer
from cjo_stream.kafka.hold.shelf import SHELF
from cjo_stream.kafka.moving import source
from cjo_stream.kafka.moving.source import Sources
from cjo_stream.kafka.position import loss, redriven
from cjo_stream.kafka.position.folder import read_folders
from cjo_stream.kafka.position.position import INTAKE, Position
from cjo_stream.kafka.stage.memory import Memory, Reached, Standing
from cjo_stream.kafka.stage.route import sources
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.wanted import channel_topics
from cjo_stream.kafka.worker.state import checkpoints_of
from cjo_stream.settings import Settings
from cjo_stream.store.export import Export
from cjo_stream.store.rocks import RocksStore

STAGE: Final = "import"
STORES_AT_ONCE: Final = 32
"""Stores that are written in one pass over the export."""
HELD_AT_ONCE: Final = 200
_MARK: Final = b"import"
"""The key of the cursor topic's record of the export that was imported."""


def import_(
    settings: Settings,
    exported: Export,
    said: Sources = Sources.THE_SAME,
    on_step: Callable[[str], None] = lambda _: None,
) -> bool:
    """Put an export into an installation that was just made; return False if it is in already.

    Raises UsageError and RefusalError where it does not fit, and nothing was written then;
    RetryError where the broker or the checkpoint store is away: the same command goes on then.
    """
    settings.require_tenant_key()
    base = exported.base
    check_fingerprint(settings.tenant_key_bytes(), base.fingerprint, "the exported base")
    _check_clock(exported)
    if not settings.checkpoint_url:
        raise UsageError(
            "an import writes the partitions' first checkpoints: set CJO_CHECKPOINT_URL, here and "
            "for the workers"
        )
    with Writer(settings) as writer:
        arrival = _Arrival(settings, exported, said, on_step)
        log = read_definitions(settings, pointed=False, even_shut=True)
        if arrival.is_in(log):
            return False
        arrival.check_new(log)
        positions = arrival.positions()
        writer.write({SHUT: msgspec.json.encode(Shut(exported.id))})
        arrival.write_stores()
        arrival.write_held()
        arrival.write_learnt()
        on_step("holds and positions")
        source.commit(settings, positions)
        arrival.check_no_worker()
        arrival.write_rest(source.copies(settings, positions))
        writer.write({**_definitions(exported), **fingerprint_record(settings), SHUT: None})
    return True


def _check_clock(exported: Export) -> None:
    ahead_ms = exported.base.common.clock - time.time_ns() // 1_000_000
    if ahead_ms > CLOCK_AHEAD_MAX_MS:
        raise RefusalError(
            f"the clock of the exported base is {ahead_ms // 60_000} minutes ahead: workers stop "
            "at a clock more than an hour ahead. Import it when that time has come; of a state "
            "folder, `run` files whose times are not in the future"
        )


def _definitions(exported: Export) -> dict[str, bytes | None]:
    """Return the records of the definition topic, by key; the pointer behind the sets."""
    base = exported.base
    records: dict[str, bytes | None] = {
        f"{base.topology}/{one.number}": msgspec.json.encode(
            Published(one.number, one.digest, one.content)
        )
        for one in base.sets
    }
    in_force = base.sets[-1]
    pointer = Pointer(in_force.number, in_force.digest)
    return {**records, base.topology: msgspec.json.encode(pointer)}


class _Arrival:
    """One import into one installation."""

    def __init__(
        self,
        settings: Settings,
        exported: Export,
        said: Sources,
        on_step: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._exported = exported
        self._base = exported.base
        self._said = said
        self._on_step = on_step
        self._admin = admin = Admin(settings)
        self._names = names = Names(settings.topic_prefix)
        self._program = compile_stored(self._base.sets[-1].content)
        self._topics = require_log(admin, settings, names.internal, names.effect, names.held)
        self._topics |= admin.require(
            [
                *(names.definition, names.cursor, names.hold, names.model),
                *(names.reward, names.prediction, names.dead_letter),
                *channel_topics(settings, self._program),
            ]
        )
        self._internal = self._topics[names.internal]

    def is_in(self, log: DefinitionLog) -> bool:
        """Return whether this export was imported here, to its end."""
        return (
            bool(log.pointer.number)
            and log.shut is None
            and table(self._settings, self._names.cursor).get(_MARK) == self._exported.id.encode()
        )

    def check_new(self, log: DefinitionLog) -> None:
        """Raise RefusalError unless nothing has run here, or only this import."""
        if log.shut is not None and log.shut.export == self._exported.id:
            return
        self.check_no_worker()
        why = self._why_not_new(log)
        if why is not None:
            raise self._not_new(why)

    def check_no_worker(self) -> None:
        """Raise RefusalError if a worker has opened a store: it would go on from that."""
        if read_folders(self._settings):
            raise self._not_new("a worker has run")

    def _not_new(self, why: str) -> RefusalError:
        return RefusalError(
            f"the installation {self._names.prefix} is not new: {why}. Import into one that "
            "`cjo-stream topics create TOPOLOGY` has just made: under another CJO_TOPIC_PREFIX, "
            "or after its private topics were deleted"
        )

    def _why_not_new(self, log: DefinitionLog) -> str | None:
        names = self._names
        if log.shut is not None:
            return "an import of another export has begun" if log.shut.export else "it is closed"
        if log.sets:
            return "definitions are applied"
        places = [
            (topic, number)
            for topic in (names.effect, names.held)
            for number in range(self._internal.partitions)
        ]
        places += [(names.hold, 0), (names.model, 0)]
        written = [place for place, end in self._admin.ends(places).items() if end]
        return f"{written[0][0]} has records" if written else None

    # --- intake's positions

    def positions(self) -> dict[Place, Position]:
        """Return where intake begins; raises RefusalError where that is not clear."""
        lanes = self._base.lanes
        topics = self._admin.describe(lane.topic for lane in lanes)
        places = [
            (name, number) for name, topic in topics.items() for number in range(topic.partitions)
        ]
        firsts, ends = self._admin.firsts(places), self._admin.ends(places, committed=True)
        # Whoever may not see the group would wait in `source.commit` for its coordinator.
        self._admin.committed(group_id(self._settings, INTAKE), places)
        return source.positions(
            lanes,
            topics,
            set(sources(self._program, self._names)),
            self._internal.id,
            self._said,
            {place: (firsts[place], ends[place]) for place in places},
        )

    # --- the stores

    def write_stores(self) -> None:
        """Store the first checkpoint of each partition."""
        lasts = self._begin_logs()
        folder = self._settings.data_dir / STAGE
        shutil.rmtree(folder, ignore_errors=True)
        try:
            for first in range(0, len(lasts), STORES_AT_ONCE):
                numbers = range(first, min(first + STORES_AT_ONCE, len(lasts)))
                self._on_step(f"partitions {numbers[0]} to {numbers[-1]} of {len(lasts)}")
                self._write_some(folder, numbers, lasts)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _begin_logs(self) -> dict[int, LogRecord]:
        """Write a record without items into each log; return the last one of each."""
        name, numbers = self._internal.name, range(self._internal.partitions)
        self._send([Outgoing(name, tick_frame(), number) for number in numbers])
        ends = self._admin.ends((name, number) for number in numbers)
        found = loss.look(
            self._settings, self._admin, {place: end - 1 for place, end in ends.items()}
        )
        return {place[1]: record for place, record in found.items() if record is not None}

    def _write_some(
        self, folder: Path, numbers: Sequence[int], lasts: Mapping[int, LogRecord]
    ) -> None:
        partitions = self._internal.partitions
        with ExitStack() as stack:
            stores = {
                number: stack.enter_context(closing(RocksStore(folder / f"{number:04d}")))
                for number in numbers
            }
            write_actors(self._exported.actors(), stores, partitions)
            for number, store in stores.items():
                last = lasts[number]
                complete(
                    store,
                    self._base.common,
                    Log(self._internal.id, number),
                    partitions,
                    applied=last.offset,
                    digest=codec.record_digest(last.time, last.value),
                )
                copy = folder / f"{number:04d}.copy"
                store.checkpoint(str(copy))
                checkpoints = checkpoints_of(self._settings, self._internal, number)
                assert checkpoints is not None
                checkpoints.save(copy, last.offset)
        shutil.rmtree(folder)

    # --- beside the stores

    def write_held(self) -> None:
        """Put the commands that wait onto the shelves of their customers' partitions, in order.

        What an import that was killed has put there lies before `low`, and counts no more.
        """
        if not self._exported.manifest.held:
            return
        topic, partitions = self._names.held, self._internal.partitions
        self._on_step(f"{self._exported.manifest.held} held commands")
        writer = Transactions(self._settings, group_id(self._settings, STAGE))
        writer.open()
        ends = self._admin.ends((topic, number) for number in range(partitions))
        shelves: dict[int, Shelf] = {}
        held = self._exported.held()
        try:
            while chunk := list(islice(held, HELD_AT_ONCE)):
                records = []
                for key, value in chunk:
                    number = partition_of_held(key, partitions)
                    shelf = shelves.setdefault(number, Shelf(low=ends[topic, number]))
                    shelf.put(decode_command(value))
                    records.append(Outgoing(topic, value, number))
                writer.write(records)
            writer.write(
                [Outgoing(topic, encode(shelf), n, SHELF) for n, shelf in shelves.items()]
            )
        finally:
            writer.close()

    def write_learnt(self) -> None:
        """Let the learner remember what the old one knew."""
        learnt = self._base.learnt
        if learnt is None:
            return
        self._on_step("what was learnt")
        learner = _taught(learnt)
        rewards = self._reached(self._names.reward, learnt.rewards_at)
        standing = Standing(
            rewards.topic_id,
            rewards.offset,
            learner.model.rewards,
            learner.number,
            learner.digest,
            rewards.last,
            rewards.end,
            self._reached(self._names.prediction, learnt.predictions_at),
        )
        memory = Memory(self._settings)
        memory.open()
        try:
            memory.write(learner.model.treatments, standing)
        finally:
            memory.close()

    def _reached(self, name: str, at: LogPlace | None) -> Reached:
        """Return how far a log is learnt: as before, if it is the same; else nothing of it."""
        topic_id = self._topics[name].id
        if at is not None and at.topic_id == topic_id:
            return Reached(at.topic_id, at.offset, at.last, at.end)
        return Reached(topic_id, self._admin.firsts([(name, 0)])[name, 0])

    def write_rest(self, copies: Sequence[Outgoing]) -> None:
        """Write what operators hold, copies of positions, and which export this is."""
        names = self._names
        letters = redriven.marks_of(self._base.letters, self._topics[names.dead_letter].id)
        self._send(
            [
                *(Outgoing(names.hold, encode_hold(one), 0, one.key) for one in self._base.holds),
                *copies,
                *(Outgoing(names.cursor, value, 0, key) for key, value in letters.items()),
                Outgoing(names.cursor, self._exported.id.encode(), 0, _MARK),
            ]
        )

    def _send(self, records: Sequence[Outgoing]) -> None:
        sender = Sender(self._settings)
        try:
            sender.send(records)
        finally:
            sender.close()


def _taught(learnt: Learnt) -> Learner:
    """Return a learner that has also learnt what waited for a full hour."""
    learner = Learner(learnt.model, learnt.number, learnt.digest)
    waiting = [(one.time, one.action_id, one) for one in learnt.rewards]
    for _, _, reward in sorted(waiting, key=lambda one: one[:2]):
        learner.learn(reward)
    for prediction in sorted(learnt.predictions, key=lambda one: (one.time, one.prediction_id)):
        learner.learn_outcome(prediction)
    return learner
