"""Learn: rewards and predictions in, models out to every partition's log, where they decide.

    consume both logs     ──▶  learn, in each log's order  ──▶  every few minutes, if something was
    (one partition each)       (the engine's)                   learnt: remember, then publish

One process. What is learnt depends only on the records of each log and their order (how the two
are mixed does not matter: nothing learns from both). The time of a publication
depends on this process; the model's place in each partition's log determines which decisions use
it. A publication is remembered under its number before it is sent, and sent again after a crash;
tasks recognise it by the number. Without a learner, decisions go on by the last model.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Final

import msgspec
from confluent_kafka import Consumer

from cjo_stream.core.learning.weight import publish
from cjo_stream.core.message import ActivateModel
from cjo_stream.core.record import Prediction, Reward
from cjo_stream.engine.frame import control_frame
from cjo_stream.engine.learner import Learner, Publication
from cjo_stream.errors import RetryError, StopError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import reader
from cjo_stream.kafka.client.contents import contents
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.command import ask_tasks
from cjo_stream.kafka.definition.tenant import check_key
from cjo_stream.kafka.process import stage
from cjo_stream.kafka.process.stage import Stopping, Vitals
from cjo_stream.kafka.stage.lesson import Lesson
from cjo_stream.kafka.stage.memory import STAGE, Memory, Standing
from cjo_stream.kafka.stage.quality import Quality
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics

STEP_RECORDS_MAX: Final = 1_000
IDLE_S: Final = 0.1
LOOK_BACK: Final = 20_000
"""Offsets of predictions learnt before that a new process looks at, to measure calibration."""
PUBLISH_WITHIN_S: Final = 15.0
"""For all partitions to activate a model: less than the watchdog's limit."""

_LOG = logging.getLogger(__package__)
_REWARD: Final = msgspec.json.Decoder(Reward)
_PREDICTION: Final = msgspec.json.Decoder(Prediction)


def run(settings: Settings) -> int:
    """Learn until SIGTERM or SIGINT; returns the exit code.

    Raises RefusalError where records are missing, RetryError and StopError where the process has
    to begin anew.
    """
    return stage.work(settings, STAGE, LearnProcess)


class Waiting:
    """Since when the oldest record that was learnt from has waited to be in force."""

    def __init__(self) -> None:
        self._learnt_s: float | None = None
        self._remembered_s: float | None = None

    def learnt(self, now_s: float) -> None:
        """Note that records were read."""
        if self._learnt_s is None:
            self._learnt_s = now_s

    def remembered(self, now_s: float) -> None:
        """Note that all that was read is in a model, which is to be in force."""
        since_s = now_s if self._learnt_s is None else self._learnt_s
        self._remembered_s = since_s if self._remembered_s is None else self._remembered_s
        self._learnt_s = None

    def in_force(self) -> None:
        """Note that this model is in force in every partition, or changes nothing."""
        self._remembered_s = None

    def seconds(self, now_s: float) -> float:
        """Return how long the oldest has waited; 0 if none does."""
        since = [at for at in (self._learnt_s, self._remembered_s) if at is not None]
        return now_s - min(since) if since else 0.0


class LearnProcess:
    """One learner: `open`, then `turn` again and again, then `close`."""

    def __init__(self, settings: Settings, metrics: Metrics, stopping: Stopping) -> None:
        self._settings = settings
        self._metrics = metrics
        self._names = Names(settings.topic_prefix)
        self._admin = Admin(settings)
        require_log(self._admin, settings, self._names.internal)
        check_key(settings)
        names = self._names
        topics = self._admin.require([names.reward, names.prediction, names.reply])
        self._rewards = Lesson(
            names.reward,
            topics[names.reward].id,
            "rewards",
            lambda value: self._learner.learn(_REWARD.decode(value)),
        )
        self._predictions = Lesson(
            names.prediction,
            topics[names.prediction].id,
            "predictions",
            self._learn_outcome,
        )
        self._lessons = {one.place[0]: one for one in (self._rewards, self._predictions)}
        self.vitals = Vitals(
            STAGE,
            self._admin,
            self._standings,
            lambda: {topic: one.topic_id for topic, one in self._lessons.items()},
            metrics,
            stopping,
        )
        self._memory = Memory(settings, self.vitals.go_on)
        self._sender = Sender(settings, self.vitals.wait)
        self._learner = Learner()
        self._quality = Quality(metrics)
        self._consumer: Consumer | None = None
        self._unsent: Publication | None = None
        self._waiting = Waiting()
        self._due_s = 0.0
        self._is_numbered = False
        """Whether the next model's number is known to be above that of every task's."""

    def not_ready(self) -> str | None:
        """Return what the process still waits for; None when it learns."""
        return None if self._consumer is not None else "what was learnt before is being read"

    def open(self) -> None:
        """Shut out any other learner, then go on from the last one's position."""
        self._metrics.add({("cjo_items_total", STAGE, "applied"): 0})
        self._memory.open()
        model, standing = self._memory.read()
        self.vitals.beat()
        of_rewards = standing.of_rewards if standing is not None else None
        of_predictions = standing.predictions if standing is not None else msgspec.UNSET
        self._rewards.resume(of_rewards, self._settings, self._admin, self._names)
        self._predictions.resume(of_predictions or None, self._settings, self._admin, self._names)
        if standing is not None:
            self._learner = Learner(model, standing.number, standing.digest)
            self._is_numbered = True
            if standing.number:
                # The last learner may have stopped before all partitions had the model.
                self._unsent = Publication(standing.number, publish(model))
                self._waiting.remembered(time.monotonic())
            self._look_back()
        positions = {one.place: one.next for one in self._lessons.values()}
        self._consumer = reader(self._settings, positions)
        self._measure()

    def turn(self) -> None:
        """Learn from some records; when it is time, remember and publish."""
        assert self._consumer is not None, "open comes first"
        self.vitals.turned()
        began_s = time.perf_counter()
        messages = self._consumer.consume(STEP_RECORDS_MAX, IDLE_S)
        learnt = sum(self._lessons[message.topic() or ""].take(message) for message in messages)
        if learnt:
            self._waiting.learnt(time.monotonic())
            self._metrics.add({("cjo_items_total", STAGE, "applied"): learnt})
            self._metrics.observe("cjo_stage_seconds", (STAGE,), time.perf_counter() - began_s)
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + self._settings.learn_interval_s
            if self._has_moved() and (self._is_numbered or self._find_number()):
                self._remember()
            if self._unsent is not None:
                self._publish(self._unsent)
        self._quality.show_ages(time.time() * 1000, is_in_force=self._unsent is None)
        waits_s = self._waiting.seconds(time.monotonic())
        self._metrics.set("cjo_model_waiting_seconds", (), waits_s)

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

    def _has_moved(self) -> bool:
        return any(one.has_moved() for one in self._lessons.values())

    def _learn_outcome(self, value: bytes) -> None:
        prediction = _PREDICTION.decode(value)
        self._learner.learn_outcome(prediction)
        self._quality.take(prediction)

    def _look_back(self) -> None:
        """Take the latest outcomes that were learnt before, as far as they are kept."""
        place, end = self._predictions.place, self._predictions.next
        for message in contents(self._settings, place, max(0, end - LOOK_BACK)):
            if (message.offset() or 0) >= end:
                break
            with contextlib.suppress(msgspec.MsgspecError):  # a foreign record, told when met
                self._quality.take(_PREDICTION.decode(message.value() or b""))
        self._quality.remembered()
        self.vitals.beat()

    def _remember(self) -> None:
        began_s = time.perf_counter()
        publication = self._learner.publish()
        learner = self._learner
        treatments = learner.model.treatments
        reached = self._rewards.reached()
        self._memory.write(
            {name: treatments[name] for name in learner.taught()},
            Standing(
                reached.topic_id,
                reached.offset,
                learner.model.rewards,
                learner.number,
                learner.digest,
                reached.last,
                reached.end,
                self._predictions.reached(),
            ),
        )
        for one in self._lessons.values():
            one.remembered()
        self._quality.remembered()
        self._unsent = publication or self._unsent
        self._waiting.remembered(time.monotonic())
        if self._unsent is None:
            self._waiting.in_force()
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
            self._waiting.in_force()

    def _measure(self) -> None:
        self._metrics.set("cjo_model_number", (), self._learner.number)
        self._metrics.set("cjo_model_rewards", (), self._learner.model.rewards)

    def _standings(self) -> dict[Place, int]:
        if self._consumer is None:
            return {}
        return {one.place: one.end for one in self._lessons.values()}
