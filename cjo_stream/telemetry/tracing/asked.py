"""What the settings ask for: no spans, spans, or spans that cannot be exported."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, Protocol

from cjo_stream.errors import UsageError
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
    names = wanted(settings)
    if not names:
        return None
    try:
        return spans(names, stage, group, settings.slot, metrics)
    except UsageError as error:
        _LOG.warning("no span is exported: %s", error)
        return Unexported(metrics)


def wanted(settings: Settings) -> list[str]:
    """Return the names of the exporters that are asked for."""
    named = [one.strip() for one in (otel_variable(EXPORTER) or "otlp").split(",")]
    return [one for one in named if one and one != "none"] if settings.tracing else []


def spans(
    names: Sequence[str], stage: str, group: str, instance: str, metrics: Metrics
) -> Tracing:
    """Return what makes spans for these exporters; raises UsageError where that cannot be."""
    try:
        from cjo_stream.telemetry.tracing.exporter import exporters
        from cjo_stream.telemetry.tracing.spans import Spans

        found = exporters(names, metrics)
        waiting_max = int(otel_variable(WAITING) or WAITING_MAX)
        return Spans(stage, group, instance, found, metrics, waiting_max)
    except ImportError as error:
        raise UsageError(
            f'libraries are not installed ({error}): pip install "cjo-stream[otel]"'
        ) from error
    except Exception as error:
        # Whatever the libraries raise for a variable: without spans, the engine works as well.
        raise UsageError(f"{error}: see docs/tracing.md for the variables OTEL_*") from error
