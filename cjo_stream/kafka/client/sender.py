"""A producer for a process without an event loop."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from cjo_stream.errors import RefusalError, StopError
from cjo_stream.kafka.client.permission import of_topic, refusal
from cjo_stream.kafka.client.producer import PROPERTIES
from cjo_stream.kafka.client.property import connect
from cjo_stream.settings import Settings

POLL_S: Final = 0.05
REPORT_S: Final = 2.0
"""The longest that the report of a record is waited for which has caused a fatal error."""
PARTITIONER: Final = "murmur2_random"
"""That of Java's clients, so that their records of a key share the partition of ours."""
ANY_PARTITION: Final = -1

_LOG = logging.getLogger(__package__)


class Outgoing(msgspec.Struct, frozen=True):
    """One record to produce."""

    topic: str
    value: bytes | None
    partition: int = ANY_PARTITION
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class Sender:
    """An idempotent producer without gaps, for a process without an event loop."""

    def __init__(self, settings: Settings, on_wait: Callable[[], None] = lambda: None) -> None:
        own = {**PROPERTIES, "partitioner": PARTITIONER}
        self._producer = connect(Producer, {**settings.kafka_properties(), **own}, logger=_LOG)
        self._on_wait = on_wait
        self._missing = 0
        self._failed: KafkaError | None = None
        self._topic = ""
        """That of the record which failed; empty where the client does not say."""
        self._topics: set[str] = set()
        """Of the records that were begun."""

    def send(self, records: Sequence[Outgoing]) -> None:
        """Return when the broker has acknowledged all records, and those that were begun before.

        Waits as long as the broker is away; `on_wait` is called meanwhile and may raise. Raises
        StopError if a record can never be delivered, RefusalError if writing is forbidden.
        """
        self.begin(records)
        self.finish()

    def begin(self, records: Sequence[Outgoing]) -> None:
        """Send records, in order for each partition; `finish` waits for them. Raises as `send`."""
        for record in records:
            self._produce(record)

    def finish(self) -> None:
        """Return when the broker has acknowledged all records that were begun; as `send`."""
        while self._missing and self._failed is None:
            self._poll()
            self._on_wait()
        if self._failed is not None:
            raise self._undelivered(self._failed)
        self._topics.clear()

    def close(self) -> None:
        """Give up undelivered records, and disconnect."""
        self._producer.purge()
        # Its threads end with it, even if something still refers to this sender.
        del self._producer

    def _produce(self, record: Outgoing) -> None:
        self._topics.add(record.topic)
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    self._report,
                    headers=list(record.headers),
                )
            except BufferError:
                self._poll()
                self._on_wait()
            except KafkaException as error:
                self._note(error)
                assert self._failed is not None
                raise self._undelivered(self._failed) from error
            else:
                self._missing += 1
                return

    def _poll(self) -> None:
        try:
            self._producer.poll(POLL_S)
        except KafkaException as error:
            self._note(error)

    def _note(self, error: KafkaException) -> None:
        """Note a fatal error, or its cause: the failed record's report comes behind it."""
        until_s = time.monotonic() + REPORT_S
        while self._failed is None and self._missing and time.monotonic() < until_s:
            with contextlib.suppress(KafkaException):
                self._producer.poll(POLL_S)
        self._failed = self._failed or error.args[0]

    def _report(self, error: KafkaError | None, message: Message) -> None:
        self._missing -= 1
        if error is not None and self._failed is None:
            self._failed, self._topic = error, message.topic() or ""

    def _undelivered(self, error: KafkaError) -> RefusalError | StopError:
        topics = [self._topic] if self._topic else sorted(self._topics)
        what = f"to write {', '.join(topics)}"
        return refusal(error, what, of_topic("Write", *topics)) or StopError(
            f"a record was not delivered ({error}); this process ends, and what it was doing is "
            "done again when it is started"
        )
