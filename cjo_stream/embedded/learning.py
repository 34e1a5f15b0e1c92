"""The learner of the embedded runtime: it learns and publishes at fixed stream times.

At each full LEARN_EVERY_MS of stream time it learns from the rewards, and from the outcomes of
predictions, recorded before that time, in order of time and then of id (so that the number of
partitions does not matter). It appends the model to every partition's log, together with the note
of what it has learnt:

    learner      the model, number and digest of the last publication, the records not yet learnt,
                 and the last effect record of each partition that is part of all this
    learns_at    the last learning time that the clock has reached. It is written with the tick
                 that fires the timers up to that time, so a start detects a kill before the
                 learning. Learning at that time once more changes nothing, since later rewards
                 have later times

Rewards behind the note are read again after a kill, from the effects, which are kept that long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from cjo_stream.core.catalogue import PREDICTION, REWARD
from cjo_stream.core.learning.posterior import Model
from cjo_stream.core.program.action import Propensity
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Prediction, Reward
from cjo_stream.embedded.log import EFFECT, EmbeddedLog
from cjo_stream.engine.frame import Effect, decode_effect_frame
from cjo_stream.engine.learner import Learner, Publication
from cjo_stream.engine.port import LogRecord
from cjo_stream.errors import InputError
from cjo_stream.installation.customer_base import Learnt

LEARN_EVERY_MS: Final = 3_600_000
HELD_RECORDS_MAX: Final = 1_000
"""Up to so many effect records are kept for rewards not yet learnt; beyond, those are noted."""
NOTE: Final = "learner"
LEARNS_AT: Final = "learns_at"
_READ_RECORDS_MAX: Final = 1_024

_REWARD: Final = msgspec.json.Decoder(Reward)
_PREDICTION: Final = msgspec.json.Decoder(Prediction)


class _Note(msgspec.Struct, array_like=True):
    model: Model
    number: int
    digest: bytes
    waiting: list[Reward]
    read: list[int]
    """By partition, the last effect record that is part of this note."""
    predicted: list[Prediction] = []
    """Outcomes of predictions not yet learnt."""


def note_of(learnt: Learnt, read: list[int]) -> dict[str, bytes]:
    """Return the note of what is learnt, with the effect records that are `read`."""
    rewards, outcomes = learnt.rewards, learnt.predictions
    note = _Note(learnt.model, learnt.number, learnt.digest, rewards, read, outcomes)
    return {NOTE: msgspec.msgpack.encode(note)}


def learns(program: Program) -> bool:
    """Return whether a definition set predicts, or any propensity of it learns."""
    return bool(program.predictions) or any(
        isinstance(candidate.propensity, Propensity)
        for candidates in program.candidates.values()
        for candidate in candidates
    )


def next_time(after_ms: int) -> int:
    """Return the first learning time after a time.

    >>> next_time(3_600_000)
    7200000
    """
    return (after_ms // LEARN_EVERY_MS + 1) * LEARN_EVERY_MS


class Learning:
    """The learner of one log, and the records that wait for the next learning time."""

    def __init__(self, log: EmbeddedLog, dispatched: Sequence[int]) -> None:
        """Go on from the note; `dispatched` is each partition's last dispatched effect record."""
        noted = log.note(NOTE)
        note = (
            msgspec.msgpack.decode(noted, type=_Note)
            if noted
            else _Note(Model(), 0, b"", [], [-1] * len(dispatched))
        )
        self._learner = Learner(note.model, note.number, note.digest)
        self._waiting: dict[str, Reward | Prediction] = {
            one.action_id: one for one in note.waiting
        }
        self._waiting |= {one.prediction_id: one for one in note.predicted}
        self._noted = note.read
        self._read = list(dispatched)
        for partition, through in enumerate(dispatched):
            self._read_again(log, partition, note.read[partition], through)

    def collect(self, partition: int, offset: int, effects: Sequence[Effect]) -> None:
        """Keep what teaches among a partition's effects, up to effect record `offset`."""
        for effect in effects:
            if effect.kind == REWARD.name:
                reward = _REWARD.decode(effect.value)
                if reward.features is not None:
                    self._waiting[reward.action_id] = reward
            elif effect.kind == PREDICTION.name:
                prediction = _PREDICTION.decode(effect.value)
                self._waiting[prediction.prediction_id] = prediction
        self._read[partition] = offset

    @property
    def first(self) -> int | None:
        """Return the time of the first record not yet learnt; None if there is none."""
        return min((one.time for one in self._waiting.values()), default=None)

    def learn(self, before_ms: int) -> Publication | None:
        """Learn from the records before a time; return the model to publish, if it has changed."""
        due = [one for one in self._waiting.values() if one.time < before_ms]
        for one in sorted(due, key=lambda one: (one.time, _id(one))):
            if isinstance(one, Reward):
                self._learner.learn(one)
            else:
                self._learner.learn_outcome(one)
            del self._waiting[_id(one)]
        return self._learner.publish() if due else None

    def needed_after(self, partition: int) -> int:
        """Return the last effect record of a partition that is not needed any more."""
        return self._noted[partition] if self._waiting else self._read[partition]

    def holds_too_much(self) -> bool:
        """Return whether so many effects are kept that the note should be written."""
        held = sum(self._read) - sum(self._noted) if self._waiting else 0
        return held > HELD_RECORDS_MAX

    def note(self) -> dict[str, bytes]:
        """Return the note; once it is written, the effects in it are not needed any more."""
        self._noted = list(self._read)
        return note_of(self.learnt(), self._noted)

    def learnt(self) -> Learnt:
        """Return what is learnt, and what waits for the next learning time."""
        learner, waiting = self._learner, self._waiting.values()
        return Learnt(
            model=learner.model,
            number=learner.number,
            digest=learner.digest,
            rewards=[one for one in waiting if isinstance(one, Reward)],
            predictions=[one for one in waiting if isinstance(one, Prediction)],
        )

    def _read_again(self, log: EmbeddedLog, partition: int, after: int, through: int) -> None:
        while records := log.read(EFFECT, partition, after, _READ_RECORDS_MAX):
            for record in records:
                if record.offset > through:
                    return
                self.collect(partition, record.offset, _effects_in(record))
            after = records[-1].offset


def _id(record: Reward | Prediction) -> str:
    return record.action_id if isinstance(record, Reward) else record.prediction_id


def _effects_in(record: LogRecord) -> list[Effect]:
    try:
        frame = decode_effect_frame(record.value)
    except InputError:
        return []  # it became a dead letter when it was first read
    return [item.effect for item in frame.items]
