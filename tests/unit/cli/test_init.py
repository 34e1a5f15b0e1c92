"""`init` writes a topology that fits a sample: it validates, and takes every row of the sample."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.definition import load
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

SHOP_CSV = """\
customer_id,session,event,time,amount,newsletter,email
c1,s1,Product Viewed,2026-03-01 10:00:00,,true,ann@example.com
c1,s1,Order Completed,2026-03-01 10:20:00,19.90,true,ann@example.com
c2,s2,Product Viewed,2026-03-01 11:00:00,,false,
c2,s3,Order Completed,2026-03-02 11:00:00,5,,bob@example.com
c3,s4,Product Viewed,2026-03-03 09:00:00,NaN,false,
"""


def row(type_: str, user: object, minute: int, **fields: Any) -> dict[str, Any]:
    return {"event": type_, "user": {"id": user}, "ts": 1_772_442_000 + 60 * minute, **fields}


def drafted(
    cli: Cli, folder: Path, content: str | bytes, name: str = "sample.csv", *options: str
) -> str:
    """Draft a topology of a sample, check it, run the sample; return the topology's text."""
    sample = folder / name
    sample.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = cli("init", folder / "my_shop", "--from", sample, *options)
    assert done.code == 0, done.err
    assert done.err == ""
    (told,) = [line for line in done.out.splitlines() if line.startswith("next: ")]
    checked = cli("validate", folder / "my_shop")
    assert (checked.code, checked.err) == (0, "")
    tested = cli("test", folder / "my_shop", "--cover", "90%")
    assert (tested.code, tested.err) == (0, ""), tested.out + tested.err
    words = shlex.split(told.removeprefix("next: cjo-stream "))
    ran = cli(*words)
    assert (ran.code, ran.err) == (0, ""), ran.err
    summary = json.loads((folder / "my_shop-out" / "summary.json").read_text())
    assert summary["dead_letters"] == 0
    assert summary["undeclared"] == []
    assert summary["transitions"] > 0
    return (folder / "my_shop" / "topology.yaml").read_text()


def test_a_table(cli: Cli, tmp_path: Path) -> None:
    text = drafted(cli, tmp_path, SHOP_CSV)
    program = load(tmp_path / "my_shop").program
    assert program.topology == "my_shop"
    assert list(program.identifiers) == ["customer_id", "email"]
    assert program.identifiers["email"].normalise == "email"
    assert program.events == {
        "product_viewed": {"session": "string", "newsletter": "boolean"},
        "order_completed": {"session": "string", "amount": "number", "newsletter": "boolean"},
    }
    journey = program.journeys["first"]
    assert journey.entry.on == {"product_viewed"}
    assert journey.goal is not None
    assert journey.goal.on == {"order_completed"}
    for seen in (
        "# 2 types: Product Viewed 3, Order Completed 2",
        "time: timestamp(row.time)",
        "# 3 different in 5 values",
        "float(row.amount) if row.amount not in ['NaN'] else null",
        "Events from 2026-03-01 to 2026-03-03.",
    ):
        assert seen in text


@pytest.mark.parametrize(
    ("times", "expression"),
    [
        (["2026-03-01T10:00:00Z", "2026-03-02T10:00:00+01:00"], "timestamp(row.time)"),
        (["1772442000", "1772442060"], "timestamp(row.time, 's')"),
        (["1772442000000", "1772442060000"], "timestamp(row.time, 'ms')"),
        (["1772442000000000", "1772442060000000"], "timestamp(row.time, 'us')"),
        (["20260301", "20260302"], "timestamp(row.time, '%Y%m%d')"),
        (["20260301101500", "20260302101500"], "timestamp(row.time, '%Y%m%d%H%M%S')"),
        (["2026-03-01", "2026-03-02"], "timestamp(row.time, '%Y-%m-%d')"),
        (["31.03.2026 10:15", "01.04.2026 11:15"], "timestamp(row.time, '%d.%m.%Y %H:%M')"),
        (["12/31/2025 8:26", "1/2/2026 8:26"], "timestamp(row.time, '%m/%d/%Y %H:%M')"),
        (["31/12/2025 08:26:01", "02/01/2026 08:26:01"],
         "timestamp(row.time, '%d/%m/%Y %H:%M:%S')"),
        (["03/31/2026 10:15 PM", "04/01/2026 9:15 AM"],
         "timestamp(row.time, '%m/%d/%Y %I:%M %p')"),
        (["01/Mar/2026:10:15:00 +0100", "02/Mar/2026:10:15:00 +0100"],
         "timestamp(row.time, '%d/%b/%Y:%H:%M:%S %z')"),
    ],
)  # fmt: skip
def test_times_as_exports_write_them(
    times: list[str], expression: str, cli: Cli, tmp_path: Path
) -> None:
    lines = [f"u1,{one},seen" for one in times]
    text = drafted(cli, tmp_path, "\n".join(["user_id,time,event", *lines, ""]))
    written = text.split("time: ", 1)[1].split("  #")[0].strip().strip('"')
    assert written == expression


def test_day_and_month_that_cannot_be_told_apart_are_said(cli: Cli, tmp_path: Path) -> None:
    text = drafted(cli, tmp_path, "user_id,time,event\nu1,01/02/2026,a\nu1,03/04/2026,b\n")
    assert "check which is day and which month" in text


def test_text_of_another_form(cli: Cli, tmp_path: Path) -> None:
    content = (
        "user_id;time;event;café\r\n"
        "1;02.03.2026 10:00;Größe gewählt;1.234,50\r\n"
        "2;13.03.2026 10:00;gekauft;7,25\r\n"
        "1;14.03.2026 10:00;gekauft;9\r\n"
    )
    text = drafted(cli, tmp_path, content.encode("cp1252"))
    assert "cells parted by ';', cp1252" in text
    program = load(tmp_path / "my_shop").program
    assert program.events is not None
    assert program.events["gekauft"] == {"cafe": "number"}


def test_a_line_of_no_encoding_is_one_broken_line(cli: Cli, tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_bytes(SHOP_CSV.encode() + b"\xff\x00\xfe\x01\x02\n")
    done = cli("init", tmp_path / "shop", "--from", sample)
    assert done.code == 0
    assert "--encoding" not in done.out


@pytest.mark.parametrize(("delimiter", "encoding"), [("\t", "utf-16"), ("|", "utf-8-sig")])
def test_other_delimiters_and_encodings(
    delimiter: str, encoding: str, cli: Cli, tmp_path: Path
) -> None:
    drafted(cli, tmp_path, SHOP_CSV.replace(",", delimiter).encode(encoding))


def test_packed_objects_of_a_form_of_their_own(cli: Cli, tmp_path: Path) -> None:
    rows = [
        row("seen", 12345, 0, cart={"total": 5, "items": [1]}, gift=True),
        row("bought", 12345, 5, cart={"total": 7.5, "items": []}),
        row("seen", "null", 6),
        row("seen", 99, 7, gift=None),
    ]
    packed = gzip.compress("\n".join(map(json.dumps, rows[:2] + rows[3:])).encode())
    text = drafted(cli, tmp_path, packed, "sample.jsonl.gz")
    assert "user_id: row.user.id" in text
    assert "timestamp(row.ts, 's')" in text
    program = load(tmp_path / "my_shop").program
    assert program.events == {
        "seen": {"cart_total": "number", "cart_items": "list", "gift": "boolean"},
        "bought": {"cart_total": "number", "cart_items": "list"},
    }


def test_rows_that_name_nobody_are_told(cli: Cli, tmp_path: Path) -> None:
    rows = [row("seen", "u1", 0), row("seen", "u1", 5), row("bought", "null", 6)]
    sample = tmp_path / "sample.jsonl"
    sample.write_text("\n".join(map(json.dumps, rows)))
    done = cli("init", tmp_path / "shop", "--from", sample)
    assert done.code == 0
    assert "1 row cannot be taken: unidentified" in done.err
    text = (tmp_path / "shop" / "topology.yaml").read_text()
    assert "2 different in 3 values, 1 of them a placeholder (1 spelling)" in text
    assert "null" not in text.split("channels:")[1].split("#")[1]


def native(type_: str, minute: int, **fields: Any) -> dict[str, Any]:
    time = f"2026-03-01T10:{minute:02}:00Z"
    given = {"type": type_, "time": time, "identifiers": {"cookie": "k1", "user": "u1"}}
    return {**given, "attributes": {"total": 5}, **fields}


def test_native_events(cli: Cli, tmp_path: Path) -> None:
    rows = [native("seen", 0), native("bought", 5), native("seen", 7)]
    drafted(cli, tmp_path, "\n".join(map(json.dumps, rows)), "sample.jsonl")
    program = load(tmp_path / "my_shop").program
    assert list(program.identifiers) == ["user", "cookie"]
    assert program.channels["sample"].input is not None


def test_native_events_with_their_channels(cli: Cli, tmp_path: Path) -> None:
    rows = [native("seen", 0, channel="web"), native("bought", 5, channel="till")]
    drafted(cli, tmp_path, "\n".join(map(json.dumps, rows)), "sample.jsonl")
    assert {"web", "till"} <= load(tmp_path / "my_shop").program.channels.keys()


def test_segment_calls(cli: Cli, tmp_path: Path) -> None:
    common = {"anonymousId": "a1", "timestamp": "2026-03-01T10:00:00Z"}
    rows = [
        {"type": "page", **common, "properties": {"path": "/"}},
        {"type": "identify", **common, "userId": "u1", "traits": {"email": "ann@example.com"}},
        {"type": "track", "event": "Order Completed", **common, "userId": "u1",
         "properties": {"total": 5}},
    ]  # fmt: skip
    sample = tmp_path / "sample.jsonl"
    sample.write_text("\n".join(map(json.dumps, rows)))
    assert cli("init", tmp_path / "shop", "--from", sample).code == 0
    program = load(tmp_path / "shop").program
    assert program.channels["sample"].input is not None
    assert program.channels["sample"].input.format == "segment"
    assert list(program.identifiers) == ["user_id", "email", "anonymous_id"]
    text = (tmp_path / "shop" / "topology.yaml").read_text()
    assert re.findall(r"{type: (\w+).*# (.+)", text) == [
        ("user_id", "1 different in 2 values, 1 empty"),
        ("email", "1 different in 1 value, 2 empty"),
        ("anonymous_id", "1 different in 3 values"),
    ]
    assert program.events is not None
    assert program.events["order_completed"] == {"total": "number"}
    assert {name: fact.type for name, fact in program.facts.items()} == {"email": "string"}
    assert cli("run", tmp_path / "shop", sample, "--out", tmp_path / "out").code == 0


def test_cloudevents(cli: Cli, tmp_path: Path) -> None:
    rows = [
        {"specversion": "1.0", "id": str(number), "source": "/shop", "type": "com.shop.seen",
         "time": "2026-03-01T10:00:00Z", "userid": "u1", "data": {"total": number}}
        for number in range(3)
    ]  # fmt: skip
    drafted(cli, tmp_path, "\n".join(map(json.dumps, rows)), "sample.jsonl")
    program = load(tmp_path / "my_shop").program
    assert list(program.identifiers) == ["userid"]
    assert program.events == {"com.shop.seen": {"total": "number"}}


def test_without_a_column_of_types_all_rows_are_of_one(cli: Cli, tmp_path: Path) -> None:
    """As in the transactions of CDNOW: a customer, a day, a sum."""
    content = "masterid,sampleid,date,cds,sales\n"
    content += "4,1,19970101,2,29.33\n4,1,19970118,2,29.73\n0,2,19970102,1,12\n"
    text = drafted(cli, tmp_path, content, "transactions.csv")
    assert "no column tells types apart: name this one" in text
    assert "0 are taken as somebody" in text


def test_without_a_column_of_people_each_row_is_one(cli: Cli, tmp_path: Path) -> None:
    """As in logs of recommendations, which number their rows."""
    content = ",timestamp,item_id,click\n" + "".join(
        f"{n},2019-11-24 00:0{n}:03.979311+00:00,{n % 2},0\n" for n in range(4)
    )
    text = drafted(cli, tmp_path, content, "choices.csv")
    assert "so each row is a customer of its own" in text


def test_types_that_are_no_event_types_become_such(cli: Cli, tmp_path: Path) -> None:
    content = "case:concept:name,concept:name,time:timestamp\n"
    content += "A1,02 Check,2010-12-30 14:32:00+01:00\nA1,,2010-12-31 14:32:00+01:00\n"
    content += "".join(f"A{n},Check!,2011-01-0{n} 14:32:00+01:00\n" for n in range(1, 10))
    drafted(cli, tmp_path, content + "".join(content.splitlines(keepends=True)[3:]))
    assert load(tmp_path / "my_shop").program.events == {
        "event_check": {}, "event_02_check": {}, "other": {},
    }  # fmt: skip


def test_the_column_of_types_may_be_named(cli: Cli, tmp_path: Path) -> None:
    """None of these names says what it is; one of them also looks like a type."""
    content = "user_id,time,type,Vorgang Nr.\n"
    content += "".join(
        f"u{n % 3},2026-03-0{1 + n // 3}T10:00:0{n % 9}Z,visa,{('Kauf', 'Besuch')[n % 2]}\n"
        for n in range(18)
    )
    text = drafted(cli, tmp_path, content, "sample.csv", "--type", "Vorgang Nr.")
    assert "2 types: Kauf 9, Besuch 9" in text
    assert load(tmp_path / "my_shop").program.events == {
        "kauf": {"type": "string"}, "besuch": {"type": "string"},
    }  # fmt: skip


def test_named_types_may_be_numbers_inside_objects(cli: Cli, tmp_path: Path) -> None:
    rows = [
        {"user_id": f"u{n % 3}", "time": f"2026-03-0{1 + n}T10:00:00Z", "what": {"code": n % 2}}
        for n in range(8)
    ]
    rows[3]["what"] = {"code": None}
    content = "\n".join(map(json.dumps, rows))
    drafted(cli, tmp_path, content, "sample.jsonl", "--type", "what.code")
    assert load(tmp_path / "my_shop").program.events == {"event_0": {}, "event_1": {}, "other": {}}


def test_parquet(cli: Cli, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    import datetime as dt

    times = [dt.datetime(2026, 3, day, tzinfo=dt.UTC) for day in (1, 2, 3)]
    table = pyarrow.table({"user_id": [1, 2, 1], "event": ["a", "b", "b"], "time": times})
    parquet.write_table(table, tmp_path / "sample.parquet")
    drafted(cli, tmp_path, (tmp_path / "sample.parquet").read_bytes(), "sample.parquet")


# --- what cannot be drafted ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it is empty; name a file with some events"),
        ("user_id,time,event\n", "no row of it can be read"),
        ("user_id,amount\nu1,5\n", "no column of the sample holds a time that can be read"),
        ("user_id,placed at\nu1,2026-03-01\nu2,31/12/2026\n",
         "no single form of times fits nine of ten values of row['placed at']"),
        ("time,amount\n2026-03-01T10:00:00Z,5\n", "no column of the sample names anybody"),
    ],
)  # fmt: skip
def test_a_sample_that_is_none_is_refused_until_it_is_mended(
    content: str, says: str, cli: Cli, tmp_path: Path
) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text(content)
    done = cli("init", tmp_path / "shop", "--from", sample)
    assert done.code == 2
    assert says in done.err
    assert not (tmp_path / "shop").exists()
    sample.write_text(SHOP_CSV)
    assert cli("init", tmp_path / "shop", "--from", sample).code == 0


def test_files_of_a_sample_are_of_one_kind(cli: Cli, tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(SHOP_CSV)
    second.write_text(SHOP_CSV.replace(",", ";"))
    done = cli("init", tmp_path / "shop", "--from", first, second)
    assert (done.code, "written otherwise" in done.err) == (2, True)
    second.write_text(SHOP_CSV.replace("c1", "c9"))
    assert cli("init", tmp_path / "shop", "--from", first, second).code == 0
    assert "10 rows" in (tmp_path / "shop" / "topology.yaml").read_text()


def test_what_init_is_told_wrongly_is_refused_until_it_is_told_rightly(
    cli: Cli, tmp_path: Path
) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text(SHOP_CSV)
    shop = tmp_path / "shop"
    many, own = tmp_path / "many.csv", tmp_path / "own.jsonl"
    rows = [f"u{n % 9},2026-03-01T10:00:00Z,k{n}\n" for n in range(400)]
    many.write_text("user_id,time,kind\n" + "".join(rows))
    own.write_text(json.dumps(native("seen", 0)))
    for words, says in (
        ((shop, "--from", tmp_path / "none.csv"), "cannot be read: No such file"),
        ((shop, "--from", tmp_path), "a folder; name the files of the sample"),
        ((shop, "--from", sample, "--template", "shop"), "begins with one of the two"),
        ((shop, sample), "name files of a sample behind --from"),
        ((shop, "--template", "shopp"), "it is one of federation, lending, shop, telco, minimal"),
        ((tmp_path / "1shop", "--from", sample), "name it with a letter first"),
        ((tmp_path, "--from", sample), "exists already: name a new folder"),
        ((sample / "shop", "--from", sample), "cannot be written"),
        ((shop, "--type", "event"), "names a column of a sample"),
        ((shop, "--from", sample, "--type", "evnt"), "no such column; it has"),
        ((shop, "--from", many, "--type", "kind"), "Name another column"),
        ((shop, "--from", own, "--type", "type"), "say of which type they are"),
        ((shop,), "nobody to ask: name a sample with --from FILE, or a --template"),
    ):
        done = cli("init", *words)
        assert (done.code, says in done.err) == (2, True), done.err
    facts = {**native("cjo.profile", 0), "attributes": {"tier": "gold"}}
    (tmp_path / "facts.jsonl").write_text(json.dumps(facts))
    done = cli("init", shop, "--from", tmp_path / "facts.jsonl")
    assert (done.code, "a journey needs others" in done.err) == (2, True)
    for events, says in (
        ([{**native("seen", 0), "identifiers": {}}], "no event of it names anybody"),
        ([native("seen", 0, id=5)], "no event of it can be read"),
    ):
        (tmp_path / "odd.jsonl").write_text("\n".join(map(json.dumps, events)))
        done = cli("init", shop, "--from", tmp_path / "odd.jsonl")
        assert (done.code, says in done.err) == (2, True), done.err
    assert cli("init", shop, "--from", sample, "--type", "event").code == 0


# --- without a sample ----------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["shop", "telco", "lending", "federation", "minimal"])
def test_templates(template: str, cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    done = cli("init", folder, "--template", template)
    assert (done.code, done.err) == (0, "")
    assert load(folder).program.topology == "mine"
    checked = cli("validate", folder)
    assert (checked.code, checked.err) == (0, "")
    assert cli("test", folder, "--cover", "90%").code == 0
    if template != "minimal":
        told = done.out.splitlines()[-1].removeprefix("next: cjo-stream ")
        words = shlex.split(told)
        words[-1] = str(tmp_path / "out")
        assert cli(*words).code == 0


def test_four_answers(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = ["Web, app", "web, app", "member_no", "Joined", "joined", "left"]
    monkeypatch.setattr(sys, "stdin", Terminal("\n".join(answers) + "\n"))
    done = cli("init", tmp_path / "club")
    assert done.code == 0, done.err
    assert done.err.count("a name has small letters") == 1
    program = load(tmp_path / "club").program
    assert list(program.channels) == ["web", "app", "messages"]
    assert list(program.identifiers) == ["member_no"]
    assert program.journeys["first"].entry.on == {"joined"}
