"""Trace contexts from events' headers to commands', and spans, on a real broker under kill -9."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.world.chain import Chain, wait_until_quiet
from tests.world.collector import Collected, Collector, collecting
from tests.world.traced import context, write

pytestmark = pytest.mark.kafka

EVENTS = 400
UNTRACED, MALFORMED, UNSAMPLED = 1, 2, 3
"""Of the numbers of events modulo 8: what is sent in place of a sampled context."""


class TracedChain(Chain):
    """An installation that traces; its spans go to a collector, or to where none is."""

    endpoint = "http://127.0.0.1:9"

    def env(self, name: str = "", slot: str = "0") -> dict[str, str]:
        return {
            **super().env(name, slot),
            "CJO_TRACING": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }


def headers_of(number: int) -> list[tuple[str, bytes]]:
    kind = number % 8
    if kind == UNTRACED:
        return []
    if kind == MALFORMED:
        return [("traceparent", b"00-0-0-01"), ("tracestate", b"a=1")]
    parent = context(number, "00" if kind == UNSAMPLED else "01").encode()
    return [("traceparent", parent), ("tracestate", f"n={number}".encode())]


def expected_of(number: int) -> tuple[str, str]:
    headers = dict(headers_of(number))
    if number % 8 in (UNTRACED, MALFORMED):
        return "", ""
    return headers["traceparent"].decode(), headers["tracestate"].decode()


def send(chain: Chain, numbers: range) -> None:
    """Send events of one user each, some with a cookie of another partition."""
    producer = Producer({"bootstrap.servers": chain.bootstrap, "log_level": 0})
    for number in numbers:
        named = {"user": f"u{number}"}
        if number % 2:
            named["cookie"] = f"c{number}"
        event = {"type": "cart", "time": int(time.time() * 1000), "identifiers": named}
        topic = f"{chain.prefix}event.web.v1"
        producer.produce(topic, json.dumps(event).encode(), headers=headers_of(number))
    assert producer.flush(30) == 0


def commands(chain: Chain) -> dict[tuple[str, int], tuple[str, str]]:
    """Return the context of each command, by its action and user; each is there once."""
    found: dict[tuple[str, int], tuple[str, str]] = {}
    for messages in chain.read("action.mail.v1").values():
        for message in messages:
            command = json.loads(message.value())
            key = (command["action"], int(command["address"]["value"].removeprefix("u")))
            assert key not in found
            headers = {name: value.decode() for name, value in message.headers()}
            assert headers["action_id"] == command["action_id"]
            found[key] = headers.get("traceparent", ""), headers.get("tracestate", "")
    return found


def linked(spans: list[Collected], stage: str) -> set[tuple[str, str]]:
    return {link for one in spans if one.attributes["cjo.stage"] == stage for link in one.links}


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    return write(tmp_path / "topology")


def live(chain: Chain, topology: Path) -> None:
    """Let an installation take the events, its processes killed in between."""
    chain.create(topology)
    chain.start(topology)
    third = EVENTS // 3
    send(chain, range(third))
    time.sleep(0.5)
    chain.kill("worker-0")
    send(chain, range(third, 2 * third))
    time.sleep(2)
    for name in ("worker-0", "intake", "dispatch"):
        chain.kill(name)
    send(chain, range(2 * third, EVENTS))
    wait_until_quiet(chain, seconds=120)


def test_a_command_has_the_context_of_its_event_after_kills_and_steps_are_linked_to_it(
    bootstrap: str, tmp_path: Path, topology: Path
) -> None:
    with collecting() as collector:
        chain = TracedChain(bootstrap, tmp_path, partitions=2)
        chain.endpoint = collector.url
        try:
            live(chain, topology)
        finally:
            chain.stop()
        found = commands(chain)
    assert Counter(action for action, _ in found) == dict.fromkeys(
        ("at_once", "later", "raised"), EVENTS
    )
    late = 0
    for (action, number), carried in found.items():
        if action == "later":
            # Where its time had come when its event was handled, the event's turn sends it.
            late += carried == expected_of(number) != ("", "")
            assert carried in (("", ""), expected_of(number))
        else:
            assert carried == expected_of(number), action
    assert late < EVENTS
    assert sum(chain.restarts.values()) >= 4
    _check_spans(collector, chain)


def _check_spans(collector: Collector, chain: Chain) -> None:
    spans = collector.spans()
    sampled = {
        tuple(expected_of(number)[0].split("-")[1:3])
        for number in range(EVENTS)
        if expected_of(number)[0].endswith("-01")
    }
    assert {one.attributes["cjo.stage"] for one in spans} == {"intake", "task", "dispatch"}
    assert {one.resource["service.name"] for one in spans} == {"cjo-stream"}
    assert {one.parent for one in spans} == {b""}
    assert all(one.links for one in spans)
    topics = {"intake": "event.web.v1", "task": "internal.v1", "dispatch": "effect.v1"}
    for stage, topic in topics.items():
        of = [one for one in spans if one.attributes["cjo.stage"] == stage]
        assert {one.name for one in of} == {f"process {chain.prefix}{topic}"}
        assert max(len(one.links) for one in of) > 1, "a step of many events is one span"
        # A kill -9 loses the spans that wait, at most 0.2 s of them, and no command.
        assert linked(spans, stage) <= sampled
        assert len(linked(spans, stage)) > len(sampled) / 3, stage
    assert {one.attributes.get("messaging.destination.partition.id") for one in spans} == {
        None, "0", "1",
    }  # fmt: skip


def test_a_collector_that_is_away_stops_nothing(
    bootstrap: str, tmp_path: Path, topology: Path
) -> None:
    chain = TracedChain(bootstrap, tmp_path, partitions=2)
    try:
        chain.create(topology)
        chain.start(topology)
        send(chain, range(40))
        wait_until_quiet(chain, seconds=60)
        assert len(commands(chain)) == 3 * 40
        assert chain.exits == []
        began_s = time.monotonic()
    finally:
        chain.stop()
    assert time.monotonic() - began_s < 15
    said = (tmp_path / "worker-0.log").read_text()
    assert "Connection refused" in said
