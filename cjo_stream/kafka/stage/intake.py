"""Intake: the channels' topics in, frames for the tasks out.

    consume  ──▶  decode and route  ──▶  await delivery  ──▶  produce  ──▶  commit, now and then
                  (the engine's)         of the step before   frames and    next offset, with
                                                              dead letters  the engine's metadata

A plain process, any number of them, members of one group (`member`). The frames of a step are on
their way while the next one is gathered and routed. A process may be killed at any line without a
loss: positions are committed after deliveries (`committer`).

Intake sends dead letters itself, with the original bytes. It sends them before it commits the
offset, so a crash in between sends them twice, with the same headers topic, partition and offset.

Between two definition sets there is a barrier (`lane`). Everything under the old set is delivered;
the number beside the committed offset changes to the new set's; then the new set routes. A restart
goes on with the set that the committed metadata names, at least up to the end of the log at that
time, because a predecessor may have come so far without committing. Topics that were taken out
meanwhile are also read up to there, then switched off.

A lane whose next record needs a schema that the registry has not given yet is halted: it is not
read, nothing beyond that record is committed, and the other lanes go on (`registry/schemas`).

With CJO_ARCHIVE, what was accepted also goes into files, and positions are committed behind these
(`archiver`).
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from confluent_kafka import Message

from cjo_stream.engine.intake import renumbered
from cjo_stream.engine.port import DecodedRecord, Log, RawRecord
from cjo_stream.errors import StopError
from cjo_stream.ingest.trace import TraceReader
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import belonging, group_id, is_end
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.definition.log import DefinitionLog
from cjo_stream.kafka.position.position import (
    INTAKE,
    NO_WORDS,
    Found,
    Position,
    Start,
    Words,
    set_numbers,
    starts,
)
from cjo_stream.kafka.process import stage
from cjo_stream.kafka.process.stage import Linger, Stopping, Vitals
from cjo_stream.kafka.stage import archiver, raw
from cjo_stream.kafka.stage.committer import Committer
from cjo_stream.kafka.stage.lane import Lane, is_past, routed_topics, set_for, take_up, waiting
from cjo_stream.kafka.stage.member import Member
from cjo_stream.kafka.stage.route import Routes
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics, Step, tracing_of

STEP_RECORDS_MAX: Final = 2_000
LINGER_SHORTEST_S: Final = 0.002
LINGER_LONGEST_S: Final = 0.012
BUSY_RATE: Final = 1_000.0
APPLY_WAIT_S: Final = 1.0

_LOG = logging.getLogger(__package__)


def run(settings: Settings, words: Words = NO_WORDS) -> int:
    """Read and route events until SIGTERM or SIGINT; return the exit code.

    Raises StopError and RefusalError where going on could lose or repeat something, RetryError
    where the broker went away: the process then begins anew.
    """
    settings.require_tenant_key()
    make = functools.partial(IntakeProcess, words=words)
    return stage.work(settings, INTAKE, make)


class IntakeProcess:
    """One intake: `open`, then `turn` again and again, then `close`."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        stopping: Stopping,
        words: Words = NO_WORDS,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._stopping = stopping
        self._names = Names(settings.topic_prefix)
        self._admin = Admin(settings)
        internal = self._names.internal
        self._internal_id = require_log(self._admin, settings, internal)[internal].id
        self._admin.require([self._names.definition, self._names.cursor, self._names.dead_letter])
        self._definitions = DefinitionLog(settings)
        self._definitions.read()
        traces = TraceReader() if settings.tracing else None
        self._routes = Routes(settings, self._definitions, traces)
        self._tracing = tracing_of(settings, INTAKE, group_id(settings, INTAKE), metrics)
        self._lanes: dict[Place, Lane] = {}
        self._halted: dict[Place, bytes] = {}
        """Lanes whose next record waits for its schema, with that record's value."""
        self._topic_ids: dict[str, str] = {}
        self._current = 0
        self._archiver = archiver.of(settings, metrics)
        self._is_full = False
        """Whether nothing is read because too much waits for the archive."""
        self.vitals = Vitals(
            INTAKE,
            self._admin,
            self._standings,
            lambda: dict(self._topic_ids),
            metrics,
            stopping,
            lambda place: self._is_full or place in self._halted,
        )
        self._sender = Sender(settings, self.vitals.wait)
        self._member = Member(
            settings,
            INTAKE,
            self,
            self.vitals,
            begin=functools.partial(
                starts, settings, self._admin, INTAKE, self._internal_id, words=words
            ),
            linger=Linger(LINGER_SHORTEST_S, LINGER_LONGEST_S, BUSY_RATE),
            on_commit=lambda *answer: self._committer.on_commit(*answer),
        )
        self._committer = Committer(
            settings, self._lanes, self._member.consumer, self._sender, metrics, self._position
        )

    def not_ready(self) -> str | None:
        """Return what the process still waits for; None when it reads events."""
        if not self._current:
            return "no definition set is applied: cjo-stream apply TOPOLOGY"
        if self._is_full and self._archiver is not None:
            why = self._archiver.problem or "it takes them more slowly than they come"
            return f"too many events wait for the archive: {why}"
        if self._halted:
            return f"{len(self._halted)} partitions wait for {self._routes.why_halted()}"
        return None if self._member.is_joined else "the group has not assigned partitions yet"

    @property
    def set_number(self) -> int:
        """Return the set that routes new records; 0 before the first `apply`."""
        return self._current

    def open(self) -> None:
        """Wait for the first `apply`, then join the group."""
        if not self._definitions.pointer.number:
            _LOG.warning(
                "no definition set is applied yet: waiting for `cjo-stream apply TOPOLOGY`"
            )
        while not self._definitions.pointer.number:
            self._definitions.poll(APPLY_WAIT_S)
            self.vitals.beat()
            if self._stopping.asked:
                return
        self._point(self._definitions.pointer.number)
        read = set(self._routes.topics(self._current))
        self._member.subscribe(read | self._taken_out(read))

    def turn(self) -> None:
        """Take one step: at most STEP_RECORDS_MAX records, which are on their way at the end."""
        if not self._current:
            return
        self._member.turned()
        messages = self._member.gather(STEP_RECORDS_MAX)
        if messages is None:
            # Commit new lanes at once, so that they are never new again.
            self._committer.commit()
            self._member.resume()
            return
        # Here, what may still be on its way has had the time of the gathering.
        self._committer.commit_when_due()
        for part in [messages] if self._archiver is None else self._archiver.parts(messages):
            if part:
                self._step(part)
        self._go_on_with_known()
        self._metrics.add(self._routes.take_registry_counts())
        if self._definitions.poll():
            self._point(self._definitions.pointer.number)
        self._pass_barriers()
        self._archive()

    def close(self) -> None:
        """Commit what was delivered, and close cleanly. The membership of the group stays."""
        try:
            self._flush(archiver.AT_THE_END_S)
            self._committer.commit()
        except StopError as error:
            _LOG.warning("at the end: %s", error)
        finally:
            self._member.consumer.close()
            self._end()

    def abandon(self) -> None:
        """Disconnect; what is in memory may not have been delivered, and is not committed."""
        self._lanes.clear()
        self._halted.clear()
        self._count_halted()
        if self._archiver is not None:
            self._archiver.close()  # before the group takes the partitions
        self._sender.close()
        self._member.consumer.close()
        self._end()

    def _end(self) -> None:
        if self._tracing is not None:
            self._tracing.close()
        self._definitions.close()
        self._routes.close()
        if self._archiver is not None:
            self._archiver.close()

    # --- the group -----------------------------------------------------------------------------

    def take_up(self, found: Found, start: Start) -> None:
        """Begin with a partition, by the set under which it was committed."""
        if start.metadata is None:
            _LOG.info("%s/%d is new: from offset %d", *found.place, start.offset)
        lane = take_up(found, start, self._current, self._routes.topics)
        self._routes.resume(lane)
        self._lanes[found.place] = lane

    def let_go(self, places: Sequence[Place], *, are_lost: bool) -> None:
        """Give up partitions; commit what was delivered, for the next members with them."""
        if not are_lost:
            self._flush(archiver.AT_A_REVOKE_S)
            self._committer.commit_before_revoke()
        for place in places:
            lane = self._lanes.pop(place, None)
            self._halted.pop(place, None)
            if lane is not None:
                self._routes.release(lane)
                if self._archiver is not None:
                    self._archiver.release(lane.archived)
        self._count_halted()

    def next_offsets(self) -> Mapping[Place, int]:
        """Return the offset to read next of each partition that is read now."""
        if self._is_full:
            return {}
        return {p: lane.next for p, lane in self._lanes.items() if p not in self._halted}

    def _position(self, lane: Lane) -> Position:
        """Return the position to commit: all before it is delivered, and in the archive."""
        now = functools.partial(lane.position, self._internal_id)
        return now() if self._archiver is None else self._archiver.position(lane.archived, now)

    # --- one step ------------------------------------------------------------------------------

    def _step(self, messages: list[Message]) -> None:
        by_set: dict[int, list[RawRecord]] = {}
        moved: dict[Log, Lane] = {}
        halted = False
        for message in messages:
            if message.error() is not None:
                self._handle_error(message)
                continue
            lane = self._lanes.get((message.topic() or "", message.partition() or 0))
            offset = message.offset() or 0
            if lane is None or lane.is_off or lane.place in self._halted:
                continue
            if offset >= lane.next:
                record = raw.record_of(message, lane.log, self._channel(lane))
                if self._routes.lacks(lane.set_number, record) is not None:
                    self._halted[lane.place] = record.value
                    halted = True
                    continue
                if self._archiver is not None and lane.log not in moved:
                    at = functools.partial(lane.position, self._internal_id)
                    self._archiver.before(lane.archived, record.time, at)
                lane.next = offset + 1
                moved[lane.log] = lane
                lane.last = record
                by_set.setdefault(lane.set_number, []).append(lane.last)
        began_s = time.perf_counter()
        first: list[Outgoing] = []
        outgoing: list[Outgoing] = []
        accepted: list[DecodedRecord] = []
        for number, records in by_set.items():
            step = self._routes.process(number, records)
            internal = self._names.internal
            outgoing += [Outgoing(internal, frame, to) for to, frame in step.frames]
            letters = [raw.sent(letter, self._names.dead_letter) for letter in step.dead_letters]
            (first if step.letters_first else outgoing).extend(letters)
            accepted += step.accepted
            for log, (_, metadata) in step.positions.items():
                moved[log].metadata = metadata
        routed_s = time.perf_counter()
        self._sender.finish()
        delivered_s = time.perf_counter()
        self._member.check()
        if first:
            self._sender.send(first)
        self._sender.begin(outgoing)
        if self._archiver is not None:
            self._archiver.add(accepted)
        if by_set:
            self._measure(routed_s - began_s, delivered_s - routed_s)
            self._trace(moved, sum(map(len, by_set.values())), routed_s - began_s)
        if halted:
            self._count_halted()
            self._member.assign()

    def _go_on_with_known(self) -> None:
        """Read on where the schema that a lane waited for is there."""
        ready = [place for place, value in self._halted.items() if self._routes.knows(value)]
        for place in ready:
            del self._halted[place]
        if ready:
            self._count_halted()
            self._member.assign()

    def _count_halted(self) -> None:
        self._metrics.set("cjo_registry_waiting", (), len(self._halted))

    def _channel(self, lane: Lane) -> str | None:
        return self._routes.channels(lane.set_number).get(lane.place[0])

    def _handle_error(self, message: Message) -> None:
        error = message.error()
        assert error is not None
        if not is_end(message):
            check_consumed(error, message.topic(), belonging(self._settings, INTAKE))
        elif lane := self._lanes.get((message.topic() or "", message.partition() or 0)):
            lane.ends_at(message.offset() or 0)

    def _measure(self, route_s: float, deliver_s: float) -> None:
        self._metrics.observe("cjo_stage_seconds", ("intake_route",), route_s)
        self._metrics.observe("cjo_stage_seconds", ("intake_deliver",), deliver_s)
        for counts in self._routes.take_counts():
            self._metrics.add(counts)

    def _trace(self, moved: Mapping[Log, Lane], records: int, took_s: float) -> None:
        traces = self._routes.take_traces()
        if traces and self._tracing is not None:
            topics = {lane.place[0] for lane in moved.values()}
            topic = topics.pop() if len(topics) == 1 else None
            self._tracing.record(Step(traces, took_s, records, topic))

    def _standings(self) -> dict[Place, int]:
        return {p: lane.reach for p, lane in list(self._lanes.items()) if not lane.is_off}

    # --- the archive ---------------------------------------------------------------------------

    def _archive(self) -> None:
        """Let chunks be closed; read no more while too much waits for the archive."""
        if self._archiver is None:
            return
        self._archiver.turn()
        if self._is_full != self._archiver.is_full:
            self._is_full = self._archiver.is_full
            self._member.assign()

    def _flush(self, within_s: float) -> None:
        """Let what was read get its files, if that can be soon."""
        if self._archiver is not None:
            self._archiver.flush(None, within_s, self.vitals.beat)

    def _are_archived(self, lanes: Sequence[Lane]) -> bool:
        """Let what lanes have read by one set get its files; return whether it has them."""
        if self._archiver is None:
            return True
        names = [lane.archived for lane in lanes]
        self._archiver.flush(names, archiver.AT_A_BARRIER_S, self.vitals.beat)
        return all(self._position(lane).offset == lane.next for lane in lanes)

    # --- definition sets -----------------------------------------------------------------------

    def _point(self, number: int) -> None:
        """Switch to another set, each lane as soon as it is past its barrier."""
        wanted = self._admin.require(self._routes.topics(number))
        self._topic_ids = {name: topic.id for name, topic in wanted.items()}
        _LOG.info("definition set %d: reading %s", number, ", ".join(sorted(wanted)))
        self._current = number
        self._pass_barriers()

    def _pass_barriers(self) -> None:
        """Switch the lanes that are past their barrier to the present set."""
        read = self._routes.topics(self._current)
        before = waiting(self._lanes.values(), self._current, read)
        ready = [lane for lane in before if is_past(lane)]
        if ready and not self._are_archived(ready):
            return
        are_read_again = any(lane.is_off for lane in ready)
        for lane in ready:
            self._routes.release(lane)
            lane.set_number = set_for(lane.place[0], self._current, read)
            lane.metadata = renumbered(lane.metadata, lane.set_number)
            self._routes.resume(lane)
        if ready:
            # Nothing is routed by the new set before this is acknowledged.
            self._committer.commit(ready)
        if are_read_again:
            # Records that came while a topic was off have not been read.
            self._member.assign()
        if self._member.is_joined and len(ready) == len(before):
            self._routes.keep_only(self._current)
            self._member.subscribe(read)

    def _taken_out(self, read: set[str]) -> set[str]:
        """Return the topics that were taken out while no intake ran to switch them off."""
        routed = set_numbers(self._admin, group_id(self._settings, INTAKE))
        return set(self._admin.describe(routed_topics(routed, self._definitions.sets) - read))
