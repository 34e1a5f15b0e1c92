"""What the learner remembers: a compacted topic that one process writes, in transactions.

    key            value (msgpack)
    treatment/T    the posterior of treatment T
    learner        Standing: up to where the rewards are in all this, and what was published

A transaction writes the treatments that have learnt since the last one, and the standing. So what
stands here is always the model after so many rewards of the log, whatever was killed when; and the
same rewards give the same bytes. A second learner shuts the first one out as it begins.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from confluent_kafka import KafkaException, Producer

from cjo_stream.core.learning.posterior import Model, Posterior
from cjo_stream.errors import RefusalError, RetryError, StopError
from cjo_stream.kafka.client import Admin, Place, group_id
from cjo_stream.kafka.contents import contents
from cjo_stream.kafka.producer import RECORD_BYTES_MAX
from cjo_stream.kafka.topic import Names
from cjo_stream.settings import Settings

STAGE: Final = "learn"
CALL_S: Final = 5.0
"""For one call into a transaction."""
TRANSACTION_TIMEOUT_MS: Final = 15_000

_STANDING: Final = "learner"
_TREATMENT: Final = "treatment/"
_LOG = logging.getLogger(__name__)


class Standing(msgspec.Struct):
    """Where the learner is."""

    topic_id: str
    """Of the topic of rewards."""
    offset: int
    """The next reward to take."""
    rewards: int = 0
    number: int = 0
    """Of the model last published; 0 before the first."""
    digest: bytes = b""


class Memory:
    """The learner's memory; `open` it before anything else."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._place: Place = (Names(settings.topic_prefix).model, 0)
        Admin(settings).require([self._place[0]])
        self._producer = Producer(
            {
                **settings.kafka_properties(),
                "transactional.id": group_id(settings, STAGE),
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "linger.ms": 0,
                "compression.type": "lz4",
                "message.max.bytes": RECORD_BYTES_MAX,
            },
            logger=_LOG,
        )

    def open(self, go_on: Callable[[KafkaException], bool]) -> None:
        """Shut out any other learner.

        `go_on` is asked after each try that failed, while the broker is away or ends what another
        one left open; raises StopError or RetryError where it says no.
        """
        while True:
            try:
                self._producer.init_transactions(CALL_S)
            except KafkaException as error:
                if not error.args[0].retriable() or not go_on(error):
                    raise _failed(error) from error
            else:
                return

    def read(self) -> tuple[Model, Standing | None]:
        """Return what is remembered; the standing is None before the first `write`."""
        treatments: dict[str, Posterior] = {}
        standing: Standing | None = None
        for message in contents(self._settings, self._place):
            key, value = (message.key() or b"").decode(errors="replace"), message.value() or b""
            try:
                if key == _STANDING:
                    standing = msgspec.msgpack.decode(value, type=Standing)
                else:
                    name = key.removeprefix(_TREATMENT)
                    treatments[name] = msgspec.msgpack.decode(value, type=Posterior)
            except msgspec.MsgspecError as error:
                raise RefusalError(
                    f"{self._place[0]} holds at offset {message.offset()} what no learner of this "
                    f"release wrote ({error}): find and stop its writer"
                ) from error
        rewards = standing.rewards if standing is not None else 0
        return Model(rewards, dict(sorted(treatments.items()))), standing

    def write(self, taught: Mapping[str, Posterior], standing: Standing) -> None:
        """Remember posteriors and the standing, all or nothing; raises StopError, RetryError."""
        records = {f"{_TREATMENT}{name}": msgspec.msgpack.encode(p) for name, p in taught.items()}
        records[_STANDING] = msgspec.msgpack.encode(standing)
        try:
            self._producer.begin_transaction()
            for key, value in records.items():
                self._producer.produce(self._place[0], value, key.encode(), partition=0)
            self._producer.commit_transaction(CALL_S)
        except KafkaException as error:
            raise _failed(error) from error

    def close(self) -> None:
        """Let go of the broker."""
        self._producer.flush(0)


def _failed(error: KafkaException) -> StopError | RetryError:
    told = error.args[0]
    kind = RetryError if told.retriable() else StopError
    return kind(
        f"the learner's memory cannot be written ({told}): is another `learn` running? This "
        "process ends, and goes on from what is remembered when it is started again"
    )
