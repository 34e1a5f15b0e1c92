"""`init` of odd samples: it loses nobody and nothing in silence, and shows nobody's values."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.definition import load
from tests.unit.cli.test_init import drafted, row
from tests.world.command_line import Cli, cli

__all__ = ["cli"]


@pytest.mark.parametrize(
    ("good", "odd"),
    [
        (
            {"type": "a", "time": "2026-03-01T10:00:00Z", "identifiers": {"user_id": "u1"}},
            {"identifiers": ["x"]},
        ),
        *(
            (
                {
                    "type": "track",
                    "event": "A",
                    "userId": "u1",
                    "timestamp": "2026-03-01T10:00:00Z",
                    "context": {},
                },
                odd,
            )
            for odd in ({"context": "x"}, {"context": {"device": "x"}}, {"traits": [1]})
        ),
        ({"kind": "a", "when": "2026-03-01T10:00:00Z", "user_id": "u1"}, {"type": ["a"]}),
    ],
)
def test_an_odd_record_does_not_end_it(
    good: dict[str, Any], odd: dict[str, Any], cli: Cli, tmp_path: Path
) -> None:
    sample = tmp_path / "e.jsonl"
    sample.write_text("".join(json.dumps(one) + "\n" for one in (good, good, {**good, **odd})))
    done = cli("init", tmp_path / "my_shop", "--from", sample)
    assert done.code == 0, done.err
    load(tmp_path / "my_shop")


@pytest.mark.parametrize("is_table", [True, False])
def test_rows_without_a_number_are_no_customer(is_table: bool, cli: Cli, tmp_path: Path) -> None:
    rows = [(one, f"2026-03-01T10:0{i}:00Z") for i, one in enumerate([1, 0, None, 1, 0, None, 2])]
    sample = tmp_path / ("e.csv" if is_table else "e.jsonl")
    if is_table:
        table = "".join(f"{'' if one is None else one},a,{time}\n" for one, time in rows)
        sample.write_text("customer_id,event,time\n" + table)
    else:
        lines = [{"customer_id": one, "event": "a", "time": time} for one, time in rows]
        sample.write_text("".join(json.dumps(one) + "\n" for one in lines))
    done = cli("init", tmp_path / "my_shop", "--from", sample)
    assert "2 rows cannot be taken: unidentified" in done.err
    assert "5 events of 1 type, 3 customers" in done.out


def test_values_further_on_tell_day_and_month_apart(cli: Cli, tmp_path: Path) -> None:
    early = [f"{month:02}/{day:02}/2026" for month in range(1, 9) for day in range(1, 13)]
    times = [f"{day} {hour:02}:00" for day in early for hour in range(4)]
    times += [f"08/{day:02}/2026 10:00" for day in range(13, 30)]
    rows = "".join(f"c{i % 9},a,{time}\n" for i, time in enumerate(times))
    text = drafted(cli, tmp_path, "customer_id,event,time\n" + rows)
    assert "timestamp(row.time, '%m/%d/%Y %H:%M')" in text
    assert "as well" not in text


@pytest.mark.parametrize("name", ["name", "first_name", "customer_name", "last_status"])
def test_names_of_people_are_no_types(name: str, cli: Cli, tmp_path: Path) -> None:
    people = ["Anna Schmidt", "Bob Miller", "Carla Gomez"]
    rows = "".join(f"c{i},{people[i % 3]},2026-03-01 10:{i:02}:00\n" for i in range(9))
    text = drafted(cli, tmp_path, f"customer_id,{name},created_at\n{rows}")
    assert "type: \"'sample'\"" in text
    assert "Anna" not in text
    assert "anna" not in text


def test_names_that_repeat_are_types_where_nobody_else_is_named(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"s{i % 3},{'ab'[i % 2]},2026-03-01 10:{i:02}:00\n" for i in range(9))
    assert "type: row.name" in drafted(cli, tmp_path, f"session_id,name,time\n{rows}")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("browser", ["Chrome", "Safari", "Firefox"]),
        ("device", ["iPhone 15", "Galaxy S24", "Pixel 9"]),
        ("card", ["visa", "mastercard"]),
        ("account", ["basic", "premium"]),
        ("client", ["ios"]),
    ],
)
def test_kinds_of_devices_and_cards_name_nobody(
    name: str, values: list[str], cli: Cli, tmp_path: Path
) -> None:
    rows = "".join(
        f"{f'u{i % 20}' if i % 4 else ''},u{i % 20}@example.com,{values[i % len(values)]},"
        f"a,2026-03-01 10:{i:02}:00\n"
        for i in range(60)
    )
    text = drafted(cli, tmp_path, f"user_id,email,{name},event,time\n{rows}")
    assert [*load(tmp_path / "my_shop").program.identifiers] == ["user_id", "email"]
    assert f"{name}: row.{name}" in text


def test_many_different_values_of_a_device_name_it(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(
        f"{f'u{i}' if i % 4 else ''},d{i}x,a,2026-03-01 10:{i:02}:00\n" for i in range(60)
    )
    drafted(cli, tmp_path, f"user_id,device,event,time\n{rows}")
    assert [*load(tmp_path / "my_shop").program.identifiers] == ["user_id", "device"]


def test_words_of_yaml_are_names_like_others(cli: Cli, tmp_path: Path) -> None:
    rows = [
        {
            "type": type_,
            "time": f"2026-03-01T10:0{minute}:00Z",
            "identifiers": {"null": f"u{minute // 3}"},
            "attributes": {"true": 1, "a\x7f\u2028": 2, "a.b": 3},
        }
        for minute, type_ in enumerate(["null", "true", "a.b", "false"])
    ]
    text = drafted(cli, tmp_path, "".join(json.dumps(one) + "\n" for one in rows), "null.jsonl")
    program = load(tmp_path / "my_shop").program
    assert program.events is not None
    assert program.events.keys() == {"null", "true", "a.b", "false"}
    assert program.events["null"].keys() == {"true", "a\x7f\u2028", "a.b"}
    assert [*program.identifiers] == ["null"]
    assert '"null": {in: {}}' in text


def test_columns_named_as_words_of_yaml(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"u{i},a,2026-03-01T10:0{i}:00Z,{i},x,{10**19 + i}\n" for i in range(3))
    drafted(cli, tmp_path, "user_id,event,time,null,true,gtin\n" + rows)
    events = load(tmp_path / "my_shop").program.events
    assert events == {"a": {"null": "number", "true": "string", "gtin": "string"}}


def test_columns_named_as_words_of_expressions(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"u{i},a,2026-03-01T10:0{i}:00Z,{i},x,y\n" for i in range(3))
    text = drafted(cli, tmp_path, "user_id,event,time,class,in,from\n" + rows)
    assert "int(row['class'])" in text
    events = load(tmp_path / "my_shop").program.events
    assert events == {"a": {"class": "number", "in": "string", "from": "string"}}


def test_integers_beyond_64_bits_are_left_out_and_told(cli: Cli, tmp_path: Path) -> None:
    rows = [row("a", f"u{i}", i, n=10**20 + i) for i in range(3)]
    text = drafted(cli, tmp_path, "".join(json.dumps(one) + "\n" for one in rows), "e.jsonl")
    assert "# left out: n, with integers beyond 64 bits; send them as text" in text


@pytest.mark.parametrize(
    "names",
    [["注册", "购买"], ["Просмотр", "Покупка"], ["C++", "C#", "C"], ["x" * 150, "x" * 151]],
)
def test_two_names_are_two_types(names: list[str], cli: Cli, tmp_path: Path) -> None:
    rows = "".join(
        f"u{i // 3},{names[i % len(names)]},2026-03-01 10:{i:02}:00\n" for i in range(12)
    )
    drafted(cli, tmp_path, f"user_id,event,time\n{rows}")
    assert len(load(tmp_path / "my_shop").program.events or {}) == len(names)


def test_names_that_an_expression_has_no_room_for_are_told(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"u{i % 5},类型{i % 30},2026-03-01 10:{i:02}:00\n" for i in range(60))
    rows += "".join(
        f"u{i % 5},{chr(0x4E00 + i % 30)},2026-03-01 11:{i:02}:00\n" for i in range(60)
    )
    text = drafted(cli, tmp_path, f"user_id,event,time\n{rows}")
    assert "of them are `other`: an expression has no room to name them" in text


def test_columns_of_other_scripts_are_attributes(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"u{i},a,2026-03-01 10:{i:02}:00,{i},北京\n" for i in range(5))
    text = drafted(cli, tmp_path, f"user_id,event,time,金额,城市\n{rows}")
    assert "column_4: \"int(row['金额'])\"" in text
    assert load(tmp_path / "my_shop").program.events == {
        "a": {"column_4": "number", "column_5": "string"}
    }


def test_refused_rows_are_told_in_all_and_without_their_values(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"u{i % 9},a,2026-03-01T10:{i:02}:00Z\n" for i in range(50))
    rows += (
        "".join(f"u{i},a,anna{i}@example.com\n" for i in range(3)) + ",a,2026-03-01T10:00:00Z\n"
    )
    sample = tmp_path / "sample.csv"
    sample.write_text("customer_id,event,created_at\n" + rows)
    done = cli("init", tmp_path / "my_shop", "--from", sample)
    assert done.code == 0
    assert "anna" not in done.out + done.err
    first, second, *_ = done.err.splitlines()
    assert "4 rows cannot be taken, of 2 causes" in first
    assert "3 rows cannot be taken: unmapped: `time` was …" in second
    checked = cli("validate", tmp_path / "my_shop", "--events", sample, "--json")
    assert "anna" not in checked.out
    assert sorted(json.loads(checked.out)["sample"]["refused"].values()) == [1, 3]


def test_neither_true_nor_false_is_no_value(cli: Cli, tmp_path: Path) -> None:
    odd = ["nil", "none", "null", "n/a", "NaN", "nan", "NULL", "None", "unknown", "N/A", "-", ""]
    cells = ["true", "False", "TRUE", *odd]
    rows = "".join(f"u{i},a,2026-03-01 10:{i:02}:00,{one}\n" for i, one in enumerate(cells))
    text = drafted(cli, tmp_path, f"user_id,event,time,newsletter\n{rows}")
    expression = "lower(row.newsletter) == 'true' if lower(row.newsletter) in ['true', 'false']"
    assert f"{expression} else null" in text
    assert "1 of 15 rows without, 11 placeholders" in text


def test_numbers_of_two_units_are_no_times(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"u{i},a,{(1_772_442_000 + i) * (1000 if i % 2 else 1)}\n" for i in range(10))
    sample = tmp_path / "sample.csv"
    sample.write_text(f"user_id,event,time\n{rows}")
    done = cli("init", tmp_path / "my_shop", "--from", sample)
    assert done.code == 2
    assert "no column of the sample holds a time that can be read" in done.err


def test_what_would_not_validate_is_not_written(cli: Cli, tmp_path: Path) -> None:
    event = {"type": "a", "time": "2026-03-01T10:00:00Z", "identifiers": {"user_id": "u1"}}
    sample = tmp_path / "e.jsonl"
    sample.write_text(json.dumps({**event, "attributes": {"": 1}}))
    done = cli("init", tmp_path / "my_shop", "--from", sample)
    assert done.code == 2
    assert "no topology that validates could be drafted of this sample: must be a text" in done.err
    assert "cjo-init-" not in done.err
    assert not (tmp_path / "my_shop").exists()
    sample.write_text(json.dumps({**event, "attributes": {"x": 1}}))
    assert cli("init", tmp_path / "my_shop", "--from", sample).code == 0


def test_a_share_of_times_that_are_written_otherwise_is_told(cli: Cli, tmp_path: Path) -> None:
    times = [1_772_442_000, *range(1_772_442_000_000, 1_772_442_000_019)]
    rows = "".join(f"u1,a,{time}\n" for time in times)
    text = drafted_only(cli, tmp_path, f"user_id,event,ts\n{rows}")
    assert "5.0% of the values are written otherwise: check them" in text


def drafted_only(cli: Cli, folder: Path, table: str) -> str:
    sample = folder / "sample.csv"
    sample.write_text(table)
    assert cli("init", folder / "my_shop", "--from", sample).code == 0
    return (folder / "my_shop" / "topology.yaml").read_text()


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_one_row_of_another_encoding_does_not_make_the_file_one(
    mark: bytes, cli: Cli, tmp_path: Path
) -> None:
    row = "1;Warenkorb geändert;2026-03-01T10:00:00Z\n"
    sample = tmp_path / "sample.csv"
    rows = (row * 5).encode() + row.encode("cp1252")
    sample.write_bytes(mark + b"Kunden-Nr;Ereignis;Zeitpunkt\n" + rows)
    done = cli("init", tmp_path / "my_shop", "--from", sample)
    assert done.code == 0
    assert "--encoding" not in done.out
    assert "1 row cannot be taken: malformed: not a row of CSV: not UTF-8" in done.err
    assert ", first in sample.csv, line 7" in done.err
    assert "row['Kunden-Nr']" in (tmp_path / "my_shop" / "topology.yaml").read_text()


def test_a_mark_of_utf_8_decides_where_no_other_line_tells(cli: Cli, tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    rows = b"1,a,2026-03-01T10:00:00Z\n" * 5 + b"1,ge\xe4ndert,2026-03-01T10:00:00Z\n"
    for mark, is_other in ((b"\xef\xbb\xbf", False), (b"", True)):
        sample.write_bytes(mark + b"customer_id,event,created_at\n" + rows)
        done = cli("init", tmp_path / f"shop_{is_other}", "--from", sample)
        assert ("--encoding windows-1252" in done.out) == is_other


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        (["+01:00"] * 5 + [""] * 15, "; 15 of 20 are local, taken as UTC"),
        ([""] * 5 + ["Z"] * 15, "; 5 of 20 are local, taken as UTC"),
        ([""] * 20, "; local times, taken as UTC"),
    ],
)
def test_local_times_among_others_are_told(
    zones: list[str], said: str, cli: Cli, tmp_path: Path
) -> None:
    rows = "".join(f"u1,a,2026-03-01T10:{n:02}:00{zone}\n" for n, zone in enumerate(zones))
    assert said in drafted_only(cli, tmp_path, f"user_id,event,time\n{rows}")


@pytest.mark.parametrize("before", ["\n\n", "sep=;\n", "\n" * 300, "\r\n" * 300 + "sep=;\r\n"])
def test_what_stands_before_the_header_is_no_header(before: str, cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"u1;a;2026-03-01T10:{n:02}:00Z;1,5\n" for n in range(9))
    text = drafted_only(cli, tmp_path, f"{before}user_id;event;time;total\n{rows}")
    assert "9 rows, cells parted by ';'" in text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("content", ["", "\r\n", " \n\n"])
def test_a_file_with_nothing_but_a_mark_is_empty_until_it_has_rows(
    encoding: str, content: str, cli: Cli, tmp_path: Path
) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_bytes(content.encode(encoding))
    done = cli("init", tmp_path / "my_shop", "--from", sample)
    assert (done.code, "it is empty; name a file with some events" in done.err) == (2, True)
    rows = "".join(f"u1,a,2026-03-01T10:{n:02}:00Z\n" for n in range(9))
    sample.write_bytes(f"user_id,event,time\n{rows}".encode(encoding))
    assert cli("init", tmp_path / "my_shop", "--from", sample).code == 0


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("1,200", "12,000"), "total: its commas are taken for decimal commas, and may part"),
        (("1.200", "12.000"), "total: its points are taken for decimal points, and may part"),
        (("1,200", "12,5"), None),
        (("1.200", "12.5"), None),
        (("1.200", "12,5"), None),
        (("1200", "12"), None),
        (("0.200", "12.000"), None),
    ],
)
def test_a_mark_that_may_part_thousands_is_told(
    cells: tuple[str, str], said: str | None, cli: Cli, tmp_path: Path
) -> None:
    rows = "".join(f"u1;a;2026-03-01T10:00:0{n}Z;{one}\n" for n, one in enumerate(cells))
    sample = tmp_path / "sample.csv"
    sample.write_text(f"user_id;event;time;total\n{rows}")
    err = cli("init", tmp_path / "my_shop", "--from", sample).err
    assert said in err if said else "may part" not in err


@pytest.mark.parametrize(("odd", "is_read"), [("13:05", True), ("1:05 PM", False)])
def test_a_clock_that_cannot_be_read_is_told(
    odd: str, is_read: bool, cli: Cli, tmp_path: Path
) -> None:
    rows = "".join(f"u1,a,2026-03-01,{one}\n" for one in ("10:00", "11:00", odd, odd))
    sample = tmp_path / "sample.csv"
    sample.write_text(f"user_id,event,date,clock\n{rows}")
    said = "row.clock: no form of a clock fits its values, so all events are at midnight"
    assert (said in cli("init", tmp_path / "my_shop", "--from", sample).err) != is_read


def test_of_one_there_is_no_plural(cli: Cli, tmp_path: Path) -> None:
    sample = tmp_path / "e.csv"
    sample.write_text("customer_id,event,time\nc-1,order,2026-03-01T10:00:00Z\n")
    cli("init", tmp_path / "my_shop", "--from", sample)
    comments = "".join(
        line.partition("# ")[2] + "\n"
        for path in sorted((tmp_path / "my_shop").iterdir())
        for line in path.read_text().splitlines()
    )
    for one in ("1 row,", "1 event\n", "1 type: ", "1 different in 1 value\n", "1 of 1 customer "):
        assert one in comments
    assert not re.search(r"\b1 (rows|events|types|values|customers|placeholders)\b", comments)
