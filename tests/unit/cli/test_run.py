"""`cjo-stream run` over files that people send: what it takes, what it refuses, what it prints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.world.command_line import EVENTS, SHOP, Cli, cli

__all__ = ["cli"]

REPORTS = """
topology: reports
channels:
  web: {in: {}}
  imp:
    in:
      format: mapped
      map:
        type: slug(row.event)
        time: row.ts
        identifiers: {user_id: row.user_id, email: row.email}
        attributes: {total: row.total}
  email: {out: {address: email}}
identity: {identifiers: [{type: user_id, limit: 1}, {type: email, normalise: email}]}
profile: {traits: {orders: {count: order_placed}}}
---
journey: thanks
version: 1
owner: o
entry: {on: order_placed, reentry: always}
initial: a
states: {a: {enter: [{act: thank}], after: {2d: b}}, b: {end: done}}
---
action: thank
issue: i
group: g
class: transactional
treatments: {email: {template: thank_v1}}
"""
NOW = ("--now", "2026-12-01T00:00:00Z")


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "topology"
    folder.mkdir()
    (folder / "topology.yml").write_text(REPORTS)
    (folder / ".git").mkdir()
    (folder / ".git" / "other.yaml").write_text(REPORTS)
    (folder / "a.test.yaml").write_text("test: a case\n")
    return folder


def order(n: int) -> str:
    user = f"u{n % 5}"
    event = {
        "type": "order_placed",
        "time": f"2026-02-25T10:{n:02}:00Z",
        "channel": "web",
        "identifiers": {"user_id": user, "email": f"{user}@x.example"},
        "attributes": {"total": 1},
    }
    return json.dumps(event) + "\n"


def customers(out: Path) -> list[int]:
    lines = (out / "customers.jsonl").read_bytes().splitlines()
    return [json.loads(line)["traits"]["orders"] for line in lines]


def actions(out: Path) -> int:
    return len((out / "actions.jsonl").read_bytes().splitlines())


def test_the_export_of_the_next_day_has_yesterdays_rows_too(
    cli: Cli, reports: Path, tmp_path: Path
) -> None:
    state = ("--state", tmp_path / "state", *NOW)
    (tmp_path / "day2").mkdir()
    (tmp_path / "events.jsonl").write_text("".join(map(order, range(50))))
    (tmp_path / "day2" / "events.jsonl").write_text("".join(map(order, range(60))))
    for name, path in (("one", "events.jsonl"), ("two", "day2/events.jsonl")):
        assert cli("run", reports, tmp_path / path, "--out", tmp_path / name, *state).code == 0
    assert (actions(tmp_path / "one"), actions(tmp_path / "two")) == (50, 10)
    assert customers(tmp_path / "two") == [12] * 5
    done = cli("run", reports, tmp_path / "events.jsonl", "--out", tmp_path / "x", *state)
    assert done.code == 0
    assert "nothing new (taken already, or empty): events.jsonl" in done.out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "event;ts;user_id\nA;2026-02-25T10:00:00Z;u\n" * 2, "seems to be parted by `;`"),
        ("a.csv", "event\tts\nA\t2026-02-25T10:00:00Z\n", "parted by tabs"),
        ("a.csv", "Ereignis,Zeit\nA,2026-02-25T10:00:00Z\n", "are `Ereignis`, `Zeit`, without"),
        ("a.jsonl", '{"name": "A", "at": 1}\n', "the fields of the file are `name`, `at`"),
    ],
)
def test_a_file_of_which_every_row_is_refused_says_the_likely_cause(
    cli: Cli, reports: Path, tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    good = tmp_path / "good.csv"
    good.write_text("event,ts,user_id,email,total\nOrder Placed,2026-02-25T10:00:00Z,u,,1\n")
    run = ("run", reports, tmp_path / name, good, "--channel", "imp", *NOW, "--json")
    done = cli(*run, "--out", tmp_path / "out")
    assert done.code == 1
    assert f"error: {name}: " in done.err
    assert words in done.err
    assert "dead-letters list" in done.err
    summary = json.loads(done.out)
    assert summary["events"] == 1, "the other file counts"
    assert [one["cause"] is None for one in summary["files"]] == [False, True]


def test_other_encodings_are_named(cli: Cli, reports: Path, tmp_path: Path) -> None:
    text = "event,ts,user_id,email,total\nOrder Pläced,2026-02-25T10:00:00Z,ü,,1\n"
    (tmp_path / "latin.csv").write_bytes(text.encode("cp1252"))
    (tmp_path / "wide.jsonl").write_bytes(order(1).encode("utf-16"))
    files = (tmp_path / "latin.csv", tmp_path / "wide.jsonl")
    done = cli("run", reports, *files, "--channel", "imp", "--out", tmp_path / "out", *NOW)
    assert done.code == 1
    assert "latin.csv: its new row was refused. Its text is not UTF-8" in done.err
    assert "1 x malformed" in done.err
    assert "seems to be UTF-16" in done.err


def test_files_of_another_form_are_read_by_option(cli: Cli, reports: Path, tmp_path: Path) -> None:
    text = "event;ts;user_id;email;total\nOrder Plàced;2026-02-25T10:00:00Z;u;;1,5\n"
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))
    (tmp_path / "a.jsonl").write_text(order(1))
    run = ("run", reports, "--channel", "imp", "--out", tmp_path / "out", *NOW)
    form = ("--delimiter", ";", "--encoding", "windows-1252", "--decimal-comma", "total")
    done = cli(*run, tmp_path / "a.csv", *form)
    assert done.code == 0, done.err
    customer = json.loads((tmp_path / "out" / "customers.jsonl").read_text())
    assert customer["events"] == 1
    refused = cli(*run, tmp_path / "a.jsonl", "--delimiter", ";")
    assert refused.code == 2
    assert "no file ends in .csv" in refused.err
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"event": ["Order Placed"]})
    pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / "a.parquet")
    refused = cli(*run, tmp_path / "a.parquet", "--encoding", "latin-1")
    assert refused.code == 2
    assert "every file ends in .parquet" in refused.err


def test_events_without_a_channel_say_so(cli: Cli, reports: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"event": "visit", "ts": "2026-02-25T10:00:00Z"}\n')
    done = cli("run", reports, tmp_path / "a.jsonl", "--out", tmp_path / "out", *NOW)
    assert done.code == 1
    assert "no `channel`: add the field, or name one by --channel (web, imp, email)" in done.err


def test_no_refusal_shows_a_customers_value(cli: Cli, reports: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("event,ts,user_id\nA secret,yesterday,ann@secret.example\n")
    done = cli("run", reports, tmp_path / "a.csv", "--channel", "imp", "--out", tmp_path / "o")
    assert done.code == 1
    assert "secret" not in done.err
    assert "yesterday" not in done.err
    assert "secret" not in (tmp_path / "o" / "summary.json").read_text()


def test_nothing_new_an_empty_file_and_repeats_are_no_failure(
    cli: Cli, reports: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    named = order(1).replace('"type"', '"id": "one", "type"')
    (tmp_path / "a.jsonl").write_text(named)
    (tmp_path / "b.jsonl").write_text("\n" + named)
    files = [tmp_path / name for name in ("empty.jsonl", "a.jsonl", "b.jsonl")]
    for out in ("one", "two"):
        run = ("run", reports, *files, "--out", tmp_path / out, "--state", tmp_path / "s", *NOW)
        assert cli(*run).code == 0
    assert json.loads((tmp_path / "one" / "summary.json").read_bytes())["repeated"] == 1


def test_what_still_waits_at_the_end_is_shown(cli: Cli, reports: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(order(0) + order(1))
    run = ("run", reports, tmp_path / "a.jsonl", *NOW)
    shown = "still waiting: 2 timers, the last until 2026-02-27 10:01; --drain 30d"
    assert shown in cli(*run, "--out", tmp_path / "out").out
    assert "still waiting" not in cli(*run, "--out", tmp_path / "two", "--drain", "3d").out
    waiting = json.loads((tmp_path / "out" / "summary.json").read_bytes())["waiting"]
    assert waiting == {"timers": 2, "requests": 0, "last": 1772186460000}


@pytest.mark.slow
def test_a_state_takes_a_copy_of_what_it_took_for_the_same(cli: Cli, tmp_path: Path) -> None:
    copy = shutil.copy(EVENTS, tmp_path / "copy.jsonl")
    kept = ("--state", tmp_path / "state")
    assert cli("run", SHOP, EVENTS, "--out", tmp_path / "a", *kept).code == 0
    assert "nothing new" in cli("run", SHOP, copy, "--out", tmp_path / "b", *kept).out
