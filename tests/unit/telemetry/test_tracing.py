"""Spans of steps: their names, their links, where they go, and what comes of those that cannot."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, Tracer
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.semconv._incubating.attributes import messaging_attributes
from opentelemetry.trace import SpanKind

from cjo_stream import __version__
from cjo_stream.settings import Settings, load
from cjo_stream.telemetry import Metrics, Step, tracing_of
from cjo_stream.telemetry.tracing import name
from cjo_stream.telemetry.tracing.checkup import checkup
from cjo_stream.telemetry.tracing.exporter import Counted
from cjo_stream.telemetry.tracing.spans import LINKS_MAX, Spans
from tests.unit.telemetry.test_telemetry import ROOT


def context(number: int, flags: str = "01") -> str:
    return f"00-{number:032x}-{number:016x}-{flags}"


class Refusing(SpanExporter):
    """Takes nothing: it fails, or raises."""

    def __init__(self, *, raises: bool = False) -> None:
        self.raises = raises
        self.works = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.works:
            return SpanExportResult.SUCCESS
        if self.raises:
            raise OSError("no such host")
        return SpanExportResult.FAILURE


class Hanging(SpanExporter):
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.go.wait(30)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.go.wait(30)


def spans_to(exporter: SpanExporter, metrics: Metrics, waiting_max: int = 2_048) -> Spans:
    counted = Counted(exporter, "test", metrics)
    return Spans("task", "cjo.worker", "3", [counted], metrics, waiting_max)


def counted(metrics: Metrics) -> dict[str, float]:
    found = re.findall(
        r'^cjo_trace_spans_total{result="(\w+)"} (\S+)$', metrics.render().decode(), re.M
    )
    return {result: float(value) for result, value in found if float(value)}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings that ask for tracing, with none of the SDK's variables set."""
    for variable in [one for one in os.environ if one.startswith("OTEL_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("CJO_TRACING", "true")
    return load()


def test_a_step_is_one_span_with_a_link_to_each_context() -> None:
    exporter, metrics = InMemorySpanExporter(), Metrics()
    spans = spans_to(exporter, metrics)
    before_ns = time.time_ns()
    spans.record(Step([context(1), context(2), context(3, "00")], 0.5, 7, "cjo.internal.v1", 2))
    spans.close()
    (span,) = exporter.get_finished_spans()
    assert span.name == "process cjo.internal.v1"
    assert span.kind is SpanKind.CONSUMER
    assert span.parent is None
    assert [(one.context.trace_id, one.context.span_id) for one in span.links] == [(1, 1), (2, 2)]
    assert all(one.context.is_remote for one in span.links)
    assert span.context.trace_id not in (1, 2, 3)
    assert span.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": "cjo.worker",
        "messaging.destination.name": "cjo.internal.v1",
        "messaging.destination.partition.id": "2",
        "messaging.batch.message_count": 7,
        "cjo.stage": "task",
    }
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 500_000_000
    assert span.end_time >= before_ns
    resource = span.resource.attributes
    assert resource["service.name"] == "cjo-stream"
    assert resource["service.instance.id"] == "task-3"
    assert resource["service.version"] == __version__
    assert counted(metrics) == {"exported": 1}


def test_a_step_over_several_topics_names_none() -> None:
    exporter = InMemorySpanExporter()
    spans = spans_to(exporter, Metrics())
    spans.record(Step([context(1)], 0.1, 2, None))
    spans.close()
    (span,) = exporter.get_finished_spans()
    assert span.name == "process"
    assert span.attributes is not None
    assert "messaging.destination.name" not in span.attributes
    assert "messaging.destination.partition.id" not in span.attributes


def test_a_step_without_a_sampled_event_has_no_span() -> None:
    exporter, metrics = InMemorySpanExporter(), Metrics()
    spans = spans_to(exporter, metrics)
    spans.record(Step([], 0.1, 2, "t"))
    spans.record(Step([context(1, "00"), context(2, "02")], 0.1, 2, "t"))
    spans.close()
    assert exporter.get_finished_spans() == ()
    assert counted(metrics) == {}


def test_no_link_is_left_out_however_many_there_are() -> None:
    exporter = InMemorySpanExporter()
    spans = spans_to(exporter, Metrics())
    spans.record(Step([context(n) for n in range(1, 301)], 0.1, 300, "t", 0))
    spans.close()
    found = exporter.get_finished_spans()
    assert [len(one.links) for one in found] == [LINKS_MAX, LINKS_MAX, 300 - 2 * LINKS_MAX]
    assert {one.dropped_links for one in found} == {0}
    linked = [link.context.trace_id for one in found for link in one.links]
    assert linked == list(range(1, 301))


@pytest.mark.parametrize(
    ("variables", "service"),
    [
        ({"OTEL_SERVICE_NAME": "ours"}, "ours"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs,team=crm"}, "theirs"),
    ],
)
def test_the_sdk_s_variables_beat_our_names(
    variables: dict[str, str], service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    exporter = InMemorySpanExporter()
    spans = spans_to(exporter, Metrics())
    spans.record(Step([context(1)], 0.1, 1, "t"))
    spans.close()
    (span,) = exporter.get_finished_spans()
    assert span.resource.attributes["service.name"] == service


def test_the_sdk_s_variables_sample_and_disable(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in (("OTEL_TRACES_SAMPLER", "always_off"), ("OTEL_SDK_DISABLED", "true")):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            exporter = InMemorySpanExporter()
            spans = spans_to(exporter, Metrics(), waiting_max=1)
            for number in range(3):
                spans.record(Step([context(number + 1)], 0.1, 1, "t"))
            spans.close()
            assert exporter.get_finished_spans() == ()


class Raising(Sampler):
    """A sampler with a fault."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        raise KeyError("tenant")

    def get_description(self) -> str:
        return "Raising"


def test_a_sampler_that_raises_ends_no_step_and_is_counted_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exporter, metrics = InMemorySpanExporter(), Metrics()
    spans = spans_to(exporter, metrics)
    assert isinstance(spans._tracer, Tracer)
    works, spans._tracer.sampler = spans._tracer.sampler, Raising()
    for number in range(1, 4):
        spans.record(Step([context(number)], 0.1, 1, "t"))
    assert [one.getMessage() for one in caplog.records] == [
        "no span is made, and the step goes on: KeyError: 'tenant'"
    ]
    spans._tracer.sampler = works
    spans.record(Step([context(4)], 0.1, 1, "t"))
    spans.close()
    assert counted(metrics) == {"failed": 3, "exported": 1}


@pytest.mark.parametrize("raises", [False, True])
def test_spans_that_nothing_takes_are_counted_and_said_once(
    *, raises: bool, caplog: pytest.LogCaptureFixture
) -> None:
    exporter, metrics = Refusing(raises=raises), Metrics()
    counting = Counted(exporter, "otlp", metrics)
    with caplog.at_level(logging.INFO, "cjo_stream"):
        for _ in range(3):
            assert counting.export([ReadableSpan("one")] * 2) is SpanExportResult.FAILURE
        assert counted(metrics) == {"failed": 6}
        (said,) = [one.getMessage() for one in caplog.records]
        assert said.startswith("spans are not exported by otlp, 2 are lost: ")
        assert ("no such host" in said) is raises
        exporter.works = True
        assert counting.export([ReadableSpan("one")]) is SpanExportResult.SUCCESS
    assert caplog.records[-1].getMessage() == "spans are exported by otlp again, 6 are lost"
    assert counted(metrics) == {"failed": 6, "exported": 1}


def test_an_exporter_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cjo_stream.telemetry.tracing.spans.CLOSE_WITHIN_S", 0.2)
    exporter, metrics = Hanging(), Metrics()
    spans = spans_to(exporter, metrics, waiting_max=5)
    began_s = time.monotonic()
    for number in range(9):
        spans.record(Step([context(number + 1)], 0.1, 1, "t"))
    spans.close()
    assert time.monotonic() - began_s < 5
    assert counted(metrics) == {"dropped": 4}
    exporter.go.set()


def test_while_a_collector_is_away_the_links_of_spans_do_not_fill_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cjo_stream.telemetry.tracing.spans.CLOSE_WITHIN_S", 0.2)
    monkeypatch.setattr("cjo_stream.telemetry.tracing.spans.LINKS_WAITING_MAX", 500)
    exporter, metrics = Hanging(), Metrics()
    spans = spans_to(exporter, metrics)
    for first in range(1, 1_001, 100):
        spans.record(Step([context(number) for number in range(first, first + 100)], 0.1, 1, "t"))
    spans.close()
    assert counted(metrics) == {"dropped": 5}
    exporter.go.set()


def test_what_was_exported_makes_room_for_links() -> None:
    exporter, metrics = InMemorySpanExporter(), Metrics()
    spans = spans_to(exporter, metrics)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cjo_stream.telemetry.tracing.spans.LINKS_WAITING_MAX", 100)
        for first in range(1, 1_001, 100):
            spans.record(Step([context(n) for n in range(first, first + 100)], 0.1, 1, "t"))
            spans._provider.force_flush()
    spans.close()
    assert counted(metrics) == {"exported": 10}


def test_nothing_is_made_unless_it_is_asked_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = settings.model_copy(update={"tracing": False})
    assert tracing_of(off, "task", "g", Metrics()) is None
    for given in ("none", "none,", " none "):
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", given)
        assert tracing_of(settings, "task", "g", Metrics()) is None


def test_asked_for_it_is_otlp_over_http(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    tracing = tracing_of(settings, "task", "g", Metrics())
    assert isinstance(tracing, Spans)
    tracing.close()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            "OTEL_TRACES_EXPORTER asks for zipkin, and no package",
        ),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "has an exporter otlp_proto_grpc"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "protocol http/json is none of"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "many"}, "many"),
    ],
)
def test_what_cannot_be_used_is_said_and_counted_and_stops_nothing(
    variables: dict[str, str],
    said: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    metrics = Metrics()
    tracing = tracing_of(settings, "task", "g", metrics)
    assert tracing is not None
    tracing.record(Step([context(1)], 0.1, 1, "t"))
    tracing.record(Step([], 0.1, 1, "t"))
    tracing.close()
    assert counted(metrics) == {"failed": 1}
    (record,) = [one for one in caplog.records if one.name.startswith("cjo_stream")]
    assert said in record.getMessage()
    for variable in variables:
        monkeypatch.delenv(variable)
    mended = tracing_of(settings, "task", "g", metrics)
    assert isinstance(mended, Spans)
    mended.close()


def test_without_the_extra_the_engine_works_and_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    with monkeypatch.context() as without:
        for module in ("exporter", "spans"):
            without.delitem(sys.modules, f"cjo_stream.telemetry.tracing.{module}")
        without.setitem(sys.modules, "opentelemetry.sdk.trace", None)
        tracing = tracing_of(settings, "task", "g", metrics)
    assert tracing is not None
    tracing.record(Step([context(1)], 0.1, 1, "t"))
    assert counted(metrics) == {"failed": 1}
    assert 'pip install "cjo-stream[otel]"' in caplog.text
    installed = tracing_of(settings, "task", "g", metrics)
    assert isinstance(installed, Spans)
    installed.close()


def test_the_doctor_says_whether_spans_have_an_exporter(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(given: Settings = settings) -> list[tuple[str, str]]:
        return [(one.level.value, f"{one.what}; {one.do}") for one in checkup(given)]

    assert found(settings.model_copy(update={"tracing": False})) == []
    assert found() == [("ok", "spans are exported by otlp; ")]
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert found() == [("ok", "trace contexts go on; no spans, as OTEL_TRACES_EXPORTER says; ")]
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    ((level, said),) = found()
    assert level == "problem"
    assert said.startswith("no span is exported; OTEL_TRACES_EXPORTER asks for zipkin")


def test_the_names_are_those_of_the_conventions() -> None:
    known = {one for one in vars(messaging_attributes).values() if isinstance(one, str)}
    ours = set(name.ATTRIBUTES) - {name.STAGE}
    assert ours <= known
    assert name.KAFKA in {one.value for one in messaging_attributes.MessagingSystemValues}
    kinds = {one.value for one in messaging_attributes.MessagingOperationTypeValues}
    assert name.PROCESS in kinds


def test_the_page_has_every_name() -> None:
    page = (ROOT / "docs/tracing.md").read_text()
    shown = set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.M))
    assert set(name.ATTRIBUTES) <= shown
    assert {one for one in shown if "." in one} == {
        *name.ATTRIBUTES, name.SERVICE, name.SERVICE_INSTANCE, name.SERVICE_VERSION,
    }  # fmt: skip
