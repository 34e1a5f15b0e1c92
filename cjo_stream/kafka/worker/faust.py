"""Everything that uses Faust: joining the group, partitions, fetching records.

Faust's own tables, producer, serializers, windows and web server stay unused. Where its hooks do
not suffice, its driver is subclassed; each place states its reason.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import faust
from aiokafka import errors
from aiokafka.errors import (
    CorruptRecordException,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from faust.auth import GSSAPICredentials, SASLCredentials, SSLCredentials
from faust.tables import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message, StreamT

from cjo_stream.engine.port import LogRecord
from cjo_stream.errors import InvariantError, UsageError
from cjo_stream.kafka.client.error import damaged
from cjo_stream.kafka.client.tls import tls_context
from cjo_stream.kafka.worker.assignment import Assignment
from cjo_stream.kafka.worker.steps import Arrival

FETCH_WAIT_MS: Final = 100
FETCH_BYTES: Final = 1 << 20
"""Of one partition in one fetch; a larger record comes alone."""
POLL_RECORDS_MAX: Final = 100
REBALANCE_TIMEOUT_S: Final = 20.0
REQUEST_TIMEOUT_S: Final = 60.0
COMMIT_INTERVAL_S: Final = 1.0
HEARTBEATS_A_SESSION: Final = 10
JOIN_AGAIN_S: Final = 0.2

_LOG = logging.getLogger(__name__)


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust waits 1.5 s for a fetch to fill, and has no setting for it.
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    def verify_event_path(self, now: float, tp: TP) -> None:
        # Faust would miss its streams' events, and log that; the watchdog looks at progress.
        self._verify_aiokafka_event_path(now, tp)

    async def on_start(self) -> None:
        await super().on_start()
        # A coordinator that has just come up refuses for a while. aiokafka raises that refusal at
        # the next poll, and waits for that poll before it joins again. Faust does not poll like
        # that: it would hang, or end its app.
        coordinator = self._ensure_consumer()._coordinator
        coordinator._push_error_to_user = joins_again(coordinator._push_error_to_user)

    async def _fetch_records(self, *args: Any, **named: Any) -> Any:
        # aiokafka raises these only once, and they would end Faust's app with an unhelpful text.
        try:
            return await super()._fetch_records(*args, **named)
        except NoOffsetForPartitionError:
            # The group has committed nothing there yet; our own seek decides where to begin.
            return {}
        except OffsetOutOfRangeError as error:
            assignment = cast(WorkerApp, self.app).assignment
            for place, offset in error.args[0].items():
                assignment.out_of_range(place.partition, offset)
            return {}
        except CorruptRecordException as error:
            app = cast(WorkerApp, self.app)
            app.assignment.fail(damaged(app.internal_topic, str(error)))
            return {}


def joins_again(
    push: Callable[[Exception], Awaitable[object]],
) -> Callable[[Exception], Awaitable[object]]:
    """Return a handler of a group member's errors, in place of `push`.

    A temporary error is logged, and the member joins again.
    """

    def handle(error: Exception) -> Awaitable[object]:
        if not passes(error):
            return push(error)
        _LOG.warning("the group's coordinator refuses for now, and is asked again: %s", error)
        return asyncio.sleep(JOIN_AGAIN_S)

    return handle


def passes(error: Exception) -> bool:
    """Return whether an error of aiokafka is temporary.

    An error in an answer to SyncGroup or JoinGroup is only named in a plain KafkaError's text.
    """
    if type(error) is errors.KafkaError and error.args:
        name = str(error.args[0]).partition("(")[0]
        kind = getattr(errors, name, None)
        return isinstance(kind, type) and bool(getattr(kind, "retriable", False))
    return bool(getattr(error, "retriable", False))


class _Consumer(driver.Consumer):
    """Goes on from the positions of the stores, not from the group's committed offsets."""

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _worker_app(self) -> WorkerApp:
        return cast(WorkerApp, self.app)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        # Faust passes on each record it is given here by four tasks, over several turns of the
        # loop, and then through an agent's stream. Steps keep the loop for long, so records came
        # more slowly than they were processed: no step was ever full, and each had a commit of
        # its own. So all that was fetched is put at once, and Faust is given nothing.
        assignment = self._worker_app.assignment
        async for place, message in super().getmany(timeout):
            await assignment.put(place.partition, self._arrival(message))
        return
        yield  # an iterator, as Faust's

    def _arrival(self, message: Message) -> Arrival:
        time_ms = round(message.timestamp * 1000)
        record = LogRecord(message.offset, time_ms, message.value or b"")
        return Arrival(record, functools.partial(self.ack, message))

    async def perform_seek(self) -> None:
        # Faust calls this after every rebalance, and whenever it has stopped the flow: records
        # never begin to come by another path.
        await super().perform_seek()
        assigned = {TP(tp.topic, tp.partition) for tp in self.assignment()}
        open_at = await self._worker_app.assignment.assign(tp.partition for tp in assigned)
        self.pause_partitions({tp for tp in assigned if tp.partition not in open_at})
        await self.seek_to(open_at)

    async def seek_to(self, positions: Mapping[int, int]) -> None:
        """Fetch these partitions from these offsets on."""
        topic = self._worker_app.internal_topic
        offsets = {TP(topic, partition): offset for partition, offset in positions.items()}
        if not offsets:
            return
        # `seek` would call aiokafka from the wrong thread; `seek_wait` runs in its own.
        await self.seek_wait(offsets)
        # Else acknowledgements below the group's committed offset would be dropped, and those far
        # above it would never be committed.
        self._committed_offset.update(offsets)


class _Transport(driver.Transport):
    Consumer = _Consumer


class _Tables(TableManager):
    """None: so a start does not wait for them, as Faust does for a second."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class WorkerApp(faust.App):
    """A Faust app that serves an `Assignment`, and is its feed."""

    assignment: Assignment
    internal_topic: str

    def _new_transport(self) -> _Transport:
        return _Transport(self.conf.broker_consumer, self)

    async def resume(self, positions: Mapping[int, int]) -> None:
        """Fetch these partitions, paused while their stores were opened, from these offsets on."""
        await cast(_Consumer, self.consumer).seek_to(positions)
        self.consumer.resume_partitions({TP(self.internal_topic, p) for p in positions})


def build_app(
    assignment: Assignment,
    *,
    group: str,
    instance_id: str,
    internal_topic: str,
    partitions: int,
    properties: Mapping[str, str],
    session_timeout_ms: int,
    folder: Path,
) -> WorkerApp:
    """Return the app that feeds `assignment`; it is not started yet.

    `properties` are librdkafka's; of these, the broker's address, SASL and TLS are passed on to
    Faust's client. `folder` is for Faust's files, none of which matters.
    Raises UsageError for a property that Faust's client does not support.
    """
    session_s = session_timeout_ms / 1000
    folder.mkdir(parents=True, exist_ok=True)
    app = WorkerApp(
        group,
        broker=broker_urls(properties),
        broker_credentials=credentials(properties),
        broker_client_id=properties.get("client.id", group),
        store="memory://",
        TableManager=_Tables,
        datadir=str(folder),
        autodiscover=False,
        web_enabled=False,
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        # Never reset: a worker reads the next record of the log, or ends.
        consumer_auto_offset_reset="none",
        consumer_group_instance_id=instance_id,
        consumer_max_fetch_size=FETCH_BYTES,
        broker_max_poll_records=POLL_RECORDS_MAX,
        stream_wait_empty=False,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / HEARTBEATS_A_SESSION,
        broker_commit_interval=COMMIT_INTERVAL_S,
        broker_request_timeout=max(REQUEST_TIMEOUT_S, session_s),
        broker_rebalance_timeout=REBALANCE_TIMEOUT_S,
        producer_acks=-1,
        worker_redirect_stdouts=False,
    )
    app.assignment = assignment
    app.internal_topic = internal_topic
    assignment.feed = app
    topic = app.topic(
        internal_topic, value_type=bytes, value_serializer="raw", partitions=partitions
    )

    async def idle(stream: StreamT[Any]) -> None:
        async for _ in stream:
            raise InvariantError("a record came by way of Faust's stream")

    # Only an agent makes Faust subscribe, and commit what is acknowledged.
    app.agent(topic, name="task", concurrency=1)(idle)

    async def revoked(*_: Any, **__: Any) -> None:
        await assignment.revoke()

    async def assigned(*args: Any, **_: Any) -> None:
        if not args[-1]:
            # Without partitions Faust does not seek; stores must be released all the same.
            await assignment.assign(())

    async def stopping(*_: Any, **__: Any) -> None:
        # While the app is stopping, Faust calls no hook for a revoke.
        await assignment.close()

    app.on_partitions_revoked.connect(revoked)
    app.on_partitions_assigned.connect(assigned)
    app.on_before_shutdown.connect(stopping)
    return app


# --- librdkafka's properties, for Faust ----------------------------------------------------------


def broker_urls(properties: Mapping[str, str]) -> list[str]:
    """Return `bootstrap.servers` as Faust wants it."""
    servers = (server.strip() for server in properties["bootstrap.servers"].split(","))
    return [f"kafka://{server}" for server in servers if server]


def credentials(
    properties: Mapping[str, str],
) -> SASLCredentials | SSLCredentials | GSSAPICredentials | None:
    """Return Faust's credentials for librdkafka's properties; None if the broker needs none.

    Raises UsageError for properties that Faust's client does not support.
    """
    protocol = properties.get("security.protocol", "plaintext").lower()
    if protocol == "plaintext":
        return None
    context = tls_context(properties) if protocol.endswith("ssl") else None
    if protocol == "ssl":
        return SSLCredentials(context)
    if protocol not in ("sasl_plaintext", "sasl_ssl"):
        raise UsageError(
            f"security.protocol {protocol!r} is none of Kafka's: use plaintext, ssl, "
            "sasl_plaintext or sasl_ssl"
        )
    mechanism = properties.get("sasl.mechanism") or properties.get("sasl.mechanisms", "GSSAPI")
    mechanism = mechanism.upper()
    if mechanism == "GSSAPI":
        return GSSAPICredentials(
            kerberos_service_name=properties.get("sasl.kerberos.service.name", "kafka"),
            ssl_context=context,
            mechanism=mechanism,
        )
    if mechanism not in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        raise UsageError(
            f"sasl.mechanism {mechanism} is not supported by the worker: use PLAIN, "
            "SCRAM-SHA-256, SCRAM-SHA-512 or GSSAPI"
        )
    return SASLCredentials(
        username=properties.get("sasl.username"),
        password=properties.get("sasl.password"),
        ssl_context=context,
        mechanism=mechanism,
    )
