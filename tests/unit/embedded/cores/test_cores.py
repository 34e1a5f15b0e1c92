"""A run on several cores gives the bytes of a run on one, whatever comes in."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from cjo_stream.core.message import Deliver
from cjo_stream.core.program.program import Program
from cjo_stream.definition import compile_content, load
from cjo_stream.embedded.cores import runtime, share
from cjo_stream.embedded.cores.component import Components
from cjo_stream.embedded.cores.spool import Spool
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import RetryError
from cjo_stream.simulate import traffic
from tests.differential import shared
from tests.world import TOPOLOGY
from tests.world.crew import same_on_cores
from tests.world.handling import fail_handlers
from tests.world.poison import poisoned

BUNDLED = Path(__file__).parents[4] / "topologies"
START_MS = 1_772_323_200_000
DAY_MS = 86_400_000
KEY = b"a key for tests"


def simulated(topology: str, people: int) -> list[RawRecord]:
    records = traffic(topology, people=people, seed=5, start_ms=START_MS, duration_ms=10 * DAY_MS)
    return [
        RawRecord(one.channel, "t", 0, n, one.arrives_ms, one.value, one.key, (), one.channel)
        for n, one in enumerate(itertools.islice(records, 1_500))
    ]


def carts(number: int, users: int = 6) -> list[RawRecord]:
    """Return events of some users of the topology of tests, some refused, some poison."""
    records = []
    for at in range(number):
        event = {
            "type": ("cart", "cart", "order", "other")[at % 4],
            "time": START_MS + at * 7_000,
            "channel": "web",
            "identifiers": {"user": f"u{at * at % users}"},
            "attributes": {"cart": f"c{at % 2}", "total": at % 6 if at % 29 != 4 else "x"}
            | ({"poison": 1} if at % 17 == 3 else {}),
        }
        value = json.dumps(event).encode() if at % 23 != 5 else b"{"
        records.append(RawRecord("t", "t", 0, at, START_MS + at * 7_000, value, channel="web"))
    return records


@pytest.mark.slow
@pytest.mark.parametrize(("topology", "people"), [("shop", 60), ("lending", 120)])
def test_a_bundled_topology_gives_the_same_bytes(
    tmp_path: Path, topology: str, people: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "ROUND_ENTRIES", 50)
    found = same_on_cores(load(BUNDLED / topology), simulated(topology, people), tmp_path)
    assert found["actions.jsonl"]
    assert found["profiles.jsonl"]
    if topology == "shop":
        assert found["identities.jsonl"].count(b'"merged"')
        assert b'"model_version":1' in found["decisions.jsonl"], "a model came into force"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_drawn_world_of_many_people_gives_the_same_bytes(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "ROUND_ENTRIES", 1 + seed * 5)
    monkeypatch.setattr(share, "STEP_RECORDS", 1 + seed)
    assert shared.run(seed)


def test_what_fails_is_the_same_dead_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_handlers(monkeypatch, Deliver, bad=lambda message: "poison" in message.event.attributes)
    found = same_on_cores(load(TOPOLOGY), carts(300), tmp_path)
    summary = json.loads(found["summary.json"])
    assert [one for one in summary["unread"] + summary["expression_errors"] if one["file"]]
    assert found["dead_letters.jsonl"].count(b'"failed"') > 10
    assert found["dead_letters.jsonl"].count(b'"malformed"') > 10


def test_a_timer_that_fails_is_the_same_dead_letter_of_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_(number: int, content: bytes) -> Program:
        return poisoned(compile_content(number, content))

    monkeypatch.setattr(share, "compile_content", compile_)
    found = same_on_cores(load(TOPOLOGY), carts(300), tmp_path, compile_)
    letters = map(json.loads, found["dead_letters.jsonl"].splitlines())
    timed = [one for one in letters if one["topic"] == "embedded"]
    assert timed
    assert {(one["partition"], one["offset"]) for one in timed} == {(0, -1)}


def test_no_events_and_only_refused_ones_give_the_same_bytes(tmp_path: Path) -> None:
    definitions = load(TOPOLOGY)
    (tmp_path / "none").mkdir()
    (tmp_path / "bad").mkdir()
    same_on_cores(definitions, [], tmp_path / "none")
    bad = [RawRecord("t", "t", 0, n, START_MS, b"{", channel="web") for n in range(9)]
    assert same_on_cores(definitions, bad, tmp_path / "bad")["dead_letters.jsonl"]


def test_a_group_that_is_torn_apart_would_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def owners(self: Components, shares: int) -> bytes:
        return bytes(number % shares for number in range(len(self._above)))

    monkeypatch.setattr(Components, "owners", owners)
    with pytest.raises(AssertionError, match=" by 2"):
        same_on_cores(load(BUNDLED / "shop"), simulated("shop", 30), tmp_path)


def test_a_disk_without_room_for_the_events_is_told(tmp_path: Path) -> None:
    with pytest.raises(RetryError, match="none cannot take the events of the run"):
        Spool(tmp_path / "none" / "events")
    (tmp_path / "none").mkdir()
    Spool(tmp_path / "none" / "events").close()
