"""A real schema registry beside a real broker: each codec in, and what happens without it."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest

from cjo_stream.core.catalogue import ACTION
from cjo_stream.errors import UsageError
from cjo_stream.kafka.operator.records import TopicRecords
from cjo_stream.kafka.process.stage import Stopping
from cjo_stream.kafka.stage.dispatch import DispatchProcess
from cjo_stream.kafka.stage.intake import IntakeProcess
from cjo_stream.kafka.topic.name import Names
from cjo_stream.registry import schemas as module
from cjo_stream.registry.wire import framed
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from tests.kafka.stages import (
    Tasks,
    in_background,
    make_dispatch,
    make_intake,
    make_topology,
    produce,
    publish,
    read_all,
    until,
)
from tests.kafka.test_intake import arrivals
from tests.world.apicurio import Apicurio
from tests.world.registry import AVRO_EVENT, EVENT_INDEXES, PROTO_EVENT, proto_event

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels:
  avro: {in: {registry: avro}}
  proto: {in: {registry: protobuf}}
  json: {in: {registry: json}}
  rows:
    in:
      registry: avro
      format: mapped
      map:
        type: "'order_placed'"
        time: row.at
        identifiers: {user_id: row.money.payer}
        attributes: {cents: row.money.cents}
  web: {in: {}}
identity: {identifiers: [{type: user_id}]}
"""
MONEY = {
    "type": "record",
    "name": "Money",
    "namespace": "shop",
    "fields": [{"name": "cents", "type": "long"}, {"name": "payer", "type": "string"}],
}
ROW = {
    "type": "record",
    "name": "Row",
    "namespace": "shop",
    "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "money", "type": "shop.Money"},
    ],
}
JSON_SCHEMA = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}'
TIME_MS = 1_700_000_000_000


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_LONGEST_S", 0.5)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Apicurio]:
    """Yield a registry that answers."""
    one = Apicurio(tmp_path)
    try:
        one.start()
    except RuntimeError as error:
        if os.environ.get("CJO_REQUIRE_KAFKA") == "1":
            pytest.fail(f"CJO_REQUIRE_KAFKA=1: {error}")
        pytest.skip(str(error))
    yield one
    one.kill()


def with_registry(settings: Settings, registry: Apicurio) -> Settings:
    nested = settings.registry.model_copy(update={"url": registry.url})
    return settings.model_copy(update={"registry": nested})


def event(id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "type": "seen",
        "time": TIME_MS,
        "identifiers": {"user_id": "ann"},
        "attributes": {"product": "tea", "total": 2.5, "pieces": 3},
    }


def avro_record(schema_id: int, schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return framed(schema_id, out.getvalue())


def topic(settings: Settings, channel: str) -> str:
    return f"{settings.topic_prefix}event.{channel}.v1"


def letters(settings: Settings) -> list[tuple[str, bytes]]:
    name = Names(settings.topic_prefix).dead_letter
    return [
        (dict(one.headers())["detail"].decode(), one.value()) for one in read_all(settings, name)
    ]


def test_each_codec_comes_in_also_with_a_schema_that_names_another(
    settings: Settings, tmp_path: Path, registry: Apicurio
) -> None:
    settings = with_registry(settings, registry)
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    avro_id = registry.register("avro-value", json.dumps(AVRO_EVENT))
    proto_id = registry.register("proto-value", PROTO_EVENT, "PROTOBUF")
    json_id = registry.register("json-value", JSON_SCHEMA, "JSON")
    registry.register("money", json.dumps(MONEY))
    named = [{"name": "shop.Money", "subject": "money", "version": 1}]
    row_id = registry.register("rows-value", json.dumps(ROW), references=named)
    row = {"at": TIME_MS * 1_000, "money": {"cents": 250, "payer": "ann"}}
    inlined = {**ROW, "fields": [ROW["fields"][0], {"name": "money", "type": MONEY}]}
    produce(settings, topic(settings, "avro"), avro_record(avro_id, AVRO_EVENT, event("a")))
    produce(
        settings,
        topic(settings, "proto"),
        framed(proto_id, EVENT_INDEXES + proto_event(event("p"))),
    )
    produce(settings, topic(settings, "json"), framed(json_id, json.dumps(event("j")).encode()))
    produce(settings, topic(settings, "rows"), avro_record(row_id, inlined, row))
    produce(settings, topic(settings, "web"), event("w"))
    intake = make_intake(settings)
    until(lambda: len(arrivals(settings)) >= 5, intake)
    assert arrivals(settings) == [("avro", 0), ("json", 0), ("proto", 0), ("rows", 0), ("web", 0)]
    assert letters(settings) == []
    intake.close()


def test_a_registry_that_is_away_from_the_start_costs_nothing(
    settings: Settings, tmp_path: Path, registry: Apicurio
) -> None:
    settings = with_registry(settings, registry)
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    schema_id = registry.register("avro-value", json.dumps(AVRO_EVENT))
    records = [avro_record(schema_id, AVRO_EVENT, event(f"e{n}")) for n in range(50)]
    registry.stop()
    produce(settings, topic(settings, "avro"), *records)
    produce(settings, topic(settings, "web"), event("w"))
    intake = make_intake(settings)
    until(lambda: arrivals(settings) == [("web", 0)], intake)
    until(lambda: "wait for the schema registry" in (intake.not_ready() or ""), intake)
    # Killed while it waits, the next one waits as well: nothing was committed beyond. It may send
    # again what was not committed, under the same number, which the tasks drop.
    intake.abandon()
    intake = make_waiting(settings)
    assert set(arrivals(settings)) == {("web", 0)}
    registry.launch()
    until(lambda: len(arrivals(settings)) > 50, intake)
    assert [n for channel, n in arrivals(settings) if channel == "avro"] == list(range(50))
    assert intake.not_ready() is None
    assert letters(settings) == []
    intake.close()


def make_waiting(settings: Settings) -> IntakeProcess:
    """Return an intake that has come so far that it waits for the registry."""
    intake = IntakeProcess(settings, Metrics(), Stopping())
    intake.open()
    until(lambda: "schema registry" in (intake.not_ready() or ""), intake)
    return intake


def test_a_registry_that_goes_away_halts_unknown_schemas_alone(
    settings: Settings, tmp_path: Path, registry: Apicurio
) -> None:
    settings = with_registry(settings, registry)
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    known = registry.register("avro-value", json.dumps(AVRO_EVENT))
    avro, web = topic(settings, "avro"), topic(settings, "web")
    intake = make_intake(settings)
    produce(settings, avro, avro_record(known, AVRO_EVENT, event("e0")))
    until(lambda: len(arrivals(settings)) == 1, intake)
    unknown = registry.register("rows-value", json.dumps(MONEY))
    registry.stop()
    produce(settings, avro, avro_record(known, AVRO_EVENT, event("e1")))
    until(lambda: len(arrivals(settings)) == 2, intake)
    produce(settings, topic(settings, "rows"), framed(unknown, b"\x02\x06ann"))
    produce(settings, avro, avro_record(known, AVRO_EVENT, event("e2")))
    produce(settings, web, event("w"))
    until(lambda: len(arrivals(settings)) == 4, intake)
    until(lambda: "schema registry" in (intake.not_ready() or ""), intake)
    metrics = intake._metrics.render().decode()
    assert "cjo_registry_waiting 1.0" in metrics
    registry.launch()
    # It is no row: refused once its schema is there, with the bytes as they came.
    found = until(lambda: letters(settings), intake)
    assert [value for _, value in found] == [framed(unknown, b"\x02\x06ann")]
    assert arrivals(settings) == [("avro", 0), ("avro", 1), ("avro", 2), ("web", 0)]
    intake.close()


def test_a_schema_that_the_registry_lacks_and_bytes_without_one_are_dead_letters(
    settings: Settings, tmp_path: Path, registry: Apicurio
) -> None:
    settings = with_registry(settings, registry)
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    known = registry.register("avro-value", json.dumps(AVRO_EVENT))
    avro = topic(settings, "avro")
    produce(settings, avro, framed(4_711, b"x"), event("plain"))
    produce(settings, avro, avro_record(known, AVRO_EVENT, event("e")))
    intake = make_intake(settings)
    until(lambda: len(arrivals(settings)) == 1, intake)
    unknown, plain = until(lambda: len(found := letters(settings)) == 2 and found, intake)
    assert "no schema 4711" in unknown[0]
    assert "remove `registry`" in plain[0]
    intake.close()


def test_a_missing_setting_is_said_at_the_start(settings: Settings, tmp_path: Path) -> None:
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    with pytest.raises(UsageError, match="CJO_REGISTRY__URL"):
        make_intake(settings)


def test_halted_partitions_end_no_process_however_long_it_takes(
    settings: Settings, tmp_path: Path, registry: Apicurio, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr("cjo_stream.kafka.process.watchdog.end_process", ended.append)
    monkeypatch.setattr("cjo_stream.kafka.process.stage.WATCHDOG_S", 1.0)
    settings = with_registry(settings, registry)
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    registry.kill()
    produce(settings, topic(settings, "avro"), framed(1, b"x"))
    intake = make_waiting(settings)
    intake.vitals.start()
    end_s = time.monotonic() + 4
    while time.monotonic() < end_s:
        intake.turn()
    intake.vitals.stop()
    assert ended == []
    intake.close()


OUT = """
topology: small
channels:
  web: {in: {}}
  mail: {out: {address: user_id, format: avro}}
  bell: {out: {address: user_id, topic: PREFIXbell, format: json_schema}}
  sms: {out: {address: user_id}}
identity: {identifiers: [{type: user_id}]}
---
journey: welcome
version: 1
entry: {on: seen}
initial: greeted
states: {greeted: {enter: [{act: hello}, {act: ring}, {act: text}], end: done}}
---
action: hello
class: service
treatments: {mail: {template: hello, payload: {product: event.product, list: "[1, 2]"}}}
---
action: ring
class: service
treatments: {bell: {template: ring}}
---
action: text
class: service
treatments: {sms: {template: text}}
"""


def test_commands_go_out_in_avro_and_json_schema_and_plain_readers_read_them(
    settings: Settings, tmp_path: Path, registry: Apicurio
) -> None:
    settings = with_registry(settings, registry)
    registry.ask("/config", {"compatibility": "BACKWARD"}, "PUT")
    names = Names(settings.topic_prefix)
    text = OUT.replace("PREFIX", settings.topic_prefix)
    publish(settings, make_topology(tmp_path / "topology", text))
    tasks, dispatch = Tasks(settings), make_dispatch(settings)
    subjects = {f"{names.prefix}action.mail.v1-value", f"{names.prefix}bell-value"}
    assert set(registry.ask("/subjects")) == subjects
    intake = make_intake(settings)
    produce(settings, topic(settings, "web"), event("w") | {"time": int(time.time() * 1_000)})

    def sent(name: str) -> Any:
        return until(lambda: read_all(settings, f"{names.prefix}{name}"), intake, tasks, dispatch)

    (mail,), (bell,), (sms,) = sent("action.mail.v1"), sent("bell"), sent("action.sms.v1")
    value = mail.value()
    # A plain consumer: the registry's schema by the id, and fastavro.
    schema = json.loads(
        registry.ask(f"/schemas/ids/{int.from_bytes(value[1:5], 'big')}")["schema"]
    )
    found = fastavro.schemaless_reader(io.BytesIO(value[5:]), fastavro.parse_schema(schema), None)
    assert (value[0], found["action"], found["address"]["value"]) == (0, "hello", "ann")
    assert found["payload"] == {"product": "tea", "list": "[1,2]"}
    assert dict(mail.headers())["action_id"].decode() == found["action_id"]
    assert json.loads(bell.value()[5:])["action"] == "ring"
    assert json.loads(sms.value())["action"] == "text"
    records = TopicRecords(settings).since(ACTION, {})
    assert {json.loads(one.value)["action"] for one in records} == {"hello", "ring", "text"}
    dispatch.close()
    intake.close()


def test_dispatch_waits_for_a_registry_that_is_away(
    settings: Settings, tmp_path: Path, registry: Apicurio
) -> None:
    settings = with_registry(settings, registry)
    text = OUT.replace("PREFIX", settings.topic_prefix)
    publish(settings, make_topology(tmp_path / "topology", text))
    registry.stop()
    dispatch = DispatchProcess(settings, Metrics(), Stopping())
    opened = in_background(lambda: (dispatch.open(), True))
    until(lambda: "gives no answer" in (dispatch.not_ready() or ""))
    assert not opened
    registry.start()
    until(lambda: opened)
    assert opened == [(None, True)]
    until(lambda: dispatch.not_ready() is None, dispatch)
    dispatch.close()
