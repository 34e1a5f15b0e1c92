"""Parquet as Hive, Impala, Spark and databases write it becomes rows that say the same."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjo_stream.ingest.parquet import _date_text, _time_text, read_parquet

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

AT_US = 1_772_013_600_000_001
AT = "2026-02-25T10:00:00.000001Z"


def read(folder: Path, **columns: Any) -> list[dict[str, Any]]:
    path = folder / "e.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return [json.loads(row.value) for row in read_parquet(str(path))]


def test_text_that_is_stored_as_bytes_is_text(tmp_path: Path) -> None:
    nested = pyarrow.array([{"email": b"ada@x.example"}])
    found = read(
        tmp_path,
        user_id=pyarrow.array([b"u1"], pyarrow.binary()),
        name=pyarrow.array(["Ærø".encode()], pyarrow.large_binary()),
        code=pyarrow.array([b"ab"], pyarrow.binary(2)),
        picture=pyarrow.array([b"\xff\xd8"]),
        nested=nested,
        tags=pyarrow.array([[b"a", None, b"b"]]),
    )
    assert found == [
        {
            "user_id": "u1",
            "name": "Ærø",
            "code": "ab",
            "picture": "/9g=",
            "nested": {"email": "ada@x.example"},
            "tags": ["a", None, "b"],
        }
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_are_read_at_any_depth(tmp_path: Path, unit: str) -> None:
    type_ = pyarrow.timestamp(unit)
    at = datetime.datetime(2026, 2, 25, 10, tzinfo=datetime.UTC)
    found = read(
        tmp_path,
        at=pyarrow.array([at], type_),
        inner=pyarrow.array([{"at": at}], pyarrow.struct([("at", type_)])),
        many=pyarrow.array([[at, None]], pyarrow.list_(type_)),
        by=pyarrow.array([[("a", at)]], pyarrow.map_(pyarrow.string(), type_)),
    )
    text = "2026-02-25T10:00:00Z"
    assert found == [
        {"at": text, "inner": {"at": text}, "many": [text, None], "by": [["a", text]]}
    ]


def test_nanoseconds_are_cut_at_any_depth(tmp_path: Path) -> None:
    ns = AT_US * 1000 + 999
    found = read(
        tmp_path,
        at=pyarrow.array([ns], pyarrow.timestamp("ns", "Europe/Berlin")),
        inner=pyarrow.array(
            [{"at": [ns]}], pyarrow.struct([("at", pyarrow.list_(pyarrow.timestamp("ns")))])
        ),
        clock=pyarrow.array([3_600 * 10**9 + 1], pyarrow.time64("ns")),
        lasting=pyarrow.array([1], pyarrow.duration("ns")),
        day=pyarrow.array([datetime.date(2026, 2, 25)]),
    )
    assert found == [
        {
            "at": AT,
            "inner": {"at": [AT]},
            "clock": "01:00:00",
            "lasting": "P0D",
            "day": "2026-02-25",
        }
    ]


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        (pyarrow.timestamp("us"), 10**18, "+33658-09-27T01:46:40Z"),
        (pyarrow.timestamp("ms"), 10**18, "+31690708-07-05T01:46:40Z"),
        (pyarrow.timestamp("ms"), 253_402_300_800_000, "+10000-01-01T00:00:00Z"),
        (pyarrow.timestamp("ms"), -62_135_596_800_001, "+0000-12-31T23:59:59.999000Z"),
        (pyarrow.date32(), 2_932_897, "+10000-01-01"),
        (pyarrow.date64(), 253_402_300_800_000, "+10000-01-01"),
    ],
)
def test_a_time_that_no_calendar_has_spoils_no_other_value(
    tmp_path: Path, type_: Any, value: int, text: str
) -> None:
    both = [value, None, 0]
    found = read(
        tmp_path,
        n=pyarrow.array([1, 2, 3]),
        at=pyarrow.array(both, type_),
        fine=pyarrow.array([AT_US] * 3, pyarrow.timestamp("us")),
        day=pyarrow.array([datetime.date(2026, 2, 25)] * 3),
        inner=pyarrow.array(
            [{"at": one, "x": b"u"} for one in both],
            pyarrow.struct([("at", type_), ("x", pyarrow.binary())]),
        ),
        many=pyarrow.array([both, None, []], pyarrow.list_(type_)),
        by=pyarrow.array([[("a", value)], None, []], pyarrow.map_(pyarrow.string(), type_)),
        plain=pyarrow.array([{"y": [1]}] * 3),
    )
    epoch = "1970-01-01" if "T" not in text else "1970-01-01T00:00:00Z"
    same = {"fine": AT, "day": "2026-02-25", "plain": {"y": [1]}}
    assert found == [
        {
            **same,
            "n": 1,
            "at": text,
            "inner": {"at": text, "x": "u"},
            "many": [text, None, epoch],
            "by": [["a", text]],
        },
        {**same, "n": 2, "inner": {"x": "u"}},
        {**same, "n": 3, "at": epoch, "inner": {"at": epoch, "x": "u"}, "many": [], "by": []},
    ]


def test_a_whole_decimal_keeps_its_digits(tmp_path: Path) -> None:
    sums = [Decimal("12345.00"), Decimal("12345678901234567.00"), Decimal("0.10")]
    found = read(tmp_path, n=pyarrow.array(sums, pyarrow.decimal128(38, 2)))
    assert [row["n"] for row in found] == [12345, 12345678901234567, 0.1]


@given(st.datetimes(timezones=st.just(datetime.UTC)))
def test_times_are_written_alike_on_both_ways(at: datetime.datetime) -> None:
    since = at - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    micros = since // datetime.timedelta(microseconds=1)
    assert _time_text(micros, 1_000_000) == at.isoformat().replace("+00:00", "Z")
    assert _date_text(since.days) == at.date().isoformat()
