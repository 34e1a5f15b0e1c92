"""Exporters by their names in OTEL_TRACES_EXPORTER, with what comes of their spans counted.

otlp       over HTTP, as OTEL_EXPORTER_OTLP_* say; over gRPC where the protocol says so and that
           package is installed
console    lines on standard output
others     what other packages register under `opentelemetry_traces_exporter`
"""

from __future__ import annotations

import importlib.metadata
import logging
import time
from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from cjo_stream.settings import otel_variable
from cjo_stream.telemetry.metrics import Metrics
from cjo_stream.telemetry.tracing.step import EXPORTER

ENTRY_POINTS: Final = "opentelemetry_traces_exporter"
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
OTLP: Final = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
SAY_S: Final = 60.0

_LOG = logging.getLogger(__name__)


def exporters(wanted: Sequence[str], metrics: Metrics) -> list[Counted]:
    """Return the exporters of these names; raises LookupError for one that is not installed."""
    return [Counted(_exporter(name), name, metrics) for name in wanted]


def _exporter(name: str) -> SpanExporter:
    registered = name
    if name == "otlp":
        protocol = next((found for one in PROTOCOLS if (found := otel_variable(one))), None)
        if (protocol or "http/protobuf") not in OTLP:
            raise LookupError(f"OTLP's protocol {protocol} is none of {', '.join(OTLP)}")
        registered = OTLP[protocol or "http/protobuf"]
    points = importlib.metadata.entry_points(group=ENTRY_POINTS, name=registered)
    if not points:
        raise LookupError(
            f"{EXPORTER} asks for {name}, and no package that is installed here has an exporter "
            f"{registered}"
        )
    exporter = next(iter(points)).load()()
    assert isinstance(exporter, SpanExporter)
    return exporter


class Counted(SpanExporter):
    """An exporter whose results are counted, and logged where they change."""

    def __init__(self, exporter: SpanExporter, name: str, metrics: Metrics) -> None:
        self._exporter = exporter
        self._name = name
        self._metrics = metrics
        self.taken = 0
        """Spans that wait no more, whatever came of them."""
        self.taken_links = 0
        """Their links."""
        self._failed = 0
        """Spans since the last that were exported."""
        self._said_s = 0.0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans; runs in the thread of the processor that they wait in."""
        self.taken += len(spans)
        self.taken_links += sum(len(one.links) for one in spans)
        why = "its own log says why"
        try:
            result = self._exporter.export(spans)
        except Exception as error:
            result, why = SpanExportResult.FAILURE, str(error) or type(error).__name__
        is_done = result is SpanExportResult.SUCCESS
        self._metrics.add(
            {("cjo_trace_spans_total", "exported" if is_done else "failed"): len(spans)}
        )
        if is_done and self._failed:
            _LOG.info("spans are exported by %s again, %d are lost", self._name, self._failed)
            self._failed, self._said_s = 0, 0.0
        elif not is_done:
            self._failed += len(spans)
            if not self._said_s or time.monotonic() - self._said_s >= SAY_S:
                self._said_s = time.monotonic()
                _LOG.warning(
                    "spans are not exported by %s, %d are lost: %s", self._name, self._failed, why
                )
        return result

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()
