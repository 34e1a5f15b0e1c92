"""The catalogue of records that go out: one row for each kind.

Everything that depends on the kind of a record is drawn from its row: its topic and how long that
is kept, where dispatch sends it, what an erasure says of it, the file of a run, its JSON Schema,
its place in the timeline, the lists of the test driver. To add a kind, write its struct in
`record.py` and its row here.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cjo_stream.core.record import (
    Action,
    DeadLetter,
    Decision,
    IdentityChange,
    Profile,
    Reply,
    Reward,
    Transition,
)

_DAY_MS: Final = 86_400_000


class RecordKind(msgspec.Struct, frozen=True, kw_only=True):
    """What is so of every record of one kind."""

    name: str
    """Its topic is PREFIX + name + `.v1`, but an action command's, which is its channel's."""
    struct: type[msgspec.Struct]
    holds: str
    """What of a person it holds, for an erasure to name."""
    key: str | None = "customer_id"
    """The field that is the key of its Kafka record; None: there is no key."""
    partitions: int | None = None
    """Of its topic; None: as many as the installation has."""
    kept_ms: int | None = None
    """By its topic; None: as the broker does."""
    is_compacted: bool = False
    """Whether its topic keeps the latest record of each key."""
    file: str | None = None
    """Of a run."""
    schema: str | None
    """Under which name `cjo-stream schema` prints its JSON Schema."""
    in_timeline: bool = False

    def key_of(self, record: Any) -> str:
        """Return the key of a record of this kind, empty where it has none."""
        return "" if self.key is None else str(getattr(record, self.key))


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
    partitions=1,  # what is learnt depends on the order of all rewards
    kept_ms=30 * _DAY_MS,
    file="rewards.jsonl",
    schema="cjo.reward.v1",
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
REPLY: Final = RecordKind(
    name="reply",
    struct=Reply,
    holds="answers to operators",
    key="command_id",
    partitions=1,
    kept_ms=_DAY_MS,
    schema=None,
)

RECORDS: Final = (ACTION, DECISION, REWARD, TRANSITION, IDENTITY, PROFILE, DEAD_LETTER, REPLY)
KIND_OF: Final[dict[type, RecordKind]] = {kind.struct: kind for kind in RECORDS}
FILES: Final = {kind.name: kind.file for kind in RECORDS if kind.file is not None}
"""By kind, the file of a run."""
