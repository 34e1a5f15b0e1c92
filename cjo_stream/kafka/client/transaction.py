"""Transactions that hold when the network is late: all or nothing, each once, in order.

A request that was cut off with its connection may still be on its way while the client repeats it
on another one. When it arrives, the transaction it belongs to is over, and the next one is open:

    a late request       arrives in a later transaction of the same epoch       so
    EndTxn(commit)       commits what is there of it, and the rest fails        guarded here
    TxnOffsetCommit      moves the group's offset back                          guarded here
    AddPartitionsToTxn,  opens or widens a transaction; where none follows,     guarded here
      AddOffsetsToTxn      the broker aborts it, and shuts this client out
    Produce              has the sequence numbers of records that are there     the broker drops it
    InitProducerId       takes the next epoch: this client is shut out          it begins anew
    FindCoordinator      changes nothing

The guard is the producer's *epoch*: a new producer under the same transactional id gets the next
one, and what comes late with an older one is refused. It costs some 50 ms, too much for each
transaction. So it is taken only where a request may have been repeated, and that shows in the
time of the call:

    librdkafka repeats      after the first one failed, not before
    EndTxn, AddOffsetsToTxn   retry.backoff.ms, less its jitter of 20 percent
    TxnOffsetCommit           500 ms, fixed
    AddPartitionsToTxn        500 ms, fixed (20 ms where the broker *answered* that it is busy:
                              what was answered is not late)

`retry.backoff.ms` is set here, so REPEATED_AFTER_S after a call began is the earliest moment at
which any of its requests can go out a second time: a call that returned sooner sent each once and
had each answered. For this the stages of a transaction are calls of their own: records (`flush`),
offsets, commit. (Without the flush the offsets would also meet the transaction before, of which
the broker still writes the end, and each would wait for retry.backoff.ms.)

What took longer is in doubt, though it went well, and so is what failed. Before anything more is
written the next epoch is taken, by `open`; with it the broker ends what is still open, so that
the group's committed offsets, read after `open`, tell what became of a commit without an answer.
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
from cjo_stream.kafka.client.permission import check_allowed
from cjo_stream.kafka.client.property import connect
from cjo_stream.kafka.client.sender import PARTITIONER, POLL_S, Outgoing
from cjo_stream.settings import Settings

CALL_S: Final = 5.0
"""For one call into a transaction."""
FLUSH_S: Final = 10.0
"""For its records: a broker that is just back is slow, and to begin anew would take longer."""
OVERDUE_S: Final = 1.0
"""So much longer a call may take: librdkafka forgets its limit where a coordinator is away."""
BEGIN_WITHIN_S: Final = 120.0
"""For the broker to end what a predecessor left open."""
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
"""Codes by which a writer hears that a later one has its transactional id, or place in a group."""

_LOG = logging.getLogger(__package__)
_PROPERTIES: Final[dict[str, Any]] = {
    "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
    "retry.backoff.ms": RETRY_BACKOFF_MS,
    "retry.backoff.max.ms": 4 * RETRY_BACKOFF_MS,
    # Else librdkafka forgets all brokers where none answers, but not who coordinates the group: it
    # then waits for one that it has given up, without end.
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
        """`go_on` is asked again and again while the broker is waited for; it may raise."""
        self._properties = {
            **settings.kafka_properties(),
            "transactional.id": transactional_id,
            **_PROPERTIES,
        }
        self._go_on = go_on
        self._producer: Producer | None = None
        self._in_doubt = False

    def open(self) -> None:
        """Take the next epoch: shut out predecessors and late requests, end what they left open.

        Raises RetryError where the broker is away for long or `go_on` says no, StopError where
        there is no going on.
        """
        # Not the old one again: librdkafka cannot be asked for another epoch.
        self._producer = None
        producer = connect(Producer, self._properties, logger=_LOG)
        until_s = time.monotonic() + BEGIN_WITHIN_S
        while True:
            try:
                producer.init_transactions(CALL_S)
            except KafkaException as error:
                # The broker is away, or has a transaction of the predecessor to end first.
                may_come = error.args[0].retriable() and time.monotonic() < until_s
                if not may_come or not self._go_on():
                    check_transaction(error)
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

        Raises RetryError and StopError where it is not known what became of them. Then `open`,
        and read what was committed, before anything more is written.
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
            check_transaction(error)
        self._in_doubt = longest_s >= REPEATED_AFTER_S
        if self._in_doubt:
            _LOG.info("a call took %.1f s and may have been repeated: a new epoch", longest_s)

    def close(self) -> None:
        """Let go of the broker."""
        self._producer = None

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
    """Return how long a call took, in seconds."""
    began_s = time.monotonic()
    call()
    return time.monotonic() - began_s


def _send_offsets(producer: Producer, offsets: Sequence[TopicPartition], group: Any) -> None:
    """Return when the group's coordinator has the offsets; raises RetryError where it hangs.

    librdkafka waits without end for a coordinator that does not come back as it went
    (`RD_POLL_INFINITE` in rd_kafka_send_offsets_to_transaction). So the call is made in a thread,
    which is left to itself then, with its producer: whatever they still send is of an old epoch.
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


def check_transaction(error: KafkaException) -> Never:
    """Raise what the end of a transaction means."""
    told = error.args[0]
    check_allowed(error, "to write in a transaction")
    if told.retriable():
        raise RetryError(
            f"a transaction got no answer ({told}): is the broker up? What is in it is written "
            "again, from what was committed"
        ) from error
    if told.code() in FENCED:
        raise StopError(
            f"another writer has this one's transactional id, or place in its group ({told}): is "
            "another process running under the same slot? If not, the broker was away for long, "
            "and a start mends it"
        ) from error
    raise StopError(
        f"a transaction failed ({told}): what is in it is written again after a start, from what "
        "was committed. If it fails again, the broker's log says why"
    ) from error
