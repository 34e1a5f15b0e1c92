"""Debezium's change events: rows become facts, deletes take them back, the rest is skipped."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.expression import Expression, Names, Place, compile_expression
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, IdentifierType, Input, RowMap
from cjo_stream.core.word import Format, Skipped
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import Decoder, decoder

NOW = 1_709_290_000_000
ROW = {"id": 7, "mail": "ada@x.example", "tier": "gold", "age": None, "balance": "CvY="}


def expression(text: str) -> Expression:
    return compile_expression(text, Place.MAP, Names())


def expressions(**texts: str) -> dict[str, Expression]:
    return {name: expression(text) for name, text in texts.items()}


def decoder_of(**attributes: str) -> Decoder:
    row_map = RowMap(
        type=expression("'cjo.profile'"),
        time=expression("row.ts_ms"),
        identifiers=expressions(crm="row.id", email="row.mail"),
        attributes=expressions(**(attributes or {"tier": "row.tier", "age": "row.age"})),
    )
    taken = Input(topic="crm", format=Format.DEBEZIUM, maps=(row_map,))
    return decoder(
        Program(
            topology="shop",
            channels={"crm": Channel(name="crm", input=taken)},
            identifiers={
                name: IdentifierType(type=name, rank=rank)
                for rank, name in enumerate(("crm", "email"))
            },
        ),
        b"k",
    )


def record(value: Any, key: Any = None) -> RawRecord:
    return RawRecord(
        topic="crm",
        topic_id="crm",
        partition=0,
        offset=0,
        time=NOW,
        value=value if isinstance(value, bytes) else json.dumps(value).encode(),
        key=None if key is None else json.dumps(key).encode(),
        channel="crm",
    )


def change(operation: str, row: Any = ROW, **fields: Any) -> dict[str, Any]:
    """Return the envelope of a change, as a connector writes it."""
    before = row if operation == "d" else None
    after = None if operation in "dt" else row
    source = {"connector": "postgresql", "table": "people", "ts_ms": NOW - 50}
    envelope = {"before": before, "after": after, "source": source, "op": operation}
    return {**envelope, "ts_ms": NOW - 5, "transaction": None, **fields}


def field(column: str, **parts: Any) -> dict[str, Any]:
    return {"field": column, "optional": True, **parts}


def with_schema(payload: Any, *columns: dict[str, Any]) -> dict[str, Any]:
    row = {"type": "struct", "optional": True, "fields": list(columns)}
    parts = [{**row, "field": "before"}, {**row, "field": "after"}]
    fields = [*parts, field("op", type="string"), field("ts_ms", type="int64")]
    return {"schema": {"type": "struct", "fields": fields}, "payload": payload}


DECIMAL = field(
    "balance",
    type="bytes",
    name="org.apache.kafka.connect.data.Decimal",
    version=1,
    parameters={"scale": "2", "connect.decimal.precision": "8"},
)


def event_of(value: Any, key: Any = None, **attributes: str) -> Event:
    decoded = decoder_of(**attributes)(record(value, key))
    assert isinstance(decoded, Event), decoded
    return decoded


def refusal_of(value: Any, key: Any = None, **attributes: str) -> InputError:
    decoded = decoder_of(**attributes)(record(value, key))
    assert isinstance(decoded, InputError), decoded
    return decoded


def people(event: Event) -> list[tuple[str, str]]:
    return [(one.type, one.value) for one in event.identifiers]


@pytest.mark.parametrize("operation", ["c", "u", "r"])
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_changed_row_becomes_facts_and_a_null_column_a_null(
    operation: str, is_wrapped: bool
) -> None:
    value = change(operation)
    event = event_of(with_schema(value, DECIMAL) if is_wrapped else value)
    assert (event.type, event.time) == ("cjo.profile", NOW - 5)
    assert people(event) == [("crm", "7"), ("email", "ada@x.example")]
    assert event.attributes == {"tier": "gold", "age": None}


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_delete_makes_every_attribute_null(is_wrapped: bool) -> None:
    value = change("d")
    event = event_of(
        with_schema(value) if is_wrapped else value, tier="row.tier", is_gone="row.op == 'd'"
    )
    assert people(event) == [("crm", "7"), ("email", "ada@x.example")]
    assert event.attributes == {"tier": None, "is_gone": None}


def test_only_what_a_null_column_makes_missing_is_null() -> None:
    event = event_of(
        change("u", {**ROW, "name": "x"}),
        absent="row.nowhere",
        not_a_number="float(row.name)",
        chosen="row.tier if row.tier == 'silver' else null",
        of_null="row.age + 1",
        first="coalesce(row.age, 3)",
        both="coalesce(row.age, row.nothing)",
    )
    assert event.attributes == {"of_null": None, "first": 3, "both": None}


def test_the_envelope_is_read_beside_the_columns() -> None:
    row = {**ROW, "op": "own", "ts_ms": 1}
    parts = {"op": "row.op", "at": "row.ts_ms", "own": "row.column_op", "one": "row.column_ts_ms"}
    event = event_of(change("r", row), **parts)
    assert event.attributes == {"op": "r", "at": NOW - 5, "own": "own", "one": 1}
    assert event_of(change("c", ts_ms=None)).time == NOW - 50


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", Skipped.TOMBSTONE),
        (b"null", Skipped.TOMBSTONE),
        ({"schema": None, "payload": None}, Skipped.TOMBSTONE),
        ({"ts_ms": NOW}, Skipped.HEARTBEAT),
        ({"ts_ms": NOW, "ts_us": NOW * 1000, "ts_ns": NOW * 1000000}, Skipped.HEARTBEAT),
        (with_schema({"ts_ms": NOW}), Skipped.HEARTBEAT),
        ({"status": "BEGIN", "id": "571", "event_count": None}, Skipped.TRANSACTION),
        ({"status": "END", "id": "571", "event_count": 2, "ts_ms": NOW}, Skipped.TRANSACTION),
        ({"source": {}, "ts_ms": 1, "ddl": "CREATE", "tableChanges": []}, Skipped.SCHEMA_CHANGE),
        ({"source": {}, "databaseName": "crm", "ddl": "DROP"}, Skipped.SCHEMA_CHANGE),
        (change("m", message={"prefix": "p", "content": "eA=="}), Skipped.MESSAGE),
    ],
)
def test_what_changes_no_row_is_skipped_and_counted(value: Any, why: Skipped) -> None:
    decode = decoder_of()
    assert decode(record(value)) == []
    assert decode.take_counts() == {("cjo_records_skipped_total", "crm", why): 1}
    assert decode.examples == {("cjo_records_skipped_total", "crm", why): ("crm", 0, 0)}


@pytest.mark.parametrize(
    ("reason", "value", "words"),
    [
        ("malformed", b"no json", "malformed"),
        ("malformed", [change("c")], "a JSON list"),
        ("unmapped", ROW, "it has no `op`. Rows that the connector unwraps"),
        ("unmapped", {"schema": None, "payload": 5}, "its `payload` is no object"),
        ("unmapped", change("x"), "its `op` is none of c, u, r, d"),
        ("unmapped", change("c", op=["c"]), "its `op` is none of"),
        ("unmapped", change("t"), "the table was emptied"),
        ("unmapped", change("c", None), "(`op` c) without `after`"),
        ("unmapped", change("c", '{"_id": 1}'), "its `after` is no object"),
        ("unmapped", change("d", None), "REPLICA IDENTITY FULL"),
        ("unidentified", change("d", {"id": None, "tier": "gold"}), "REPLICA IDENTITY FULL"),
        ("unmapped", change("c", ts_ms=None, source=None), "`time` is missing"),
        ("unidentified", change("c", {"tier": "gold"}), "there are none"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(
    reason: str, value: Any, words: str
) -> None:
    refused = refusal_of(value)
    assert refused.reason == reason
    assert words in refused.detail


@pytest.mark.parametrize("key", [{"id": 7}, {"schema": {"fields": []}, "payload": {"id": 7}}])
def test_a_delete_without_its_row_is_told_by_the_key(key: Any) -> None:
    event = event_of(change("d", None), key)
    assert people(event) == [("crm", "7")]
    assert event.attributes == {"tier": None, "age": None}


@pytest.mark.parametrize("key", ["7", {}, {"schema": None, "payload": 7}, {"no": 7}])
def test_a_key_that_names_nobody_is_no_row(key: Any) -> None:
    assert "REPLICA IDENTITY FULL" in refusal_of(change("d", None), key).detail


def test_a_delete_of_which_only_the_primary_key_is_told_is_enough() -> None:
    """As PostgreSQL does without REPLICA IDENTITY FULL."""
    assert people(event_of(change("d", {"id": 7, "mail": None, "tier": None}))) == [("crm", "7")]


@pytest.mark.parametrize(
    ("number", "scale", "written"),
    [
        (28.06, 2, b"\x0a\xf6"),
        (-0.01, 2, b"\xff"),
        (0, 0, b"\x00"),
        (2**62, 0, b"\x40" + b"\x00" * 7),
        (1200, -2, b"\x0c"),
    ],
)
def test_decimals_as_bytes_are_numbers_where_their_scale_is_known(
    number: float, scale: int, written: bytes
) -> None:
    text = base64.b64encode(written).decode()
    parts = {"n": "row.balance * 1"}
    column = {**DECIMAL, "parameters": {"scale": str(scale)}}
    assert event_of(
        with_schema(change("c", {**ROW, "balance": text}), column), **parts
    ).attributes == {"n": number}
    variable = {"scale": scale, "value": text}
    assert event_of(change("c", {**ROW, "balance": variable}), **parts).attributes == {"n": number}
    decode = decoder_of(**parts)
    left = decode(record(change("c", {**ROW, "balance": text})))
    assert isinstance(left, Event)
    assert left.attributes == {}
    assert ("cjo_values_unread_total", "", "row.balance", "type") in decode.take_counts()


@pytest.mark.parametrize(
    "column",
    [
        {"scale": "x", "value": "CvY="},
        {"scale": 2, "value": "?"},
        {"scale": 2, "value": ""},
        {"scale": 9**9, "value": "CvY="},
        {"scale": -1000, "value": "CvY="},
        {"scale": 2, "value": base64.b64encode(b"x" * 200).decode()},
    ],
)
def test_what_is_no_decimal_stays_as_it_is(column: dict[str, Any]) -> None:
    event = event_of(change("c", {**ROW, "x": column}), kept="row.x.value")
    assert event.attributes in ({"kept": column["value"]}, {})


@pytest.mark.parametrize(
    ("column", "formula"),
    [
        (19_783, "timestamp(row.x * 86400000)"),
        (1_709_251_200_000, "timestamp(row.x)"),
        (1_709_251_200_000_000, "timestamp(row.x, 'us')"),
        (1_709_251_200_000_000_000, "timestamp(row.x, 'ns')"),
        ("2024-03-01T00:00:00Z", "timestamp(row.x)"),
        ("2024-03-01T01:00:00.000000+01:00", "timestamp(row.x)"),
    ],
)
def test_each_way_of_writing_a_time_has_its_expression(column: Any, formula: str) -> None:
    event = event_of(change("c", {**ROW, "x": column}), at=formula)
    assert event.attributes == {"at": 1_709_251_200_000}


def test_a_value_that_the_database_did_not_tell_is_left_out() -> None:
    row = {**ROW, "tier": "__debezium_unavailable_value"}
    assert event_of(change("u", row)).attributes == {"age": None}
    row["tier"] = base64.b64encode(b"__debezium_unavailable_value").decode()
    assert event_of(change("u", row)).attributes == {"age": None}
