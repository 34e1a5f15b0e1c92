"""The metrics of one process, in their own Prometheus registry."""

from __future__ import annotations

import logging
import math
import platform
import threading
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
from cjo_stream.telemetry.bound import Bound, Labels
from cjo_stream.telemetry.metric import METRICS, Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_LOG = logging.getLogger(__name__)


class Metrics:
    """Collects measurements, from any thread; of each metric as many series as its `Bound` has."""

    def __init__(self, table: Iterable[Metric] = METRICS) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types there
        self._registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        self._bounds: dict[str, Bound] = {}
        """Of each metric that has labels."""
        self._lock = threading.Lock()
        """Held while something is counted, and while series come, go or get a folded value."""
        self._added: dict[Labels, float] = {}
        """Counts since the last look, by name and labels."""
        self._observed: dict[tuple[str, Labels], Histogram] = {}
        """The series of what was observed before: looking for one takes as long as adding."""
        self._unknown: set[str] = set()
        for metric in table:
            self._declare(metric)
        ProcessCollector(namespace="cjo", registry=self._registry)
        engine = engine_here()
        self.set("cjo_build_info", (__version__, platform.python_version(), engine), 1)

    def add(self, counts: Mapping[Labels, float]) -> None:
        """Add counts, keyed by a counter's name and its labels' values in their order.

        What was added shows when it is asked for: who counts has no time to look for series.
        """
        added = self._added
        with self._lock:
            for key, by in counts.items():
                added[key] = added.get(key, 0) + by

    def observe(self, name: str, labels: Labels, value: float) -> None:
        """Add one measured value to a histogram."""
        series = self._observed.get((name, labels))
        if series is None:
            histogram = self._histograms[name]
            series = histogram.labels(*self._series(name, labels)) if labels else histogram
            self._observed[name, labels] = series
        series.observe(value)

    def set(self, name: str, labels: Labels, value: float) -> None:
        """Set a gauge."""
        gauge = self._gauges[name]
        if not labels:
            gauge.set(value)
            return
        with self._lock:
            bound = self._bounds[name]
            if bound.place(labels) == labels:
                gauge.labels(*labels).set(value)
            else:
                bound.keep(labels, value)

    def forget(self, name: str, labels: Labels = ()) -> None:
        """Remove a gauge's value whose subject is gone; without `labels`, all of its values."""
        gauge = self._gauges[name]
        with self._lock:
            if labels:
                gone = self._bounds[name].drop(labels)
                if gone is not None:
                    gauge.remove(*gone)
            elif name in self._bounds:
                self._bounds[name].clear()
                gauge.clear()
            else:
                gauge.set(math.nan)

    def render(self) -> bytes:
        """Return everything in Prometheus's text format."""
        self._take_added()
        for name, sets in self._show_folded().items():
            self.set("cjo_series_folded", (name,), sets)
        return generate_latest(self._registry)

    def _take_added(self) -> None:
        """Give counters what was added.

        An undeclared count is left out and logged once: measuring never stops the engine.
        """
        with self._lock:
            counts = dict(self._added)
            self._added.clear()
        for (name, *given), by in counts.items():
            counter, labels = self._counters.get(name), tuple(given)
            try:
                if counter is None:
                    raise ValueError("it is not declared")
                (counter.labels(*self._series(name, labels)) if labels else counter).inc(by)
            except ValueError as error:
                if name not in self._unknown:
                    self._unknown.add(name)
                    _LOG.warning("the count %s with %d labels: %s", name, len(labels), error)

    def _series(self, name: str, labels: Labels) -> Labels:
        with self._lock:
            # Where there is no bound the metric has no labels, and the library refuses these.
            return self._bounds[name].place(labels) if name in self._bounds else labels

    def _show_folded(self) -> dict[str, int]:
        """Give gauges the values of folded sets; return how many sets of a metric are folded."""
        found = {}
        with self._lock:
            for name, bound in self._bounds.items():
                if bound.has_folded:
                    found[name] = bound.folded()
                    if name in self._gauges:
                        for series, value in bound.values().items():
                            self._gauges[name].labels(*series).set(value)
        return found

    def _declare(self, metric: Metric) -> None:
        name, labels = metric.name, metric.labels
        if labels:
            self._bounds[name] = Bound(metric)
        if metric.kind == "counter":
            self._counters[name] = Counter(name, metric.help, labels, registry=self._registry)
            for value in metric.from_zero:
                self._counters[name].labels(*self._series(name, (value,)))
        elif metric.kind == "gauge":
            self._gauges[name] = Gauge(name, metric.help, labels, registry=self._registry)
            if not labels:
                self.forget(name)  # nothing was measured yet, which is not the same as 0
        else:
            self._histograms[name] = Histogram(
                name, metric.help, labels, buckets=metric.buckets, registry=self._registry
            )
