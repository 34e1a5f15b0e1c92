"""Records written by a registry's schemas become the events that JSON would have become."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, IdentifierType, Input
from cjo_stream.core.word import Codec, Format
from cjo_stream.engine.intake import Intake
from cjo_stream.engine.port import Log, RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import Decoder, decoder
from cjo_stream.registry.client import Client
from cjo_stream.registry.schemas import Schemas
from cjo_stream.registry.wire import framed
from cjo_stream.settings import Settings
from tests.unit.ingest.test_format import MAP
from tests.world.registry import (
    AVRO_EVENT,
    EVENT_INDEXES,
    PROTO_EVENT,
    Registry,
    avro,
    proto,
)
from tests.world.registry import proto_event as proto_bytes

fastavro = pytest.importorskip("fastavro")
pytest.importorskip("grpc_tools")

NOW = 1_772_359_200_500
TIME_MS = 1_772_359_200_123
EVENT: dict[str, Any] = {
    "id": "e1",
    "type": "seen",
    "time": TIME_MS,
    "identifiers": {"loyalty_id": "77"},
    "attributes": {"product": "tea", "total": 2.5, "pieces": 3},
}


def program(codec: Codec | None, form: Format = Format.NATIVE) -> Program:
    maps = (MAP,) if form is Format.MAPPED else ()
    taken = Input(topic="raw", format=form, maps=maps, registry=codec)
    return Program(
        topology="shop",
        channels={"in": Channel(name="in", input=taken)},
        identifiers={n: IdentifierType(type=n, rank=8) for n in ("loyalty_id", "cookie")},
    )


def record(value: bytes, channel: str | None = "in") -> RawRecord:
    return RawRecord("raw", "i", 0, 3, NOW, value, channel=channel)


def avro_bytes(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


ROW = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "receipt", "type": "string"},
        {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["sale", "other"]}},
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "card", "type": "long"},
        {"name": "sum", "type": ["null", "string"]},
    ],
}


@pytest.fixture
def schemas() -> Iterator[Schemas]:
    with Registry() as registry:
        registry.schemas = {1: avro(AVRO_EVENT), 2: proto(PROTO_EVENT), 3: avro(ROW)}
        registry.schemas[4] = avro("string")
        found = Schemas(Client(Settings(registry={"url": registry.url})))
        end_s = time.monotonic() + 20
        while [id_ for id_ in registry.schemas if found.lacks(framed(id_, b"")) is not None]:
            assert time.monotonic() < end_s
            time.sleep(0.01)
        yield found
        found.close()


def event(decode: Decoder, value: bytes) -> Event:
    assert decode.lacks(record(value)) is None
    found = decode(record(value))
    assert isinstance(found, Event), found
    return found


def refusal(decode: Decoder, value: bytes) -> InputError:
    found = decode(record(value))
    assert isinstance(found, InputError)
    return found


def test_each_codec_gives_the_event_that_json_gives(schemas: Schemas) -> None:
    plain = event(decoder(program(None), b"k"), json.dumps(EVENT).encode())
    written = {
        Codec.AVRO: framed(1, avro_bytes(AVRO_EVENT, EVENT)),
        Codec.PROTOBUF: framed(2, EVENT_INDEXES + proto_bytes(EVENT)),
        Codec.JSON: framed(999, json.dumps(EVENT).encode()),
    }
    for codec in Codec:
        found = event(decoder(program(codec), b"k", schemas), written[codec])
        assert found == plain, codec


def test_a_row_is_mapped_by_its_avro_values(schemas: Schemas) -> None:
    row = {"receipt": "r1", "kind": "sale", "ts": TIME_MS * 1_000, "card": 77, "sum": "2.50"}
    found = event(
        decoder(program(Codec.AVRO, Format.MAPPED), b"k", schemas),
        framed(3, avro_bytes(ROW, row)),
    )
    assert (found.id, found.type, found.time) == ("r1", "order_placed", TIME_MS)
    assert found.attributes["total"] == 2.5
    assert found.identifiers[0].value == "77"


@pytest.mark.parametrize("codec", list(Codec))
def test_a_record_without_the_magic_byte_says_what_to_do(schemas: Schemas, codec: Codec) -> None:
    decode = decoder(program(codec), b"k", schemas)
    for value in (json.dumps(EVENT).encode(), b"\x00\x00", b"\x01\x00\x00\x00\x01x"):
        assert decode.lacks(record(value)) is None
        found = refusal(decode, value)
        assert found.reason == "malformed"
        assert "remove `registry`" in found.detail


@pytest.mark.parametrize("codec", list(Codec))
def test_a_schema_id_in_a_header_names_the_option_to_change(
    schemas: Schemas, codec: Codec
) -> None:
    # By chance, the body begins as a record of an unknown schema does.
    one = record(b"\x00\x00\x00\x00\x09body")
    one.headers = (("trace", b"1"), ("__value_schema_id", b"\x01" + bytes(16)))
    decode = decoder(program(codec), b"k", schemas)
    assert decode.lacks(one) is None
    found = decode(one)
    assert isinstance(found, InputError)
    assert found.reason == "malformed"
    assert "PrefixSchemaIdSerializer" in found.detail
    one.headers = (("trace", b"1"),)
    assert decode.lacks(one) == (None if codec is Codec.JSON else 9)


def test_an_empty_record_is_the_formats_to_judge(schemas: Schemas) -> None:
    assert refusal(decoder(program(Codec.AVRO), b"k", schemas), b"").detail == (
        refusal(decoder(program(None), b"k"), b"").detail
    )


def test_what_is_no_object_is_refused_as_json_is(schemas: Schemas) -> None:
    found = refusal(decoder(program(Codec.AVRO), b"k", schemas), framed(4, b"\x02a"))
    assert found.reason in ("malformed", "invalid")


def test_what_grows_beyond_the_bounds_as_json_is_refused(schemas: Schemas) -> None:
    text = "\x01" * 50_000  # one byte, and six in JSON
    value = {**EVENT, "attributes": {**EVENT["attributes"], "product": text}}
    found = refusal(
        decoder(program(Codec.AVRO), b"k", schemas), framed(1, avro_bytes(AVRO_EVENT, value))
    )
    assert (found.reason, "65536 at most" in found.detail) == ("invalid", True)
    row = {"receipt": text, "kind": "sale", "ts": TIME_MS * 1_000, "card": 77, "sum": "2.50"}
    found = refusal(
        decoder(program(Codec.AVRO, Format.MAPPED), b"k", schemas), framed(3, avro_bytes(ROW, row))
    )
    assert (found.reason, "as JSON" in found.detail) == ("too_large", True)


def test_a_dead_letter_has_the_bytes_as_they_came(schemas: Schemas) -> None:
    value = framed(1, b"\x01")
    intake = Intake(decoder(program(Codec.AVRO), b"k", schemas), 1, 1)
    intake.resume(Log("i", 0))
    (letter,) = intake.process([record(value)]).dead_letters
    assert (letter.reason, letter.value) == ("malformed", value)


def test_an_unknown_schema_is_waited_for_and_of_json_none_is_needed(schemas: Schemas) -> None:
    value = framed(77, json.dumps(EVENT).encode())
    assert decoder(program(Codec.AVRO), b"k", schemas).lacks(record(value)) == 77
    assert decoder(program(Codec.JSON), b"k", Schemas(None)).lacks(record(value)) is None
    assert decoder(program(None), b"k", schemas).lacks(record(value)) is None


def test_files_hold_plain_records_whatever_the_topic_does() -> None:
    decode = decoder(program(Codec.AVRO), b"k")
    assert event(decode, json.dumps(EVENT).encode()).id == "e1"


LONG = "n" * 3_000


def shaped(**types: Any) -> dict[str, Any]:
    """Return the schema of a native event with other types of some fields."""
    fields = {one["name"]: one["type"] for one in AVRO_EVENT["fields"]} | types
    pairs = [{"name": name, "type": type_} for name, type_ in fields.items() if type_ is not None]
    return {"type": "record", "name": "Shaped", "fields": pairs}


def row(name: str, **types: Any) -> dict[str, Any]:
    pairs = [{"name": field, "type": type_} for field, type_ in types.items()]
    return {"type": "record", "name": name, "fields": pairs}


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 40, "scale": 0}
ANY = ["null", "boolean", "long", "double", "string"]


@pytest.mark.parametrize(
    ("types", "given"),
    [
        ({"attributes": {"type": "map", "values": ANY}}, {"attributes": {"a": None, "b": 7}}),
        ({"attributes": {"type": "map", "values": "string"}}, {"attributes": {"a": "b"}}),
        ({"attributes": ["null", row("A", a="int")]}, {"attributes": None}),
        ({"attributes": row("A", a=row("B", b="int"))}, {"attributes": {"a": {"b": 1}}}),
        ({"attributes": row("A", **{LONG: "int"})}, {"attributes": {LONG: 1}}),
        (
            {"attributes": row("A", **{f"{LONG}{n}": "int" for n in range(30)})},
            {"attributes": {f"{LONG}{n}": 1 for n in range(30)}},
        ),
        ({"attributes": row("A", a=DECIMAL)}, {"attributes": {"a": Decimal(2**70)}}),
        ({"attributes": "string"}, {"attributes": "x"}),
        ({"attributes": None}, {}),
        ({"identifiers": row("I", cookie=["null", "string"])}, {"identifiers": {"cookie": None}}),
        ({"identifiers": row("I", cookie=["null", "string"])}, {"identifiers": {"cookie": "c"}}),
        ({"identifiers": {"type": "map", "values": ANY}}, {"identifiers": {"cookie": 7}}),
        ({"identifiers": {"type": "map", "values": ANY}}, {"identifiers": {"cookie": True}}),
        ({"time": "double"}, {"time": 1.5}),
        ({"time": "string"}, {"time": "2026-03-01T10:00:00Z"}),
        ({"type": ["null", "string"]}, {"type": None}),
        ({"id": None, "more": "int"}, {"more": 1}),
        ({"channel": "int"}, {"channel": 1}),
    ],
    ids=str,
)
def test_a_record_of_any_schema_is_judged_as_its_json_is(
    types: dict[str, Any], given: dict[str, Any]
) -> None:
    schema = shaped(**types)
    names = [one["name"] for one in schema["fields"]]
    values = {name: ({**EVENT, **given})[name] for name in names}
    text = json.dumps(
        {name: one for name, one in values.items() if one is not None}, default=int
    ).encode()
    expected = decoder(program(None), b"k")(record(text))
    with Registry() as registry:
        registry.schemas = {1: avro(schema)}
        schemas = Schemas(Client(Settings(registry={"url": registry.url})))
        decode = decoder(program(Codec.AVRO), b"k", schemas)
        value = record(framed(1, avro_bytes(schema, values)))
        end_s = time.monotonic() + 20
        while decode.lacks(value) is not None:
            assert time.monotonic() < end_s
            time.sleep(0.01)
        found = decode(value)
        schemas.close()
    if isinstance(expected, InputError):
        assert isinstance(found, InputError)
        assert found.reason == expected.reason
    else:
        assert found == expected
