"""Questions about the broker: which topics and offsets it has."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # exported

from cjo_stream.errors import RefusalError, RetryError
from cjo_stream.kafka.client.error import MISSING, away
from cjo_stream.kafka.client.permission import UNKNOWN_USER, unknown_user
from cjo_stream.kafka.client.place import Place, Topic
from cjo_stream.kafka.client.property import connect
from cjo_stream.settings import Settings

TIMEOUT_S: Final = 10.0
"""For one answer of the broker."""
ASK_S: Final = 5.0
"""For an answer that is asked for again and again, where it does not come."""
RETRY_S: Final = 0.2
EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # untyped there
LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call] # untyped there
_ISOLATION: Final = (IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED)

_LOG = logging.getLogger(__package__)


class Admin:
    """Asks the broker; every method blocks, and may be called from any thread.

    They raise RetryError where it does not answer, RefusalError where it forbids the question.
    """

    def __init__(self, settings: Settings) -> None:
        self._properties = settings.kafka_properties()
        self._refused: KafkaError | None = None
        """How the broker said that it does not know this user, since it was last asked."""
        self.client = self._connect()

    def _connect(self) -> AdminClient:
        own = {**self._properties, "error_cb": self._hear}
        return connect(AdminClient, own, logger=_LOG)

    def _hear(self, error: KafkaError) -> None:
        """Take what is no answer to a question: who is not known gets none."""
        if error.code() in UNKNOWN_USER:
            self._refused = error

    def ping(self) -> None:
        """Return when the broker has answered; raises RefusalError where it knows nobody here."""
        self._refused = None
        try:
            self.result(self.client.describe_cluster(request_timeout=ASK_S))
        except (KafkaException, RetryError) as error:
            self.client = self._connect()
            if self._refused is not None:
                raise unknown_user(self._refused) from error
            raise away(error) from error

    def describe(self, names: Iterable[str]) -> dict[str, Topic]:
        """Return those of these topics that exist."""
        wanted = sorted(set(names))
        if not wanted:
            return {}
        futures = self.client.describe_topics(TopicCollection(wanted), request_timeout=TIMEOUT_S)
        found = {}
        for name, future in futures.items():
            try:
                told = self.result(future)
            except KafkaException as error:
                if error.args[0].code() in MISSING:
                    continue
                raise away(error, f"to see {name}") from error
            replicas = min((len(p.replicas) for p in told.partitions), default=0)
            found[name] = Topic(name, str(told.topic_id), len(told.partitions), replicas)
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

        `committed`: up to where who reads what is committed comes, as `reader` and the groups do:
        before the first transaction that is open.
        """
        return self._offsets(places, LATEST, committed=committed)

    def result(self, future: Any) -> Any:
        """Return what a future of `client` gives; raises KafkaException, RetryError."""
        try:
            return future.result(2 * TIMEOUT_S)
        except TimeoutError as error:
            raise away(error) from error
        except KafkaException as error:
            if error.args[0].code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
                raise away(error) from error
            raise
        finally:
            # An admin client has nobody who polls it for its log lines.
            self.client.poll(0)

    def _offsets(
        self, places: Iterable[Place], spec: OffsetSpec, *, committed: bool = False
    ) -> dict[Place, int]:
        wanted = {TopicPartition(*place): spec for place in places}
        if not wanted:
            return {}
        until_s = time.monotonic() + ASK_S
        while True:
            try:
                return self._list_offsets(wanted, _ISOLATION[committed])
            except (KafkaException, RetryError) as error:
                # A client that knew the broker of before may never learn of the new leader epochs.
                self.client = self._connect()
                if time.monotonic() >= until_s:
                    raise away(error) from error
                # It answered: a partition has no leader yet, or the broker is just back.
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
