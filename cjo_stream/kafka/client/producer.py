"""The producer of internal frames: idempotent, without gaps, awaited.

If a frame were lost and a later one delivered, the receiver would find a hole in its lane. So the
producer never gives up a frame (`message.timeout.ms=0`) and refuses to go on past a failed one
(`enable.gapless.guarantee`), and a failed delivery ends the process instead of dropping the frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from cjo_stream.engine.frame import RECORD_BYTES_MAX
from cjo_stream.errors import StopError
from cjo_stream.kafka.client.permission import check_allowed, of_topic, refusal
from cjo_stream.kafka.client.property import connect

QUEUED_RECORDS_MAX: Final = 100_000
POLL_S: Final = 0.1
"""A process that ends waits for so long at most: its successor cannot start before."""
ROOM_WAIT_S: Final = 0.01

PROPERTIES: Final[dict[str, Any]] = {
    "enable.idempotence": True,
    "enable.gapless.guarantee": True,
    "message.timeout.ms": 0,
    "linger.ms": 0,
    "compression.type": "lz4",
    "message.max.bytes": RECORD_BYTES_MAX,
    "queue.buffering.max.messages": QUEUED_RECORDS_MAX,
}

Addressed = tuple[str, int, bytes]
"""(topic, partition, value)"""

_LOG = logging.getLogger(__package__)


class FrameProducer:
    """One producer a process; `send` may be awaited by several partitions at once."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        self._producer = connect(Producer, {**properties, **PROPERTIES}, logger=_LOG)
        self._open = True
        self._poller = threading.Thread(target=self._poll, name="delivery-reports", daemon=True)
        self._poller.start()

    @property
    def alive(self) -> bool:
        """Return whether delivery reports still come."""
        return self._poller.is_alive()

    async def send(self, frames: Sequence[Addressed]) -> None:
        """Return when the broker has acknowledged all frames, in order for each partition.

        Raises StopError if one can never be delivered: a process that starts afresh from its store
        must then send all of it again.
        """
        if not frames:
            return
        batch = _Batch(len(frames), asyncio.get_running_loop())
        for topic, partition, value in frames:
            while True:
                try:
                    self._producer.produce(
                        topic, value, partition=partition, on_delivery=batch.report
                    )
                    break
                except BufferError:
                    await asyncio.sleep(ROOM_WAIT_S)
                except KafkaException as error:
                    raise _lost(error.args[0], topic) from error
        await batch.delivered

    async def send_keyed(self, topic: str, key: bytes, value: bytes | None) -> None:
        """Return when the broker has acknowledged one record in partition 0; raises StopError."""
        batch = _Batch(1, asyncio.get_running_loop())
        try:
            self._producer.produce(topic, value, key, partition=0, on_delivery=batch.report)
        except (BufferError, KafkaException) as error:
            if isinstance(error, KafkaException):
                check_allowed(error, f"to write {topic}", of_topic("Write", topic))
            raise StopError(f"{topic} could not be written ({error}); start again") from error
        await batch.delivered

    def close(self) -> None:
        """Stop the delivery reports; frames that are not delivered yet are given up."""
        self._open = False
        self._poller.join(timeout=2 * POLL_S)

    def _poll(self) -> None:
        while self._open:
            try:
                self._producer.poll(POLL_S)
            except KafkaException as error:
                _LOG.error("the producer is finished: %s", error)
                with contextlib.suppress(KafkaException):
                    self._producer.poll(POLL_S)  # the report behind it says why
                return


class _Batch:
    """Counts the delivery reports of one `send`; called in the poller's thread."""

    __slots__ = ("_loop", "_missing", "delivered")

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        self._missing = count
        self._loop = loop
        self.delivered: asyncio.Future[None] = loop.create_future()

    def report(self, error: KafkaError | None, message: Message) -> None:
        """Count one delivery report."""
        self._missing -= 1
        if error is not None:
            self._loop.call_soon_threadsafe(self._finish, _lost(error, message.topic()))
        elif self._missing == 0:
            self._loop.call_soon_threadsafe(self._finish, None)

    def _finish(self, error: StopError | None) -> None:
        if self.delivered.done():
            return
        if error is None:
            self.delivered.set_result(None)
        else:
            self.delivered.set_exception(error)


def _lost(error: KafkaError, topic: str | None) -> StopError:
    return refusal(error, f"to write {topic}", of_topic("Write", topic or "")) or StopError(
        f"a frame was not delivered ({error}); this process ends, and goes on from its store when "
        "it is started again"
    )
