"""The metrics of a worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from cjo_stream.kafka.worker.assignment import Assignment
from cjo_stream.telemetry import Metrics, Step, Tracing

STAGE: Final = "task"


class WorkerReport:
    """Feeds the metrics of one worker; all calls come from its event loop."""

    def __init__(self, metrics: Metrics, topic: str, tracing: Tracing | None = None) -> None:
        """`topic` is the internal topic, which spans name."""
        self._metrics = metrics
        self._topic = topic
        self._tracing = tracing
        self._shown: set[int] = set()
        """Partitions whose lag is published."""
        self._assigned = 0

    def step(self, process_s: float, partition: int, frames: int, traces: Sequence[str]) -> None:
        """Record how long one step of a partition was processed, and make its span."""
        self._metrics.observe("cjo_stage_seconds", (STAGE,), process_s)
        if traces and self._tracing is not None:
            self._tracing.record(Step(traces, process_s, frames, self._topic, partition))

    def close(self) -> None:
        """Export the spans that wait, for a moment."""
        if self._tracing is not None:
            self._tracing.close()

    def commit(
        self, counts: Mapping[tuple[str, ...], float], delays: Sequence[int], commit_s: float
    ) -> None:
        """Record one commit: the task's counts, its timers' delays in ms, and how long it took."""
        self._metrics.add(counts)
        for delay_ms in delays:
            self._metrics.observe("cjo_timer_delay_seconds", (), delay_ms / 1000)
        self._metrics.observe("cjo_commit_seconds", (STAGE,), commit_s)

    def restored(self, seconds: float) -> None:
        """Record the duration of one restore."""
        self._metrics.observe("cjo_restore_seconds", (), seconds)

    def cached(self, held_bytes: int) -> None:
        """Publish how many bytes of memory customers take, of all partitions."""
        self._metrics.set("cjo_cached_bytes", (), held_bytes)

    def standing(self, assignment: Assignment, ends: Mapping[int, int]) -> None:
        """Publish the positions of the partitions; `ends` are the log's ends, when last asked."""
        metrics, partitions = self._metrics, assignment.partitions
        for partition in partitions:
            if partition.number in ends:
                lag = max(0, ends[partition.number] - max(partition.next_offset, 0))
                metrics.set("cjo_lag_records", (STAGE, str(partition.number)), lag)
                self._shown.add(partition.number)
        for number in self._shown - {partition.number for partition in partitions}:
            metrics.forget("cjo_lag_records", (STAGE, str(number)))
            self._shown.discard(number)
        self._show_live(assignment)
        self._show_canaries(assignment)
        metrics.add({("cjo_rebalances_total",): assignment.assigned - self._assigned})
        self._assigned = assignment.assigned
        metrics.set("cjo_state_bytes", (STAGE,), sum(p.state_bytes for p in partitions))
        ages = [age for p in partitions if (age := p.checkpoint_age_s) is not None]
        if ages:
            metrics.set("cjo_checkpoint_age_seconds", (), max(ages))
        else:
            metrics.forget("cjo_checkpoint_age_seconds")

    def _show_live(self, assignment: Assignment) -> None:
        """Publish the live instances of all partitions here, by journey and state."""
        live: Counter[tuple[str, str]] = Counter()
        for partition in assignment.partitions:
            for journey, versions in partition.live.items():
                for states in versions.values():
                    for state, number in states.items():
                        live[journey, state] += number
        self._metrics.forget("cjo_journey_instances")
        for (journey, state), number in sorted(live.items()):  # so the same ones have a series
            self._metrics.set("cjo_journey_instances", (journey, state), number)

    def _show_canaries(self, assignment: Assignment) -> None:
        self._metrics.forget("cjo_canary")
        for partition in assignment.partitions:
            for row in partition.canaries:
                verdict = row.verdict or "running"
                self._metrics.set("cjo_canary", (row.journey, str(row.version), verdict), 1)
