"""What intake and dispatch have in common as processes: stopping, gathering, vitals."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cjo_stream.errors import StopError
from cjo_stream.kafka.client import Admin, Place
from cjo_stream.kafka.watchdog import Standing, Watchdog, end_process
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Endpoint, Health, Metrics, serve

STANDSTILL_S: Final = 8.0
"""Less than the shortest usual session timeout: after that, others may have the partitions."""
GIVE_UP_S: Final = 10.0
"""For what is in flight when the process is asked to stop while the broker is away."""
WATCHDOG_S: Final = 30.0
"""Longer than any one call of ours may block, shorter than anybody's patience."""

_LOG = logging.getLogger(__name__)


class Stopping:
    """Whether SIGTERM or SIGINT was seen, and since when."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    @property
    def asked(self) -> bool:
        """Return whether this process is to end."""
        return self._since_s is not None

    def ask(self) -> None:
        """Have the process end."""
        if self._since_s is None:
            self._since_s = time.monotonic()

    def check(self) -> None:
        """Raise StopError where what is in flight has kept an ending process for too long."""
        if self._since_s is not None and time.monotonic() - self._since_s > GIVE_UP_S:
            raise StopError(
                "the broker does not take what is in flight; it is sent again after the next start"
            )

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Listen to signals meanwhile."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {n: signal.signal(n, lambda *_: self.ask()) for n in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Linger:
    """How long to gather records before a step: short when idle, longer under load.

    What the broker is asked costs by the request, not by the record. So the more records come in
    a second, the longer they are gathered, up to `longest_s` at `busy_rate`; a step that is full
    sooner does not wait.
    """

    def __init__(self, shortest_s: float, longest_s: float, busy_rate: float) -> None:
        self._shortest_s = shortest_s
        self._slope = (longest_s - shortest_s) / busy_rate
        self._busy_rate = busy_rate
        self._rate = 0.0
        self._last_s = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return how long to gather now."""
        return self._shortest_s + self._slope * min(self._rate, self._busy_rate)

    def took(self, records: int) -> None:
        """Note that a step of so many records was gathered."""
        now_s = time.monotonic()
        passed_s = max(now_s - self._last_s, 1e-3)
        self._last_s = now_s
        # Half of the weight lies on the last 50 ms, or on the last step, where that took longer.
        weight = passed_s / (passed_s + 0.05)
        self._rate += weight * (records / passed_s - self._rate)


class Standstill:
    """Tells whether this process was stopped (SIGSTOP, a sleeping machine) in the midst of a step.

    Others then may have its partitions, and route by another definition set. What it still holds
    must not be sent any more.
    """

    def __init__(self) -> None:
        self._seen_s = time.monotonic()

    def moved(self) -> None:
        """Note that the process runs."""
        self._seen_s = time.monotonic()

    def check(self) -> None:
        """Raise StopError where it did not run for too long."""
        stood_s = time.monotonic() - self._seen_s
        if stood_s > STANDSTILL_S:
            raise StopError(
                f"this process stood still for {stood_s:.0f} s, and others may have its "
                "partitions: it begins anew when it is started again"
            )


class Vitals:
    """Watches a stage: its loop, its progress, its lag, and the topics it reads.

    `standings` gives the next offset of each partition; it is called from another thread.
    """

    def __init__(
        self,
        stage: str,
        admin: Admin,
        standings: Callable[[], Mapping[Place, int]],
        topic_ids: Callable[[], Mapping[str, str]],
        metrics: Metrics,
    ) -> None:
        self._stage = stage
        self._admin = admin
        self._standings = standings
        self._topic_ids = topic_ids
        self._metrics = metrics
        self._numbers: dict[Place, int] = {}
        self._watchdog = Watchdog(self._numbered, self._ends, {}, WATCHDOG_S)
        self.start = self._watchdog.start
        self.stop = self._watchdog.stop
        self.beat = self._watchdog.beat

    def serve(self, settings: Settings, not_ready: Callable[[], str | None]) -> Endpoint | None:
        """Answer for metrics and health, where a port is set."""
        if settings.metrics_port is None:
            return None
        health = Health(live=self._watchdog.problem, ready=not_ready)
        return serve(self._metrics, health, settings.metrics_host, settings.metrics_port)

    def _number(self, place: Place) -> int:
        return self._numbers.setdefault(place, len(self._numbers))

    def _numbered(self) -> dict[int, Standing]:
        return {self._number(p): Standing(at) for p, at in self._standings().items()}

    def _ends(self) -> dict[int, int]:
        standings = self._standings()
        ends = self._admin.ends(standings)
        known = self._topic_ids()
        there = self._admin.describe(known)
        for name, id_ in known.items():
            if name not in there or there[name].id != id_:
                end_process(f"the topic {name} was deleted or created anew under this process")
        for place, end in ends.items():
            lag = max(0, end - standings[place])
            self._metrics.set("cjo_lag_records", (self._stage, f"{place[0]}/{place[1]}"), lag)
        return {self._number(place): end for place, end in ends.items()}
