"""Commands in Avro and JSON Schema, read back by clients that know nothing of us."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from cjo_stream.core.record import Action, Address, JourneyRef
from cjo_stream.core.word import CommandFormat
from cjo_stream.errors import RefusalError, UsageError
from cjo_stream.registry.command import Commands, avro_schema, json_schema
from cjo_stream.registry.text import Texts
from cjo_stream.settings import Settings
from tests.world.registry import Registry

fastavro = pytest.importorskip("fastavro")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as one:
        yield one


def command(**given: Any) -> Action:
    return Action(
        **{
            "action_id": "a1",
            "customer_id": "c1",
            "topology": "shop",
            "action": "offer",
            "issue": None,
            "group": "goods",
            "class_": "marketing",
            "channel": "mail",
            "template": "t",
            "payload": {"n": 1, "x": 1.5, "s": "ö", "b": True, "nothing": None},
            "address": Address("email", "ada@example.com"),
            "issued_at": 1_772_359_200_123,
            "expires_at": 1_772_445_600_123,
            "decision_id": "d1",
            "journey": JourneyRef("buying", 1, "i1", "waiting"),
            **given,
        }
    )


def settings(registry: Registry) -> Settings:
    return Settings(registry={"url": registry.url})


def written(registry: Registry, form: CommandFormat, action: Action) -> bytes:
    encode = Commands(settings(registry)).encoder("mails", form)
    assert encode is not None
    return encode(msgspec.json.encode(action))


COMMANDS = [
    command(),
    command(issue="sales", group=None, template=None, address=None, journey=None, payload={}),
    command(cut=["payload"], journey=JourneyRef("buying", 1, "i1", None)),
]


@pytest.mark.parametrize("action", COMMANDS)
def test_a_command_in_avro_says_what_it_says_in_json(registry: Registry, action: Action) -> None:
    value = written(registry, CommandFormat.AVRO, action)
    ((path, posted),) = registry.posted
    assert (path, posted["schemaType"]) == ("/subjects/mails-value/versions", "AVRO")
    assert value[:5] == b"\x00\x00\x00\x00\x47"  # the id that the registry gave
    schema = fastavro.parse_schema(json.loads(posted["schema"]))
    found = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
    plain = msgspec.to_builtins(action)
    assert found == {"cut": None, **plain}


def test_what_avro_has_no_type_for_stands_as_json_text_in_the_payload(registry: Registry) -> None:
    payload = {"list": [1, {"a": None}], "huge": 2**63, "low": -(2**63)}
    value = written(registry, CommandFormat.AVRO, command(payload=payload))
    schema = fastavro.parse_schema(avro_schema())
    found = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
    assert found["payload"] == {
        "list": '[1,{"a":null}]',
        "huge": str(2**63),
        "low": -(2**63),
    }


@pytest.mark.parametrize("action", COMMANDS)
def test_a_command_in_json_schema_is_its_json_behind_the_schemas_id(
    registry: Registry, action: Action
) -> None:
    value = written(registry, CommandFormat.JSON_SCHEMA, action)
    ((_, posted),) = registry.posted
    assert posted["schemaType"] == "JSON"
    assert value == b"\x00\x00\x00\x00\x47" + msgspec.json.encode(action)
    assert json.loads(posted["schema"]) == json_schema()
    text = json.dumps(json_schema())
    assert "$defs" not in text
    assert "draft-07" in text


def test_a_schema_is_registered_once_and_plain_json_needs_none(registry: Registry) -> None:
    commands = Commands(settings(registry))
    for _ in range(2):
        assert commands.encoder("mails", CommandFormat.AVRO) is not None
    assert commands.encoder("bells", CommandFormat.JSON) is None
    assert len(registry.posted) == 1
    with pytest.raises(UsageError, match="CJO_REGISTRY__URL"):
        Commands(Settings()).encoder("mails", CommandFormat.AVRO)
    assert Commands(Settings()).encoder("mails", CommandFormat.JSON) is None


@pytest.mark.parametrize("form", [CommandFormat.AVRO, CommandFormat.JSON_SCHEMA])
def test_commands_are_read_back_as_json(registry: Registry, form: CommandFormat) -> None:
    plain = msgspec.json.encode(command())
    value = written(registry, form, command())
    texts = Texts(settings(registry))
    with pytest.raises(RefusalError, match="names schema 71"):
        texts.text(value)
    registry.schemas[71] = registry.posted[0][1]
    for _ in range(2):
        assert json.loads(texts.text(value)) == json.loads(plain)
    assert texts.text(plain) == plain
    assert registry.asked == ["/schemas/ids/71"] * 2
