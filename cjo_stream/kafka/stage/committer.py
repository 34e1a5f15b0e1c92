"""Commits the position of intake in each lane, and writes copies of the committed positions.

Commits only save work: items that are sent again after a crash have the same numbers, and the
tasks drop them. But a position is committed only when all before it is delivered, so each commit
first waits for what is on its way. A commit follows deliveries at most COMMIT_S later, always with
explicit offsets: a commit of "the consumer's position" would mean the position when the broker
receives it.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from cjo_stream.errors import RefusalError, StopError
from cjo_stream.kafka.client.consumer import committing
from cjo_stream.kafka.client.permission import Rights, refusal
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Sender
from cjo_stream.kafka.position.position import INTAKE, Position, copy_record
from cjo_stream.kafka.stage.lane import Lane
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics

COMMIT_S: Final = 0.25
LANES_MAX: Final = 100
"""Of one commit: a broker keeps it as one batch of at most 1 MB, and each may have 4,096 bytes."""
COPY_S: Final = 60.0
REFRESH_S: Final = 3_600.0
"""Positions that do not move are committed again this often: they would expire after days."""

_LOG = logging.getLogger(__package__)


class Committer:
    """Commits the positions of `lanes`, as `position` gives them."""

    def __init__(
        self,
        settings: Settings,
        lanes: Mapping[Place, Lane],
        consumer: Consumer,
        sender: Sender,
        metrics: Metrics,
        position: Callable[[Lane], Position],
    ) -> None:
        self._settings = settings
        self._lanes = lanes
        self._consumer = consumer
        self._sender = sender
        self._metrics = metrics
        self._position = position
        self._commit_due_s = self._copy_due_s = self._refresh_due_s = 0.0
        self._asked_s: deque[float] = deque()
        """When each commit that nobody waits for was asked for; they are answered in order."""

    def commit_when_due(self) -> None:
        """Commit moved positions when it is time; does not wait for the broker's answer."""
        now_s = time.monotonic()
        if now_s >= self._refresh_due_s:
            self._refresh_due_s = now_s + REFRESH_S
            self._forget()
        if now_s >= self._commit_due_s:
            self._commit_due_s = now_s + COMMIT_S
            self._commit(self._lanes.values(), wait=False)
        if now_s >= self._copy_due_s:
            self._copy_due_s = now_s + COPY_S
            self._copy()

    def commit(self, lanes: Iterable[Lane] | None = None) -> None:
        """Commit moved positions, of these lanes or all, and write copies; waits for the broker.

        Raises StopError where the broker does not accept them.
        """
        self._commit(self._lanes.values() if lanes is None else lanes, wait=True)
        self._copy()

    def commit_before_revoke(self) -> None:
        """Commit moved positions, for the next members with these partitions; never raises."""
        try:
            self._commit(self._lanes.values(), wait=True)
        except (StopError, RefusalError) as error:
            _LOG.warning("on a rebalance: %s", error)

    def on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        """Receive the broker's answer to a commit that nobody waited for."""
        took_s = time.perf_counter() - self._asked_s.popleft()
        refused = error or next((p.error for p in places if p.error is not None), None)
        if refused is not None:
            # No harm: the tasks drop what is read again. A fenced member gets an error instead of
            # its next record.
            _LOG.warning("positions were not committed: %s", refused)
            self._forget()
        else:
            self._metrics.observe("cjo_commit_seconds", (INTAKE,), took_s)

    def _forget(self) -> None:
        """Commit every position again at the next time."""
        for lane in self._lanes.values():
            lane.committed = None

    def _commit(self, lanes: Iterable[Lane], *, wait: bool) -> None:
        positions = [(lane, self._position(lane)) for lane in lanes]
        positions = [(lane, at) for lane, at in positions if at != lane.committed]
        if not positions:
            return
        self._sender.finish()
        moved = []
        for lane, at in positions:
            lane.committed = at
            moved.append(TopicPartition(*lane.place, at.offset, at.metadata))
        for start in range(0, len(moved), LANES_MAX):
            self._commit_some(moved[start : start + LANES_MAX], wait=wait)

    def _commit_some(self, moved: list[TopicPartition], *, wait: bool) -> None:
        began_s = time.perf_counter()
        if not wait:
            self._consumer.commit(offsets=moved, asynchronous=True)
            self._asked_s.append(began_s)
            return
        try:
            answers = self._consumer.commit(offsets=moved, asynchronous=False) or []
        except KafkaException as error:
            raise _uncommitted(error, committing(self._settings, INTAKE, moved)) from error
        if refused := [place.error for place in answers if place.error is not None]:
            raise _uncommitted(refused[0], committing(self._settings, INTAKE, moved))
        self._metrics.observe("cjo_commit_seconds", (INTAKE,), time.perf_counter() - began_s)

    def _copy(self) -> None:
        """Write copies of the committed positions."""
        records = []
        for lane in self._lanes.values():
            if lane.committed is not None and lane.committed != lane.copied:
                lane.copied = lane.committed
                records.append(copy_record(self._settings, INTAKE, lane.place, lane.committed))
        self._sender.send(records)


def _uncommitted(error: KafkaException | KafkaError, rights: Rights) -> StopError:
    return refusal(error, "to commit positions", rights) or StopError(
        f"positions could not be committed ({error}): this process goes on from those before, "
        "when it is started again"
    )
