"""What the settings ask for: no spans, spans, or spans that cannot be exported."""

from __future__ import annotations

import logging
from typing import Final, Protocol

from cjo_stream.settings import Settings, otel_variable
from cjo_stream.telemetry.metrics import Metrics
from cjo_stream.telemetry.tracing.step import EXPORTER, Step

WAITING: Final = "OTEL_BSP_MAX_QUEUE_SIZE"
WAITING_MAX: Final = 2_048
"""Spans that wait for their export at most, where the variable does not say."""

_LOG = logging.getLogger(__name__)


class Tracing(Protocol):
    """Makes the spans of one process."""

    def record(self, step: Step) -> None:
        """Make the span of a step, if one of its events is sampled; never fails, never waits."""

    def close(self) -> None:
        """Export what waits, for a moment."""


class Unexported:
    """Counts spans that nothing takes."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def record(self, step: Step) -> None:
        """Count the span."""
        if step.traces:
            self._metrics.add({("cjo_trace_spans_total", "failed"): 1})

    def close(self) -> None:
        """Do nothing."""


def tracing_of(settings: Settings, stage: str, group: str, metrics: Metrics) -> Tracing | None:
    """Return what makes the spans of a process of `stage`; None where none are asked for.

    What cannot be used (an exporter that is not installed) is logged, and its spans are counted as
    failed.
    """
    named = [one.strip() for one in (otel_variable(EXPORTER) or "otlp").split(",")]
    wanted = [one for one in named if one and one != "none"]
    if not settings.tracing or not wanted:
        return None
    try:
        from cjo_stream.telemetry.tracing.exporter import exporters
        from cjo_stream.telemetry.tracing.spans import Spans

        found = exporters(wanted, metrics)
        waiting_max = int(otel_variable(WAITING) or WAITING_MAX)
        return Spans(stage, group, settings.slot, found, metrics, waiting_max)
    except ImportError as error:
        why = f'libraries are not installed ({error}): pip install "cjo-stream[otel]"'
    except Exception as error:
        # Whatever the libraries raise for a variable: without spans, the engine works as well.
        why = f"{error}"
    _LOG.warning("no span is exported: %s", why)
    return Unexported(metrics)
