"""What the broker says of the internal log: its topic's id, its partitions, what they hold."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # exported

from cjo_stream.errors import RefusalError, RetryError
from cjo_stream.kafka.worker.state import LogRange

TIMEOUT_S: Final = 10.0
_LOG = logging.getLogger(__name__)
EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # untyped there
LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call] # untyped there


class Topic(msgspec.Struct, frozen=True):
    """A topic as it is. `id` is another one when it was created anew."""

    name: str
    id: str
    partitions: int


class InternalLog:
    """Asks the broker; every method blocks, may be called from any thread, raises RetryError."""

    def __init__(self, properties: Mapping[str, str], topic: str) -> None:
        self._admin = AdminClient(dict(properties), logger=_LOG)
        self._topic = topic

    def describe(self, name: str) -> Topic:
        """Return a topic; raises RefusalError where it is missing."""
        try:
            futures = self._admin.describe_topics(
                TopicCollection([name]), request_timeout=TIMEOUT_S
            )
            found = futures[name].result(TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise RefusalError(
                    f"the topic {name} is missing: run `cjo-stream topics create`"
                ) from error
            raise _away(error) from error
        except TimeoutError as error:
            raise _away(error) from error
        return Topic(name, str(found.topic_id), len(found.partitions))

    def range(self, partition: int) -> LogRange:
        """Return what one partition of the internal log holds."""
        first = self._offsets([partition], EARLIEST)
        end = self._offsets([partition], LATEST)
        return LogRange(first[partition], end[partition])

    def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return the next offset of each partition of the internal log."""
        return self._offsets(partitions, LATEST)

    def _offsets(self, partitions: Iterable[int], spec: OffsetSpec) -> dict[int, int]:
        wanted = {TopicPartition(self._topic, number): spec for number in partitions}
        if not wanted:
            return {}
        try:
            futures = self._admin.list_offsets(wanted, request_timeout=TIMEOUT_S)
            return {
                place.partition: future.result(TIMEOUT_S).offset
                for place, future in futures.items()
            }
        except (KafkaException, TimeoutError) as error:
            raise _away(error) from error


def _away(error: Exception) -> RetryError:
    return RetryError(f"the broker does not answer ({error}); is it up, is its address right?")
