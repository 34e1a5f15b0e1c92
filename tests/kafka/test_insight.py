"""The sink of insight on a real broker: each record once, whatever is killed, cut or made anew."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition

from cjo_stream.errors import RefusalError
from cjo_stream.insight.filling import live
from cjo_stream.insight.filling.live import SinkProcess
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.reading import connect
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.process.stage import Stopping
from cjo_stream.kafka.topic.check import create
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from tests.kafka.stages import make_topology, opened, produce, publish, until
from tests.world.chain import Chain, wait_until_quiet
from tests.world.measurement import shown

pytestmark = pytest.mark.kafka

TOPOLOGY = """\
topology: t
channels: {web: {in: {}}, mail: {out: {address: user}}}
identity: {identifiers: [{type: user}]}
"""


@pytest.fixture
def installed(settings: Settings, tmp_path: Path) -> Settings:
    """Return the settings of an installation whose definition set is in force; nothing runs."""
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    return settings


def sinking(settings: Settings, layer: Path, metrics: Metrics | None = None) -> SinkProcess:
    return opened(SinkProcess(settings, metrics or Metrics(), Stopping(), str(layer), 0.0))


def asked(layer: Path, query: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connect(str(layer))[0].execute(query).fetchall()
    return found


def transition(number: int, customer: str = "c") -> dict[str, Any]:
    return {
        "schema": "cjo.transition.v1", "transition_id": f"t{number}", "customer_id": customer,
        "journey": "j", "version": 1, "instance_id": f"i{number}", "key": None, "from": None,
        "to": "s", "reason": "entered", "outcome": None, "time": 1_772_445_600_000 + number,
        "trigger": {"kind": "event", "id": "e", "type": "x"}, "holdout": False,
    }  # fmt: skip


def change(kind: str, customer: str, *identifiers: str, time: int = 0) -> dict[str, Any]:
    return {
        "schema": "cjo.identity.v1", "kind": kind, "customer_id": customer, "absorbed": [],
        "identifiers": [{"type": "user", "value": one} for one in identifiers],
        "event_id": None, "reason": None, "time": time,
    }  # fmt: skip


def event(user: str, id_: str | None = None) -> dict[str, Any]:
    now_ms = int(time.time() * 1000)
    return {"type": "seen", "time": now_ms, "identifiers": {"user": user}} | (
        {"id": id_} if id_ else {}
    )


def test_what_a_topic_lost_before_it_was_read_is_counted_and_shown(
    installed: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from cjo_stream.cli.insight_figure import note_reach

    name, layer = f"{installed.topic_prefix}transition.v1", tmp_path / "layer"
    admin = Admin(installed)
    produce(installed, name, *map(transition, range(5)))
    live.take(installed, str(layer))
    produce(installed, name, *map(transition, range(5, 10)), b"no record of ours")

    def cut(to: int) -> None:
        partition = TopicPartition(name, 0, to)
        admin.result(admin.client.delete_records([partition])[partition])

    cut(8)
    metrics = Metrics()
    behind = sinking(installed, layer, metrics)
    until(lambda: len(asked(layer, "FROM transition")) == 7, behind)
    behind.close()
    assert "cjo_insight_lost_total 3.0" in metrics.render().decode()
    assert asked(layer, "SELECT transition_id FROM transition ORDER BY 1") == [
        (f"t{number}",) for number in (0, 1, 2, 3, 4, 8, 9)
    ]
    _, manifest = connect(str(layer))
    assert (manifest.lost, manifest.foreign) == ({name: 3}, {name: 1})
    note_reach(manifest)
    said = capfd.readouterr().err
    assert f"{name} no longer held 3 offsets when it was to be read" in said
    assert f"1 record of {name} are none of ours" in said
    # While it runs, too; and what was read before is not missed.
    process = sinking(installed, layer)
    produce(installed, name, transition(10))
    until(lambda: len(asked(layer, "FROM transition")) == 8, process)
    cut(12)
    produce(installed, name, transition(11))
    until(lambda: len(asked(layer, "FROM transition")) == 9, process)
    process.close()
    assert connect(str(layer))[1].lost == {name: 3}


def test_a_topic_that_was_made_anew_is_read_from_its_beginning_and_named(
    installed: Settings, tmp_path: Path
) -> None:
    name, layer = f"{installed.topic_prefix}transition.v1", tmp_path / "layer"
    admin = Admin(installed)
    produce(installed, name, *map(transition, range(3)))
    live.take(installed, str(layer))
    admin.result(admin.client.delete_topics([name])[name])
    until(lambda: not admin.describe([name]))
    with pytest.raises(RefusalError, match="missing: "):
        live.take(installed, str(layer))
    create(installed, None)
    produce(installed, name, transition(7))
    live.take(installed, str(layer))
    assert len(asked(layer, "FROM transition")) == 4
    assert connect(str(layer))[1].anew == {name: 1}
    live.take(installed, str(layer))
    assert connect(str(layer))[1].anew == {name: 1}


def test_how_long_records_wait_for_a_manifest_and_how_old_it_is_is_shown(
    installed: Settings, tmp_path: Path
) -> None:
    process = opened(SinkProcess(installed, Metrics(), Stopping(), str(tmp_path / "layer"), 3_600))
    sink = process._sink
    assert sink is not None
    produce(installed, f"{installed.topic_prefix}transition.v1", transition(1), transition(2))
    until(lambda: sink.has_rows, process)
    process._published_s -= 1_000
    process._waiting_since_s = time.monotonic() - 400
    process.turn()
    found = shown(process._metrics)
    assert found["cjo_insight_manifest_age_seconds"] == pytest.approx(1_000, abs=90)
    assert found["cjo_insight_waiting_seconds"] == pytest.approx(400, abs=90)
    process.publish()
    process.turn()
    found = shown(process._metrics)
    assert found["cjo_insight_manifest_age_seconds"] < 90
    assert found["cjo_insight_waiting_seconds"] == 0
    assert found['cjo_insight_rows_total{table="transition"}'] == 2
    assert found['cjo_commit_seconds_count{stage="insight"}'] == 1
    process.close()


def test_events_are_decoded_by_the_set_in_force_and_taken_once(
    settings: Settings, tmp_path: Path
) -> None:
    layer = tmp_path / "layer"
    create(settings, None)
    process = SinkProcess(settings, Metrics(), Stopping(), str(layer), 0.0)
    assert process.not_ready() == "no definition set is applied: cjo-stream apply TOPOLOGY"
    process.abandon()
    folder = make_topology(tmp_path / "topology", TOPOLOGY)
    publish(settings, folder)
    web = f"{settings.topic_prefix}event.web.v1"
    process = sinking(settings, layer)
    produce(settings, web, event("a", "1"), event("a", "1"), event("b"), {"type": "x"})
    accepted = {"attributes": {"action": "x", "outcome": "click"}}
    produce(
        settings,
        f"{settings.topic_prefix}outcome.v1",
        {**event("b"), "type": "cjo.outcome", **accepted},
    )
    until(lambda: layer.exists() and len(asked(layer, "FROM event")) == 3, process)
    produce(settings, web, event("a", "1"), event("c"))
    until(lambda: len(asked(layer, "FROM event")) == 4, process)
    _, manifest = connect(str(layer))
    assert (manifest.repeated, manifest.refused) == (2, 1)
    # A channel that comes with another set is read by it, while the sink runs.
    text = TOPOLOGY.replace("web: {in: {}}", "web: {in: {}}, app: {in: {}}")
    publish(settings, make_topology(folder, text), process)
    produce(settings, f"{settings.topic_prefix}event.app.v1", event("d"))
    until(lambda: len(asked(layer, "FROM event WHERE channel = 'app'")) == 1, process)
    process.close()


def test_nothing_of_an_erased_customer_stays_or_comes_later(
    installed: Settings, tmp_path: Path
) -> None:
    prefix, layer = installed.topic_prefix, tmp_path / "layer"
    now_ms = int(time.time() * 1000)
    produce(installed, f"{prefix}identity.v1", change("created", "c1", "ann", time=now_ms))
    produce(installed, f"{prefix}transition.v1", transition(1, "c1"), transition(2, "c2"))
    live.take(installed, str(layer))
    # The erasure comes before the rest is read; a later event under the same name is somebody's.
    produce(installed, f"{prefix}identity.v1", change("erased", "c1", time=now_ms + 5_000))
    produce(installed, f"{prefix}event.web.v1", event("ann"), event("bob"))
    produce(installed, f"{prefix}transition.v1", transition(3, "c1"))
    later = {**event("ann"), "time": now_ms + 60_000}
    time.sleep(max(0.0, (now_ms + 5_100) / 1000 - time.time()))
    produce(installed, f"{prefix}event.web.v1", later)
    live.take(installed, str(layer))
    assert asked(layer, "SELECT transition_id FROM transition") == [("t2",)]
    assert sorted(asked(layer, "SELECT customer_id FROM event")) == [("user:ann",), ("user:bob",)]
    # A record that comes later still, after a restart.
    produce(installed, f"{prefix}transition.v1", transition(4, "c1"))
    produce(installed, f"{prefix}identity.v1", change("linked", "c1", "bob", time=now_ms))
    live.take(installed, str(layer))
    assert asked(layer, "SELECT transition_id FROM transition") == [("t2",)]
    assert asked(layer, "SELECT customer_id FROM event") == [("user:ann",)]
    # So late is an event from before the erasure: it is known by its hash alone.
    produce(installed, f"{prefix}event.web.v1", {**event("ann"), "time": now_ms}, event("cid"))
    assert live.take(installed, str(layer)).withheld == 1
    assert sorted(asked(layer, "SELECT customer_id FROM event")) == [("user:ann",), ("user:cid",)]
    assert connect(str(layer))[1].erased == 1


def test_a_fact_stands_beside_what_happened_then(installed: Settings, tmp_path: Path) -> None:
    prefix, layer = installed.topic_prefix, tmp_path / "layer"
    at = transition(0)["time"]

    def profile(customer: str, time: int, tier: str) -> dict[str, Any]:
        facts = {"tier": tier}
        return {
            "schema": "cjo.profile.v1", "customer_id": customer, "identifiers": {},
            "facts": facts, "traits": {"n": 1}, "time": time,
        }  # fmt: skip

    produce(installed, f"{prefix}profile.v1", profile("c", at - 5, "new"), key=b"c")
    live.take(installed, str(layer))
    produce(installed, f"{prefix}profile.v1", profile("c", at + 2, "gold"), key=b"c")
    produce(installed, f"{prefix}profile.v1", profile("d", at + 1, "old"), None, key=b"d")
    produce(installed, f"{prefix}transition.v1", *map(transition, (0, 1, 2)), transition(3, "d"))
    merged = {**change("merged", "c", time=at + 9), "absorbed": ["d"]}
    produce(installed, f"{prefix}identity.v1", merged)
    live.take(installed, str(layer))
    query = """
        SELECT instance_id, t.customer_id, p.facts->>'tier'
        FROM "transition" AS t ASOF LEFT JOIN profile AS p
        ON p.customer_id = t.customer_id AND p."time" <= t."time" ORDER BY ALL
    """
    assert asked(layer, query) == [
        ("i0", "c", "new"), ("i1", "c", "old"), ("i2", "c", "gold"), ("i3", "c", "gold"),
    ]  # fmt: skip
    erased = {**change("erased", "c", time=at + 20), "absorbed": ["d"]}
    produce(installed, f"{prefix}identity.v1", erased)
    live.take(installed, str(layer))
    assert asked(layer, "FROM profile") == []


def test_a_log_that_lost_its_end_is_refused_until_the_layer_is_made_anew(
    installed: Settings, tmp_path: Path
) -> None:
    layer = tmp_path / "layer"
    produce(installed, f"{installed.topic_prefix}transition.v1", transition(1))
    live.take(installed, str(layer))
    ahead = Sink(str(layer))
    for lanes in ahead.positions.values():
        lanes.update({lane: at + 5 for lane, at in lanes.items()})
    ahead.publish()
    with pytest.raises(RefusalError, match="make the layer anew in an empty folder"):
        live.take(installed, str(layer))
    live.take(installed, str(tmp_path / "anew"))
    assert len(asked(tmp_path / "anew", "FROM transition")) == 1


def test_of_two_sinks_on_one_layer_one_ends(installed: Settings, tmp_path: Path) -> None:
    name, layer = f"{installed.topic_prefix}transition.v1", tmp_path / "layer"
    one, other = sinking(installed, layer), sinking(installed, layer)
    produce(installed, name, transition(1))
    until(lambda: layer.exists() and asked(layer, "FROM transition"), one)
    with pytest.raises(RefusalError, match="another sink fills"):
        until(lambda: False, other)
    other.abandon()
    produce(installed, name, transition(2))
    until(lambda: len(asked(layer, "FROM transition")) == 2, one)
    one.close()


def test_measures_come_in_under_the_customer_of_today(installed: Settings, tmp_path: Path) -> None:
    prefix = installed.topic_prefix
    measure = {
        "schema": "cjo.measure.v1", "customer_id": "b", "measure": "revenue", "value": 12.5,
        "time": 1_772_445_600_000, "trigger": {"kind": "event", "id": "e", "type": "order"},
        "journey": None, "version": None, "instance_id": None, "state": None,
    }  # fmt: skip
    produce(installed, f"{prefix}measure.v1", measure)
    produce(installed, f"{prefix}identity.v1", {**change("merged", "a"), "absorbed": ["b"]})
    live.take(installed, str(tmp_path / "layer"))
    found = asked(tmp_path / "layer", "SELECT customer_id, measure, value, event_id FROM measure")
    assert found == [("a", "revenue", 12.5, "e")]


# --- a whole installation ------------------------------------------------------------------------


@pytest.fixture
def chain(bootstrap: str, tmp_path: Path) -> Iterator[Chain]:
    chain = Chain(bootstrap, tmp_path, partitions=2)
    chain.create()
    chain.start()
    yield chain
    chain.stop()


def start_sink(chain: Chain, layer: Path, *options: str) -> subprocess.Popen[bytes]:
    with (chain.folder / "sink.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cjo_stream", "insight", "sink", "--layer", str(layer),
             *options],
            env=chain.env(), stdout=log, stderr=log,
        )  # fmt: skip


def traffic(chain: Chain, seconds: float, chance: random.Random) -> None:
    producer = Producer({"bootstrap.servers": chain.bootstrap, "log_level": 0})
    end_s = time.monotonic() + seconds
    for number in itertools.count():
        user = f"u{chance.randrange(300)}"
        type_ = chance.choice(["cart", "cart", "order"])
        attributes = {"cart": chance.randrange(3), "total": chance.randrange(10)}
        told = {**event(user, f"{seconds}-{number // 2}"), "type": type_, "attributes": attributes}
        producer.produce(f"{chain.prefix}event.web.v1", json.dumps(told).encode(), user.encode())
        producer.poll(0)
        time.sleep(0.004)
        if time.monotonic() > end_s:
            break
    assert producer.flush(10) == 0


def waits_s(chain: Chain, layer: Path, since_s: float) -> Iterator[float]:
    """Yield how long each transition took from its append to the first manifest that has it."""
    manifests = [
        (path.stat().st_mtime, json.loads(path.read_bytes())["positions"]["transition"])
        for path in sorted((layer / "manifest").glob("*.json"))
    ]
    for messages in chain.read("transition.v1").values():
        for message in (one for one in messages if one.timestamp()[1] >= since_s * 1000):
            end = f"/{message.partition()}"
            for at_s, lanes in manifests:
                [reached] = (to for lane, to in lanes.items() if lane.endswith(end))
                if reached > message.offset():
                    yield at_s - message.timestamp()[1] / 1000
                    break


def test_a_sink_that_is_killed_again_and_again_has_every_record_once(
    chain: Chain, tmp_path: Path
) -> None:
    layer, chance = tmp_path / "layer", random.Random(5)
    sink = start_sink(chain, layer)
    traffic(chain, 1, chance)
    until(lambda: layer.exists(), within_s=60)
    since_s = time.time()
    traffic(chain, 12, chance)
    time.sleep(6)
    waited_s = sorted(waits_s(chain, layer, since_s))
    assert len(waited_s) > 100
    assert waited_s[len(waited_s) * 95 // 100] < 15  # 10 where nothing else runs
    for number in range(6):
        traffic(chain, 3 + number / 3, chance)
        sink.send_signal(signal.SIGKILL)
        sink.wait(10)
        sink = start_sink(chain, layer, "--interval", "1s")
    wait_until_quiet(chain, quiet=9)
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(30) == 0
    chain.command("insight", "sink", "--once", "--layer", str(layer))
    for topic, view, id_ in (
        ("transition.v1", "transition", "transition_id"),
        ("decision.v1", "decision", "decision_id"),
        ("action.mail.v1", "action", "action_id"),
    ):
        there = [json.loads(m.value()) for ms in chain.read(topic).values() for m in ms]
        assert len(there) > 100, topic
        found = asked(layer, f"SELECT {id_} FROM {view}")
        assert Counter(one for (one,) in found) == Counter(one[id_] for one in there)
    changes = sum(len(messages) for messages in chain.read("identity.v1").values())
    assert len(asked(layer, "FROM identity")) == changes
    events = [json.loads(m.value()) for ms in chain.read("event.web.v1").values() for m in ms]
    found = asked(layer, "SELECT id FROM event")
    of_customers = {(one["id"], one["identifiers"]["user"]) for one in events}
    assert Counter(one for (one,) in found) == Counter(id_ for id_, _ in of_customers)
    assert connect(str(layer))[1].repeated == len(events) - len(found)
