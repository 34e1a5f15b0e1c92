"""Intake: the channels' topics in, frames for the tasks out.

    consume  ──▶  decode and route  ──▶  produce  ──▶  await delivery  ──▶  commit
                  (the engine's)         frames and                        next offset, with
                                         dead letters                      the engine's metadata

A plain process, any number of them. They are static members of one group, told apart by their
slot: a process that is killed and started again at once has its partitions back without a
rebalance, and its group sees to it that none is read by nobody. A member that a broker's outage
has fenced hears so once, ends, and begins anew under its supervisor. (Manual assignment would do
without that restart, but leave it to the operator that each partition is read.)

Commits only save work: what is sent again after a crash has the numbers that it had, and the tasks
drop it. They follow deliveries at most COMMIT_S later, always with explicit offsets: a commit of
"where the consumer stands" would be of where it stands when the broker hears of it.

Dead letters go out from here with the original bytes. They are sent before the offset is
committed, so a crash in between sends them twice; their headers topic, partition, offset tell.

Between two definition sets lies a barrier (`lane`). Everything under the old set is delivered; its
number beside the committed offset becomes the new one's; then the new one routes. A restart goes
on with the set that the committed metadata names, at least up to the log's end as it then was: so
far a predecessor may have come without committing. Also topics that were taken out meanwhile are
read so far, then switched off.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Collection, Iterable
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from cjo_stream.core.program.program import Program
from cjo_stream.core.record import DeadLetter
from cjo_stream.engine.effect import cut_letter, dead_letter_headers
from cjo_stream.engine.frame import RECORD_BYTES_MAX
from cjo_stream.engine.intake import Intake, renumbered
from cjo_stream.engine.port import Log, RawRecord
from cjo_stream.errors import StopError
from cjo_stream.ingest import Decoder, decoder
from cjo_stream.kafka.client import client
from cjo_stream.kafka.client.client import (
    Admin,
    Outgoing,
    Place,
    Sender,
    check_consumed,
    check_fatal,
    group_id,
    is_end,
)
from cjo_stream.kafka.client.noise import muffle
from cjo_stream.kafka.client.permission import refusal
from cjo_stream.kafka.definition.log import DefinitionLog
from cjo_stream.kafka.position.position import (
    INTAKE,
    NO_WORDS,
    Words,
    copy_record,
    set_numbers,
    starts,
)
from cjo_stream.kafka.process import stage, watchdog
from cjo_stream.kafka.process.stage import Linger, Standstill, Stopping, Vitals
from cjo_stream.kafka.stage.lane import Lane, is_past, routed_topics, set_for, take_up, waiting
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics

STEP_RECORDS_MAX: Final = 2_000
IDLE_S: Final = 0.1
LINGER_SHORTEST_S: Final = 0.002
LINGER_LONGEST_S: Final = 0.012
BUSY_RATE: Final = 1_000.0
COMMIT_S: Final = 0.25
COMMIT_LANES_MAX: Final = 100
"""Of one commit: a broker keeps it as one batch, and with 4,096 bytes each takes 1 MB of those."""
COPY_S: Final = 60.0
REFRESH_S: Final = 3_600.0
"""Positions that do not move are committed again so often: they would expire after days."""
APPLY_WAIT_S: Final = 1.0
KEY_BYTES_MAX: Final = 64 << 10
DEAD_LETTER_BYTES_MAX: Final = RECORD_BYTES_MAX - 2 * KEY_BYTES_MAX

_LOG = logging.getLogger(__name__)


def run(settings: Settings, words: Words = NO_WORDS) -> int:
    """Take in events until SIGTERM or SIGINT; returns the exit code.

    Raises StopError and RefusalError where going on could lose or double something, RetryError
    where the broker went away: the process then begins anew.
    """
    settings.require_tenant_key()
    muffle(client.__name__, watchdog.__name__, stage.__name__, __name__)
    make = functools.partial(IntakeProcess, words=words)
    return stage.work(settings, INTAKE, make)


def sources(program: Program, names: Names) -> dict[str, str | None]:
    """Return the topics that events come in by, with their channels; outcomes have none."""
    found: dict[str, str | None] = {
        names.source(channel.input): channel.name
        for channel in program.channels.values()
        if channel.input is not None
    }
    return {**found, names.outcome: None}


class IntakeProcess:
    """One intake. `open`, then `turn` for as long as it is to work, then `close`."""

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
        self._words = words
        self._names = Names(settings.topic_prefix)
        self._admin = Admin(settings)
        internal = self._names.internal
        self._internal_id = require_log(self._admin, settings, internal)[internal].id
        self._admin.require([self._names.definition, self._names.cursor, self._names.dead_letter])
        self._definitions = DefinitionLog(settings)
        self._definitions.read()
        self._lanes: dict[Place, Lane] = {}
        self._topic_ids: dict[str, str] = {}
        self._engines: dict[int, Intake] = {}
        self._decoders: dict[int, Decoder] = {}
        self._channels: dict[int, dict[str, str | None]] = {}
        """By definition set."""
        self._checked: set[int] = set()
        self._subscribed: set[str] = set()
        self._current = 0
        self._joined = False
        self._rebalanced = False
        self._linger = Linger(LINGER_SHORTEST_S, LINGER_LONGEST_S, BUSY_RATE)
        self._standstill = Standstill()
        self._commit_due_s = self._copy_due_s = self._refresh_due_s = 0.0
        self.vitals = Vitals(
            INTAKE, self._admin, self._standings, lambda: dict(self._topic_ids), metrics
        )
        self._sender = Sender(settings, self._wait)
        self._consumer = client.group_consumer(settings, INTAKE, self._on_commit)

    def not_ready(self) -> str | None:
        """Return what is still waited for; None when events are taken in."""
        if not self._current:
            return "no definition set is applied: cjo-stream apply TOPOLOGY"
        return None if self._joined else "the group has not assigned partitions yet"

    @property
    def set_number(self) -> int:
        """Return the set that new records are routed by; 0 before the first `apply`."""
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
        read = set(self._channels[self._current])
        self._subscribe(read | self._taken_out(read))

    def turn(self) -> None:
        """Take one step: at most STEP_RECORDS_MAX records, all the way to their delivery."""
        if not self._current:
            return
        self.vitals.turned()
        self._standstill.moved()
        messages = self._consumer.consume(1, IDLE_S)
        if messages and messages[0].error() is None:
            messages += self._consumer.consume(STEP_RECORDS_MAX - 1, self._linger.seconds)
        if self._rebalanced:
            # What came with the news may be of before: the lanes are read from their starts.
            check_fatal(messages)
            self._settle()
            return
        self._linger.took(len(messages))
        if messages:
            self._step(messages)
        if self._definitions.poll():
            self._point(self._definitions.pointer.number)
        self._pass_barriers()
        self._keep_positions()

    def close(self) -> None:
        """Leave in order: what was delivered is committed. The group is not left."""
        try:
            self._commit(self._lanes.values(), wait=True)
            self._copy_positions()
        except StopError as error:
            _LOG.warning("at the end: %s", error)
        finally:
            self._consumer.close()
            self._definitions.close()

    def abandon(self) -> None:
        """Let go of the broker; what is in memory may not be delivered, and is not committed."""
        self._lanes.clear()
        self._sender.close()
        self._consumer.close()
        self._definitions.close()

    # --- one step ------------------------------------------------------------------------------

    def _step(self, messages: list[Message]) -> None:
        by_set: dict[int, list[RawRecord]] = {}
        moved: dict[Log, Lane] = {}
        for message in messages:
            if message.error() is not None:
                self._take_error(message)
                continue
            lane = self._lanes.get((message.topic() or "", message.partition() or 0))
            offset = message.offset() or 0
            if lane is None or lane.is_off:
                continue
            if offset >= lane.next:
                lane.next = offset + 1
                moved[lane.log] = lane
                lane.last = self._raw_record(message, lane)
                by_set.setdefault(lane.set_number, []).append(lane.last)
        began_s = time.perf_counter()
        outgoing: list[Outgoing] = []
        for number, records in by_set.items():
            self._check_libraries(number)
            step = self._engines[number].take(records)
            internal = self._names.internal
            outgoing += [Outgoing(internal, frame, to) for to, frame in step.frames]
            outgoing += [self._dead_letter(letter) for letter in step.dead_letters]
            for log, (_, metadata) in step.positions.items():
                moved[log].metadata = metadata
        routed_s = time.perf_counter()
        self._standstill.check()
        self._sender.send(outgoing)
        if by_set:
            self._measure(routed_s - began_s, time.perf_counter() - routed_s)

    def _raw_record(self, message: Message, lane: Lane) -> RawRecord:
        topic, partition = lane.place
        _, time_ms = message.timestamp()
        return RawRecord(
            topic,
            lane.log.topic_id,
            partition,
            message.offset() or 0,
            time_ms,
            _bytes(message.value()) or b"",
            _bytes(message.key()),
            tuple((name, _bytes(value) or b"") for name, value in _headers(message)),
            self._channels[lane.set_number].get(topic),
        )

    def _dead_letter(self, letter: DeadLetter) -> Outgoing:
        letter = cut_letter(letter, DEAD_LETTER_BYTES_MAX)
        key = letter.key if letter.key is None or len(letter.key) <= KEY_BYTES_MAX else None
        headers = dead_letter_headers(letter)
        return Outgoing(self._names.dead_letter, letter.value, key=key, headers=headers)

    def _take_error(self, message: Message) -> None:
        error = message.error()
        assert error is not None
        if not is_end(message):
            check_consumed(error, message.topic())
        elif lane := self._lanes.get((message.topic() or "", message.partition() or 0)):
            lane.ends_at(message.offset() or 0)

    def _measure(self, route_s: float, deliver_s: float) -> None:
        self._metrics.observe("cjo_stage_seconds", ("intake_route",), route_s)
        self._metrics.observe("cjo_stage_seconds", ("intake_deliver",), deliver_s)
        for number, engine in self._engines.items():
            self._metrics.add(engine.take_counts())
            self._metrics.add(self._decoders[number].take_counts())

    def _wait(self) -> None:
        """The broker has not acknowledged yet."""
        self.vitals.beat()
        self._stopping.check()

    def _standings(self) -> dict[Place, int]:
        return {p: lane.reach for p, lane in list(self._lanes.items()) if not lane.is_off}

    # --- definition sets -----------------------------------------------------------------------

    def _point(self, number: int) -> None:
        """Route by another set from here on, each lane as soon as it may."""
        self._engine(number)
        wanted = self._admin.require(self._channels[number])
        self._topic_ids = {name: topic.id for name, topic in wanted.items()}
        _LOG.info("definition set %d: reading %s", number, ", ".join(sorted(wanted)))
        self._current = number
        self._pass_barriers()

    def _check_libraries(self, number: int) -> None:
        """Raise LibraryError where this process may not route by a set.

        Not before there is something to route: the barrier before a set with newer libraries must
        be passed by a process that has the older ones.
        """
        if number not in self._checked:
            self._definitions.check_libraries(number)
            self._checked.add(number)

    def _engine(self, number: int) -> Intake:
        engine = self._engines.get(number)
        if engine is None:
            program = self._definitions.program(number)
            decode = decoder(program, self._settings.tenant_key_bytes())
            engine = Intake(decode, self._settings.partitions, number)
            self._engines[number], self._decoders[number] = engine, decode
            self._channels[number] = sources(program, self._names)
        return engine

    def _pass_barriers(self) -> None:
        """Let the lanes that are past their barrier go over to the present set."""
        channels = self._channels[self._current]
        before = waiting(self._lanes.values(), self._current, channels)
        ready = [lane for lane in before if is_past(lane)]
        are_read_again = any(lane.is_off for lane in ready)
        for lane in ready:
            self._release(lane)
            lane.set_number = set_for(lane.place[0], self._current, channels)
            lane.metadata = renumbered(lane.metadata, lane.set_number)
            self._resume(lane)
        if ready:
            # Nothing is routed by the new set before this is acknowledged.
            self._commit(ready, wait=True)
            self._copy_positions()
        if are_read_again:
            # What came meanwhile was left where it lies.
            self._consumer.assign(self._assignment())
        if self._joined and len(ready) == len(before):
            self._subscribe(set(channels))

    def _resume(self, lane: Lane) -> None:
        if not lane.is_off:
            self._engine(lane.set_number).resume(lane.log, lane.next, lane.metadata)

    def _release(self, lane: Lane) -> None:
        if lane.set_number in self._engines:
            self._engines[lane.set_number].release(lane.log)

    def _taken_out(self, read: set[str]) -> set[str]:
        """Return the topics that were taken out while no intake ran to switch them off."""
        routed = set_numbers(self._admin, group_id(self._settings, INTAKE))
        return set(self._admin.describe(routed_topics(routed, self._definitions.sets) - read))

    def _subscribe(self, topics: set[str]) -> None:
        """Read these topics, and go by no set that no lane has."""
        for number in set(self._engines) - {self._current}:
            del self._engines[number], self._decoders[number], self._channels[number]
        if topics != self._subscribed:
            self._subscribed = topics
            self._consumer.subscribe(
                sorted(topics),
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )

    # --- the group -----------------------------------------------------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._rebalanced = self._joined = True
        self.vitals.beat()
        for found, start in starts(
            self._settings,
            self._admin,
            INTAKE,
            self._internal_id,
            consumer,
            partitions,
            words=self._words,
        ):
            if start.metadata is None:
                _LOG.info("%s/%d is new: from offset %d", *found.place, start.offset)
            lane = take_up(found, start, self._current, self._topics_of)
            self._resume(lane)
            self._lanes[found.place] = lane
        consumer.assign(self._assignment())

    def _topics_of(self, number: int) -> Collection[str]:
        """Return the topics that a set reads."""
        self._engine(number)
        return self._channels[number]

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            self._commit(self._lanes.values(), wait=True)
        except StopError as error:
            _LOG.warning("on a rebalance: %s", error)
        self._drop(partitions)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        _LOG.warning("the group has given this process's partitions to others")
        self._drop(partitions)

    def _drop(self, partitions: list[TopicPartition]) -> None:
        self._rebalanced = True
        self._joined = False
        for partition in partitions:
            lane = self._lanes.pop((partition.topic, partition.partition), None)
            if lane is not None:
                self._release(lane)

    def _settle(self) -> None:
        """After a rebalance: commit at once what is new, so that it is never new again."""
        self._rebalanced = False
        self._commit(self._lanes.values(), wait=True)
        self._copy_positions()
        self._consumer.assign(self._assignment())
        # The group took the commit from this member: so long as that lasted, all is its own.
        self._standstill.given()

    def _assignment(self) -> list[TopicPartition]:
        return [TopicPartition(*lane.place, lane.next) for lane in self._lanes.values()]

    # --- positions -----------------------------------------------------------------------------

    def _keep_positions(self) -> None:
        now_s = time.monotonic()
        if now_s >= self._refresh_due_s:
            self._refresh_due_s = now_s + REFRESH_S
            for lane in self._lanes.values():
                lane.committed = None
        if now_s >= self._commit_due_s:
            self._commit_due_s = now_s + COMMIT_S
            self._commit(self._lanes.values(), wait=False)
        if now_s >= self._copy_due_s:
            self._copy_due_s = now_s + COPY_S
            self._copy_positions()

    def _commit(self, lanes: Iterable[Lane], *, wait: bool) -> None:
        """Commit the positions that moved; all that lies before them is delivered."""
        moved = []
        for lane in lanes:
            position = lane.position(self._internal_id)
            if position != lane.committed:
                lane.committed = position
                moved.append(TopicPartition(*lane.place, position.offset, position.metadata))
        for start in range(0, len(moved), COMMIT_LANES_MAX):
            self._commit_some(moved[start : start + COMMIT_LANES_MAX], wait=wait)

    def _commit_some(self, moved: list[TopicPartition], *, wait: bool) -> None:
        if not wait:
            self._consumer.commit(offsets=moved, asynchronous=True)
            return
        began_s = time.perf_counter()
        try:
            told = self._consumer.commit(offsets=moved, asynchronous=False) or []
        except KafkaException as error:
            raise _uncommitted(error) from error
        if refused := [place.error for place in told if place.error is not None]:
            raise _uncommitted(refused[0])
        self._metrics.observe("cjo_commit_seconds", (INTAKE,), time.perf_counter() - began_s)

    def _copy_positions(self) -> None:
        """Leave copies of the committed positions, after them."""
        records = []
        for lane in self._lanes.values():
            if lane.committed is not None and lane.committed != lane.copied:
                lane.copied = lane.committed
                records.append(copy_record(self._settings, INTAKE, lane.place, lane.committed))
        self._sender.send(records)

    def _on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        refused = error or next((p.error for p in places if p.error is not None), None)
        if refused is not None:
            # No harm: what is read again is dropped by the tasks. A fenced member hears by its
            # next record that it is.
            _LOG.warning("positions were not committed: %s", refused)
            for lane in self._lanes.values():
                lane.committed = None


def _uncommitted(error: KafkaException | KafkaError) -> StopError:
    return refusal(error, "to commit positions") or StopError(
        f"positions could not be committed ({error}): this process goes on from those before, "
        "when it is started again"
    )


def _headers(message: Message) -> list[tuple[str, str | bytes | None]]:
    headers = message.headers() or []
    return list(headers.items()) if isinstance(headers, dict) else headers


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
