"""Transactions that stay correct when requests are late: all or nothing, each once, in order.

A request whose connection broke may still be on its way while the client repeats it on another
connection. When it arrives, its own transaction may be over, and the next one open:

    a late request       in a later transaction of the same epoch               so
    EndTxn(commit)       commits the half that is there; the rest fails         guarded here
    TxnOffsetCommit      moves the group's offset back                          guarded here
    AddPartitionsToTxn,  opens or widens a transaction; if none follows,        guarded here
      AddOffsetsToTxn      the broker aborts it, and shuts this client out
    Produce              has sequence numbers that the broker has already       the broker drops it
    InitProducerId       takes the next epoch: this client is shut out          it begins anew
    FindCoordinator      changes nothing

The guard is the producer's *epoch*: a new producer under the same transactional id gets the next
epoch, and a late request with an older epoch is refused. A new producer costs some 50 ms, too much
for each transaction. So one is made only if a request may have been repeated, and that shows in
the duration of the call:

    librdkafka repeats      no sooner after a failure than
    EndTxn, AddOffsetsToTxn   retry.backoff.ms, less its jitter of 20 percent
    TxnOffsetCommit           500 ms, fixed
    AddPartitionsToTxn        500 ms, fixed (20 ms if the broker *answered* that it is busy: a
                              request that was answered is not late)

`retry.backoff.ms` is set here, so REPEATED_AFTER_S after a call began is the earliest moment at
which any of its requests can be sent a second time. A call that returned sooner sent each request
once, and each was answered. For this the stages of a transaction are separate calls: records
(`flush`), offsets, commit. (Without the flush the offsets would also find the broker still ending
the transaction before, and each call would wait for retry.backoff.ms.)

A call that took longer is in doubt, even if it succeeded, and so is one that failed. Before
anything more is written, `open` takes the next epoch. The broker then ends what is still open, so
the group's committed offsets, read after `open`, show whether a commit without an answer took
effect.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Never

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from cjo_stream.engine.frame import RECORD_BYTES_MAX
from cjo_stream.errors import RetryError, StopError
from cjo_stream.kafka.client.permission import (
    NO_RIGHTS,
    Rights,
    check_allowed,
    of_topic,
    of_writer,
)
from cjo_stream.kafka.client.property import connect
from cjo_stream.kafka.client.sender import PARTITIONER, POLL_S, Outgoing
from cjo_stream.settings import Settings

CALL_S: Final = 5.0
"""For one call into a transaction."""
FLUSH_S: Final = 10.0
"""For its records: a broker that has just come back is slow; beginning anew would take longer."""
OVERDUE_S: Final = 1.0
"""Extra time for a call: librdkafka ignores its limit while a coordinator is away."""
BEGIN_WITHIN_S: Final = 120.0
"""For the broker to end a predecessor's transaction."""
RETRY_S: Final = 0.2
TRANSACTION_TIMEOUT_MS: Final = 15_000
RETRY_BACKOFF_MS: Final = 250
REPEATED_AFTER_S: Final = 0.19
"""Less than RETRY_BACKOFF_MS, less 20 percent."""
FENCED: Final = (
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.TRANSACTION_COORDINATOR_FENCED,
    KafkaError.FENCED_INSTANCE_ID,
)
"""Codes that report to a writer that a later one has its transactional id or place in a group."""

_LOG = logging.getLogger(__package__)
_PROPERTIES: Final[dict[str, Any]] = {
    "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
    "retry.backoff.ms": RETRY_BACKOFF_MS,
    "retry.backoff.max.ms": 4 * RETRY_BACKOFF_MS,
    # Else librdkafka drops all brokers when none answers, but not the group's coordinator: it then
    # waits without end for a broker that it has given up.
    "metadata.recovery.strategy": "none",
    "linger.ms": 0,
    "compression.type": "lz4",
    "message.max.bytes": RECORD_BYTES_MAX,
    "partitioner": PARTITIONER,
}


class Transactions:
    """Writes under one transactional id, one transaction at a time. `open` it first."""

    def __init__(
        self, settings: Settings, transactional_id: str, go_on: Callable[[], bool] = lambda: True
    ) -> None:
        """`go_on` is called repeatedly while the broker is waited for; it may raise."""
        self._properties = {
            **settings.kafka_properties(),
            "transactional.id": transactional_id,
            **_PROPERTIES,
        }
        self._go_on = go_on
        self._producer: Producer | None = None
        self._in_doubt = False

    def open(self) -> None:
        """Take the next epoch: shut out predecessors and late requests, end their transactions.

        Raises RetryError if the broker is away for long or `go_on` returns False, StopError if
        this writer cannot go on.
        """
        # A new producer: the old one cannot be given another epoch.
        self._producer = None
        producer = connect(Producer, self._properties, logger=_LOG)
        until_s = time.monotonic() + BEGIN_WITHIN_S
        while True:
            try:
                producer.init_transactions(CALL_S)
            except KafkaException as error:
                # The broker is away, or must first end a transaction of the predecessor.
                may_come = error.args[0].retriable() and time.monotonic() < until_s
                if not may_come or not self._go_on():
                    check_transaction(error, *self._doing(()))
                time.sleep(RETRY_S)
            else:
                break
        self._producer, self._in_doubt = producer, False

    def write(
        self,
        records: Sequence[Outgoing],
        offsets: Sequence[TopicPartition] = (),
        group: Any = None,
    ) -> None:
        """Write records, and a group's next offsets, all or nothing; `group` is its metadata.

        After a RetryError or StopError it is unknown whether they were written. Then `open`, and
        read the committed offsets, before anything more is written.
        """
        if self._in_doubt:
            self.open()
        producer = self._producer
        assert producer is not None, "open comes first"
        self._in_doubt = True
        try:
            producer.begin_transaction()
            longest_s = _timed(lambda: self._send(producer, records))
            if offsets:
                took_s = _timed(lambda: _send_offsets(producer, offsets, group))
                longest_s = max(longest_s, took_s)
            self._go_on()
            longest_s = max(longest_s, _timed(lambda: producer.commit_transaction(CALL_S)))
        except KafkaException as error:
            check_transaction(error, *self._doing(records))
        self._in_doubt = longest_s >= REPEATED_AFTER_S
        if self._in_doubt:
            _LOG.info("a call took %.1f s and may have been repeated: a new epoch", longest_s)

    def close(self) -> None:
        """Drop the producer, and its connections."""
        self._producer = None

    def _doing(self, records: Sequence[Outgoing]) -> tuple[str, Rights]:
        """Return what is done, for a refusal, and which rights that needs."""
        topics = sorted({record.topic for record in records})
        id_ = self._properties["transactional.id"]
        named = f"to write under the transactional id {id_}"
        if not topics:
            return named, of_writer(id_)
        return f"{named} to {', '.join(topics)}", {**of_writer(id_), **of_topic("Write", *topics)}

    def _send(self, producer: Producer, records: Sequence[Outgoing]) -> None:
        """Return when the broker has acknowledged the records, or refused one for good."""
        for record in records:
            self._produce(producer, record)
        if left := producer.flush(FLUSH_S):
            raise RetryError(
                f"{left} records of a transaction were not acknowledged within {FLUSH_S:.0f} s: "
                "is the broker up? What is in it is written again"
            )

    def _produce(self, producer: Producer, record: Outgoing) -> None:
        while True:
            try:
                producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    headers=list(record.headers),
                )
            except BufferError:
                producer.poll(POLL_S)
                self._go_on()
            else:
                return


def _timed(call: Callable[[], None]) -> float:
    """Return the duration of a call in seconds."""
    began_s = time.monotonic()
    call()
    return time.monotonic() - began_s


def _send_offsets(producer: Producer, offsets: Sequence[TopicPartition], group: Any) -> None:
    """Return when the group's coordinator has the offsets; raises RetryError if the call hangs.

    librdkafka waits without end for a coordinator that does not come back as it went
    (`RD_POLL_INFINITE` in rd_kafka_send_offsets_to_transaction). So the call is made in a thread.
    If it hangs, thread and producer are abandoned: whatever they still send has an old epoch.
    """
    results: queue.SimpleQueue[KafkaException | None] = queue.SimpleQueue()

    def call() -> None:
        try:
            producer.send_offsets_to_transaction(list(offsets), group, CALL_S)
        except KafkaException as error:
            results.put(error)
        else:
            results.put(None)

    threading.Thread(target=call, name="offsets", daemon=True).start()
    try:
        error = results.get(timeout=CALL_S + OVERDUE_S)
    except queue.Empty:
        raise RetryError(
            "the group's coordinator does not answer: is the broker up? What is in the "
            "transaction is written again"
        ) from None
    if error is not None:
        raise error


def check_transaction(
    error: KafkaException, what: str = "to write in a transaction", rights: Rights = NO_RIGHTS
) -> Never:
    """Raise the meaning of an error that ended a transaction.

    `what` was done, for a refusal, and needs `rights`.
    """
    cause = error.args[0]
    check_allowed(error, what, rights)
    if cause.retriable():
        raise RetryError(
            f"a transaction got no answer ({cause}): is the broker up? What is in it is written "
            "again, from what was committed"
        ) from error
    if cause.code() in FENCED:
        raise StopError(
            f"another writer has this one's transactional id, or place in its group ({cause}): is "
            "another process running under the same slot? If not, the broker was away for long, "
            "and a start mends it"
        ) from error
    raise StopError(
        f"a transaction failed ({cause}): what is in it is written again after a start, from what "
        "was committed. If it fails again, the broker's log says why"
    ) from error
