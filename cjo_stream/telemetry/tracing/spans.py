"""One span of a step that handled traced events, with a link to the context of each.

A step handles many events, of many traces, so it is a trace of its own that has links (the
conventions' advice for batches), and it is made when the step is over. Sampling is decided where
an event's trace began: a step has a span if one of its events is sampled, and links to those. More
of them than LINKS_MAX, the most that an SDK keeps of a span by default, are shared among several
spans of the same step.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

from cjo_stream import __version__
from cjo_stream.telemetry.metrics import Metrics
from cjo_stream.telemetry.tracing import name
from cjo_stream.telemetry.tracing.exporter import Counted
from cjo_stream.telemetry.tracing.step import Step

LINKS_MAX: Final = 128
LINKS_WAITING_MAX: Final = 512 * LINKS_MAX
"""Links of the spans that wait for their export, of some 750 bytes each: as many as the spans can
have at which an SDK begins to export by default."""
CLOSE_WITHIN_S: Final = 2.0
SCHEMA: Final = "https://opentelemetry.io/schemas/1.41.1"

_LOG = logging.getLogger(__name__)


class Spans:
    """Makes the spans of one process; implements `asked.Tracing`."""

    def __init__(
        self,
        stage: str,
        group: str,
        instance: str,
        exporters: Sequence[Counted],
        metrics: Metrics,
        waiting_max: int,
    ) -> None:
        self._metrics = metrics
        self._waiting_max = waiting_max
        self._common = {
            name.SYSTEM: name.KAFKA,
            name.OPERATION_NAME: name.PROCESS,
            name.OPERATION_TYPE: name.PROCESS,
            name.GROUP: group,
            name.STAGE: stage,
        }
        self._exporters = exporters
        self._made = self._made_links = 0
        self._said = ""
        self._provider = TracerProvider(
            resource=_resource(stage, instance), shutdown_on_exit=False
        )
        for one in exporters:
            self._provider.add_span_processor(BatchSpanProcessor(one))
        self._tracer = self._provider.get_tracer("cjo_stream", __version__, schema_url=SCHEMA)

    def record(self, step: Step) -> None:
        """Make the span of a step, if one of its events is sampled."""
        links = [link for one in step.traces if (link := link_of(one)) is not None]
        if not links:
            return
        ended_ns = time.time_ns()
        times_ns = (ended_ns - int(step.took_s * 1e9), ended_ns)
        attributes: dict[str, str | int] = {**self._common, name.MESSAGES: step.messages}
        if step.topic is not None:
            attributes[name.DESTINATION] = step.topic
        if step.partition is not None:
            attributes[name.PARTITION] = str(step.partition)
        for first in range(0, len(links), LINKS_MAX):
            if self._is_full():
                self._metrics.add({("cjo_trace_spans_total", "dropped"): 1})
                continue
            try:
                self._make(step.topic, attributes, links[first : first + LINKS_MAX], times_ns)
            except Exception as error:
                # Others' code: a sampler, or what a package adds to the SDK.
                self._metrics.add({("cjo_trace_spans_total", "failed"): 1})
                self._say_once(error)

    def _make(
        self,
        topic: str | None,
        attributes: dict[str, str | int],
        links: Sequence[Link],
        times_ns: tuple[int, int],
    ) -> None:
        """Make a span with its beginning and end; raises what a sampler raises."""
        began_ns, ended_ns = times_ns
        span = self._tracer.start_span(
            name.span_name(topic), Context(), SpanKind.CONSUMER, attributes, links, began_ns
        )
        if isinstance(span, ReadableSpan):
            self._made += 1
            self._made_links += len(span.links)
        span.end(ended_ns)

    def _say_once(self, error: Exception) -> None:
        said = f"{type(error).__name__}: {error}"
        if said != self._said:
            self._said = said
            _LOG.warning("no span is made, and the step goes on: %s", said)

    def _is_full(self) -> bool:
        """Return whether as much waits for its export as may."""
        spans = self._made - min(one.taken for one in self._exporters)
        links = self._made_links - min(one.taken_links for one in self._exporters)
        return spans >= self._waiting_max or links >= LINKS_WAITING_MAX

    def close(self) -> None:
        """Export what waits, for CLOSE_WITHIN_S at most."""
        ending = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        ending.start()
        ending.join(CLOSE_WITHIN_S)


def link_of(traceparent: str) -> Link | None:
    """Return the link to a context of version 00; None if it is not sampled."""
    _, trace, parent, flags = traceparent.split("-")
    if not int(flags, 16) & TraceFlags.SAMPLED:
        return None
    context = SpanContext(int(trace, 16), int(parent, 16), True, TraceFlags(int(flags, 16)))
    return Link(context)


def _resource(stage: str, instance: str) -> Resource:
    """Return what names this process; the SDK's variables beat it."""
    own = {
        name.SERVICE: name.DEFAULT_SERVICE,
        name.SERVICE_VERSION: __version__,
        name.SERVICE_INSTANCE: f"{stage}-{instance}",
    }
    given = OTELResourceDetector().detect().attributes
    return Resource.create({key: own[key] for key in own.keys() - given.keys()})
