"""A customer base, apart from its actors: what moves with them from one installation to another.

Both runtimes write it and take it, so a base may move from a state folder to Kafka and back. What
only one of them has (`lanes`, `letters`: Kafka; `notes`: a state folder) the other one leaves.
"""

from __future__ import annotations

import msgspec

from cjo_stream.core.learning.posterior import Model
from cjo_stream.core.record import Prediction, Reward
from cjo_stream.engine.codec import UNKNOWN
from cjo_stream.engine.hold import Hold
from cjo_stream.engine.moving import Common


class AppliedSet(msgspec.Struct, frozen=True):
    """A definition set as it was applied."""

    number: int
    digest: str
    content: bytes


class LogPlace(msgspec.Struct, frozen=True):
    """How far a log of one partition was read. `last` is the digest of the record before it."""

    topic_id: str
    offset: int
    last: int = UNKNOWN
    end: int = 0
    """The offset up to which there is no record."""


class Learnt(msgspec.Struct, kw_only=True):
    """What the learner knows, and under which number and digest it was last published."""

    model: Model
    number: int
    digest: bytes
    rewards: list[Reward] = []
    """Not learnt yet; of a state folder, which learns at full hours."""
    predictions: list[Prediction] = []
    rewards_at: LogPlace | None = None
    """On Kafka, how far the log of rewards is learnt."""
    predictions_at: LogPlace | None = None


class SourceLane(msgspec.Struct, frozen=True, kw_only=True):
    """How far intake has read one partition of a topic of events, and by which set it goes on."""

    topic: str
    partition: int
    topic_id: str
    offset: int
    set_number: int
    digest: int
    blank: int
    unread: int
    """The records behind it at the export."""


class CustomerBase(msgspec.Struct, kw_only=True):
    """A customer base, apart from its actors and the commands that operators hold."""

    common: Common
    partitions: int
    topology: str
    fingerprint: str
    """Of the tenant key; empty if a state folder has none."""
    sets: list[AppliedSet]
    """The last one is in force."""
    learnt: Learnt | None = None
    holds: list[Hold] = []
    lanes: list[SourceLane] = []
    letters: dict[bytes, bytes] = {}
    """Which dead letters were sent again: records of the cursor topic, by key."""
    notes: dict[str, bytes] = {}
    """Of a state folder: the files that it has taken, and the like."""
