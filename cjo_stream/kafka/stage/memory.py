"""The learner's memory: a compacted topic that one process writes, in transactions.

    key            value (msgpack)
    treatment/T    the posterior of treatment T, or of the prediction of that name
    learner        Standing: the last records that are part of all this, the last publication

A transaction writes the treatments that have learnt since the last one, and the standing. So the
topic always has the model after a certain number of records of each log, whatever is killed when
and however late requests are; and the same records give the same bytes. A second learner shuts the
first one out when it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from cjo_stream.core.learning.posterior import Model, Posterior
from cjo_stream.engine.codec import UNKNOWN
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.client.contents import foreign, table
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Outgoing
from cjo_stream.kafka.client.transaction import Transactions
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

STAGE: Final = "learn"

_STANDING: Final = "learner"
_TREATMENT: Final = "treatment/"


class Reached(msgspec.Struct):
    """How far a log that teaches was read."""

    topic_id: str
    offset: int
    """Of the next record to read."""
    last: int = UNKNOWN
    """Digest of the record before `offset` (codec.record_digest)."""
    end: int = 0
    """The offset up to which the log was read: from `offset` to here it has no record, only
    markers of the transactions that wrote the records."""


class Standing(msgspec.Struct):
    """The position of the learner: in the log of rewards, and in that of predictions."""

    topic_id: str
    """Of the topic of rewards."""
    offset: int
    """Of the next reward to read."""
    rewards: int = 0
    """How many records were learnt, of both logs."""
    number: int = 0
    """Of the model last published; 0 before the first."""
    digest: bytes = b""
    last: int = UNKNOWN
    """Digest of the reward before `offset` (codec.record_digest)."""
    end: int = 0
    """As of `Reached`."""
    predictions: Reached | msgspec.UnsetType = msgspec.UNSET
    """Unset: an earlier release wrote it, which read rewards alone."""

    @property
    def of_rewards(self) -> Reached:
        """How far the log of rewards was read."""
        return Reached(self.topic_id, self.offset, self.last, self.end)


class Memory:
    """The learner's memory; `open` it before anything else."""

    def __init__(self, settings: Settings, go_on: Callable[[], bool] = lambda: True) -> None:
        """`go_on` is called while the broker is waited for; see `Transactions`."""
        self._settings = settings
        self._place: Place = (Names(settings.topic_prefix).model, 0)
        Admin(settings).require([self._place[0]])
        self._transactions = Transactions(settings, group_id(settings, STAGE), go_on)

    def open(self) -> None:
        """Shut out any other learner; raises StopError, RetryError."""
        self._transactions.open()

    def read(self) -> tuple[Model, Standing | None]:
        """Return the model and the standing, which is None before the first `write`."""
        return remembered(self._place[0], table(self._settings, self._place[0]))

    def write(self, taught: Mapping[str, Posterior], standing: Standing) -> None:
        """Remember posteriors and the standing, all or nothing; raises StopError, RetryError."""
        topic, partition = self._place
        records = records_of(taught, standing)
        self._transactions.write(
            [Outgoing(topic, value, partition, key.encode()) for key, value in records.items()]
        )

    def close(self) -> None:
        """Disconnect from the broker."""
        self._transactions.close()


def records_of(taught: Mapping[str, Posterior], standing: Standing) -> dict[str, bytes]:
    """Return the records of posteriors and the standing, by key."""
    records = {f"{_TREATMENT}{name}": msgspec.msgpack.encode(p) for name, p in taught.items()}
    records[_STANDING] = msgspec.msgpack.encode(standing)
    return records


def remembered(topic: str, records: Mapping[bytes, bytes]) -> tuple[Model, Standing | None]:
    """Return the model and the standing from the records of the learner's topic, by key.

    Raises RefusalError for a record that is not the learner's. If such a record has replaced one
    of its own, what it learnt is lost, and it begins anew.
    """
    treatments: dict[str, Posterior] = {}
    standing: Standing | None = None
    for key, value in records.items():
        name = key.decode(errors="replace")
        try:
            if name == _STANDING:
                standing = msgspec.msgpack.decode(value, type=Standing)
            elif name.startswith(_TREATMENT):
                posterior = msgspec.msgpack.decode(value, type=Posterior)
                treatments[name.removeprefix(_TREATMENT)] = posterior
            else:
                raise foreign(topic, key, "the learner", ValueError("no key of its own"))
        except msgspec.MsgspecError as error:
            raise RefusalError(
                f"{topic} holds under the key {name!r} what no learner of this release wrote "
                f"({error}). Find and stop who did, delete {topic}, run `cjo-stream topics "
                "create`, and begin to learn anew"
            ) from error
    rewards = standing.rewards if standing is not None else 0
    return Model(rewards, dict(sorted(treatments.items()))), standing
