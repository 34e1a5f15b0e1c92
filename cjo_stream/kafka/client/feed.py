"""Events sent to their topics as a source would send them: many at once, each acknowledged."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from cjo_stream.errors import RetryError
from cjo_stream.kafka.client.permission import check_allowed, of_topic
from cjo_stream.kafka.client.property import connect
from cjo_stream.kafka.client.sender import PARTITIONER, POLL_S
from cjo_stream.settings import Settings

LINGER_MS: Final = 5
END_WITHIN_S: Final = 30.0
"""For the last records to be acknowledged."""

_LOG = logging.getLogger(__package__)


class Feed:
    """An idempotent producer; as a context manager it ends when everything is acknowledged."""

    def __init__(self, settings: Settings) -> None:
        own = {
            "enable.idempotence": True,
            "linger.ms": LINGER_MS,
            "partitioner": PARTITIONER,
        }
        self._producer = connect(Producer, {**settings.kafka_properties(), **own}, logger=_LOG)
        self._failed: KafkaError | None = None
        self._topic = ""
        """That of the record which failed."""
        self.acknowledged = 0

    def put(self, topic: str, value: bytes, key: bytes | None) -> None:
        """Send a record; waits while too many are unacknowledged; raises RetryError."""
        while self._failed is None:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._report)
            except BufferError:
                self._producer.poll(POLL_S)
            except KafkaException as error:
                self._failed, self._topic = error.args[0], topic
            else:
                self._producer.poll(0)
                return
        self._check()

    def poll(self) -> None:
        """Take reports, where nothing is put for a while; raises RetryError as `put`."""
        self._producer.poll(0)
        self._check()

    @property
    def waiting(self) -> int:
        """The records that the broker has not acknowledged yet."""
        return len(self._producer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        left = self._producer.flush(END_WITHIN_S)
        if error is None:
            self._check()
            if left:
                raise RetryError(f"{left} records were not acknowledged: is the broker up?")

    def _check(self) -> None:
        if self._failed is not None:
            what = f"to write {self._topic}"
            check_allowed(self._failed, what, of_topic("Write", self._topic))
            raise RetryError(
                f"a record was not delivered ({self._failed}): is the broker up, and do the "
                "topics exist? `cjo-stream topics create TOPOLOGY` makes them"
            )

    def _report(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.acknowledged += 1
        elif self._failed is None:
            self._failed, self._topic = error, message.topic() or ""
