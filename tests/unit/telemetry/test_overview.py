"""An installation at a glance: rates, quantiles, who leads what, between two looks."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, start_http_server
from pydantic import SecretStr

from cjo_stream.errors import RetryError
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Health, Metrics, access_of, serve
from cjo_stream.telemetry.overview import Channel, Led, Overview, overview
from cjo_stream.telemetry.scrape import Scrape, scrape, way_of
from tests.world.certificate import Authority

STARTED_S = 1_000.0


class Host:
    """Processes by hand: what they measure, and when somebody looks."""

    def __init__(self, **stages: str) -> None:
        self.metrics = {name: Metrics() for name in stages}
        self.started_s = dict.fromkeys(stages, STARTED_S)
        for name, stage in stages.items():
            self.metrics[name].set("cjo_stage_info", (stage,), 1)
        self.before: dict[str, Scrape] = {}

    def look(self, at_s: float, *names: str) -> Overview:
        """Look `at_s` seconds after the start, at these processes, or at all."""
        now = {}
        for name in names or self.metrics:
            with_endpoint = serve(
                self.metrics[name], Health(), "127.0.0.1", 0, Path(__file__).parent
            )
            try:
                found = scrape("127.0.0.1", with_endpoint.port)
            finally:
                with_endpoint.close()
            samples = [one for one in found.samples if "start_time" not in one.name]
            started = next(one for one in found.samples if "start_time" in one.name)
            samples.append(started._replace(value=self.started_s[name]))
            now[name] = Scrape(at_s, tuple(samples), found.unready)
        seen = overview(self.before, now, STARTED_S + at_s)
        self.before |= now
        return seen


def test_rates_are_of_what_came_between_two_looks_over_all_processes() -> None:
    host = Host(a="task", b="task")
    for metrics in host.metrics.values():
        metrics.add({("cjo_events_total", "web", "applied"): 1_000})
    assert host.look(0).results == {}
    host.metrics["a"].add({("cjo_events_total", "web", "applied"): 30})
    host.metrics["b"].add({("cjo_events_total", "web", "applied"): 10})
    host.metrics["b"].add({("cjo_events_total", "mail", "late"): 1})
    host.metrics["b"].add({("cjo_dead_letters_total", "invalid"): 4})
    seen = host.look(2)
    assert seen.results == {"applied": 20.0, "late": 0.5}
    assert seen.refusals == {"invalid": 2.0}
    assert host.look(4).results == {}


def test_a_process_that_began_anew_has_no_rate_until_the_next_look() -> None:
    host = Host(a="task")
    host.metrics["a"].add({("cjo_events_total", "web", "applied"): 100})
    host.look(0)
    host.metrics["a"] = Metrics()
    host.started_s["a"] = STARTED_S + 1
    host.metrics["a"].add({("cjo_events_total", "web", "applied"): 10})
    seen = host.look(2)
    assert seen.results == {}
    assert seen.processes[0].up_s == 1.0
    host.metrics["a"].add({("cjo_events_total", "web", "applied"): 10})
    assert host.look(4).results == {"applied": 5.0}


@pytest.mark.parametrize(
    ("values", "expected_s"),
    [
        # Four in the bucket from 0.01 to 0.025: the second lies half way.
        ([0.02] * 4, (0.0175, 0.02425, 0.02485)),
        # Nine of ten up to 0.01: the median lies 5/9 of the way from 0.
        ([0.001] * 9 + [0.2], (0.01 * 5 / 9, 0.1 + 0.15 * 0.5, 0.1 + 0.15 * 0.9)),
        ([1_000.0], (300.0, 300.0, 300.0)),
    ],
)
def test_quantiles_are_those_that_prometheus_gives(
    values: list[float], expected_s: tuple[float, ...]
) -> None:
    host = Host(a="dispatch")
    host.metrics["a"].observe("cjo_event_to_action_seconds", (), 100.0)
    assert all(map(math.isnan, host.look(0).to_action_s))
    for value in values:
        host.metrics["a"].observe("cjo_event_to_action_seconds", (), value)
    assert host.look(2).to_action_s == pytest.approx(expected_s)


def test_a_partition_is_led_by_who_shows_its_lag_and_by_two_in_a_change() -> None:
    host = Host(a="task", b="task", c="intake")
    host.metrics["c"].set("cjo_lag_records", ("intake", "cjo.event.web.v1/0"), 9)
    for name, partition, lag in (("a", 0, 5), ("a", 1, 7), ("b", 1, 8), ("b", 10, 0)):
        host.metrics[name].set("cjo_lag_records", ("task", str(partition)), lag)
    seen = host.look(0)
    assert seen.partitions == (Led(0, ("a",), 5), Led(1, ("a", "b"), 8), Led(10, ("b",), 0))
    assert [one.number for one in seen.led()["b"]] == [1, 10]
    assert [(one.stage, one.lag) for one in seen.processes] == [
        ("worker", 12),
        ("worker", 8),
        ("intake", 9),
    ]


def test_a_channel_is_shown_with_what_is_held_and_since_when_nobody_reads() -> None:
    host = Host(a="task", b="dispatch")
    host.metrics["b"].set("cjo_channel_unread_seconds", ("push",), math.nan)
    host.metrics["b"].set("cjo_channel_unread_seconds", ("email",), 90.0)
    host.metrics["b"].set("cjo_held_commands", ("email",), 12)
    host.metrics["a"].add({("cjo_actions_total", "email", "hello"): 1})
    host.look(0)
    host.metrics["a"].add({("cjo_actions_total", "email", "hello"): 5})
    host.metrics["a"].add({("cjo_actions_total", "email", "reminder"): 5})
    assert host.look(10).channels == (
        # An action's first commands count from the look that saw it first.
        Channel("email", 1.0, 12, 90.0),
        Channel("push", 0.0, 0, pytest.approx(math.nan, nan_ok=True)),
    )


def test_what_is_no_process_of_ours_is_told() -> None:
    with pytest.raises(RetryError, match=r"no answer from 127\.0\.0\.1:9: .*refused"):
        scrape("127.0.0.1", 9)
    server, thread = start_http_server(0, "127.0.0.1", CollectorRegistry())
    try:
        with pytest.raises(RetryError, match="no process of cjo-stream"):
            scrape("127.0.0.1", server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_process_that_is_not_ready_says_why() -> None:
    health = Health(ready=lambda: "waits for the broker")
    endpoint = serve(Metrics(), health, "127.0.0.1", 0, Path(__file__).parent)
    try:
        assert scrape("127.0.0.1", endpoint.port).unready == "waits for the broker"
    finally:
        endpoint.close()


def test_an_endpoint_with_a_login_and_a_certificate_is_asked_by_the_same_settings(
    tmp_path: Path,
) -> None:
    certificate, key = Authority().written(tmp_path, "worker.example")
    settings = Settings(
        metrics_username="eve",
        metrics_password=SecretStr("a päss:word"),
        metrics_tls_cert=certificate,
        metrics_tls_key=key,
    )
    endpoint = serve(Metrics(), Health(), "127.0.0.1", 0, tmp_path, access_of(settings))
    way = way_of(settings)
    try:
        assert scrape("127.0.0.1", endpoint.port, way).total("cjo_build_info") == 1
        with pytest.raises(RetryError, match="set CJO_METRICS_USERNAME and CJO_METRICS_PASSWORD"):
            scrape("127.0.0.1", endpoint.port, way._replace(authorization=""))
        (tmp_path / "other").mkdir()
        other, _ = Authority().written(tmp_path / "other", "worker.example")
        stranger = way_of(Settings(metrics_tls_cert=other, metrics_tls_key=key))
        with pytest.raises(RetryError, match="certificate verify failed"):
            scrape("127.0.0.1", endpoint.port, stranger)
    finally:
        endpoint.close()
