"""What a step says of itself, and the words that the other modules share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

EXPORTER: Final = "OTEL_TRACES_EXPORTER"


class Step(NamedTuple):
    """One step of a stage, for its span."""

    traces: Sequence[str]
    """The trace contexts (traceparent) of its events, each once."""
    took_s: float
    """It ends now."""
    messages: int
    """The records of Kafka that it read."""
    topic: str | None
    """None where it read several."""
    partition: int | None = None
