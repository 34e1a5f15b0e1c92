"""Odd folders, odd values, files that are gone, and calls that mean little."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cjo_stream.cli.query import unanswered
from cjo_stream.insight.layer.reading import connect
from tests.unit.insight.touched import DAY, Written
from tests.world.command_line import ROOT, Cli, cli

__all__ = ["cli"]


def written(customer: str = "ada") -> Written:
    records = Written()
    records.transition(customer, DAY, "entered")
    records.goal(customer, 2 * DAY)
    return records


def sunk_events(cli: Cli, folder: Path, *events: dict[str, Any]) -> Path:
    """Return a layer of events alone."""
    file, run, layer = folder / "events.jsonl", folder / "run", folder / "layer"
    run.mkdir()
    file.write_text("".join(json.dumps(one) + "\n" for one in events))
    done = cli("insight", "sink", run, "--events", file, "--layer", layer)
    assert done.code == 0, done.err
    return layer


def event(type_: str, time: int, user: str | None = None, **attributes: object) -> dict[str, Any]:
    identifiers = {} if user is None else {"user": user}
    return {"type": type_, "time": time, "identifiers": identifiers, "attributes": attributes}


@pytest.mark.parametrize("name", ["journey=cart", "it's", "a b", "br[1]", "st*r", "q?m", "ü☃"])
def test_the_name_of_a_folder_says_nothing_about_the_rows(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    written().connection(folder)
    for other in {"br1", "stir", "qem"} - {name}:  # where a pattern would find them
        shutil.copytree(folder, tmp_path / other)
    connection, _ = connect(str(folder / "layer"))
    query = "SELECT journey, customer_id, reason FROM transition ORDER BY time"
    found = connection.execute(query).fetchall()
    assert found == [("buy", "ada", "entered"), ("buy", "ada", "goal")]


def test_each_figure_says_what_was_late_once(cli: Cli, tmp_path: Path) -> None:
    """However often the run is sunk, and as it is at last."""
    run, layer = tmp_path / "run", tmp_path / "layer"
    run.mkdir()
    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps(event("a", 1, "x")) + "\n")
    for late, refused in ((0, 0), (2, 0), (2, 0), (3, 1), (0, 0)):
        (run / "summary.json").write_text(json.dumps({"late": late, "dead_letters": refused}))
        done = cli("insight", "sink", run, "--events", events, "--layer", layer)
        assert done.code == 0, done.err
        said = cli("insight", "outcomes", "--layer", layer).err
        assert (f"{late} events came too late to move anybody" in said) == bool(late)
        assert ("1 record became dead letters" in said) == bool(refused)


def test_events_without_an_identifier_are_in_no_case(cli: Cli, tmp_path: Path) -> None:
    events = (event("a", 1), event("b", 2), event("a", 3, "x"), event("b", 5, "x"))
    layer = sunk_events(cli, tmp_path, *events)
    for what, wanted in (
        ("dfg", "from,to,count,mean_ms\na,b,1,2.0\n"),
        ("variants", "variant,count\na > b,1\n"),
        ("ends", "what,activity,count\nstart,a,1\nend,b,1\n"),
    ):
        done = cli("insight", "process", what, "--layer", layer, "--format", "csv")
        assert done.out == wanted
        assert "2 events without an identifier: in no case" in done.err
    done = cli("insight", "process", "throughput", "--layer", layer, "--format", "csv")
    assert done.out.endswith("mean,2.0\n")
    assert (
        "in no case" not in cli("insight", "process", "dfg", "--layer", layer, "--from", "3").err
    )


def test_an_event_outside_the_calendar_is_none(cli: Cli, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    times = (2**63, 253_402_300_800_000, -(2**63) - 1, 253_402_300_799_999, -62_135_596_800_000, 0)
    events.write_text("".join(json.dumps(event("a", time, "x")) + "\n" for time in times))
    done = cli("insight", "sink", tmp_path, "--events", events, "--layer", tmp_path / "layer")
    assert done.code == 0, done.err
    assert "the layer reaches until 9999-12-31 23:59" in done.out
    assert "3 rows of events refused: not taken" in done.err
    done = cli("insight", "process", "ends", "--layer", tmp_path / "layer", "--format", "csv")
    assert done.code == 0, done.err
    assert "start,a,1" in done.out


def test_a_time_that_is_asked_for_twice_is_one(cli: Cli, tmp_path: Path) -> None:
    written().connection(tmp_path)
    layer = tmp_path / "layer"
    for times in ([DAY + 1], [DAY + 1, DAY + 1]):
        done = cli(
            "insight", "people", "--at", *times, "--layer", layer, "--format", "csv",
            "--list", tmp_path / "list.csv",
        )  # fmt: skip
        assert done.out.endswith(",1,1\n")
        assert len((tmp_path / "list.csv").read_text().splitlines()) == 2


def test_each_value_is_one_cell_of_a_row(cli: Cli, tmp_path: Path) -> None:
    types = ("a\rb", "a\nb", 'a"b', "a,b", "=1+1", "☃")
    layer = sunk_events(
        cli, tmp_path, *(event(type_, number, "x") for number, type_ in enumerate(types))
    )
    out = tmp_path / "out.csv"
    assert cli("insight", "export", "event", "--layer", layer, "--out", out).code == 0
    with out.open(newline="") as file:
        assert {one["type"] for one in csv.DictReader(file)} == set(types)
    query = "SELECT ['a', NULL] AS texts, true AS flag, NULL AS nothing"
    done = cli("insight", "sql", query, "--layer", layer, "--format", "csv")
    assert done.out == 'texts,flag,nothing\n"[""a"",null]",true,\n'


@pytest.mark.parametrize(
    ("query", "form", "said"),
    [
        ("", "table", "the query is empty: write one"),
        (
            "FROM stays",
            "csv",
            (
                "mend the query: Catalog Error: Table with name stays does not "
                'exist!\nDid you mean "stay"?'
            ),
        ),
        (
            "FROM xyz",
            "csv",
            (
                "mend the query: Catalog Error: Table with name xyz does not exist!\n"
                "There are the views transition, action, "
            ),
        ),
        ("/* nothing */", "csv", "the query is empty: write one"),
        ("SELECT 1 AS a, 2 AS a", "json", "two columns are named a: name one of them with AS"),
        ("SELECT nope FROM stay", "parquet", "mend the query: "),
        ("SELECT 'x'::INTEGER", "csv", "mend the query: "),
        ("SELECT error('file it')", "csv", "mend the query: "),
        ("SELECT $1", "csv", "mend the query: "),
        ("SELECT * FROM 'nope.csv'", "csv", "a file that the query names cannot be read"),
        ("SELECT * FROM 'bad.parquet'", "table", "a file that the query names cannot be read"),
        ("SELECT * FROM read_json('bad.parquet')", "csv", "a file that the query names cannot"),
        ("COPY (SELECT 1) TO 'no/x.csv'", "csv", "a file that the query names cannot be read or"),
        ("SELECT * FROM 'http://localhost/x.parquet'", "csv", "DuckDB lacks an extension"),
        ("LOAD spatial", "csv", "DuckDB lacks an extension"),
        (
            "SET memory_limit = '5MB'; SELECT list(i) FROM range(30000000) t(i)",
            "csv",
            "there is too little memory for it",
        ),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, form: str, said: str
) -> None:
    written().connection(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("bad.parquet").write_text("PAR1 and no more")
    done = cli("insight", "sql", query, "--layer", tmp_path / "layer", "--format", form)
    assert done.code != 0
    assert done.out == ""
    assert done.err.startswith(f"error: {said}")


def test_a_fault_of_duckdb_and_a_file_of_the_layer_are_not_the_querys() -> None:
    for error, said in (
        (duckdb.InternalException("INTERNAL Error: x"), "DuckDB itself failed, so ask in another"),
        (
            duckdb.IOException("cannot open file '/l/transition/a.parquet'"),
            "a file cannot be read",
        ),
        (duckdb.Error("spoilt: '/l/transition/a.parquet'"), "a file cannot be read"),
        (duckdb.BinderException("no column '/l/'"), "mend the query"),
    ):
        assert str(unanswered(error, "/l/")).startswith(said)


def test_a_query_may_end_with_a_comment_or_a_semicolon(cli: Cli, tmp_path: Path) -> None:
    from pyarrow import parquet

    written().connection(tmp_path)
    for query in ("SELECT journey FROM transition -- all", "SELECT journey FROM transition; "):
        out = tmp_path / "out.parquet"
        _to_parquet(tmp_path / "layer", query, out)
        assert parquet.read_table(out).num_rows == 2


def _to_parquet(layer: Path, query: str, out: Path) -> None:
    from cjo_stream.cli.relation import write

    write(connect(str(layer))[0], query, out)


@pytest.mark.parametrize("harm", ["gone", "spoilt"])
@pytest.mark.parametrize(
    "command",
    [
        ["outcomes"],
        ["people", "--at", "5"],
        ["funnel", "buy:goal"],
        ["attribution", "--goal", "buy", "--by", "channel"],
        ["export", "transition"],
    ],
)
def test_a_file_of_the_layer_that_cannot_be_read_is_no_crash(
    cli: Cli, tmp_path: Path, harm: str, command: list[str]
) -> None:
    written().connection(tmp_path)
    for path in (tmp_path / "layer" / "transition").rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:100])
        if harm == "gone":
            path.unlink()
    done = cli("insight", *command, "--layer", tmp_path / "layer")
    assert done.code == 1
    assert done.err.startswith("error: a file cannot be read (")
    assert "make the layer anew with `cjo-stream insight sink` into an empty folder" in done.err


def test_a_list_that_cannot_be_written_comes_before_the_figure(cli: Cli, tmp_path: Path) -> None:
    written().connection(tmp_path)
    for name in ("list.txt", "nowhere/list.csv", "nowhere/list.parquet"):
        done = cli("insight", "outcomes", "--layer", tmp_path / "layer", "--list", tmp_path / name)
        assert (done.code, done.out) == (2, "")
        assert "name a" in done.err


def test_dwell_fits_a_terminal(cli: Cli, tmp_path: Path) -> None:
    """Journeys have tables of their own, and their names are whole."""
    layer = tmp_path / "layer"
    run = ROOT / "topologies" / "shop" / "expected"
    assert cli("insight", "sink", run, "--layer", layer).code == 0
    done = cli("insight", "dwell", "--layer", layer, "--until", "2026-04-01")
    assert "Dwell: journey cart_recovery, version 1\n" in done.out
    assert max(map(len, done.out.splitlines())) <= 100
