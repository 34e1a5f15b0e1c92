"""The process `cjo-stream webhook`: commands in, requests out, outcomes back, then commit.

    gather commands  ──▶  backlog of each  ──▶  post  ──▶  answers  ──▶  outcomes  ──▶  commit
    (kafka.channel)       endpoint                                                      behind it

Any number of processes, members of one group. It may be killed at any line: a command counts as
answered once its outcome is acknowledged by the broker, and is posted again if that was not
committed, under the same webhook-id. Its outcome has an id made of the command's, so the engine
takes one.

An endpoint whose backlog is full has its topic halted, and no other has.
"""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from cjo_stream.core.event import TRACEPARENT, TRACESTATE
from cjo_stream.core.word import Outcome
from cjo_stream.errors import RetryError, StopError
from cjo_stream.ingest.trace import read_context
from cjo_stream.kafka.channel.heeding import WEBHOOK
from cjo_stream.kafka.channel.taker import Record, Taker
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.definition.log import DefinitionLog
from cjo_stream.kafka.hold.order import HoldLog
from cjo_stream.kafka.process import stage
from cjo_stream.kafka.process.stage import Stopping, Vitals
from cjo_stream.kafka.topic.name import Names
from cjo_stream.registry.text import Texts
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from cjo_stream.webhook.answer import Again, BrokenOff, Done, meaning
from cjo_stream.webhook.backlog import Backlog, Command
from cjo_stream.webhook.endpoint import Endpoint, check_channels
from cjo_stream.webhook.hold import Heeding
from cjo_stream.webhook.outcome import outcome_event
from cjo_stream.webhook.post import Answered, Poster

STAGE: Final = WEBHOOK
STEP_RECORDS_MAX: Final = 200
IDLE_S: Final = 0.1
BUSY_S: Final = 0.002
"""How long new commands are waited for, where answers are waited for too."""
APPLY_WAIT_S: Final = 1.0
AT_THE_END_S: Final = 8.0
AT_A_REVOKE_S: Final = 4.0
"""How long requests on their way are waited for: less than a standstill, or a supervisor's
patience."""
BROKEN_OFF_S: Final = 1.0
"""How long it is waited, then, until those that are left have been broken off."""
RESULTS: Final = ("answered", "refused", "expired", "unreadable", "lost")
"""What may come of a command. An alert is about some: they are counted from 0, from the start."""
SAY_S: Final = 60.0
"""How often the log says of an endpoint what is wrong with it."""

_LOG = logging.getLogger(__package__)


class _Head(msgspec.Struct):
    """What is read of a command."""

    action_id: str
    customer_id: str
    channel: str
    expires_at: int
    action: str = ""


_HEAD: Final = msgspec.json.Decoder(_Head)


def run(settings: Settings, endpoints: Sequence[Endpoint]) -> int:
    """Post commands until SIGTERM or SIGINT; return the exit code.

    Raises UsageError where a channel is not the topology's, RetryError, StopError and RefusalError
    where the process has to begin anew.
    """
    make = functools.partial(WebhookProcess, endpoints=endpoints)
    return stage.work(settings, STAGE, make)


class WebhookProcess:
    """One process: `open`, then `turn` again and again, then `close`."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        stopping: Stopping,
        endpoints: Sequence[Endpoint],
    ) -> None:
        self._metrics = metrics
        self._stopping = stopping
        self._endpoints = {one.channel: one for one in endpoints}
        self._backlogs = {one.channel: Backlog(one.limits, random.random) for one in endpoints}
        self._names = Names(settings.topic_prefix)
        self._admin = Admin(settings)
        self._admin.require([self._names.definition, self._names.outcome, self._names.hold])
        self._definitions = DefinitionLog(settings)
        self._definitions.read()
        self._texts = Texts(settings)
        self._channels: dict[str, list[str]] = {}
        """The channels, with an endpoint, of each topic that is read: several may share one."""
        self._elsewhere: frozenset[str] = frozenset()
        """The channels without an endpoint: others take their commands, maybe of these topics."""
        self._said_s: dict[str, float] = {}
        self.vitals = Vitals(
            STAGE,
            self._admin,
            lambda: self._taker.standings(),
            lambda: self._taker.topic_ids,
            metrics,
            stopping,
            lambda place: self._taker.is_halted(place),
        )
        self._sender = Sender(settings, self.vitals.wait)
        self._taker = Taker(settings, STAGE, self._admin, self.vitals, self._leave, self._lost)
        self._poster = Poster(endpoints)
        begin = functools.partial(HoldLog, settings)
        self._heeding = Heeding(begin, self._backlogs, self._poster.break_off)
        for channel in self._endpoints:
            metrics.add({("cjo_webhook_commands_total", channel, one): 0 for one in RESULTS})

    def not_ready(self) -> str | None:
        """Return what the process still waits for; None when it takes commands."""
        if not self._channels:
            return "no definition set is applied: cjo-stream apply TOPOLOGY"
        return None if self._taker.is_joined else "the group has not assigned partitions yet"

    def open(self) -> None:
        """Wait for the first `apply`, then join the group."""
        if not self._definitions.pointer.number:
            _LOG.warning("no definition set is applied: waiting for `cjo-stream apply TOPOLOGY`")
        while not self._definitions.pointer.number:
            self._definitions.poll(APPLY_WAIT_S)
            self.vitals.beat()
            if self._stopping.asked:
                return
        targets = self._targets()
        check_channels(list(self._endpoints.values()), sorted(targets))
        self._subscribe(targets)

    def turn(self) -> None:
        """Take one step: commands in, requests out, answers back."""
        if not self._channels:
            return
        if not self._poster.lives:
            raise StopError("the thread of requests has ended: this process begins anew")
        is_busy = any(one.on_their_way for one in self._backlogs.values())
        for record in self._taker.gather(STEP_RECORDS_MAX, BUSY_S if is_busy else IDLE_S):
            self._add(record)
        self._settle(self._poster.take())
        self._heeding.heed(self._taker.begun, time.monotonic())
        self._taker.heeded = self._heeding.in_force
        self._give_up()
        self._post()
        full = {channel for channel, backlog in self._backlogs.items() if backlog.is_full}
        self._taker.halt([t for t, c in self._channels.items() if not full.isdisjoint(c)])
        self._taker.commit_when_due()
        if self._definitions.poll() and self._definitions.pointer.number:
            self._subscribe(self._targets())

    def close(self) -> None:
        """Wait for the answers to what is posted, report them, commit, and close cleanly."""
        try:
            self._await(AT_THE_END_S, self._taker.standings())
        except (RetryError, StopError) as error:
            _LOG.warning("at the end: %s", error)
        finally:
            self._poster.close()
            self._taker.close()
            self._heeding.close()
            self._definitions.close()

    def abandon(self) -> None:
        """Disconnect; what was not committed is posted again."""
        self._backlogs = {}  # so answers that come meanwhile are not waited for, nor reported
        self._poster.close()
        self._sender.close()
        self._taker.abandon()
        self._heeding.close()
        self._definitions.close()

    # --- what is read --------------------------------------------------------------------------

    def _targets(self) -> dict[str, str]:
        """Return the topic of each channel that sends commands, by the set in force."""
        program = self._definitions.program(self._definitions.pointer.number)
        found = {one.name: self._names.target(one) for one in program.channels.values()}
        return {channel: topic for channel, topic in found.items() if topic is not None}

    def _subscribe(self, targets: Mapping[str, str]) -> None:
        """Read the topics of the endpoints' channels."""
        topics: dict[str, list[str]] = {}
        for channel in self._endpoints:
            if channel in targets:
                topics.setdefault(targets[channel], []).append(channel)
        for topic, channels in self._channels.items():
            for channel in channels:
                if channel not in targets:
                    _LOG.warning(
                        "the set in force has no channel %s: %s is read on", channel, topic
                    )
                    topics.setdefault(topic, []).append(channel)
        self._admin.require(topics)
        self._channels = topics
        self._elsewhere = frozenset(targets.keys() - self._endpoints.keys())
        for channel in sorted(self._elsewhere):
            if targets[channel] in topics:
                _LOG.warning(
                    "channel %s has no endpoint here and shares the topic %s: its commands are "
                    "passed over, also for a webhook with another file. If nothing else takes "
                    "them, give it an endpoint in this file",
                    channel,
                    targets[channel],
                )
        self._taker.subscribe(topics)

    def _add(self, record: Record) -> None:
        channels = self._channels.get(record.place[0])
        if channels is None:
            return  # of a topic that is read no more: it stays uncommitted
        wall_ms, now_ms = _wall_ms(), _now_ms()
        try:
            body = self._texts.text(record.value)
            head = _HEAD.decode(body)
            body.decode()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            _LOG.warning("%s/%d, offset %d is no command", *record.place, record.offset)
            self._count(channels[0], "unreadable")
            self._taker.answer(record.place, record.offset)
            return
        if head.channel in self._elsewhere:
            self._taker.answer(record.place, record.offset)
            return
        # A channel that the set has no more, such as one that has another name now.
        channel = head.channel if head.channel in channels else channels[0]
        command = Command(
            record.place,
            record.offset,
            head.action_id,
            head.customer_id,
            now_ms + head.expires_at - wall_ms,
            body,
            head.channel,
            head.action,
            _trace_of(record),
        )
        self._backlogs[channel].add(command, now_ms)

    # --- requests and answers ------------------------------------------------------------------

    def _post(self) -> None:
        now_ms = _now_ms()
        self._taker.check()
        for channel, backlog in self._backlogs.items():
            for command in backlog.next(now_ms):
                self._poster.post(channel, command)
            held = backlog.held
            self._metrics.set("cjo_webhook_waiting", (channel,), backlog.waits - held)
            self._metrics.set("cjo_held_commands", (channel,), held)
            self._metrics.set("cjo_webhook_gone", (channel,), backlog.is_gone)

    def _settle(self, answers: Sequence[Answered]) -> None:
        """Note what answers mean; report outcomes, and only then count commands as answered."""
        done: list[Command] = []
        outcomes: list[Outgoing] = []
        for channel, command, answer in answers:
            if not answer.is_broken_off:
                self._metrics.observe("cjo_webhook_seconds", (channel,), answer.seconds)
            backlog, wall_ms, now_ms = self._backlogs[channel], _wall_ms(), _now_ms()
            found = meaning(answer, wall_ms)
            if isinstance(found, Done):
                backlog.answered(command, now_ms)
                self._count(channel, found.result)
                if found.oddity is not None:
                    self._say(channel, f"its answer cannot be used: {found.oddity}")
                if found.outcome is not None:
                    outcomes.append(self._outcome(command, found.outcome, found.value))
                done.append(command)
            elif isinstance(found, Again):
                self._say(channel, f"{found.why}; commands wait and are posted again")
                reason = ("cjo_webhook_retries_total", channel, found.reason)
                self._metrics.add({reason: 1})
                if not backlog.again(command, now_ms, found.after_ms):
                    outcomes += self._given_up(channel, command)
                    done.append(command)
            elif isinstance(found, BrokenOff):
                self._say(channel, "requests were broken off; their commands are posted again")
                backlog.broken_off(command, now_ms)
            else:
                if not backlog.is_gone:
                    _LOG.error(
                        "%s: the endpoint is gone (410): nothing is posted to it until this "
                        "process is started again. Take it out of the file, or mend it",
                        channel,
                    )
                backlog.gone(command, now_ms)
        self._report(done, outcomes)

    def _give_up(self) -> None:
        """Drop the commands whose time is over."""
        done: list[Command] = []
        outcomes: list[Outgoing] = []
        for channel, backlog in self._backlogs.items():
            for command in backlog.given_up(_now_ms()):
                outcomes += self._given_up(channel, command)
                done.append(command)
        self._report(done, outcomes)

    def _given_up(self, channel: str, command: Command) -> list[Outgoing]:
        """Return what is reported of a command that is given up: a failure, if it was tried."""
        self._count(channel, "expired")
        if not command.attempts:
            return []
        self._say(channel, f"a command was given up after {command.attempts} attempts")
        return [self._outcome(command, Outcome.FAILED, None)]

    def _outcome(self, command: Command, outcome: str, value: float | None) -> Outgoing:
        event = outcome_event(command.action_id, outcome, value, _wall_ms())
        return Outgoing(self._names.outcome, event, key=command.customer_id.encode())

    def _report(self, done: Sequence[Command], outcomes: Sequence[Outgoing]) -> None:
        if outcomes:
            self._sender.send(outcomes)
        for command in done:
            self._taker.answer(command.place, command.offset)

    # --- the end of partitions -----------------------------------------------------------------

    def _leave(self, places: Collection[Place]) -> None:
        """Settle what is on its way, then forget what waits; must not raise.

        What is not answered is broken off: the next member with these partitions may answer a hold
        at once, and nothing that is held may arrive then.
        """
        for within_s in (AT_A_REVOKE_S, BROKEN_OFF_S):
            try:
                self._await(within_s, places)
            except (RetryError, StopError) as error:
                _LOG.warning("on a rebalance: %s", error)
            for command in self._on_their_way(places):
                self._poster.break_off(command)
        for backlog in self._backlogs.values():
            backlog.drop(set(places))

    def _on_their_way(self, places: Collection[Place]) -> list[Command]:
        return [one for each in self._backlogs.values() for one in each.on_their_way_of(places)]

    def _await(self, within_s: float, places: Collection[Place]) -> None:
        """Return when the requests of these partitions are answered, or after some time."""
        until_s = time.monotonic() + within_s
        while self._on_their_way(places):
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                _LOG.warning("requests were not answered in time: they are posted again")
                return
            self._settle(self._poster.take(min(left_s, IDLE_S)))
            self.vitals.beat()

    def _lost(self, topic: str, number: int) -> None:
        (channel, *_) = self._channels.get(topic, [topic])
        _LOG.error("%s: %d offsets are gone that were never posted", topic, number)
        self._count(channel, "lost", number)

    # --- saying --------------------------------------------------------------------------------

    def _count(self, channel: str, result: str, by: int = 1) -> None:
        self._metrics.add({("cjo_webhook_commands_total", channel, result): by})

    def _say(self, channel: str, what: str) -> None:
        """Say what is wrong with an endpoint, now and then."""
        now_s = time.monotonic()
        if now_s >= self._said_s.get(channel, now_s):
            self._said_s[channel] = now_s + SAY_S
            _LOG.warning("%s: %s", channel, what)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _now_ms() -> int:
    """Return the time of a clock that never jumps."""
    return time.monotonic_ns() // 1_000_000


def _trace_of(record: Record) -> dict[str, str]:
    """Return the headers of a command's trace context: W3C names those of HTTP alike."""
    context = read_context(record.headers)
    if context is None:
        return {}
    parent, state = context
    return {TRACEPARENT: parent, **({TRACESTATE: state} if state else {})}
