"""`doctor` on a real broker: whether it answers, its topics, its clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.installation.finding import Finding
from cjo_stream.kafka.operator import checkup as module
from cjo_stream.kafka.operator.checkup import checkup
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from tests.kafka.stages import make_topology

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user_id}]}
"""


def areas(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.area, str(one.level)) for one in found]


def test_topics_are_missing_until_they_are_made_and_then_the_clocks_agree(
    settings: Settings, tmp_path: Path
) -> None:
    program = load(make_topology(tmp_path / "one", TOPOLOGY)).program
    found = list(checkup(settings, program))
    assert areas(found)[0] == ("broker", "ok")
    assert set(areas(found)[1:]) == {("topics", "problem")}
    assert {one.do for one in found[1:]} == {"cjo-stream topics create TOPOLOGY"}
    create(settings, program)
    began = time.monotonic()
    found = list(checkup(settings, program))
    assert areas(found) == [("broker", "ok"), ("topics", "ok"), ("clock", "ok")]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("by_ms", "which"), [(60_000, "behind"), (-60_000, "ahead of")])
def test_a_clock_that_differs_is_a_problem(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, by_ms: int, which: str
) -> None:
    create(settings, None)
    now: Callable[[], int] = module._now_ms
    monkeypatch.setattr(module, "_now_ms", lambda: now() + by_ms)
    found = module._clock(settings, Names(settings.topic_prefix).internal)
    assert found.level == "problem"
    assert f"ms {which} this host's" in found.what
    assert "NTP" in found.do


def test_a_listener_that_is_no_broker_is_told_within_seconds(
    settings_of: Callable[..., Settings],
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        (found,) = checkup(settings_of(kafka={"bootstrap_servers": address}), None)
    assert (found.area, str(found.level)) == ("broker", "problem")
    assert "does not answer" in found.what
    assert time.monotonic() - began < 15
