"""The AsyncAPI document of a topology: real records are as it says, and others are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from cjo_stream.core.catalogue import RECORDS
from cjo_stream.definition import load
from cjo_stream.engine.example import EXAMPLES
from cjo_stream.kafka.topic.asyncapi import document
from cjo_stream.kafka.topic.wanted import PRIVATE, wanted_topics
from cjo_stream.settings import Settings
from tests.docs import sample
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

SETTINGS = Settings(kafka={"bootstrap.servers": "one:9092,two:9093"}, partitions=7)
STORY = load(sample.STORY).program
MORE = """
topology: more
channels:
  web: {in: {}}
  shop: {in: {format: segment}}
  till: {in: {topic: pos.receipts, format: mapped, map: {type: "'sale'", time: row.at}}}
  crm: {in: {format: cloudevents}, out: {topic: crm.commands, address: user, format: avro}}
events: {sale: {total: number, at: time}}
records: {profile: off, decision: off}
identity: {identifiers: [{type: user}]}
---
action: call
class: service
treatments: {crm: {}}
"""


def drawn(settings: Settings = SETTINGS, program: Any = STORY) -> dict[str, Any]:
    return document(settings, program)


def errors(whole: dict[str, Any], message: str, value: Any) -> list[str]:
    """Return what is wrong with a record, by the schema of its message."""
    resource = Resource(contents=whole, specification=DRAFT202012)
    reference = {"$ref": f"urn:whole#/components/messages/{message}/payload"}
    validator = Draft202012Validator(
        reference, registry=Registry().with_resource("urn:whole", resource)
    )
    return [one.message for one in validator.iter_errors(value)]


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("more")
    (folder / "all.yaml").write_text(MORE)
    return load(folder).program


def test_every_record_that_the_engine_makes_is_as_its_message_says(
    tmp_path: Path, cli: Cli
) -> None:
    whole = drawn()
    events = sample.STORY / "events.jsonl"
    cli("run", sample.STORY, events, "--out", tmp_path / "out", "--drain", "7d", "--profiles")
    seen = 0
    for kind in RECORDS:
        if kind.file is None or kind.name == "dead_letter":
            continue
        message = {"action": "action_email_cart_reminder"}.get(kind.name, kind.name)
        for line in (tmp_path / "out" / kind.file).read_text().splitlines():
            record = json.loads(line)
            assert errors(whole, message, record) == [], line
            assert errors(whole, message, {**record, "schema": "cjo.other.v1"})
            first = next(name for name in record if name != "schema")
            assert errors(whole, message, {k: v for k, v in record.items() if k != first})
            seen += 1
    assert seen > 14
    assert errors(whole, "profile", None) == []
    for line in events.read_text().splitlines():
        if line.startswith("{"):
            assert errors(whole, "event_web", json.loads(line)) == []
    assert errors(whole, "event_web", {"type": "a", "time": 1})


@pytest.mark.parametrize("topology", ["story", "more"])
def test_every_message_of_ours_has_an_example_that_is_as_its_schema_says(
    topology: str, more: Any
) -> None:
    whole = drawn() if topology == "story" else drawn(program=more)
    foreign = {"event_shop", "event_till", "event_crm"}
    for name, message in whole["components"]["messages"].items():
        for one in message["examples"] if name not in foreign else ():
            assert errors(whole, name, one["payload"]) == []
            if headers := message.get("headers"):
                assert set(one.get("headers", headers["required"])) >= set(headers["required"])


def test_a_command_is_of_its_action_and_channel() -> None:
    whole = drawn()
    command = EXAMPLES["cjo.action.v1"]
    assert errors(whole, "action_email_cart_reminder", {**command, "topology": "x"}) == []
    for name, value in (("action", "other"), ("channel", "push"), ("template", "cart_v2")):
        assert errors(whole, "action_email_cart_reminder", {**command, name: value})


def test_it_has_every_public_topic_and_no_private_one() -> None:
    whole = drawn()
    addresses = {one["address"] for one in whole["channels"].values()}
    private = {f"cjo.{one.name}.v1" for one in PRIVATE if one.name != "outcome"}
    wanted = {one.name for one in wanted_topics(SETTINGS, STORY)}
    assert addresses == wanted - private - {"cjo.reply.v1"}
    received = {n for n, one in whole["operations"].items() if one["action"] == "receive"}
    assert received == {"receive_event_web", "receive_outcome"}


def test_every_reference_leads_somewhere(more: Any) -> None:
    for program in (STORY, more, load(Path("topologies/shop")).program):
        whole = drawn(program=program)
        for reference in _references(whole):
            found: Any = whole
            for part in reference.removeprefix("#/").split("/"):
                found = found[part]
            assert found, reference


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [one for item in value for one in _references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [one for item in value.values() for one in _references(item)]


def test_sizes_and_names_are_those_of_the_settings(more: Any) -> None:
    whole = drawn(SETTINGS.model_copy(update={"topic_prefix": "a.b.", "replication_factor": 3}))
    kafka = whole["channels"]["action_email"]["bindings"]["kafka"]
    assert (kafka["topic"], kafka["partitions"], kafka["replicas"]) == (
        "a.b.action.email.v1",
        7,
        3,
    )
    reward = whole["channels"]["reward"]["bindings"]["kafka"]
    assert (reward["partitions"], reward["topicConfiguration"]["retention.ms"]) == (1, 2592000000)
    assert [one["host"] for one in whole["servers"].values()] == ["one:9092", "two:9093"]
    owned = drawn(program=more)["channels"]["event_till"]["bindings"]["kafka"]
    assert owned == {"topic": "pos.receipts", "bindingVersion": "0.5.0"}


def test_what_a_topology_says_of_its_events_and_commands_is_there(more: Any) -> None:
    whole = drawn(program=more)
    messages = whole["components"]["messages"]
    event = {"type": "sale", "time": 1, "identifiers": {"user": "u"}}
    assert errors(whole, "event_web_sale", {**event, "attributes": {"total": 5, "at": 7}}) == []
    assert errors(whole, "event_web_sale", {**event, "attributes": {"total": "5"}})
    assert errors(whole, "event_web_sale", {**event, "type": "other"})
    assert messages["action_crm_call"]["contentType"] == "application/avro"
    assert not {"profile", "decision"} & set(whole["channels"])
    assert {"event_shop", "event_till", "event_crm"} <= set(messages)


@pytest.mark.parametrize(
    ("properties", "protocol", "schemes"),
    [
        ({}, "kafka", {}),
        ({"security.protocol": "SSL"}, "kafka-secure", {}),
        (
            {"security.protocol": "ssl", "ssl.certificate.location": "x.pem"},
            "kafka-secure",
            {"certificate": {"type": "X509"}},
        ),
        (
            {"security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512"},
            "kafka-secure",
            {"sasl": {"type": "scramSha512"}},
        ),
        (
            {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "PLAIN"},
            "kafka",
            {"sasl": {"type": "plain"}},
        ),
    ],
)
def test_servers_say_how_they_let_clients_in_and_no_secret(
    properties: dict[str, str], protocol: str, schemes: dict[str, Any]
) -> None:
    secret = {"sasl.password": "sesame", "sasl.username": "ann"}
    whole = drawn(Settings(kafka={**properties, **secret}))
    (server,) = whole["servers"].values()
    assert server["protocol"] == protocol
    assert whole["components"].get("securitySchemes", {}) == schemes
    assert "sesame" not in json.dumps(whole)


def test_it_is_printed_as_yaml_or_json(cli: Cli) -> None:
    said = cli("asyncapi", sample.STORY, "--json")
    assert said.code == 0
    assert json.loads(said.out) == document(Settings(), STORY)
    assert cli("asyncapi", sample.STORY).out.startswith("asyncapi: 3.0.0\ninfo:\n  title: story\n")
    assert cli("asyncapi", "nowhere").code == 2
