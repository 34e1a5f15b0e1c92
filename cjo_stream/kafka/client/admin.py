"""Questions about the broker: which topics and offsets it has."""

from __future__ import annotations

import contextlib
import logging
import time
import weakref
from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # exported

from cjo_stream.errors import CjoError, RefusalError, RetryError
from cjo_stream.kafka.client import handshake
from cjo_stream.kafka.client.error import MISSING, NO_COORDINATOR, away
from cjo_stream.kafka.client.permission import (
    UNKNOWN_USER,
    check_allowed,
    of_group,
    of_topic,
    unknown_user,
)
from cjo_stream.kafka.client.place import Place, Topic
from cjo_stream.kafka.client.property import connect
from cjo_stream.settings import Settings

TIMEOUT_S: Final = 10.0
"""For one answer of the broker."""
ASK_S: Final = 5.0
"""How long a question is repeated until it is answered."""
RETRY_S: Final = 0.2
COORDINATOR_S: Final = 1.0
"""For one attempt to ask the coordinator of a group."""
EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # untyped there
LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call] # untyped there
NEWEST: Final = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call] # untyped there
_ISOLATION: Final = (IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED)
_UNCOORDINATED: Final = (
    KafkaError._TIMED_OUT,
    KafkaError._WAIT_COORD,
    KafkaError._TRANSPORT,
    *NO_COORDINATOR,
)
"""The errors while a group's coordinator comes up, or is sought."""

_LOG = logging.getLogger(__package__)


class Admin:
    """Asks the broker; every method blocks, and may be called from any thread.

    All raise RetryError where it does not answer, RefusalError where it forbids the question.
    """

    def __init__(self, settings: Settings) -> None:
        self._properties = settings.kafka_properties()
        self._refused: KafkaError | None = None
        """The broker's error for an unknown user, since the last question."""
        self._was_answered = False
        """Whether the broker has answered this user: then it is away now, whatever it says."""
        self.client = self._connect()

    def _connect(self) -> AdminClient:
        # The client must not keep us: in a circle, both and its threads would stay for as long
        # as the collector of circles has too little to do.
        ours = weakref.WeakMethod(self._note_error)

        def note(error: KafkaError) -> None:
            if (method := ours()) is not None:
                method(error)

        return connect(AdminClient, {**self._properties, "error_cb": note}, logger=_LOG)

    def _note_error(self, error: KafkaError) -> None:
        """Keep the error for an unknown user, which comes here and not as an answer."""
        if error.code() in UNKNOWN_USER:
            self._refused = error

    def ping(self) -> None:
        """Return when the broker has answered; raises RefusalError for an unknown user."""
        self._refused = None
        try:
            self.result(self.client.describe_cluster(request_timeout=ASK_S))
        except (KafkaException, RetryError) as error:
            self.client = self._connect()
            if self._refused is not None:
                raise unknown_user(self._refused) from error
            raise self._away(error) from error

    def describe(self, names: Iterable[str]) -> dict[str, Topic]:
        """Return those of these topics that exist."""
        wanted = sorted(set(names))
        if not wanted:
            return {}
        futures = self.client.describe_topics(TopicCollection(wanted), request_timeout=TIMEOUT_S)
        found = {}
        for name, future in futures.items():
            try:
                described = self.result(future)
            except KafkaException as error:
                if error.args[0].code() in MISSING:
                    continue
                raise away(error, f"to see {name}", of_topic("Describe", name)) from error
            partitions = described.partitions
            replicas = min((len(p.replicas) for p in partitions), default=0)
            found[name] = Topic(name, str(described.topic_id), len(partitions), replicas)
        return found

    def require(self, names: Iterable[str]) -> dict[str, Topic]:
        """Return these topics; raises RefusalError where one is missing."""
        wanted = set(names)
        found = self.describe(wanted)
        if missing := sorted(wanted - set(found)):
            raise RefusalError(
                f"missing: {', '.join(missing)}. Run `cjo-stream topics create TOPOLOGY`"
            )
        return found

    def firsts(self, places: Iterable[Place]) -> dict[Place, int]:
        """Return the first offset that each partition still holds."""
        return self._offsets(places, EARLIEST)

    def ends(self, places: Iterable[Place], *, committed: bool = False) -> dict[Place, int]:
        """Return the offset that each partition's next record will get.

        `committed`: the end for consumers that read only committed records, as `reader` and the
        groups do: before the first open transaction.
        """
        return self._offsets(places, LATEST, committed=committed)

    def newest(self, place: Place) -> int:
        """Return the greatest time of a record that a partition holds, ms; -1 if it has none."""
        try:
            futures = self.client.list_offsets(
                {TopicPartition(*place): NEWEST},
                request_timeout=ASK_S,
            )
            (future,) = futures.values()
            return int(self.result(future).timestamp)
        except KafkaException as error:
            self._check_seen([place[0]])
            raise away(error) from error

    def groups(self) -> list[str]:
        """Return the names of all consumer groups that we may see."""
        try:
            found = self.result(self.client.list_consumer_groups(request_timeout=ASK_S))
        except KafkaException as error:
            raise away(error, "to list the consumer groups") from error
        return sorted(one.group_id for one in found.valid)

    def places(self) -> list[Place]:
        """Return each partition of each topic that we may see, but for Kafka's own topics."""
        try:
            topics = self.client.list_topics(timeout=TIMEOUT_S).topics
        except KafkaException as error:
            raise self._away(error) from error
        self._was_answered = True
        named = (one for one in topics.items() if not one[0].startswith("__"))
        return [(name, number) for name, topic in named for number in sorted(topic.partitions)]

    def committed(self, group: str, places: Iterable[Place]) -> dict[Place, TopicPartition]:
        """Return what a consumer group has committed of these partitions, where it has.

        A consumer that joins no group asks. librdkafka's admin client can ask, too, but ends the
        process with SIGSEGV where the group's coordinator has moved, or has just come back
        (github.com/confluentinc/librdkafka/issues/5040).
        """
        wanted = [TopicPartition(*place) for place in places]
        if not wanted:
            return {}
        consumer = self._asker_for(group)
        try:
            found = self._asked(consumer, wanted)
        except KafkaException as error:
            raise away(error, f"to see the group {group}", of_group("Describe", group)) from error
        finally:
            consumer.close()
        return {(one.topic, one.partition): one for one in found if one.offset >= 0}

    def _asker_for(self, group: str) -> Consumer:
        own = {
            "group.id": group,
            "enable.auto.commit": False,
            # Else an open transaction of the group's, of a process that died, is waited for.
            "isolation.level": "read_uncommitted",
        }
        return connect(Consumer, {**self._properties, **own}, logger=_LOG)

    @staticmethod
    def _asked(consumer: Consumer, wanted: list[TopicPartition]) -> list[TopicPartition]:
        """Ask until a coordinator answers, for `TIMEOUT_S` at most; raises KafkaException."""
        until_s = time.monotonic() + TIMEOUT_S
        while True:
            try:
                found = consumer.committed(wanted, COORDINATOR_S)
                for one in found:
                    if one.error is not None:
                        failed = KafkaException(one.error)
                        needed = of_topic("Describe", one.topic)
                        check_allowed(failed, f"to see the topic {one.topic}", needed)
                        raise failed
                return found
            except KafkaException as error:
                # Whoever may not see the group finds no coordinator: only a message says why.
                message = consumer.poll(0)
                if message is not None and (why := message.error()) is not None:
                    raise KafkaException(why) from error
                if time.monotonic() >= until_s or error.args[0].code() not in _UNCOORDINATED:
                    raise
                time.sleep(RETRY_S)

    def result(self, future: Any) -> Any:
        """Return the result of a future of `client`; raises KafkaException, RetryError."""
        try:
            found = future.result(2 * TIMEOUT_S)
        except TimeoutError as error:
            raise self._away(error) from error
        except KafkaException as error:
            if error.args[0].code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
                raise self._away(error) from error
            raise
        finally:
            # Only a poll makes an admin client pass on its log lines, and its errors.
            self.client.poll(0)
        self._was_answered = True
        return found

    def _away(self, error: Exception) -> CjoError:
        """Return the error for a broker that does not answer, with the cause where one is found.

        A broker that never answered this user, and does not know it, refuses; all else is waited
        for, since a certificate or a port may be mended at the broker.
        """
        if isinstance(error, RetryError):
            return error
        self.client.poll(0)
        if self._was_answered:
            return away(error)
        if self._refused is not None:
            return unknown_user(self._refused)
        found = handshake.fault(self._properties)
        return RetryError(found) if found else away(error)

    def _offsets(
        self, places: Iterable[Place], spec: OffsetSpec, *, committed: bool = False
    ) -> dict[Place, int]:
        wanted = {TopicPartition(*place): spec for place in places}
        if not wanted:
            return {}
        until_s = time.monotonic() + ASK_S
        are_seen = False
        while True:
            try:
                return self._list_offsets(wanted, _ISOLATION[committed])
            except (KafkaException, RetryError) as error:
                if isinstance(error, KafkaException) and not are_seen:
                    self._check_seen({place.topic for place in wanted})
                    are_seen = True
                # A client from before an outage may never learn the new leader epochs.
                self.client = self._connect()
                if time.monotonic() >= until_s:
                    raise away(error) from error
                # The broker answers, but a partition has no leader yet, or it has just come back.
                time.sleep(RETRY_S)

    def _list_offsets(
        self, wanted: dict[TopicPartition, OffsetSpec], isolation: IsolationLevel
    ) -> dict[Place, int]:
        futures = self.client.list_offsets(
            wanted, isolation_level=isolation, request_timeout=ASK_S
        )
        return {
            (place.topic, place.partition): self.result(future).offset
            for place, future in futures.items()
        }

    def _check_seen(self, names: Iterable[str]) -> None:
        """Raise RefusalError if the broker forbids one of these topics.

        A question for offsets then gets another error: that no partition has a leader.
        """
        with contextlib.suppress(RetryError):
            self.describe(names)
