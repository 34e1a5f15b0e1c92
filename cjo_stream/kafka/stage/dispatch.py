"""Dispatch: effect frames in, single records out to the channels, each once.

    consume  ──▶  new effects  ──▶  one transaction:  the records, by their kinds' topics
                  (the engine's)                      a copy of the cursor
                                                      the next offset, with the cursor

A plain process, any number of them, members of one group (`member`). Each has a transactional id
of its own, by its slot. A process that has lost its partitions while it wrote is fenced twice: by
its transactional id when it was started again elsewhere under the same slot, and by the group's
generation, which goes with the offsets into the transaction (KIP-447). Either way the transaction
is aborted, and a `read_committed` channel system has seen nothing of it.

A transaction contains the effects gathered in some ms, and at most STEP_BYTES_MAX. When one fails,
the process ends: the next one begins from what was committed. `transaction` guards it against late
requests.

**Commands in Avro or JSON Schema.** A channel's `out` may ask for it. The schemas are registered
before the group is joined: until the registry answers, no command is sent in another form.

**Expired commands.** A command is decided at its record's time. If its `expires_at` is past by
this process's wall clock when it is to be sent, it is not sent, but counted as suppressed by the
gate `expired`; the cursor moves over it as over any other. This is the only place where wall time
affects the output, and nothing is decided after it: a replay shows the command in its log.
"""

from __future__ import annotations

import functools
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from confluent_kafka import Message, TopicPartition

from cjo_stream.core.catalogue import ACTION
from cjo_stream.core.event import TRACEPARENT
from cjo_stream.engine.codec import record_digest
from cjo_stream.engine.dispatch import Dispatch
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.port import LogRecord
from cjo_stream.errors import CjoError, RefusalError, RetryError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import belonging, group_id, is_end
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Outgoing
from cjo_stream.kafka.client.transaction import Transactions
from cjo_stream.kafka.definition.log import DefinitionLog
from cjo_stream.kafka.hold.shelves import Shelves
from cjo_stream.kafka.outlook import channel
from cjo_stream.kafka.position.position import (
    DISPATCH,
    NO_WORDS,
    Found,
    Position,
    Start,
    Words,
    copy_record,
    joined,
    starts,
)
from cjo_stream.kafka.process import stage
from cjo_stream.kafka.process.stage import Linger, Stopping, Vitals
from cjo_stream.kafka.stage.member import Member
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.registry.command import Commands, Encode
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics, Step, tracing_of

STEP_BYTES_MAX: Final = 1 << 20
"""Of frames: some two thousand effects, 20 ms of work."""
FETCH_FRAMES_MAX: Final = 200
LINGER_SHORTEST_S: Final = 0.002
LINGER_LONGEST_S: Final = 0.020
BUSY_RATE: Final = 200.0
"""Frames, not effects, a second: each is from one step of one task."""
RETRY_S: Final = 0.2
REFRESH_S: Final = 3_600.0
"""Positions that do not move are committed again this often: they would expire after days."""
DEFINITIONS_WITHIN_S: Final = 10.0
SHELVES_WITHIN_S: Final = 0.05
ASK_AGAIN_S: Final = 0.5
ASK_AGAIN_LATEST_S: Final = 30.0

_LOG = logging.getLogger(__package__)


def run(settings: Settings, words: Words = NO_WORDS) -> int:
    """Send the tasks' effects until SIGTERM or SIGINT; return the exit code.

    Raises StopError and RefusalError where going on could lose or repeat something, RetryError
    where the broker went away: the process then begins anew.
    """
    make = functools.partial(DispatchProcess, words=words)
    return stage.work(settings, DISPATCH, make)


class Target(NamedTuple):
    """Where the commands of a channel go."""

    topic: str
    encode: Encode | None
    """What writes them; None: as they are."""


class DispatchProcess:
    """One dispatch: `open`, then `turn` again and again, then `close`."""

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
        names = self._names = Names(settings.topic_prefix)
        self._admin = Admin(settings)
        self._topics = require_log(self._admin, settings, names.internal, names.effect, names.held)
        self._admin.require([names.definition, names.cursor, names.hold, *names.records()])
        self._definitions = DefinitionLog(settings, pointed=False)
        self._definitions.read()
        self._targets: dict[int, dict[str, Target]] = {}
        """By definition set, where each channel's commands go."""
        self._commands = Commands(settings)
        self._shelves = Shelves(settings, self._admin, metrics)
        self._waits: str | None = None
        """Why the schema registry is waited for, if it is."""
        self._waits_for_shelves = False
        self._next: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._positions: dict[int, Position] = {}
        self._waiting: deque[Message] = deque()
        self._refresh_due_s = time.monotonic() + REFRESH_S
        effect_id, internal_id = self._topics[names.effect].id, self._topics[names.internal].id
        self._engine = Dispatch(effect_id, without_lost=words.without_lost)
        self.vitals = Vitals(
            DISPATCH,
            self._admin,
            self._standings,
            lambda: {names.effect: effect_id},
            metrics,
            stopping,
        )
        writer_id = f"{group_id(settings, DISPATCH)}.{settings.slot}"
        self._unread = channel.watching(self._admin, self._shown_topics, metrics)
        self._transactions = Transactions(settings, writer_id, self.vitals.go_on)
        self._tracing = tracing_of(settings, DISPATCH, group_id(settings, DISPATCH), metrics)
        self._member = Member(
            settings,
            DISPATCH,
            self,
            self.vitals,
            begin=functools.partial(
                starts, settings, self._admin, DISPATCH, internal_id, words=words
            ),
            linger=Linger(LINGER_SHORTEST_S, LINGER_LONGEST_S, BUSY_RATE),
        )

    def not_ready(self) -> str | None:
        """Return what the process still waits for; None when it sends effects."""
        if self._waits is not None:
            return self._waits
        if self._waits_for_shelves:
            return "a transaction of another dispatch over held commands is still open"
        return None if self._member.is_joined else "the group has not assigned partitions yet"

    def open(self) -> None:
        """Shut out any predecessor of this slot, then join the group."""
        try:
            self._transactions.open()
        except RetryError:
            if self._stopping.asked:
                return
            raise
        self._shelves.open()
        self._register()
        self._unread.start()
        self._member.subscribe([self._names.effect])

    def _register(self) -> None:
        """Register the schemas of the newest set's commands; wait for a registry that is away."""
        try:
            program = self._definitions.program(self._newest())
        except CjoError:
            return  # no set yet, or one that is refused where a command of it is sent
        pause_s = ASK_AGAIN_S
        while not self._stopping.asked:
            try:
                for channel in program.channels.values():
                    if topic := self._names.target(channel):
                        self._commands.encoder(topic, channel.format)
            except RetryError as error:
                self._waits = str(error)
                _LOG.warning("commands wait: %s", error)
                until_s = time.monotonic() + pause_s
                pause_s = min(2 * pause_s, ASK_AGAIN_LATEST_S)
                while time.monotonic() < until_s and self.vitals.go_on():
                    time.sleep(min(ASK_AGAIN_S, pause_s))
            else:
                break
        self._waits = None

    def turn(self) -> None:
        """Take one step: one transaction, when there is something to send."""
        self._member.turned()
        self._waits_for_shelves = not self._shelves.are_known()
        if self._waits_for_shelves:
            time.sleep(SHELVES_WITHIN_S)
            return
        self._release()
        if not self._waiting:
            messages = self._member.gather(FETCH_FRAMES_MAX)
            if messages is None:
                self._member.resume()
                return
            self._waiting.extend(messages)
        frames = self._take_frames()
        if frames:
            self._step(frames)
        elif time.monotonic() >= self._refresh_due_s:
            self._refresh_due_s = time.monotonic() + REFRESH_S
            self._write([], self._positions)

    def close(self) -> None:
        """Close cleanly; every step has been committed. The membership of the group stays."""
        self._unread.stop()
        self._member.consumer.close()
        self._end()

    def abandon(self) -> None:
        """Disconnect from the broker; the next writer ends an open transaction."""
        self._unread.stop()
        self._transactions.close()
        self._member.consumer.close()
        self._end()

    def _end(self) -> None:
        self._shelves.close()
        self._definitions.close()
        if self._tracing is not None:
            self._tracing.close()

    # --- one step ------------------------------------------------------------------------------

    def _take_frames(self) -> dict[int, list[LogRecord]]:
        """Return the frames for one transaction, by partition."""
        frames: dict[int, list[LogRecord]] = {}
        size = 0
        while self._waiting and size < STEP_BYTES_MAX:
            message = self._waiting.popleft()
            partition, offset = message.partition() or 0, message.offset() or 0
            if is_end(message):
                self._ends[partition] = offset
            elif (error := message.error()) is not None:
                check_consumed(error, self._names.effect, belonging(self._settings, DISPATCH))
            elif partition in self._next and offset >= self._next[partition]:
                self._next[partition] = offset + 1
                value = message.value() or b""
                assert isinstance(value, bytes)
                size += len(value)
                record = LogRecord(offset, message.timestamp()[1], value)
                frames.setdefault(partition, []).append(record)
        return frames

    def _release(self) -> None:
        """Send held commands that no hold is of any more; note the holds that are in force."""
        released = self._shelves.release()
        if changed := self._shelves.changed():
            self._member.check()
            self._write(released, {number: self._positions[number] for number in changed})

    def _step(self, frames: dict[int, list[LogRecord]]) -> None:
        began_s = time.perf_counter()
        due: list[Effect] = []
        held: list[Outgoing] = []
        positions: dict[int, Position] = {}
        effect_id = self._topics[self._names.effect].id
        for partition, records in frames.items():
            step = self._engine.process(partition, records)
            offset, metadata = step.position
            fresh = [effect for effect in step.effects if not self._expired(effect)]
            out, waiting = self._shelves.take(partition, fresh)
            due += out
            held += waiting
            digest = record_digest(records[-1].time, records[-1].value)
            positions[partition] = Position(offset, joined(effect_id, metadata, digest))
        self._member.check()
        self._write(due, positions, held)
        self._positions.update(positions)
        self._metrics.observe("cjo_stage_seconds", (DISPATCH,), time.perf_counter() - began_s)
        self._metrics.add(self._engine.take_counts())
        if self._tracing is not None:
            self._trace(due, sum(map(len, frames.values())), time.perf_counter() - began_s)
        now_ms = time.time() * 1000
        for effect in due:
            if effect.kind == ACTION.name and effect.received_at:
                late_s = (now_ms - effect.received_at) / 1000
                self._metrics.observe("cjo_event_to_action_seconds", (), max(0.0, late_s))

    def _trace(self, effects: list[Effect], frames: int, took_s: float) -> None:
        assert self._tracing is not None
        headers = (header for effect in effects for header in effect.headers)
        traces = {value.decode(): None for name, value in headers if name == TRACEPARENT}
        if traces:
            self._tracing.record(Step(list(traces), took_s, frames, self._names.effect))

    def _expired(self, effect: Effect) -> bool:
        if not 0 < effect.expires_at <= time.time() * 1000:
            return False
        self._metrics.add({("cjo_suppressed_total", "expired"): 1})
        return True

    def _write(
        self,
        effects: list[Effect],
        positions: dict[int, Position],
        held: Sequence[Outgoing] = (),
    ) -> None:
        """Write one transaction; raises RetryError and StopError as `Transactions.write`."""
        if not positions:
            return
        records = [self._outgoing(effect) for effect in effects]
        records += [*held, *self._shelves.records()]
        offsets = []
        for partition, at in positions.items():
            place = (self._names.effect, partition)
            records.append(copy_record(self._settings, DISPATCH, place, at))
            offsets.append(TopicPartition(*place, at.offset, at.metadata))
        began_s = time.perf_counter()
        member = self._member.consumer.consumer_group_metadata()
        self._transactions.write(records, offsets, member)
        self._metrics.observe("cjo_commit_seconds", (DISPATCH,), time.perf_counter() - began_s)
        commands = sum(effect.kind == ACTION.name for effect in effects)
        self._metrics.add({("cjo_commands_sent_total",): commands})
        self._shelves.delete()

    # --- where effects go ----------------------------------------------------------------------

    def _outgoing(self, effect: Effect) -> Outgoing:
        """Return the record of an effect."""
        topic, value = self._names.of(effect.kind), effect.value
        if effect.kind == ACTION.name:
            topic, encode = self._target(effect)
            value = value if encode is None else encode(value)
        return Outgoing(
            topic,
            value or None,
            key=effect.key.encode() if effect.key else None,
            headers=effect.headers,
        )

    def _target(self, effect: Effect) -> Target:
        """Return where a command goes, as the set that decided it says."""
        number = effect.set_number or self._newest()
        if number not in self._targets:
            self._read_targets(number)
        target = self._targets[number].get(effect.channel or "")
        if target is None:
            raise RefusalError(
                f"a command for channel {effect.channel}, which definition set {number} in "
                f"{self._names.definition} does not declare: that topic was created anew. Write "
                "its records back from a copy, each under its key"
            )
        return target

    def _newest(self) -> int:
        """Return the newest set's number: for commands of a release that noted none."""
        self._definitions.poll()
        return max(self._definitions.sets, default=0)

    def _read_targets(self, number: int) -> None:
        """Read the topics of a set's channels; the set was written before tasks ran by it."""
        until_s = time.monotonic() + DEFINITIONS_WITHIN_S
        while number not in self._definitions.sets and time.monotonic() < until_s:
            self._definitions.poll(RETRY_S)
            self.vitals.beat()
        targets: dict[str, Target] = {}
        for declared in self._definitions.program(number).channels.values():
            topic = self._names.target(declared)
            if topic is not None:
                encode = self._commands.encoder(topic, declared.format)
                targets[declared.name] = Target(topic, encode)
        self._admin.require(target.topic for target in targets.values())
        # Tasks switch one by one, so two sets may alternate for a while.
        self._targets = {**dict(list(self._targets.items())[-1:]), number: targets}

    def _shown_topics(self) -> dict[str, str]:
        """Return the topic of each channel, by the newest set; called in another thread."""
        targets = self._targets
        return {name: one.topic for name, one in targets[max(targets)].items()} if targets else {}

    # --- the group -----------------------------------------------------------------------------

    def take_up(self, found: Found, start: Start) -> None:
        """Begin with a partition where the last transaction ended."""
        number = found.place[1]
        self._engine.resume(number, start.metadata)
        self._shelves.take_up(number)
        self._next[number] = start.offset
        self._positions[number] = Position(
            start.offset, joined(found.topic_id, start.metadata or "", start.digest)
        )

    def let_go(self, places: Sequence[Place], *, are_lost: bool) -> None:
        """Forget partitions."""
        del are_lost  # every step was committed by its transaction
        for _, number in places:
            self._engine.release(number)
            self._shelves.let_go(number)
            for kept in (self._next, self._ends, self._positions):
                kept.pop(number, None)

    def next_offsets(self) -> Mapping[Place, int]:
        """Return the offset to read next of each partition."""
        return {(self._names.effect, number): at for number, at in self._next.items()}

    def _standings(self) -> dict[Place, int]:
        effect = self._names.effect
        return {
            (effect, number): max(at, self._ends.get(number, 0))
            for number, at in list(self._next.items())
        }
