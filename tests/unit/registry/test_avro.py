"""Avro's values are JSON's, as docs/schema-registry.md lists them."""

from __future__ import annotations

import base64
import datetime as dt
import io
import json
import uuid
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from cjo_stream.core.word import Codec
from cjo_stream.errors import InputError
from cjo_stream.registry import avro
from cjo_stream.registry.record import Fetched, compiled, text_of
from cjo_stream.registry.wire import framed

fastavro = pytest.importorskip("fastavro")

UTC = dt.UTC


def written(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def read(schema: Any, body: bytes, *references: Any) -> Any:
    named = {str(number): json.dumps(one) for number, one in enumerate(references)}
    return json.loads(text_of(values(Fetched(Codec.AVRO, json.dumps(schema), named), body)))


def values(schema: Fetched, body: bytes) -> Any:
    record = framed(1, body)
    return compiled(schema)(record).read(record)


def one(type_: Any) -> Any:
    return {"type": "record", "name": "R", "fields": [{"name": "x", "type": type_}]}


def logical(type_: str, kind: str, **more: Any) -> Any:
    return {"type": type_, "logicalType": kind, **more}


MOMENT = dt.datetime(2026, 3, 1, 10, 0, 0, 123456, UTC)
MOMENT_MS = 1_772_359_200_123
UUID = uuid.UUID("7f1c1a52-0b0e-4f2e-9d5e-0b1c2d3e4f50")


@pytest.mark.parametrize(
    ("type_", "value", "shown"),
    [
        ("long", 2**53 + 1, 2**53 + 1),
        ("boolean", True, True),
        ("float", 12.1, 12.1),
        ("double", 0.1, 0.1),
        ("double", float("nan"), None),
        ("string", "Zoë", "Zoë"),
        ("bytes", b"\x00\xff", "AP8="),
        ({"type": "fixed", "name": "F", "size": 2}, b"\x00\xff", "AP8="),
        ({"type": "enum", "name": "E", "symbols": ["NEW", "OLD"]}, "OLD", "OLD"),
        ({"type": "array", "items": "float"}, [1.1, 2.5], [1.1, 2.5]),
        ({"type": "map", "values": ["null", "long"]}, {"a": None, "b": 2}, {"a": None, "b": 2}),
        (["null", "string", "long"], 5, 5),
        (logical("long", "timestamp-millis"), MOMENT, MOMENT_MS),
        (logical("long", "timestamp-micros"), MOMENT, MOMENT_MS),
        (logical("long", "timestamp-nanos"), MOMENT_MS * 1_000_000 + 999_999, MOMENT_MS),
        (logical("long", "local-timestamp-micros"), MOMENT.replace(tzinfo=None), MOMENT_MS),
        (
            logical("long", "timestamp-micros"),
            dt.datetime(1969, 12, 31, 23, tzinfo=UTC),
            -3_600_000,
        ),
        (logical("int", "time-millis"), dt.time(1, 0, 0, 5000), 3_600_005),
        (logical("long", "time-micros"), dt.time(1, 0, 0, 5999), 3_600_005),
        (logical("int", "date"), dt.date(1969, 12, 31), "1969-12-31"),
        (logical("string", "uuid"), UUID, str(UUID)),
        (logical("bytes", "decimal", precision=9, scale=2), Decimal("-12.35"), -12.35),
        (logical("bytes", "decimal", precision=9, scale=2), Decimal("12.00"), 12),
        (logical("bytes", "decimal", precision=20), Decimal(2**60 + 1), 2**60 + 1),
        (
            logical("fixed", "decimal", precision=9, scale=3, name="D", size=8),
            Decimal("0.125"),
            0.125,
        ),
        (["null", logical("int", "date")], dt.date(2026, 3, 1), "2026-03-01"),
        (logical("string", "of somebody's own"), "as it is", "as it is"),
    ],
)
def test_each_type_is_a_value_of_json(type_: Any, value: Any, shown: Any) -> None:
    found = read(one(type_), written(one(type_), {"x": value}))
    # A null of the outermost record is left out; one that NaN became stands.
    assert found == ({"x": shown} if value is not None else {})
    nested = one({"type": "record", "name": "Inner", "fields": one(type_)["fields"]})
    assert read(nested, written(nested, {"x": {"x": value}})) == {"x": {"x": shown}}


def test_a_uuid_of_sixteen_bytes_is_text() -> None:
    type_ = logical("fixed", "uuid", name="U", size=16)
    assert read(one(type_), UUID.bytes) == {"x": str(UUID)}


def test_an_absent_field_is_left_out_and_an_absent_attribute_is_null() -> None:
    schema = {
        "type": "record",
        "name": "Event",
        "fields": [
            {"name": "id", "type": ["null", "string"]},
            {"name": "attributes", "type": one(["null", "long"])},
        ],
    }
    assert read(schema, written(schema, {"id": None, "attributes": {"x": None}})) == {
        "attributes": {"x": None}
    }


MONEY = {"type": "record", "name": "shop.Money", "fields": [{"name": "cents", "type": "long"}]}
ORDER = {
    "type": "record",
    "name": "shop.Order",
    "fields": [{"name": "total", "type": "Money"}, {"name": "due", "type": ["null", "Money"]}],
}


def test_named_schemas_of_others_are_found_also_in_a_union_of_them() -> None:
    assert read(ORDER, b"\x0e\x02\x08", MONEY) == {"total": {"cents": 7}, "due": {"cents": 4}}
    union = ["shop.Money", "shop.Order"]
    assert read(union, b"\x00\x0e", MONEY, ORDER) == {"cents": 7}
    assert read(union, b"\x02\x0e\x00", MONEY, ORDER) == {"total": {"cents": 7}}


NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}


@pytest.mark.parametrize("levels", [65, 2_000, 250_000])
def test_a_recursive_record_of_any_depth_ends_no_process(levels: int) -> None:
    assert read(NODE, b"\x02\x02\x00") == {"next": {"next": {"next": None}}}
    body = b"\x02" * levels + b"\x00"
    if levels < 100:
        assert read(NODE, body)  # what is too deep for JSON is said by who reads JSON
        return
    with pytest.raises(InputError) as caught:
        read(NODE, body)
    assert caught.value.reason == "invalid"


def test_a_recursive_schema_has_its_conversions_too() -> None:
    schema = {
        "type": "record",
        "name": "N",
        "fields": [
            {"name": "at", "type": logical("long", "timestamp-micros")},
            {"name": "price", "type": "float"},
            {"name": "next", "type": ["null", "N"]},
        ],
    }
    value = {"at": MOMENT, "price": 1.1, "next": {"at": MOMENT, "price": 0.1, "next": None}}
    assert read(schema, written(schema, value)) == {
        "at": MOMENT_MS,
        "price": 1.1,
        "next": {"at": MOMENT_MS, "price": 0.1, "next": None},
    }


EMPTY = {"type": "record", "name": "Empty", "fields": [{"name": "n", "type": "null"}]}


def doubled(levels: int) -> Any:
    """Return a record of records, each of which holds the one before twice."""
    found: Any = {"type": "record", "name": "R0", "fields": []}
    for level in range(1, levels):
        again = [{"name": "a", "type": found}, {"name": "b", "type": f"R{level - 1}"}]
        found = {"type": "record", "name": f"R{level}", "fields": again}
    return found


@pytest.mark.parametrize("type_", [doubled(24), ["null", doubled(24)]])
def test_a_schema_that_makes_many_values_of_no_bytes_is_refused(type_: Any) -> None:
    assert set(read(one(doubled(8)), b"")["x"]) == {"a", "b"}
    with pytest.raises(InputError, match="more than 1000 values without a byte"):
        avro.reading(json.dumps(one(type_)))
    with pytest.raises(InputError, match="take no bytes"):
        avro.reading(json.dumps(one({"type": "array", "items": doubled(24)})))


@pytest.mark.slow
def test_a_wide_record_of_fields_that_take_bytes_is_none_of_these() -> None:
    fields = [{"name": f"f{n}", "type": ["null", "long"]} for n in range(3_000)]
    assert read({"type": "record", "name": "R", "fields": fields}, bytes(3_000)) == {}


@pytest.mark.parametrize(
    "items",
    [
        "null",
        EMPTY,
        {"type": "fixed", "name": "F", "size": 0},
        {"type": "null"},
        {"type": "record", "name": "O", "fields": [{"name": "e", "type": EMPTY}]},
    ],
)
def test_a_list_whose_items_take_no_bytes_is_refused_with_its_schema(items: Any) -> None:
    with pytest.raises(InputError, match="take no bytes"):
        avro.reading(json.dumps(one(["null", {"type": "array", "items": items}])))


@pytest.mark.parametrize(
    "body", [b"", b"\x04a", b"\x04\xff\xfe", b"\xff" * 12, b"\x02ab", b"\x01"]
)
def test_bytes_of_another_schema_are_malformed(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read(one("string"), body)
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize(
    "text",
    ["", "{", '"Unknown"', '{"type": "record"}', '{"type": "record", "name": "R", "fields": 3}'],
)
def test_a_text_that_is_no_avro_schema_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not Avro"):
        avro.reading(text)


def test_a_date_beyond_the_years_is_malformed_and_hides_nothing_else() -> None:
    schema = one(logical("int", "date"))
    with pytest.raises(InputError, match="OverflowError"):
        read(schema, b"\xfe\xff\xff\xff\x0f")


def drawn(random: Random, depth: int, names: list[str]) -> Any:
    """Return a random schema."""
    kinds = ["null", "boolean", "int", "long", "double", "string", "bytes", "fixed", "enum"]
    deeper = ["record", "array", "map", "union", "name"] if depth < 9 else []
    kind = random.choice(kinds + 3 * deeper)
    if kind == "name" and names:
        return random.choice(names)
    if kind in ("fixed", "enum", "record"):
        name = f"N{len(names)}"
        more: dict[str, Any] = {"fixed": {"size": 3}, "enum": {"symbols": ["A", "B", "C"]}}
        names.append(name)
        if kind == "record":
            fields = range(random.randrange(1, 4))
            more["record"] = {
                "fields": [
                    {"name": f"f{n}", "type": drawn(random, depth + 1, names)} for n in fields
                ]
            }
        return {"type": kind, "name": name, **more[kind]}
    if kind == "array":
        # Of something with bytes.
        return {"type": "array", "items": ["null", {"type": "map", "values": "long"}]}
    if kind == "map":
        return {"type": "map", "values": drawn(random, depth + 1, names)}
    if kind == "union":
        return ["null", {"type": "map", "values": drawn(random, depth + 1, names)}, "string"]
    return kind if kind != "name" else "long"


def as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: as_json(one) for name, one in value.items()}
    return [as_json(one) for one in value] if isinstance(value, list) else value


def recurses(schema: Any, around: tuple[str, ...] = ()) -> bool:
    """Return whether a schema names what it stands in: its values could have no end."""
    if isinstance(schema, str):
        return schema in around
    if isinstance(schema, list):
        return any(recurses(one, around) for one in schema)
    around = (*around, schema["name"]) if "name" in schema else around
    inner = [field["type"] for field in schema.get("fields", ())]
    inner += [schema[name] for name in ("items", "values") if name in schema]
    return any(recurses(one, around) for one in inner)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_any_schema_is_read_as_another_reader_reads_it(seed: int) -> None:
    from fastavro.utils import generate_one

    random = Random(seed)
    schema = {"type": "record", "name": "Top", "fields": []}
    names: list[str] = []
    schema["fields"] = [{"name": f"t{n}", "type": drawn(random, 0, names)} for n in range(4)]
    if recurses(schema):
        schema["fields"] = [{"name": "t", "type": "long"}]
    parsed = fastavro.parse_schema(schema)
    for _ in range(3):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, generate_one(parsed))
        body = out.getvalue()
        expected = fastavro.schemaless_reader(io.BytesIO(body), parsed, None)
        found = avro.reading(json.dumps(schema)).read(framed(1, body))
        given = {name: one for name, one in as_json(expected).items() if one is not None}
        assert found == given
        for cut in {*range(min(len(body), 40)), len(body) - 1} - {len(body)}:
            if cut >= 0:
                with pytest.raises(InputError):
                    avro.reading(json.dumps(schema)).read(framed(1, body[:cut]))


def test_lists_in_lists_of_any_depth_are_read() -> None:
    schema: Any = "long"
    value: Any = 7
    for level in range(40):
        key = "items" if level % 2 else "values"
        schema = {"type": "array" if level % 2 else "map", key: schema}
        value = [value] if level % 2 else {"k": value}
    assert read(one(schema), written(one(schema), {"x": value})) == {"x": value}


def test_blocks_with_their_size_are_read_too() -> None:
    schema = one({"type": "array", "items": "string"})
    # Two blocks, the first with a negative count and its size in bytes.
    assert read(schema, b"\x03\x08\x02a\x02b\x02\x02c\x00") == {"x": ["a", "b", "c"]}
    named = one({"type": "map", "values": "long"})
    assert read(named, b"\x01\x06\x02a\x0e\x00") == {"x": {"a": 7}}
    with pytest.raises(InputError):
        read(schema, b"\xfe\xff\xff\xff\x0f\x00")


def test_numbers_of_every_length_are_read() -> None:
    for bits in range(63):
        for value in (1 << bits, (1 << bits) - 1, -(1 << bits), -(1 << bits) - 1):
            assert read(one("long"), written(one("long"), {"x": value})) == {"x": value}
    with pytest.raises(InputError):
        read(one("long"), b"\xff" * 10 + b"\x01")


@pytest.mark.parametrize("type_", ["bytes", {"type": "fixed", "name": "F", "size": 2_000}])
@pytest.mark.parametrize("scale", [0, 2])
def test_a_decimal_of_thousands_of_digits_is_malformed(type_: Any, scale: int) -> None:
    data = b"\x7f" * 2_000
    kind = type_ if isinstance(type_, dict) else {"type": type_}
    schema = one({**kind, "logicalType": "decimal", "precision": 4_800, "scale": scale})
    size = b"\xa0\x1f" if type_ == "bytes" else b""
    with pytest.raises(InputError, match="more than 128 bytes") as caught:
        read(schema, size + data)
    assert caught.value.reason == "malformed"
    exact = one(logical("bytes", "decimal", precision=308))
    assert read(exact, b"\x80\x02" + data[:128]) == {"x": int.from_bytes(data[:128], "big")}


def test_a_text_of_values_that_json_cannot_hold_is_malformed() -> None:
    for value in (10**5_000, object()):
        with pytest.raises(InputError) as caught:
            text_of({"x": value})
        assert caught.value.reason == "malformed"


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**42, -(2**35), 2**28, 127, 64, -65])
def test_a_number_has_64_bits(number: int) -> None:
    body = written(one("long"), {"x": number})
    assert read(one("long"), body) == {"x": number}
    with pytest.raises(InputError):
        read(one("long"), b"\xff" * 9 + b"\x02")  # one bit more
