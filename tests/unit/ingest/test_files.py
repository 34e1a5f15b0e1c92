"""Recorded files: every form read the same, in order, and damage told before or where it is."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Channel, IdentifierType, Input
from cjo_stream.engine.port import DecodedRecord, RawRecord
from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest import decoder, files, order
from cjo_stream.ingest.form import Form
from cjo_stream.ingest.table import Ending
from cjo_stream.ingest.taken import BEGINNING, Place

NOW = 10**12
PROGRAM = Program(
    topology="shop",
    channels={"web": Channel(name="web", input=Input(topic="raw"))},
    identifiers={"user_id": IdentifierType(type="user_id", rank=0)},
)


def line(time: int, name: str = "x", **fields: Any) -> str:
    event = {"type": "seen", "time": time, "identifiers": {"user_id": "u"}, "id": name}
    return json.dumps({**event, **fields})


def raw(record: RawRecord) -> InputError:
    """Stands for a decoder where only the bytes count."""
    return InputError("malformed", "not looked at")


def read(paths: Sequence[Path | str], decode: Any = None, **options: Any) -> list[DecodedRecord]:
    given = {"channel": "web", "now": NOW, **options}
    return list(files.read([str(p) for p in paths], decode or decoder(PROGRAM, b"k"), **given))


def names(decoded: list[DecodedRecord]) -> list[str | None]:
    return [one.id if isinstance(one, Event) else one.reason for _, one in decoded]


def values(path: Path) -> list[tuple[int, bytes]]:
    return [(record.offset, record.value) for record, _ in read([path], raw)]


def rows(path: Path) -> list[tuple[int, Any]]:
    return [(number, json.loads(value)) for number, value in values(path)]


# --- JSON lines -------------------------------------------------------------------------------


def test_lines_are_records_with_their_coordinates(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n  \n{"a": 2}\n{"a": 3}')
    found = [record for record, _ in read([path, path], raw)]
    assert found[0] == RawRecord(
        "events.jsonl", "events.jsonl", 0, 1, NOW, b'{"a": 1}', channel="web"
    )
    assert [(r.partition, r.offset, r.value) for r in found] == [
        (number, offset, value)
        for number in (0, 1)
        for offset, value in ((1, b'{"a": 1}'), (4, b'{"a": 2}'), (5, b'{"a": 3}'))
    ]


def test_packed_and_plain_and_standard_input_give_the_same(tmp_path: Path) -> None:
    text = "\n".join([line(1, "a"), "", line(2, "b")]).encode()
    for paths, words in ((["-", "-"], "can be read once"), ([tmp_path / "e.txt"], "may end in")):
        with pytest.raises(UsageError, match=words):
            read(paths, stdin=io.BytesIO(text))
    (tmp_path / "e.jsonl").write_bytes(text)
    with gzip.open(tmp_path / "e.jsonl.gz", "wb") as packed:
        packed.write(text)
    plain = read([tmp_path / "e.jsonl"])
    unpacked = read([tmp_path / "e.jsonl.gz"])
    piped = read(["-"], stdin=io.BytesIO(text))
    assert names(plain) == names(unpacked) == names(piped) == ["a", "b"]
    assert [record.offset for record, _ in piped] == [1, 3]


def test_empty_files_have_no_records(tmp_path: Path) -> None:
    for name in ("e.jsonl", "e.csv", "e.jsonl.gz", "e.csv.gz"):
        (tmp_path / name).write_bytes(b"")
        assert read([tmp_path / name]) == []
    (tmp_path / "h.csv").write_bytes(b"a,b\r\n")
    assert read([tmp_path / "h.csv"]) == []


def test_a_line_without_end_is_cut_and_the_next_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"x" * 3_000_000 + b"\n" + line(1, "a").encode())
    found = read([path])
    assert names(found) == ["too_large", "a"]
    assert len(found[0][0].value) == 1024 * 1024
    assert found[1][0].offset == 2


def test_a_record_of_300_kib_keeps_all_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(line(1, pad="x" * 300 * 1024).encode() + b"\n" + line(1, "a").encode())
    found = read([path])
    assert names(found) == ["too_large", "a"]
    assert len(found[0][0].value) > 300 * 1024


# --- CSV --------------------------------------------------------------------------------------


def test_csv_rows_are_objects_of_text(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes(
        b'\xef\xbb\xbfid,"name, full",note\r\n1,"Ann ""A"" Lee",\r\n\r\n'
        b'2,"two\nlines",caf\xc3\xa9\n3\n4,b,c,,\n'
    )
    assert rows(path) == [
        (2, {"id": "1", "name, full": 'Ann "A" Lee', "note": ""}),
        (4, {"id": "2", "name, full": "two\nlines", "note": "café"}),
        (6, {"id": "3"}),
        (7, {"id": "4", "name, full": "b", "note": "c"}),
    ]


def test_a_csv_row_that_is_none_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes(
        b'a,b\n1,\xff\n1,2,3\n"1"x,2\n{"a":1,"b":2}\n'
        b'"' + b"x" * 1_500_000 + b'",2\n' + b"last,row\n"
    )
    found = read([path], lambda record: InputError("read", "well-formed"))
    assert [(record.offset, *names([(record, one)])) for record, one in found] == [
        (2, "malformed"),
        (3, "malformed"),
        (4, "malformed"),
        (5, "malformed"),
        (6, "too_large"),
        (7, "read"),
    ]
    assert found[0][0].value == b"1,\xff"


def test_a_quote_that_never_closes_swallows_no_rows_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes(b'a,b\n1,2\n3,"4\n5,6\n')
    found = read([path], lambda record: InputError("read", "well-formed"))
    assert names(found) == ["read", "malformed"]
    assert found[1][0].value == b'3,"4\n5,6'


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'a,b,c\n1,2,3\n1,"5 inch,3\n2,2,3\n3,2,6"\n', 3),
        (b'a,b,c\n1,"5 inch,3\n2,6",3\n', 2),
        (b'a;b\n1;"5 inch\n2;2\n3;6"\n', 2),
        (b'a,b,c\n1,"Dear Ada,\nthanks, and so on\nBob",3\n"x\ny",2,3\n', None),
        (b'a,b\n1,"Dear Ada\nthanks, Bob"\n', None),
        (b'a\n"x\ny\nz"\n', None),
    ],
)
def test_a_cell_that_seems_to_hold_whole_rows_is_told(
    content: bytes, line: int | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "e.csv").write_bytes(content)
    form = Form(delimiter=";" if b";" in content else ",")
    (file,) = files.open_files([str(tmp_path / "e.csv")], form=form)
    caplog.clear()
    assert all(row.error is None for row in file.rows())
    told = f"e.csv: in 1 of its rows, first in line {line}, a cell seems to hold whole rows"
    assert (told in caplog.text) == (line is not None)
    assert bool(caplog.text) == (line is not None)


def test_behind_the_last_name_of_a_header_cells_must_be_empty(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(b",a,,\n0,1,,\n0,1,2,\n")
    (file,) = files.open_files([str(tmp_path / "e.csv")])
    first, second = file.rows()
    assert json.loads(first.value) == {"": "0", "a": "1"}
    assert second.error is not None
    assert second.error.detail == "not a row of CSV: a row of 4 cells; the header names 2"


@pytest.mark.parametrize(
    "header", [b"a,a\n1,2\n", b"a,,,b\n1,2,3,4\n", b"a,\xff\n1,2\n", b'"a"b,c\n1,2\n']
)
def test_a_header_that_names_no_columns_is_refused_at_once(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "e.csv").write_bytes(header)
    with pytest.raises(UsageError, match=r"e\.csv"):
        files.read([str(tmp_path / "e.csv")], raw, channel=None, now=NOW)


@pytest.mark.parametrize(
    "before", [b"\n\r\n", b"sep=,\r\n", b"\xef\xbb\xbfSEP=,\n\n", b"\nsep=,\n"]
)
def test_before_the_header_blank_lines_and_excels_delimiter_are_skipped(
    before: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes(before + b"a,b\n1,2\n")
    assert rows(path) == [(before.count(b"\n") + 2, {"a": "1", "b": "2"})]


def test_another_delimiter_of_excel_is_told(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(b"sep=;\na;b\n1;2\n")
    with pytest.raises(UsageError, match="read it with --delimiter ';'"):
        files.read([str(tmp_path / "e.csv")], raw, channel=None, now=NOW)
    (only,) = files.InputFile(str(tmp_path / "e.csv"), form=files.Form(delimiter=";")).rows()
    assert json.loads(only.value) == {"a": "1", "b": "2"}


def test_lines_that_end_in_cr_are_told_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(b"a,b\r1,2\r")
    with pytest.raises(UsageError, match="its lines end in CR alone; write it with LF"):
        files.read([str(tmp_path / "e.csv")], raw, channel=None, now=NOW)
    (tmp_path / "e.csv").write_bytes(b"a,b\n1\rx,2\n3,4\n")
    first, second = files.InputFile(str(tmp_path / "e.csv")).rows()
    assert first.error is not None
    assert first.error.detail == "not a row of CSV: a CR that ends no line; quote its cell"
    assert json.loads(second.value) == {"a": "3", "b": "4"}


# --- Parquet ----------------------------------------------------------------------------------


def test_parquet_rows_are_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    ns = pyarrow.array([1_709_287_200_000_000_001, None], pyarrow.timestamp("ns"))
    table = pyarrow.table(
        {
            "id": pyarrow.array([1, None]),
            "at": ns,
            "sum": pyarrow.array([1.5, float("nan")]),
            "identifiers": [{"user_id": "u", "email": None}, {"user_id": None, "email": "e"}],
        }
    )
    path = tmp_path / "e.parquet"
    parquet.write_table(table, path)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(UsageError, match="install it with"):
            rows(path)
    assert rows(path) == [
        (1, {"id": 1, "at": "2024-03-01T10:00:00Z", "sum": 1.5, "identifiers": {"user_id": "u"}}),
        (2, {"identifiers": {"email": "e"}}),
    ]


def test_native_events_in_parquet_are_events(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.Table.from_pylist([json.loads(line(5, "a")), json.loads(line(6, "b"))])
    parquet.write_table(table, tmp_path / "e.parquet")
    assert names(read([tmp_path / "e.parquet"])) == ["a", "b"]


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "e.parquet").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"cjo-stream\[parquet\]"):
        read([tmp_path / "e.parquet"])


# --- what cannot be read ----------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_refused_before_the_first_record(tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_text(line(1))
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "bad.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    (tmp_path / "events.txt").write_text(line(1))
    for name in (
        "none.jsonl",
        "folder.jsonl",
        "bad.jsonl.gz",
        "bad.parquet",
        "none.parquet",
        "events.txt",
    ):
        paths = [str(tmp_path / "good.jsonl"), str(tmp_path / name)]
        with pytest.raises(UsageError, match=name):
            files.read(paths, raw, channel=None, now=NOW)
    with pytest.raises(UsageError, match="twice"):
        files.read(["-", "-"], raw, channel=None, now=NOW)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_packed_file_that_is_damaged_says_where(tmp_path: Path, damage: str) -> None:
    text = "\n".join(line(n, str(n) * 9) for n in random.Random(1).sample(range(10**6), 20_000))
    packed = bytearray(gzip.compress(text.encode()))
    if damage == "cut":
        del packed[len(packed) // 2 :]
    else:
        packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / "e.jsonl.gz"
    path.write_bytes(packed)
    found = files.read([str(path)], raw, channel=None, now=NOW)
    with pytest.raises(UsageError, match=r"e\.jsonl\.gz: cannot be read beyond line \d{4}"):
        list(found)


# --- channel ----------------------------------------------------------------------------------


def test_the_only_input_that_has_no_field_for_it_is_the_channel() -> None:
    pos = Channel(name="pos", input=Input(topic="pos", format="mapped"))
    out = Channel(name="mail", output="x")
    web = PROGRAM.channels["web"]

    def choose(*channels: Channel, asked: str | None = None) -> str | None:
        program = Program(
            topology="t", channels={one.name: one for one in channels}, identifiers={}
        )
        return files.choose_channel(program, asked)

    assert choose(pos, out) == "pos"
    assert choose(pos, web) is None
    assert choose(web) is None
    assert choose(pos, web, asked="web") == "web"
    with pytest.raises(UsageError, match="pos, web"):
        choose(pos, web, asked="desk")


# --- order ------------------------------------------------------------------------------------


def write(path: Path, *entries: tuple[int, str] | None) -> Path:
    """Write events (time, id), and a line that is none for None."""
    path.write_text("\n".join("{" if entry is None else line(*entry) for entry in entries))
    return path


def test_several_files_are_merged_by_time_and_none_is_reordered(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", (10, "a1"), (5, "a2"), (20, "a3"))
    b = write(tmp_path / "b.jsonl", (7, "b1"), (10, "b2"), (20, "b3"))
    assert names(read([a, b])) == ["b1", "a1", "a2", "b2", "a3", "b3"]
    assert names(read([b, a])) == ["b1", "b2", "a1", "a2", "b3", "a3"]


def test_a_refused_record_stays_behind_the_event_before_it(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", None, (30, "a1"), None, (10, "a2"))
    b = write(tmp_path / "b.jsonl", (20, "b1"))
    assert names(read([a, b])) == ["malformed", "b1", "a1", "malformed", "a2"]
    assert names(read([a, b], sort=True)) == ["malformed", "a2", "b1", "a1", "malformed"]


def test_sort_orders_all_by_time_and_keeps_ties_as_given(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", (10, "a1"), (5, "a2"), (10, "a3"))
    b = write(tmp_path / "b.jsonl", (10, "b1"), (5, "b2"))
    assert names(read([a, b], sort=True)) == ["a2", "b2", "a1", "a3", "b1"]


@pytest.mark.parametrize("chunk_bytes", [1, 6_000, 10**9])
def test_sorting_through_files_gives_what_memory_gives(
    tmp_path: Path, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    pick = random.Random(7)
    entries = [None if pick.random() < 0.1 else (pick.randrange(50), f"e{n}") for n in range(300)]
    path = write(tmp_path / "a.jsonl", *entries)
    decoded = read([path])
    expected = [entry for _, entry in sorted(order.timed(decoded), key=lambda pair: pair[0])]
    found = list(order.sort([decoded], chunk_bytes))
    assert names(found) == names(expected)
    assert [record for record, _ in found] == [record for record, _ in expected]
    assert [one for _, one in found if isinstance(one, Event)] == [
        one for _, one in expected if isinstance(one, Event)
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_a_sort_that_is_left_early_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    decoded = read(["-"], stdin=io.BytesIO(b"\n".join(line(9 - n).encode() for n in range(9))))
    found = order.sort([decoded], 1)
    assert len(list(itertools.islice(found, 2))) == 2
    assert len(list(tmp_path.iterdir())) == 1
    found.close()
    assert list(tmp_path.iterdir()) == []


# --- folders and pipes


def test_a_folder_stands_for_its_files_of_events(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "b/1.csv.gz", "a.JSONL", ".git/x.jsonl", ".x.jsonl", "b/read.me"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
    found = files.open_files([str(tmp_path), "-"], io.BytesIO())
    assert [one.given for one in found] == [
        *(str(tmp_path / name) for name in ("a.JSONL", "b/1.csv.gz", "b/2.jsonl")),
        "-",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="a folder without a file of events"):
        files.open_files([str(tmp_path / "empty")])


@pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz", "e.csv"])
def test_a_part_of_a_file_is_read_between_its_places(tmp_path: Path, name: str) -> None:
    rows_ = [line(n, f"e{n}") if "json" in name else f"{n},x" for n in range(9)]
    head = "" if "json" in name else "id,name\n"
    parts = [f"{row}\n" for row in rows_]
    content = head + "".join(parts) + rows_[0][:5]
    packed = gzip.compress(content.encode()) if name.endswith("gz") else content.encode()
    (tmp_path / name).write_bytes(packed)
    (file,) = files.open_files([str(tmp_path / name)])
    first = len(head.splitlines())

    def place(row: int) -> Place:
        return Place(len(head + "".join(parts[:row])), first + row)

    for begin in (0, 1, 5):
        for end in (5, 9):
            found = list(file.rows(place(begin) if begin else BEGINNING, place(end)))
            assert [one.number for one in found] == [*range(first + begin + 1, first + end + 1)]
    ending = Ending()
    assert len(list(file.rows(place(7), ending=ending))) == 3
    assert (ending.is_open, ending.before) == (True, place(9))


def test_a_row_that_the_files_end_cuts_off_within_quotes_is_open(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(b'a,b\n1,2\n3,"4\n5,6\n')
    (file,) = files.open_files([str(tmp_path / "e.csv")])
    ending = Ending()
    assert len(list(file.rows(ending=ending))) == 2
    assert (ending.is_open, ending.before) == (True, Place(8, 2))
    ending = Ending()
    assert len(list(file.rows(end=Place(8, 2), ending=ending))) == 1
    assert not ending.is_open
