"""The metrics of one process, in their own Prometheus registry."""

from __future__ import annotations

import logging
import math
import platform
from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from cjo_stream import __version__, engine_here
from cjo_stream.telemetry.metric import METRICS, Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_LOG = logging.getLogger(__name__)


class Metrics:
    """Collects measurements, from any thread."""

    def __init__(self, table: Iterable[Metric] = METRICS) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types there
        self._registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        self._labels: dict[str, tuple[str, ...]] = {}
        self._unknown: set[str] = set()
        for metric in table:
            self._declare(metric)
        ProcessCollector(namespace="cjo", registry=self._registry)
        engine = engine_here()
        self.set("cjo_build_info", (__version__, platform.python_version(), engine), 1)

    def add(self, counts: Mapping[tuple[str, ...], float]) -> None:
        """Add counts, keyed by a counter's name and its labels' values in their order.

        An undeclared count is left out and logged once: measuring never stops the engine.
        """
        for (name, *labels), by in counts.items():
            counter = self._counters.get(name)
            try:
                if counter is None:
                    raise ValueError("it is not declared")
                (counter.labels(*labels) if labels else counter).inc(by)
            except ValueError as error:
                if name not in self._unknown:
                    self._unknown.add(name)
                    _LOG.warning("the count %s with %d labels: %s", name, len(labels), error)

    def observe(self, name: str, labels: tuple[str, ...], value: float) -> None:
        """Add one measured value to a histogram."""
        histogram = self._histograms[name]
        (histogram.labels(*labels) if labels else histogram).observe(value)

    def set(self, name: str, labels: tuple[str, ...], value: float) -> None:
        """Set a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(*labels) if labels else gauge).set(value)

    def forget(self, name: str, labels: tuple[str, ...] = ()) -> None:
        """Remove a gauge's value whose subject is gone; without `labels`, all of its values."""
        gauge = self._gauges[name]
        if labels:
            gauge.remove(*labels)
        elif self._labels[name]:
            gauge.clear()
        else:
            gauge.set(math.nan)

    def render(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self._registry)

    def _declare(self, metric: Metric) -> None:
        name, labels = metric.name, metric.labels
        self._labels[name] = labels
        if metric.kind == "counter":
            self._counters[name] = Counter(name, metric.help, labels, registry=self._registry)
            for value in metric.from_zero:
                self._counters[name].labels(value)
        elif metric.kind == "gauge":
            self._gauges[name] = Gauge(name, metric.help, labels, registry=self._registry)
            if not labels:
                self.forget(name)  # nothing was measured yet, which is not the same as 0
        else:
            self._histograms[name] = Histogram(
                name, metric.help, labels, buckets=metric.buckets, registry=self._registry
            )
