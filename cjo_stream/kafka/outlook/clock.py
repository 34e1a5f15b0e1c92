"""How far this host's clock is from the broker's.

No answer of a broker contains its time. But every record of the internal log has the broker's
append time, and workers write a record into each idle partition once a second. So the newest
record of a partition that goes on tells the broker's time within about two seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.outlook.asking import Asking
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics

PAUSE_S: Final = 10.0
SLACK_MS: Final = 2_000
"""How old the newest record of a partition that goes on may be."""
PARTITION: Final = 0


class Skew:
    """Compares the times of the newest record with those of the questions about it."""

    def __init__(self) -> None:
        self._newest_ms: int | None = None

    def seconds(self, before_ms: int, newest_ms: int, after_ms: int) -> float | None:
        """Return how far this host is ahead; None if the partition did not go on meanwhile.

        `before_ms` and `after_ms`: this host's time when it asked, and when it had the answer.
        """
        if newest_ms < 0:  # the broker knows of no record just now
            return None
        goes_on = self._newest_ms is not None and newest_ms != self._newest_ms
        self._newest_ms = newest_ms
        if not goes_on:
            return None
        if newest_ms > after_ms:
            return (after_ms - newest_ms) / 1000
        behind_ms = before_ms - newest_ms
        return behind_ms / 1000 if behind_ms > SLACK_MS else 0.0


def watching(settings: Settings, metrics: Metrics) -> Asking:
    """Return what shows the clock in the metrics, once it is started."""
    skew = Skew()
    place = (Names(settings.topic_prefix).internal, PARTITION)
    admins: list[Admin] = []

    def ask() -> None:
        if not admins:
            admins.append(Admin(settings))
        before_ms = _now_ms()
        newest_ms = admins[0].newest(place)
        found = skew.seconds(before_ms, newest_ms, _now_ms())
        if found is not None:
            metrics.set("cjo_clock_ahead_seconds", (), found)

    return Asking("the broker's clock", ask, _forgetting(metrics), PAUSE_S)


def _forgetting(metrics: Metrics) -> Callable[[], None]:
    return lambda: metrics.forget("cjo_clock_ahead_seconds")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
