"""Each refusal of insight, and the way out that it names."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from tests.unit.insight.touched import DAY, Written
from tests.world.command_line import ROOT, Cli, cli

__all__ = ["cli"]

EXPECTED = ROOT / "topologies" / "shop" / "expected"
EVENT = {"type": "a", "time": 5, "identifiers": {"user": "u1"}}


def refused(cli: Cli, *arguments: object, code: int = 2) -> str:
    done = cli("insight", *arguments)
    assert done.code == code, done
    return done.err


def taken(cli: Cli, *arguments: object) -> str:
    done = cli("insight", *arguments)
    assert done.code == 0, done.err
    return done.out


@pytest.mark.slow
def test_a_sink_goes_on_as_its_refusals_say(cli: Cli, tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    assert "is no folder" in refused(cli, "sink", tmp_path / "gone", "--layer", layer)
    assert "holds no layer" in refused(cli, "dwell", "--layer", layer)
    assert "transition: " in taken(cli, "sink", EXPECTED, "--layer", layer)
    taken(cli, "dwell", "--layer", layer)

    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps(EVENT) + "\n")
    said = refused(cli, "sink", EXPECTED, events, "--layer", layer)
    assert "name files of events with --events" in said
    taken(cli, "sink", EXPECTED, "--layer", layer, "--events", events)
    events.write_text(json.dumps({**EVENT, "time": 6}) + "\n")
    said = refused(cli, "sink", EXPECTED, "--layer", layer, "--events", events)
    assert "give what is new or mended in a file of its own" in said
    own = events.rename(tmp_path / "own.jsonl")
    assert "event: 1 new row" in taken(cli, "sink", EXPECTED, "--layer", layer, "--events", own)

    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    (spoilt / "transitions.jsonl").write_text("{}\n")
    said = refused(cli, "sink", spoilt, "--layer", layer)
    assert "run again into another folder, and sink that" in said

    said = refused(cli, "sink", "--layer", layer, "--events", own)
    assert "name the RUN whose events these are" in said
    said = refused(cli, "sink", EXPECTED, "--layer", layer, "--once")
    assert "leave RUN out, or leave them out" in said
    said = refused(cli, "sink", "--layer", layer, "--once", "--interval", "1s")
    assert "leave --interval out" in said
    taken(cli, "sink", EXPECTED, "--layer", layer)

    said = refused(cli, "sink", EXPECTED, "--layer", layer, "--events", "-")
    assert "can be read once only: write it to a file" in said


def test_the_files_of_a_run_are_those_whose_records_the_layer_has(
    cli: Cli, tmp_path: Path
) -> None:
    run, copy, layer = (tmp_path / name for name in ("run", "copy", "layer"))
    records = written("ada")
    records.into(run)
    records.into(copy)
    taken(cli, "sink", run, "--layer", layer)
    said = refused(cli, "sink", copy, "--layer", layer)
    assert "copy/transitions.jsonl has records that are in the layer already" in said
    assert "name each run by one place" in said
    file = run / "transitions.jsonl"
    before = file.read_bytes()
    grown = before + written("bob", "cy").into(tmp_path / "more").joinpath(file.name).read_bytes()
    first, _ = before.splitlines(keepends=True)
    for other in (first, first + b" " + before, before.replace(b"ada", b"bob") + before):
        file.write_bytes(other)
        said = refused(cli, "sink", run, "--layer", layer)
        assert "is another file than the one whose records are in the layer" in said
        taken(cli, "sink", run, "--layer", tmp_path / f"layer of {len(other)}")
    file.write_bytes(grown)
    assert "transition: 4 new rows" in taken(cli, "sink", run, "--layer", layer)


def written(*customers: str) -> Written:
    records = Written()
    for customer in customers:
        records.transition(customer, DAY, "entered")
        records.goal(customer, 2 * DAY)
    return records


@pytest.mark.slow
@pytest.mark.parametrize("content", ['{"form": 11}', "no JSON"])
def test_a_layer_that_cannot_be_read_is_made_anew(cli: Cli, tmp_path: Path, content: str) -> None:
    manifest = tmp_path / "layer" / "manifest" / f"{1:020d}.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(content)
    said = refused(cli, "dwell", "--layer", tmp_path / "layer")
    assert "make it anew with `cjo-stream insight sink`" in said
    anew = tmp_path / "anew"
    taken(cli, "sink", EXPECTED, "--layer", anew)
    taken(cli, "dwell", "--layer", anew)


@pytest.mark.slow
def test_a_layer_with_a_file_that_is_gone_is_made_anew(cli: Cli, tmp_path: Path) -> None:
    layer, anew = tmp_path / "layer", tmp_path / "anew"
    taken(cli, "sink", EXPECTED, "--layer", layer)
    next((layer / "transition").rglob("*.parquet")).unlink()
    said = refused(cli, "dwell", "--layer", layer, code=1)
    assert "make the layer anew with `cjo-stream insight sink` into an empty folder" in said
    taken(cli, "sink", EXPECTED, "--layer", anew)
    taken(cli, "dwell", "--layer", anew)


@pytest.mark.slow
def test_questions_are_answered_once_they_are_put_as_the_refusals_say(
    cli: Cli, tmp_path: Path
) -> None:
    layer = tmp_path / "layer"
    taken(cli, "sink", EXPECTED, "--layer", layer)
    (tmp_path / "there.csv").write_text("a\n1\n")
    for wrong, said, right in (
        (
            ["funnel", "cart_recovery:goals"],
            "did you mean goal?",
            ["funnel", "cart_recovery:goal"],
        ),
        (["funnel", "carts"], "write JOURNEY.STATE", ["funnel", "cart_recovery.reminded"]),
        (["funnel", "action:"], "write action:NAME", ["funnel", "action:cart_reminder"]),
        (["export", "stays"], "name one of transition", ["export", "stay"]),
        (["sql", "SELEC 1"], "syntax error", ["sql", "SELECT 1"]),
        (
            ["sql", "SELECT * FROM 'none.csv'"],
            "name one that can",
            ["sql", f"SELECT * FROM '{tmp_path}/there.csv'"],
        ),
        (
            ["sql", "SET memory_limit = '5MB'; SELECT list(i) FROM range(30000000) t(i)"],
            "ask for fewer rows",
            ["sql", "SELECT list(i) FROM range(3) t(i)"],
        ),
        (["sql", "LOAD spatial"], "DuckDB lacks an extension", ["sql", "SELECT 1"]),
        (["sql", ""], "write one, such as", ["sql", "SELECT * FROM stay"]),
        (
            ["sql", "SELECT 1 AS a, 2 AS a", "--format", "json"],
            "name one of them with AS",
            ["sql", "SELECT 1 AS a, 2 AS b", "--format", "json"],
        ),
        (
            ["dwell", "--list", tmp_path / "l.txt"],
            "name a file that does",
            ["dwell", "--list", tmp_path / "l.csv"],
        ),
        (
            ["dwell", "--list", tmp_path / "no" / "l.csv"],
            "cannot be written",
            ["dwell", "--list", tmp_path / "l.csv"],
        ),
        (
            ["dwell", "--list", tmp_path / "no" / "l.parquet"],
            "cannot be written",
            ["dwell", "--list", tmp_path / "l.parquet"],
        ),
    ):
        assert said in refused(cli, *wrong, "--layer", layer)
        taken(cli, *right, "--layer", layer)


@pytest.mark.slow
def test_without_duckdb_the_extra_is_named(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(cli, "sink", EXPECTED, "--layer", tmp_path)
    with monkeypatch.context() as missing:
        missing.setitem(sys.modules, "duckdb", None)
        said = refused(cli, "dwell", "--layer", tmp_path)
        assert "pip install 'cjo-stream[insight]'" in said
    taken(cli, "dwell", "--layer", tmp_path)


def test_what_no_sheet_holds_is_written_as_it_says(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cjo_stream.cli import relation

    layer, book = tmp_path / "layer", tmp_path / "book.xlsx"
    taken(cli, "sink", EXPECTED, "--layer", layer)
    taken(cli, "export", "action", "--layer", layer, "--out", book)
    rows = taken(cli, "export", "action", "--layer", layer, "--format", "csv").splitlines()
    sheet = sheet_of(book)
    assert len(sheet) == len(rows)
    assert ",".join(sheet[0]) == rows[0]
    assert {row[0] for row in sheet} == {line.partition(",")[0] for line in rows}
    query = "SELECT '=1+1' AS a, 1152921504606846977 AS b, 7 AS c, NULL AS d, true AS e"
    with duckdb.connect() as connection:
        relation.write(connection, query, book)
    assert sheet_of(book) == [["a", "b", "c", "d", "e"], ["=1+1", "1152921504606846977", "7", "1"]]

    monkeypatch.setattr(relation, "SHEET_ROWS", len(rows) - 1)
    said = refused(cli, "export", "action", "--layer", layer, "--out", book)
    assert "more than a sheet holds" in said
    taken(
        cli,
        "export",
        "action",
        "--layer",
        layer,
        "--format",
        "parquet",
        "--out",
        tmp_path / "a.parquet",
    )
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    said = refused(cli, "export", "action", "--layer", layer, "--out", book)
    assert "pip install 'cjo-stream[insight]'" in said


def sheet_of(book: Path) -> list[list[str]]:
    """Return the texts of a workbook's cells that have one, row by row."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(book) as packed:
        tree = ElementTree.fromstring(packed.read("xl/worksheets/sheet1.xml"))
    return [
        ["".join(cell.itertext()) for cell in row.iter(f"{space}c") if "".join(cell.itertext())]
        for row in tree.iter(f"{space}row")
    ]
