"""A channel's `map`: several events a row, elements of lists, and refusals that show the row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cjo_stream import ingest
from cjo_stream.core.event import Event
from cjo_stream.definition import load
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.format.mapped import EVENTS_MAX

NOW = 1_772_442_000_000
TOPOLOGY = """
topology: shop
channels:
  web:
    in:
      format: mapped
      map: %s
identity: {identifiers: [{type: user}]}
"""
ONE = "{type: slug(row.event), time: timestamp(row.at), identifiers: {user: row.user}}"
LINES = """
      - {type: "'ordered'", time: row.at, id: row.id, identifiers: {user: row.user}}
      - each: row.lines
        type: "'bought' if item.sku != 'gift' else null"
        time: row.at
        id: row.id
        identifiers: {user: row.user}
        attributes: {sku: item.sku, price: item.price, order: row.id}
"""
ROW = {"event": "Order Placed", "at": NOW, "user": "u1", "id": "o1"}


def decoder_of(folder: Path, map_: str) -> ingest.Decoder:
    (folder / "topology.yaml").write_text(TOPOLOGY % map_)
    return ingest.decoder(load(folder).program, b"key")


def decoded(folder: Path, map_: str, row: Any) -> Any:
    record = RawRecord("till.csv", "till.csv", 0, 7, NOW, json.dumps(row).encode(), channel="web")
    return decoder_of(folder, map_)(record)


def refusal(folder: Path, map_: str, row: Any) -> InputError:
    found = decoded(folder, map_, row)
    assert isinstance(found, InputError), found
    return found


def test_a_row_of_several_maps_is_several_events_in_their_order(tmp_path: Path) -> None:
    lines = [{"sku": "a", "price": 1}, {"sku": "gift"}, None, {"sku": "b", "price": 2}]
    events = decoded(tmp_path, LINES, {**ROW, "lines": lines})
    assert [event.type for event in events] == ["ordered", "bought", "bought"]
    assert [event.attributes for event in events[1:]] == [
        {"sku": "a", "price": 1, "order": "o1"},
        {"sku": "b", "price": 2, "order": "o1"},
    ]
    assert [event.id for event in events] == ["o1", "o1/1", "o1/2"]
    assert all(event.own_id for event in events)


def test_events_without_an_id_are_named_by_their_place(tmp_path: Path) -> None:
    events = decoded(tmp_path, f"[{ONE}, {ONE}]", ROW)
    assert [event.id for event in events] == ["till.csv/0/7", "till.csv/0/7/1"]
    assert not any(event.own_id for event in events)


def test_one_event_of_several_maps_is_an_event_as_of_one(tmp_path: Path) -> None:
    event = decoded(tmp_path, LINES, {**ROW, "lines": []})
    assert isinstance(event, Event)
    assert event == decoded(tmp_path, LINES, ROW)


def test_a_row_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    both = f"[{ONE}, {ONE.replace('row.at', 'row.shipped_at')}]"
    refused = refusal(tmp_path, both, {**ROW, "shipped_at": "soon"})
    assert refused.reason == "unmapped"
    assert refused.detail.startswith("`time` was 'soon', which ")
    assert refused.detail.endswith("(in map 2)")
    of_item = (
        "[{each: row.lines, type: \"'bought'\", time: item.at, identifiers: {user: row.user}}]"
    )
    refused = refusal(tmp_path, of_item, {**ROW, "lines": [{"at": NOW}, {"at": "soon"}]})
    assert "(in item 1)" in refused.detail
    ahead = refusal(tmp_path, of_item, {**ROW, "lines": [{"at": NOW}, {"at": NOW * 2}]})
    assert ahead.reason == "future"
    assert ahead.detail.endswith("(event 2 of the row's 2)")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"lines": "a,b"}, "`each` is no list: `row.lines`"),
        ({"lines": {"sku": "a"}}, "`each` is no list: `row.lines`"),
        ({"lines": []}, "`row.lines` is an empty list"),
        ({}, "`each` is missing: there is no `row.lines`; the row has event, at, user, id"),
        ({"lines": [{"sku": "gift"}]}, "`type` was 'gift'"),
    ],
)
def test_a_list_that_gives_no_event_is_a_dead_letter(
    row: dict[str, Any], said: str, tmp_path: Path
) -> None:
    only = f"\n      - each{LINES.split('- each')[1]}"
    refused = refusal(tmp_path, only, {**ROW, **row})
    assert refused.reason == "unmapped"
    assert refused.detail.startswith(said)


@pytest.mark.parametrize(
    ("map_", "changes", "detail"),
    [
        (
            ONE,
            {"at": "2026-02-25 10 o'clock"},
            "`time` was '2026-02-25 10 o'clock', which gives nothing by `timestamp(row.at)`: say ",
        ),
        (ONE, {"at": "25.02.2026"}, "write timestamp(row.at, '%d.%m.%Y')"),
        (ONE, {"at": "25.2.2026 10:00"}, "write timestamp(row.at, '%d.%m.%Y %H:%M')"),
        (ONE, {"at": "2/25/2026 1:05 PM"}, "timestamp(row.at, '%m/%d/%Y %I:%M %p')"),
        (ONE, {"at": "2/25/2026"}, "'%d/%m/%Y') or timestamp(row.at, '%m/%d/%Y')"),
        (ONE, {"at": "25.02.2026 25:00"}, "by `timestamp(row.at)`: there is no such day or time"),
        (ONE, {"at": "2026-02-25T24:00:00Z"}, "by `timestamp(row.at)`: there is no such day or"),
        (ONE, {"at": "2026-02-25 10:00 CET"}, "by `timestamp(row.at)`: say how it is written"),
        (ONE, {"at": "20260225"}, "write timestamp(row.at, '%Y%m%d')"),
        (ONE, {"at": "2026-02-25"}, "write timestamp(row.at, '%Y-%m-%d')"),
        (ONE, {"at": "1772442000"}, "for seconds, write timestamp(row.at, 's')"),
        (ONE, {"at": 1772442000000000}, "for microseconds, write timestamp(row.at, 'us')"),
        (ONE, {"at": ""}, "`time` is missing: `row.at` is empty"),
        (ONE, {"at": None}, "`time` is missing: there is no `row.at`; the row has event, at"),
        (ONE, {"event": None}, "`type` is missing: there is no `row.event`"),
        (
            ONE.replace("timestamp(row.at)", "row.at"),
            {"at": "2026-02-25 10:00 UTC"},
            "UTC', which is no RFC 3339 time with an offset: write timestamp(row.at)",
        ),
        (
            ONE.replace("slug(row.event)", "'sale' if row.kind == 's' and row.n > 1 else null"),
            {"kind": "s", "n": 0},
            "`type` gives nothing, where row.kind is 's', row.n is 0",
        ),
    ],
)
def test_a_refusal_shows_what_stood_there_and_what_to_write(
    map_: str, changes: dict[str, Any], detail: str, tmp_path: Path
) -> None:
    map_ = map_.replace("'sale' if", "\"'sale' if").replace("else null", 'else null"')
    refused = refusal(tmp_path, map_, {**ROW, **changes})
    assert detail in refused.detail


def test_columns_with_another_delimiter_are_named(tmp_path: Path) -> None:
    refused = refusal(tmp_path, ONE, {"karte;zeit;club": "7;25.02.2026;Mitte"})
    assert refused.detail == (
        "`type` is missing: there is no `row.event`; the row has karte;zeit;club"
    )


def test_a_refusal_of_a_large_row_stays_small(tmp_path: Path) -> None:
    row = {f"{'column' * 50}{n}": "x" for n in range(500)}
    assert len(refusal(tmp_path, ONE, row).detail) < 800
    assert len(refusal(tmp_path, ONE, {**ROW, "at": "x" * 90_000}).detail) < 400


def test_what_a_row_makes_is_bounded(tmp_path: Path) -> None:
    many = "[{each: row.l, type: \"'a'\", time: row.at, identifiers: {user: row.user}, %s}]"
    over = refusal(tmp_path, many % "attributes: {}", {**ROW, "l": [1] * (EVENTS_MAX + 1)})
    assert (over.reason, over.detail) == ("invalid", f"a row of more than {EVENTS_MAX} events")
    most = decoded(tmp_path, many % "attributes: {}", {**ROW, "l": [1] * EVENTS_MAX})
    assert len(most) == EVENTS_MAX
    row = {**ROW, "l": [1] * 20, "blob": "x" * 60_000}
    large = refusal(tmp_path, many % "attributes: {blob: row.blob}", row)
    assert "exceed 1048576 bytes" in large.detail


def test_a_nested_value_is_read_by_place_and_by_lookup(tmp_path: Path) -> None:
    map_ = ONE[:-1] + (
        ", attributes: {last: 'row.l[-1].n', page: \"lookup(row.params, 'key', 'page').value\"}}"
    )
    params = [{"key": "id", "value": 1}, 5, {"key": "page", "value": "/home"}]
    event = decoded(tmp_path, map_, {**ROW, "l": [{"n": 1}, {"n": 2}], "params": params})
    assert event.attributes == {"last": 2, "page": "/home"}


def test_what_a_map_cannot_use_is_counted_with_an_example(tmp_path: Path) -> None:
    map_ = ONE[:-1] + ", attributes: {minutes: int(row.minutes), total: row.total + 1}}"
    decode = decoder_of(tmp_path, map_)
    cells = ["12", "", "many", "few"]
    for line, minutes in enumerate(cells, 2):
        value = json.dumps({**ROW, "minutes": minutes, "total": "5"}).encode()
        decode(RawRecord("till.csv", "till.csv", 0, line, NOW, value, channel="web"))
    assert decode.examples == {
        ("cjo_values_unread_total", "channel.web", "row.minutes", "value"): ("till.csv", 0, 4),
        ("cjo_values_unread_total", "channel.web", "row.total", "type"): ("till.csv", 0, 2),
        ("cjo_expression_errors_total", "channel.web"): ("till.csv", 0, 2),
    }
    assert {"row.minutes", "row.at"} <= decode.given
    assert "row.total" not in decode.given
    assert decode.take_counts() == {
        ("cjo_expression_errors_total", "channel.web"): 4,
        ("cjo_values_unread_total", "channel.web", "row.minutes", "value"): 2,
        ("cjo_values_unread_total", "channel.web", "row.total", "type"): 4,
    }
    assert decode.take_counts() == {}


@pytest.mark.parametrize("time", ["row.at", "timestamp(row.at)"])
def test_times_in_seconds_are_counted_once(time: str, tmp_path: Path) -> None:
    decode = decoder_of(tmp_path, ONE.replace("timestamp(row.at)", time))
    value = json.dumps({**ROW, "at": NOW // 1000}).encode()
    event = decode(RawRecord("till.csv", "till.csv", 0, 2, NOW, value, channel="web"))
    assert isinstance(event, Event)
    assert event.time == NOW // 1000
    field = "time" if time == "row.at" else "row.at"
    assert decode.take_counts() == {
        ("cjo_values_unread_total", "channel.web", field, "seconds"): 1
    }
