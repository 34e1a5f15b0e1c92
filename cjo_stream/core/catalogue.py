"""The catalogue of published records: one row for each kind.

Everything that depends on the kind of a record is derived from its row: its topic and retention,
the destination in dispatch, the entry in the answer to an erasure, the file of a run, the JSON
Schema, the place in the timeline, the lists of the test driver. To add a kind, write its struct in
`record.py` and its row here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cjo_stream.core.record import (
    Action,
    DeadLetter,
    Decision,
    Governance,
    IdentityChange,
    Measure,
    Prediction,
    Profile,
    Reply,
    Reward,
    Transition,
)

_DAY_MS: Final = 86_400_000


class RecordKind(msgspec.Struct, frozen=True, kw_only=True):
    """Properties shared by all records of one kind."""

    name: str
    """The topic is PREFIX + name + `.v1`, except for action commands: they go to the output topic
    of their channel."""
    struct: type[msgspec.Struct]
    holds: str | None
    """The personal data in it, as the answer to an erasure names it; None: none."""
    key: str | None = "customer_id"
    """The field that is the key of the Kafka record; None: the record has no key."""
    partitions: int | None = None
    """Partitions of the topic; None: as many as the installation has."""
    kept_ms: int | None = None
    """Retention of the topic; None: the broker's default."""
    is_compacted: bool = False
    """Whether the topic keeps only the latest record of each key."""
    file: str | None = None
    """The file that `run` writes; None: none."""
    is_on_request: bool = False
    """Whether `run` writes the file only when asked to."""
    schema: str | None
    """The name under which `cjo-stream schema` prints its JSON Schema."""
    in_timeline: bool = False


ACTION: Final = RecordKind(
    name="action",
    struct=Action,
    holds="action commands",
    file="actions.jsonl",
    schema="cjo.action.v1",
    in_timeline=True,
)
DECISION: Final = RecordKind(
    name="decision",
    struct=Decision,
    holds="decision records",
    file="decisions.jsonl",
    schema="cjo.decision.v1",
    in_timeline=True,
)
REWARD: Final = RecordKind(
    name="reward",
    struct=Reward,
    holds="rewards",
    partitions=1,  # the model depends on the order of all rewards
    kept_ms=30 * _DAY_MS,
    file="rewards.jsonl",
    schema="cjo.reward.v1",
)
PREDICTION: Final = RecordKind(
    name="prediction",
    struct=Prediction,
    holds="predictions",
    partitions=1,  # the model depends on the order of all outcomes
    kept_ms=30 * _DAY_MS,
    file="predictions.jsonl",
    schema="cjo.prediction.v1",
)
MEASURE: Final = RecordKind(
    name="measure",
    struct=Measure,
    holds="measures",
    file="measures.jsonl",
    schema="cjo.measure.v1",
)
TRANSITION: Final = RecordKind(
    name="transition",
    struct=Transition,
    holds="transitions",
    file="transitions.jsonl",
    schema="cjo.transition.v1",
    in_timeline=True,
)
IDENTITY: Final = RecordKind(
    name="identity",
    struct=IdentityChange,
    holds="identity changes",
    file="identities.jsonl",
    schema="cjo.identity.v1",
    in_timeline=True,
)
PROFILE: Final = RecordKind(
    name="profile",
    struct=Profile,
    holds="profiles",
    is_compacted=True,
    file="profiles.jsonl",
    is_on_request=True,
    schema="cjo.profile.v1",
)
DEAD_LETTER: Final = RecordKind(
    name="dead_letter",
    struct=DeadLetter,
    holds="records that were refused",
    key=None,
    file="dead_letters.jsonl",
    schema="cjo.dead_letter.v1",
)
GOVERNANCE: Final = RecordKind(
    name="governance",
    struct=Governance,
    holds=None,
    key="topology",
    partitions=1,  # the order in which sets came
    file="governance.jsonl",
    schema="cjo.governance.v1",
)
REPLY: Final = RecordKind(
    name="reply",
    struct=Reply,
    holds="answers to operators",
    key="command_id",
    partitions=1,
    kept_ms=_DAY_MS,
    schema=None,
)

RECORDS: Final = (
    ACTION,
    DECISION,
    REWARD,
    TRANSITION,
    IDENTITY,
    PROFILE,
    DEAD_LETTER,
    GOVERNANCE,
    REPLY,
    PREDICTION,
    MEASURE,
)
KIND_OF: Final[dict[type, RecordKind]] = {kind.struct: kind for kind in RECORDS}
FILES: Final = {kind.name: kind.file for kind in RECORDS if kind.file is not None}
"""The file that `run` writes, by the kind's name."""
ON_REQUEST: Final = frozenset(kind.name for kind in RECORDS if kind.is_on_request)
"""The kinds whose file `run` writes only when asked to."""
