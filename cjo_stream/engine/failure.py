"""Dead letters and log lines: of a handler that failed, of a record that is not ours."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import msgspec

from cjo_stream.core.record import DeadLetter
from cjo_stream.core.turn import Turn
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.errors import InputError

_JSON = msgspec.json.Encoder()
_LOG = logging.getLogger(__name__)


def emit_failure_letter(
    turn: Turn, error: Exception, source: tuple[str, int, int], body: Any
) -> None:
    """Emit and count a dead letter: `source` is (topic, partition, offset), `body` its value."""
    topic, partition, offset = source
    turn.count("cjo_dead_letters_total", "failed")
    turn.emit(
        DeadLetter(
            reason="failed",
            detail=type(error).__name__,
            topic=topic,
            partition=partition,
            offset=offset,
            value=_JSON.encode(body),
        )
    )


def foreign_letter(log: Log, record: LogRecord, error: InputError) -> DeadLetter:
    """Return the dead letter of a record of a private log that is no frame."""
    return DeadLetter(
        reason=error.reason,
        detail=error.detail,
        topic=log.topic_id,
        partition=log.partition,
        offset=record.offset,
        value=record.value,
    )


def log_failure(what: str, error: Exception) -> None:
    """Log what failed and where; of the error only its type, as its text may hold a value."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames))
    _LOG.error("%s: %s at %s", what, type(error).__name__, places)
