"""Keeps clients and waiting processes from filling the log while a broker is away.

They log each of their attempts, some twenty a second. The first line of a kind says as much, and
one line now and then shows that the trouble lasts.
"""

from __future__ import annotations

import logging
from typing import Final

QUIET_S: Final = 30.0
LOGGERS: Final = (
    "cjo_stream.kafka.client",
    "cjo_stream.kafka.process",
    "cjo_stream.kafka.stage",
    "aiokafka",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.client",
    "aiokafka.consumer.consumer",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.producer",
    "aiokafka.producer.sender",
)


class Seldom(logging.Filter):
    """Passes the first record of a kind, then one each `quiet_s` with the number left out."""

    def __init__(self, quiet_s: float = QUIET_S) -> None:
        super().__init__()
        self._quiet_s = quiet_s
        self._passed_s: dict[tuple[object, ...], float] = {}
        self._left_out: dict[tuple[object, ...], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log `record`; adds the number of records left out before it."""
        first = record.args[0] if isinstance(record.args, tuple) and record.args else None
        kind = (record.name, record.levelno, record.msg, first if isinstance(first, str) else None)
        passed_s = self._passed_s.get(kind)
        if passed_s is not None and record.created - passed_s < self._quiet_s:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return False
        self._passed_s[kind] = record.created
        left_out = self._left_out.pop(kind, 0)
        if left_out:
            record.msg = f"{record.getMessage()} (and {left_out} like it)"
            record.args = ()
        return True


def is_news(record: logging.LogRecord) -> bool:
    """Return False for the warning of a property that is set on purpose, at each start."""
    return "enable.gapless.guarantee" not in record.getMessage()


def muffle(*loggers: str) -> None:
    """Let LOGGERS and these log each kind of message seldom."""
    seldom = Seldom()
    for name in (*LOGGERS, *loggers):
        logger = logging.getLogger(name)
        logger.addFilter(is_news)
        logger.addFilter(seldom)
