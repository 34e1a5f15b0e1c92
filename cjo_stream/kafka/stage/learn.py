"""Learn: rewards in, models out to every partition's log, where decisions use them.

    consume rewards  ──▶  learn, in the log's order  ──▶  every few minutes, if something was
    (one partition)       (the engine's)                  learnt: remember (`memory`), then publish

One process. What is learnt depends only on the rewards and their order. The time of a publication
depends on this process; the model's place in each partition's log determines which decisions use
it. A publication is remembered under its number before it is sent, and sent again after a crash;
tasks recognise it by the number. Without a learner, decisions go on by the last model.
"""

from __future__ import annotations

import functools
import logging
import time
from typing import Final

import msgspec
from confluent_kafka import Consumer, Message

from cjo_stream.core.learning.weight import publish
from cjo_stream.core.message import ActivateModel
from cjo_stream.core.record import Reward
from cjo_stream.engine.codec import UNKNOWN
from cjo_stream.engine.frame import control_frame
from cjo_stream.engine.learner import Learner, Publication
from cjo_stream.errors import RefusalError, RetryError, StopError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import is_end, reader
from cjo_stream.kafka.client.contents import warn_foreign
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.command import ask_tasks
from cjo_stream.kafka.definition.tenant import check_key
from cjo_stream.kafka.position import loss
from cjo_stream.kafka.process import stage
from cjo_stream.kafka.process.stage import Stopping, Vitals
from cjo_stream.kafka.stage.memory import STAGE, Memory, Standing
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics

STEP_RECORDS_MAX: Final = 1_000
IDLE_S: Final = 0.1
PUBLISH_WITHIN_S: Final = 15.0
"""For all partitions to activate a model: less than the watchdog's limit."""

_LOG = logging.getLogger(__package__)
_DECODER: Final = msgspec.json.Decoder(Reward)


def run(settings: Settings) -> int:
    """Learn until SIGTERM or SIGINT; returns the exit code.

    Raises RefusalError where rewards are missing, RetryError and StopError where the process has
    to begin anew.
    """
    return stage.work(settings, STAGE, LearnProcess)


class LearnProcess:
    """One learner: `open`, then `turn` again and again, then `close`."""

    def __init__(self, settings: Settings, metrics: Metrics, stopping: Stopping) -> None:
        self._settings = settings
        self._metrics = metrics
        self._names = Names(settings.topic_prefix)
        self._admin = Admin(settings)
        reward = self._names.reward
        self._place: Place = (reward, 0)
        require_log(self._admin, settings, self._names.internal)
        check_key(settings)
        self._topic_id = self._admin.require([reward, self._names.reply])[reward].id
        self.vitals = Vitals(
            STAGE,
            self._admin,
            self._standings,
            lambda: {reward: self._topic_id},
            metrics,
            stopping,
        )
        self._memory = Memory(settings, self.vitals.go_on)
        self._sender = Sender(settings, self.vitals.wait)
        self._learner = Learner()
        self._consumer: Consumer | None = None
        self._next = self._end = 0
        self._remembered = (0, 0)
        """`next` and `end` in the memory."""
        self._last: Message | None = None
        """The reward before `next`, if its digest is not made yet."""
        self._digest = UNKNOWN
        self._unsent: Publication | None = None
        self._due_s = 0.0
        self._is_numbered = False
        """Whether the next model's number is known to be above that of every task's."""

    def not_ready(self) -> str | None:
        """Return what the process still waits for; None when it reads rewards."""
        return None if self._consumer is not None else "what was learnt before is being read"

    def open(self) -> None:
        """Shut out any other learner, then go on from the last one's position."""
        self._memory.open()
        model, standing = self._memory.read()
        self.vitals.beat()
        first = self._admin.firsts([self._place])[self._place]
        if standing is None:
            self._next = self._end = first
        else:
            end = self._admin.ends([self._place])[self._place]
            check_standing(standing, self._topic_id, first, end, self._names)
            loss.check(
                [loss.Taken(self._place, standing.offset - 1, standing.last)],
                functools.partial(loss.look, self._settings, self._admin),
                _anew(self._names),
            )
            self._learner = Learner(model, standing.number, standing.digest)
            self._next, self._end = standing.offset, max(standing.offset, standing.end)
            self._digest = standing.last
            if self._next < first:
                # Only markers of transactions are gone.
                self._next, self._digest = first, UNKNOWN
            self._is_numbered = True
            if standing.number:
                # The last learner may have stopped before all partitions had the model.
                self._unsent = Publication(standing.number, publish(model))
        self._remembered = (self._next, self._end)
        self._consumer = reader(self._settings, {self._place: self._next})
        self._measure()

    def turn(self) -> None:
        """Learn from some rewards; when it is time, remember and publish."""
        assert self._consumer is not None, "open comes first"
        self.vitals.turned()
        began_s = time.perf_counter()
        messages = self._consumer.consume(STEP_RECORDS_MAX, IDLE_S)
        learnt = sum(self._learn(message) for message in messages)
        if learnt:
            self._metrics.add({("cjo_items_total", STAGE, "applied"): learnt})
            self._metrics.observe("cjo_stage_seconds", (STAGE,), time.perf_counter() - began_s)
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + self._settings.learn_interval_s
            if self._has_moved() and (self._is_numbered or self._find_number()):
                self._remember()
            if self._unsent is not None:
                self._publish(self._unsent)

    def close(self) -> None:
        """Remember what was learnt, to be published at the next start, and close cleanly."""
        try:
            if self._has_moved() and self._is_numbered:
                self._remember()
        except (RetryError, StopError) as error:
            _LOG.warning("at the end: %s", error)
        if self._consumer is not None:
            self._consumer.close()
        self._memory.close()

    def abandon(self) -> None:
        """Disconnect from the broker; what was not remembered is learnt again."""
        self._sender.close()
        self._memory.close()
        if self._consumer is not None:
            self._consumer.close()

    # --- inside

    def _learn(self, message: Message) -> int:
        """Learn from one message; return 1, or 0 if it is no record."""
        if is_end(message):
            # Dispatch writes rewards in transactions: behind the last one there is a marker.
            self._end = max(self._end, message.offset() or 0)
            return 0
        if (error := message.error()) is not None:
            check_consumed(error, self._place[0])
            return 0
        offset = message.offset() or 0
        try:
            self._learner.learn(_DECODER.decode(message.value() or b""))
        except msgspec.MsgspecError as why:
            # Every learner passes over the same record, so the same log gives the same model.
            warn_foreign(_LOG, message, why)
        self._next, self._last = offset + 1, message
        self._end = max(self._end, self._next)
        return 1

    def _has_moved(self) -> bool:
        return (self._next, self._end) != self._remembered

    def _remember(self) -> None:
        began_s = time.perf_counter()
        publication = self._learner.publish()
        learner = self._learner
        treatments = learner.model.treatments
        if self._last is not None:
            self._digest, self._last = loss.digest_of(self._last), None
        self._memory.write(
            {name: treatments[name] for name in learner.taught()},
            Standing(
                self._topic_id,
                self._next,
                learner.model.rewards,
                learner.number,
                learner.digest,
                self._digest,
                self._end,
            ),
        )
        self._remembered = (self._next, self._end)
        self._unsent = publication or self._unsent
        self._metrics.observe("cjo_commit_seconds", (STAGE,), time.perf_counter() - began_s)
        self._measure()

    def _find_number(self) -> bool:
        """Let a new memory go on from the tasks' model number; return whether all answered.

        The tasks have a model if an earlier memory was deleted, and ignore lower numbers.
        """
        # No model has the number 0: this activates nothing, and the answer names the active one.
        answers = ask_tasks(self._settings, lambda id_: ActivateModel(0, id_), PUBLISH_WITHIN_S)
        self.vitals.beat()
        silent = sorted(set(range(self._settings.partitions)) - set(answers))
        if silent:
            _LOG.warning("partitions %s do not say which model they have; again later", silent)
            return False
        self._learner.number = max(answer["model"] for answer in answers.values())
        self._is_numbered = True
        return True

    def _publish(self, publication: Publication) -> None:
        """Write a model to every partition's log; try again later if one does not answer."""
        messages = list(publication.messages())
        partitions = range(self._settings.partitions)
        frames = [control_frame([("", message)]) for message in messages[:-1]]
        self._sender.send(
            [Outgoing(self._names.internal, frame, p) for frame in frames for p in partitions]
        )
        self.vitals.beat()
        number = publication.number
        answers = ask_tasks(
            self._settings, lambda id_: ActivateModel(number, id_), PUBLISH_WITHIN_S
        )
        self.vitals.beat()
        behind = [p for p in partitions if p not in answers or answers[p]["model"] < number]
        if behind:
            _LOG.warning("model %d: partitions %s have not taken it; again later", number, behind)
        else:
            _LOG.info("model %d: in force in %d partitions", number, len(partitions))
            self._unsent = None

    def _measure(self) -> None:
        self._metrics.set("cjo_model_number", (), self._learner.number)
        self._metrics.set("cjo_model_rewards", (), self._learner.model.rewards)

    def _standings(self) -> dict[Place, int]:
        if self._consumer is None:
            return {}
        return {self._place: self._end}


def check_standing(standing: Standing, topic_id: str, first: int, end: int, names: Names) -> None:
    """Raise RefusalError if rewards after the remembered ones are missing.

    `topic_id`, `first` and `end` are the present id and offsets of the topic of rewards.
    """
    name = names.reward
    if standing.topic_id != topic_id:
        raise RefusalError(
            f"the topic {name} was created anew: what was learnt is of another one. Delete "
            f"{names.model} too, run `cjo-stream topics create`, and begin to learn anew"
        )
    if max(standing.offset, standing.end) < first:
        raise RefusalError(
            f"{name} begins at {first}, and the rewards from {standing.offset} on are not learnt: "
            f"the learner was away for longer than they are kept. Bring them back, {_anew(names)}"
        )
    if standing.offset > end:
        raise RefusalError(
            f"{name} ends at {end}, and rewards up to {standing.offset} are learnt: the log lost "
            f"its end. Bring it back, {_anew(names)}"
        )


def _anew(names: Names) -> str:
    return f"or delete {names.model}, run `cjo-stream topics create`, and begin to learn anew"
