"""The clients of the broker: librdkafka's, as intake, dispatch and the commands use them.

    an error's code        what it means here
    -150, or `fatal()`     this client is finished, for good: StopError, the process begins anew
    a missing topic        RefusalError, naming the command that mends it
    an authorization       RefusalError: whoever asks again is forbidden again
    timeouts, transport    the broker is away: RetryError where somebody waits for an answer

The code -150 is looked at because `fatal()` is False for the very message by which a consumer
hears that it was fenced; a process that goes on polling then polls for ever.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # exported

from cjo_stream.errors import RefusalError, RetryError, StopError, UsageError
from cjo_stream.kafka.client.permission import UNKNOWN_USER, check_allowed, refusal, unknown_user
from cjo_stream.kafka.client.producer import PROPERTIES
from cjo_stream.kafka.client.property import connect
from cjo_stream.settings import Settings

TIMEOUT_S: Final = 10.0
"""For one answer of the broker."""
ASK_S: Final = 5.0
"""For an answer that is asked for again and again, where it does not come."""
POLL_S: Final = 0.05
RETRY_S: Final = 0.2
MISSING: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
_DAMAGED: Final = (KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION)
PARTITIONER: Final = "murmur2_random"
"""As Java's clients place keys, so that what they write and read lies side by side with ours."""
ANY_PARTITION: Final = -1
EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # untyped there
LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call] # untyped there
_ISOLATION: Final = (IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED)

_LOG = logging.getLogger(__name__)

Place = tuple[str, int]
"""(topic, partition)"""


class Topic(msgspec.Struct, frozen=True):
    """A topic as the broker has it. `id` is another one when it was created anew."""

    name: str
    id: str
    partitions: int
    replicas: int


class Outgoing(msgspec.Struct, frozen=True):
    """One record to produce."""

    topic: str
    value: bytes | None
    partition: int = ANY_PARTITION
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


# --- what errors mean ----------------------------------------------------------------------------


def is_fatal(error: KafkaError) -> bool:
    """Return whether the client that reports this can never go on."""
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def is_fenced(error: KafkaError) -> bool:
    """Return whether another client has the name of the one that reports this."""
    if error.code() in (KafkaError._FENCED, KafkaError.FENCED_INSTANCE_ID):
        return True
    # A consumer tells it as a fatal error, whose reason stands in its text alone.
    return is_fatal(error) and "fenced" in error.str()


def is_out_of_range(error: KafkaError) -> bool:
    """Return whether a log begins after what is to be read next, or ends before it."""
    return error.code() in (
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError._LOG_TRUNCATION,
        KafkaError.OFFSET_OUT_OF_RANGE,
    )


def check_consumed(error: KafkaError, topic: str | None) -> None:
    """Take the error that came in place of a message; raises what it means, or logs it."""
    if is_fenced(error):
        raise StopError(
            "another consumer has this process's place in its group: a second process of the same "
            "CJO_SLOT, perhaps on another machine, or, after an outage of the broker, this one "
            "itself, which begins anew when it is started again. If it comes again and again, "
            "give each process a CJO_SLOT of its own"
        )
    if is_fatal(error) or error.code() == KafkaError._MAX_POLL_EXCEEDED:
        raise StopError(
            f"this consumer is finished ({error}), and others may have its partitions: the "
            "process ends, and begins anew when it is started again"
        )
    if error.code() in MISSING:
        raise RefusalError(f"the topic {topic} is missing: run `cjo-stream topics create`")
    if is_out_of_range(error):
        raise StopError(
            f"topic {topic} no longer holds the record to be read next: it was cut, lost its end, "
            "or was created anew. The next start says which, and what to do"
        )
    if error.code() in _DAMAGED:
        raise damaged(topic or "read here", error.str())
    check_allowed(error, f"to read {topic or 'here'}")
    _LOG.warning("consumer: %s", error)


def damaged(topic: str, why: str) -> RefusalError:
    """Return the error for a record whose bytes are not those that were written."""
    return RefusalError(
        f"a record of topic {topic} is damaged ({why}): a disk of the broker, or what lies "
        "between, changed its bytes. Nothing of it was taken. Let another replica lead the "
        "partition, or bring the log back from a copy; then start again"
    )


def away(error: Exception, what: str = "to ask") -> RetryError:
    """Return the error for a broker that did not answer; one that says so already as it is.

    Raises RefusalError where it did, and forbids this user `what` was asked.
    """
    if isinstance(error, RetryError):
        return error
    if isinstance(error, KafkaException):
        check_allowed(error, what)
    return RetryError(f"the broker does not answer ({error}); is it up, is its address right?")


def check_address(settings: Settings) -> None:
    """Raise UsageError where no host of `bootstrap.servers` is known: waiting would not help."""
    hosts = [_host(s) for s in settings.kafka_properties()["bootstrap.servers"].split(",")]
    if not any(map(_may_be_known, hosts)):
        raise UsageError(
            f"no broker is to be found: the host {', '.join(hosts)} is not known; set "
            "CJO_KAFKA__BOOTSTRAP_SERVERS to host:port of one"
        )


def _host(server: str) -> str:
    """Return the host in `host:port`, `[address]:port` or `protocol://host:port`."""
    named = server.strip().rpartition("://")[2]
    host, colon, port = named.rpartition(":")
    return (host if colon and port.isdigit() else named).strip("[]")


def _may_be_known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror as error:
        # Whoever cannot be asked just now may know it later.
        return error.errno != socket.EAI_NONAME
    except UnicodeError:
        return False
    return True


# --- consumers -----------------------------------------------------------------------------------


def group_id(settings: Settings, stage: str) -> str:
    """Return the consumer group of a stage; installations on one broker differ by prefix."""
    return f"{settings.topic_prefix}{settings.group}.{stage}"


def group_consumer(
    settings: Settings,
    stage: str,
    on_commit: Callable[[KafkaError | None, list[TopicPartition]], None] | None = None,
) -> Consumer:
    """Return a static member of a stage's group, which never stores or resets an offset itself."""
    own: dict[str, Any] = {
        "group.id": group_id(settings, stage),
        "group.instance.id": f"{stage}-{settings.slot}",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": min(3_000, settings.session_timeout_ms // 3),
        "partition.assignment.strategy": "roundrobin",
        "error_cb": _log_error,
        **_READING,
    }
    if on_commit is not None:
        own["on_commit"] = on_commit
    return connect(Consumer, {**settings.kafka_properties(), **own}, logger=_LOG)


def check_fatal(messages: Iterable[Message]) -> None:
    """Raise StopError where a consumer told with these messages that it is finished.

    It does so once; so this is asked of what is thrown away, too.
    """
    for message in messages:
        error = message.error()
        if error is not None and is_fatal(error):
            check_consumed(error, message.topic())


def _log_error(error: KafkaError) -> None:
    _LOG.warning("consumer: %s", error)


def reader(
    settings: Settings,
    positions: Mapping[Place, int],
    *,
    committed: bool = True,
    fetch_bytes: int | None = None,
) -> Consumer:
    """Return a consumer of no group that reads these partitions from these offsets on.

    `committed`: not beyond the first transaction that is open. `fetch_bytes`: of a partition at
    once, where that is not to be librdkafka's 1 MiB; a larger record comes all the same.
    """
    # librdkafka asks for a group even where none is joined and nothing is committed.
    own = {"group.id": f"{settings.topic_prefix}reader", **_READING}
    if not committed:
        own["isolation.level"] = "read_uncommitted"
    if fetch_bytes is not None:
        own["fetch.message.max.bytes"] = fetch_bytes
    consumer = connect(Consumer, {**settings.kafka_properties(), **own}, logger=_LOG)
    consumer.assign([TopicPartition(*place, offset) for place, offset in positions.items()])
    return consumer


_READING: Final[dict[str, Any]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    # The broker hands on what its disk gives: a changed byte is seen by who reads, if it looks.
    "check.crcs": True,
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 20,
    # What is fetched ahead; memory stays flat however far behind this process is.
    "queued.max.messages.kbytes": 16_384,
}


def is_end(message: Message) -> bool:
    """Return whether this says that a partition was read to its end (its offset is that end)."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


# --- the producer --------------------------------------------------------------------------------


class Sender:
    """An idempotent producer without gaps, for a process without an event loop."""

    def __init__(self, settings: Settings, on_wait: Callable[[], None] = lambda: None) -> None:
        own = {**PROPERTIES, "partitioner": PARTITIONER}
        self._producer = connect(Producer, {**settings.kafka_properties(), **own}, logger=_LOG)
        self._on_wait = on_wait
        self._missing = 0
        self._failed: KafkaError | None = None

    def send(self, records: Sequence[Outgoing]) -> None:
        """Return when the broker has acknowledged all records, in order for each partition.

        Waits for as long as the broker is away; `on_wait` is called meanwhile and may raise.
        Raises StopError when a record can never be delivered, RefusalError where it is forbidden.
        """
        for record in records:
            self._produce(record)
        while self._missing and self._failed is None:
            self._producer.poll(POLL_S)
            self._on_wait()
        if self._failed is not None:
            raise _undelivered(self._failed, "to write")

    def close(self) -> None:
        """Give up what is not delivered yet, and let go of the broker."""
        self._producer.purge()
        # Its threads end with it, and who begins anew may still hold this.
        del self._producer

    def _produce(self, record: Outgoing) -> None:
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
                self._producer.poll(POLL_S)
                self._on_wait()
            except KafkaException as error:
                raise _undelivered(error.args[0], f"to write {record.topic}") from error
            else:
                self._missing += 1
                return

    def _report(self, error: KafkaError | None, _: Message) -> None:
        self._missing -= 1
        self._failed = self._failed or error


def _undelivered(error: KafkaError, what: str) -> RefusalError | StopError:
    return refusal(error, what) or StopError(
        f"a record was not delivered ({error}); this process ends, and what it was doing is done "
        "again when it is started"
    )


# --- questions about the broker ------------------------------------------------------------------


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
