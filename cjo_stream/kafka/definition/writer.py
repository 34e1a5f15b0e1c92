"""Writes the definition topic: one `apply` at a time."""

from __future__ import annotations

import logging
import time
from typing import Final

from confluent_kafka import KafkaException, Producer

from cjo_stream.errors import RetryError
from cjo_stream.kafka.client.admin import TIMEOUT_S
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.client.error import away, is_fenced
from cjo_stream.kafka.client.permission import check_allowed, of_topic, of_writer
from cjo_stream.kafka.client.property import connect
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

BEGIN_WITHIN_S: Final = 60.0
"""For the broker to let a writer in."""

_LOG = logging.getLogger(__name__)


class Writer:
    """Writes the definition topic, alone: a second one shuts the first out."""

    def __init__(self, settings: Settings) -> None:
        self.known = 0
        """The highest number of a set that the `apply` of this writer knows of."""
        self.is_shut_out = False
        """Whether a later writer has begun."""
        self._topic = Names(settings.topic_prefix).definition
        self._id = group_id(settings, "apply")
        self._producer = connect(
            Producer,
            {
                **settings.kafka_properties(),
                "transactional.id": self._id,
                "message.max.bytes": 8 << 20,
                "compression.type": "lz4",
            },
            logger=_LOG,
        )

    def __enter__(self) -> Writer:
        until_s = time.monotonic() + BEGIN_WITHIN_S
        while True:
            try:
                self._producer.init_transactions(TIMEOUT_S)
                return self
            except KafkaException as error:
                # A broker that is still making the partitions of `topics create` answers late.
                if not error.args[0].retriable() or time.monotonic() > until_s:
                    what = f"to write under the transactional id {self._id}"
                    raise away(error, what, of_writer(self._id)) from error

    def __exit__(self, *_: object) -> None:
        if not self.is_shut_out:  # that raises
            self._producer.flush(0)

    def write(self, records: dict[str, bytes | None]) -> None:
        """Write all records, or none; raises RetryError, RefusalError where it is forbidden."""
        try:
            self._producer.begin_transaction()
            for key, value in records.items():
                self._producer.produce(self._topic, value, key.encode(), partition=0)
            self._producer.commit_transaction(TIMEOUT_S)
        except KafkaException as error:
            check_allowed(error, f"to write {self._topic}", of_topic("Write", self._topic))
            self.is_shut_out = is_fenced(error.args[0])
            raise RetryError(
                f"{self._topic} could not be written ({error}): is another `apply` under way? "
                "See `cjo-stream status`, then run this one again"
            ) from error
