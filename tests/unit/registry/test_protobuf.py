"""Protobuf's values are JSON's, as docs/schema-registry.md lists them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from cjo_stream.core.word import Codec
from cjo_stream.errors import InputError, RetryError
from cjo_stream.registry import protobuf, protoc
from cjo_stream.registry.record import Fetched, compiled, text_of
from cjo_stream.registry.wire import framed

pytest.importorskip("grpc_tools")
descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
descriptor_pool = pytest.importorskip("google.protobuf.descriptor_pool")
json_format = pytest.importorskip("google.protobuf.json_format")
message_factory = pytest.importorskip("google.protobuf.message_factory")

SCHEMA = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "confluent/type/decimal.proto";
import "common/money.proto";
message Other { string name = 1; }
message All {
  message Part { string sku = 1; int32 pieces = 2; All inside = 3; }
  enum Kind { NONE = 0; SALE = 1; }
  int64 large = 1;
  uint64 huge = 2;
  bool flag = 3;
  float price = 4;
  double exact = 5;
  string text = 6;
  bytes raw = 7;
  Kind kind = 8;
  repeated Part parts = 9;
  map<string, Part> by_name = 10;
  map<int32, string> by_number = 11;
  map<bool, int64> by_flag = 12;
  google.protobuf.Timestamp at = 13;
  google.protobuf.Duration took = 14;
  google.protobuf.Int64Value maybe = 15;
  google.protobuf.Struct free = 16;
  common.Money money = 17;
  oneof choice { string left = 18; int64 right = 19; }
  optional string title = 20;
  optional bool vip = 21;
  repeated float prices = 22;
  repeated Kind kinds = 23;
  confluent.type.Decimal amount = 24;
  google.protobuf.StringValue name = 25;
}
"""
MONEY = 'syntax = "proto3"; package common; message Money { int64 cents = 1; }'
REFERENCES = {"common/money.proto": MONEY}
ALL = b"\x02\x02"
EMPTY = {
    "large": 0,
    "huge": 0,
    "flag": False,
    "price": 0.0,
    "exact": 0.0,
    "kind": "NONE",
    "parts": [],
    "by_name": {},
    "by_number": {},
    "by_flag": {},
    "prices": [],
    "kinds": [],
}


@cache
def finder() -> Any:
    return compiled(Fetched(Codec.PROTOBUF, SCHEMA, REFERENCES))


def values(find: Any, body: bytes) -> Any:
    record = framed(1, body)
    return find(record).read(record)


def read(body: bytes) -> Any:
    return json.loads(text_of(values(finder(), body)))


@cache
def kind() -> Any:
    files = descriptor_pb2.FileDescriptorSet.FromString(protobuf._compiled(SCHEMA, REFERENCES))
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.All"))


def message(**fields: Any) -> Any:
    return json_format.ParseDict(fields, kind()())


def shown(**fields: Any) -> Any:
    return read(ALL + message(**fields).SerializeToString())


@pytest.mark.parametrize(
    ("field", "given", "value"),
    [
        ("large", str(2**62), 2**62),
        ("huge", str(2**64 - 1), 2**64 - 1),
        ("flag", True, True),
        ("price", 12.1, 12.1),
        ("exact", 0.1, 0.1),
        ("text", "Zoë", "Zoë"),
        ("raw", "AP8=", "AP8="),
        ("kind", "SALE", "SALE"),
        ("kind", 7, 7),
        ("kinds", ["SALE", 9], ["SALE", 9]),
        ("parts", [{"sku": "a"}], [{"sku": "a", "pieces": 0}]),
        ("by_name", {"x": {"pieces": 2}}, {"x": {"pieces": 2}}),
        ("by_number", {"-3": "three"}, {"-3": "three"}),
        ("by_flag", {"true": 1}, {"true": 1}),
        ("at", "2026-03-01T10:00:00.123456Z", 1_772_359_200_123),
        ("at", "1969-12-31T23:59:59.999999Z", -1),
        ("took", "1.5s", 1_500),
        ("maybe", "7", 7),
        ("maybe", "0", 0),
        ("name", "", ""),
        ("free", {"a": [1, 2.5, None, True, {"b": "c"}]}, {"a": [1, 2.5, None, True, {"b": "c"}]}),
        ("money", {"cents": "5"}, {"cents": 5}),
        ("left", "l", "l"),
        ("right", "0", 0),
        ("title", "", ""),
        ("vip", False, False),
        ("prices", [1.1, 2.5], [1.1, 2.5]),
        ("amount", {"value": "BNM=", "scale": 2}, 12.35),
    ],
)
def test_each_type_is_a_value_of_json(field: str, given: Any, value: Any) -> None:
    assert shown(**{field: given}) == {**EMPTY, field: value}


def test_what_cannot_be_told_from_unset_is_left_out_if_it_is_text() -> None:
    assert shown() == EMPTY


def test_indexes_name_the_message_also_a_nested_one() -> None:
    other = b"\x0a\x01x"
    assert read(b"\x00" + other) == {"name": "x"}
    assert read(b"\x02\x00" + other) == {"name": "x"}
    part = kind().DESCRIPTOR.nested_types_by_name["Part"]
    body = message_factory.GetMessageClass(part)(sku="s").SerializeToString()
    assert read(b"\x04\x02\x00" + body) == {"sku": "s", "pieces": 0}


@pytest.mark.parametrize(
    "body",
    [b"", b"\x04", b"\x02\x7f", b"\x04\x02\x7e", b"\x01", b"\x02\x01", b"\xff" * 9, b"\x7e\x7e"],
)
def test_indexes_that_name_no_message_are_malformed(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read(body)
    assert caught.value.reason == "malformed"


def test_bytes_of_another_schema_are_malformed() -> None:
    with pytest.raises(InputError, match="not of its Protobuf schema"):
        read(ALL + b"\x0a\xff")


def test_few_bytes_cannot_become_millions_of_values() -> None:
    with pytest.raises(InputError) as caught:
        read(ALL + b"\x4a\x00" * 60_000)  # 60,000 empty parts
    assert caught.value.reason == "too_large"
    deep = b"\x4a\x00"
    for _ in range(3):
        inside = b"\x1a" + _length(deep) + deep
        deep = (b"\x4a" + _length(inside) + inside) * 20
    with pytest.raises(InputError):
        read(ALL + deep)


def _length(data: bytes) -> bytes:
    found, size = b"", len(data)
    while size > 127:
        found += bytes([size & 127 | 128])
        size >>= 7
    return found + bytes([size])


def test_a_message_nested_too_deeply_is_refused() -> None:
    deep = b""
    for _ in range(200):
        part = b"\x1a" + _length(deep) + deep
        deep = b"\x4a" + _length(part) + part
    with pytest.raises(InputError):
        read(ALL + deep)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('syntax = "proto3"; message A {', "not Protobuf"),
        ('syntax = "proto3"; import "gone.proto"; message A {}', "gone.proto"),
        ("", "name no message"),
    ],
)
def test_a_text_that_is_no_schema_is_refused_with_protocs_words(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        values(protobuf.finder(text), b"\x00")


@pytest.mark.parametrize("name", ["../up.proto", "/etc/x.proto"])
def test_a_reference_is_written_nowhere_else(name: str) -> None:
    with pytest.raises(InputError, match="unusable name"):
        protobuf.finder('syntax = "proto3";', {name: MONEY})


def test_a_protoc_that_takes_too_long_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(protoc, "WITHIN_S", 0.001)
        with pytest.raises(RetryError, match="tried again"):
            protobuf.finder(MONEY)
    assert values(protobuf.finder(MONEY), b"\x00\x08\x05") == {"cents": 5}


def test_a_field_may_have_the_name_of_a_method_of_messages() -> None:
    schema = 'syntax = "proto3"; message M { string HasField = 1; optional string s = 2; }'
    find = compiled(Fetched(Codec.PROTOBUF, schema))
    assert values(find, b"\x00\x0a\x01x\x12\x01y") == {"HasField": "x", "s": "y"}
    assert values(find, b"\x00\x0a\x01x") == {"HasField": "x"}


def test_a_decimal_of_thousands_of_digits_is_malformed() -> None:
    data = b"\x0a\xd0\x0f" + b"\x7f" * 2_000 + b"\x18\x02"
    with pytest.raises(InputError, match="more than 128 bytes") as caught:
        read(ALL + b"\xc2\x01" + _length(data) + data)
    assert caught.value.reason == "malformed"


def test_no_other_error_leaves_a_reader() -> None:
    # A file of our own name without the field that the code reads.
    own = 'syntax = "proto3"; package confluent.type; message Decimal { bytes value = 1; }'
    text = 'syntax = "proto3"; import "own.proto"; message M { confluent.type.Decimal d = 1; }'
    find = compiled(Fetched(Codec.PROTOBUF, text, {"own.proto": own}))
    with pytest.raises(InputError, match=r"not of its Protobuf schema \(AttributeError\)"):
        values(find, b"\x00\x0a\x00")
