"""Views as Iceberg tables: the rows of the views, each table all or nothing, and nobody erased."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import SqlCatalog

from cjo_stream.insight import iceberg
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.reading import VIEWS, connect
from tests.world.command_line import EVENTS, ROOT, SHOP, Cli, cli

__all__ = ["cli"]

EXPECTED = ROOT / "topologies" / "shop" / "expected"


class World:
    """A layer of some records, and a catalogue in a folder."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self.cli = cli
        self.layer = folder / "layer"
        self.run = folder / "run"
        self.warehouse = folder / "warehouse"
        self.warehouse.mkdir()
        self.run.mkdir()
        self.properties = {
            "type": "sql",
            "uri": f"sqlite:///{folder}/catalogue.db",
            "warehouse": f"file://{self.warehouse}",
        }

    def record(self, end: int) -> None:
        """Take the first records of each kind into the layer."""
        for path in EXPECTED.glob("*s.jsonl"):
            lines = path.read_text().splitlines(keepends=True)[:end]
            (self.run / path.name).write_text("".join(lines))
        self.sink(self.run)

    def sink(self, run: Path) -> None:
        into = Sink(str(self.layer))
        into.take_run(run)
        into.publish()

    def export(self, *words: str, code: int = 0) -> tuple[str, str]:
        """Write tables; return what was said of them, on stdout and on stderr."""
        given = [f"--property={key}={value}" for key, value in self.properties.items()]
        done = self.cli(
            "insight", "iceberg", *words, "--layer", self.layer, "--catalog", "local", *given
        )
        assert done.code == code, done.err
        return done.out, done.err

    def write(self, view: str) -> iceberg.Written:
        connection, manifest = connect(str(self.layer))
        with iceberg.open_catalogue("local", self.properties) as catalogue:
            return iceberg.write_view(catalogue, "cjo", view, connection, manifest)

    def table(self, view: str) -> Any:
        with load_catalog("local", **self.properties) as catalogue:
            return catalogue.load_table(f"cjo.{view}")

    def rows(self, view: str, snapshot: int | None = None) -> list[str]:
        return told(self.table(view).scan(snapshot_id=snapshot).to_arrow())

    def of_layer(self, view: str) -> list[str]:
        connection, _ = connect(str(self.layer))
        return told(connection.sql(f'FROM "{view}"').to_arrow_table())


def told(table: Any) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in table.to_pylist())


@pytest.fixture
def world(cli: Cli, tmp_path: Path) -> Iterator[World]:
    made = World(cli, tmp_path)
    made.record(60)
    return made


@pytest.mark.slow
def test_tables_hold_the_rows_of_the_views(world: World, cli: Cli) -> None:
    said, _ = world.export()
    assert "cjo.transition: 60 rows\n" in said
    for view in VIEWS:
        assert world.rows(view) == world.of_layer(view)
        exported = cli("insight", "export", view, "--layer", world.layer).out
        columns, *rows = csv.reader(io.StringIO(exported))
        assert [one.name for one in world.table(view).schema().fields] == columns
        assert len(world.rows(view)) == len(rows)
    assert world.table("transition").current_snapshot().summary[iceberg.POSITION] == "1"


def test_what_is_up_to_date_is_left_alone(world: World) -> None:
    world.export("transition", "event")
    files = set(world.warehouse.rglob("*"))
    said, _ = world.export("transition", "event")
    assert said == "cjo.transition: 60 rows, as before\ncjo.event: 0 rows, as before\n"
    assert set(world.warehouse.rglob("*")) == files


def test_new_records_replace_the_rows_and_the_former_can_be_read(world: World) -> None:
    world.export("transition", "stay")
    former = world.table("transition").current_snapshot().snapshot_id
    before = world.rows("transition")
    world.record(300)
    assert "cjo.transition: 300 rows\n" in world.export("transition", "stay")[0]
    for view in ("transition", "stay"):
        assert world.rows(view) == world.of_layer(view)
    assert world.rows("transition", former) == before
    world.export("transition", "--namespace", "other")
    assert world.rows("transition") == world.of_layer("transition")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_killed_write_leaves_what_was_there(
    world: World, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    if not is_first:
        world.export("transition")
        world.record(300)
    with monkeypatch.context() as killed:
        killed.setattr(SqlCatalog, "commit_table", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.write("transition")
    with load_catalog("local", **world.properties) as catalogue:
        assert catalogue.table_exists("cjo.transition") is not is_first
    if not is_first:
        assert len(world.rows("transition")) == 60
    assert world.write("transition").is_new
    assert world.rows("transition") == world.of_layer("transition")


@pytest.mark.parametrize("before", [None, 0, 60])
def test_of_two_writers_at_once_one_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, before: int | None
) -> None:
    view = "transition"
    if before is not None:
        connection, manifest = connect(str(world.layer))
        connection.execute(f'ALTER VIEW "{view}" RENAME TO whole')
        connection.execute(f'CREATE VIEW "{view}" AS FROM whole LIMIT {before}')
        with iceberg.open_catalogue("local", world.properties) as catalogue:
            iceberg.write_view(catalogue, "cjo", view, connection, manifest)
        assert len(world.rows(view)) == before
    world.record(300)
    commit = SqlCatalog.commit_table

    def second(*of: Any) -> Any:
        monkeypatch.setattr(SqlCatalog, "commit_table", commit)
        assert world.write(view).is_new
        return commit(*of)

    monkeypatch.setattr(SqlCatalog, "commit_table", second)
    assert "another process wrote to cjo.transition" in world.export(view, code=1)[1]
    assert world.rows(view) == world.of_layer(view)
    assert world.export(view)[0] == "cjo.transition: 300 rows, as before\n"


def test_a_new_column_comes_into_the_table(world: World) -> None:
    world.export("action")
    former = world.table("action").current_snapshot().snapshot_id
    world.record(80)
    connection, manifest = connect(str(world.layer))
    connection.execute(
        'CREATE OR REPLACE VIEW "action" AS SELECT *, 7::BIGINT AS added FROM part.action'
    )
    with iceberg.open_catalogue("local", world.properties) as catalogue:
        iceberg.write_view(catalogue, "cjo", "action", connection, manifest)
        assert set(world.table("action").scan().to_arrow()["added"].to_pylist()) == {7}
        assert (
            "added" not in world.table("action").scan(snapshot_id=former).to_arrow().schema.names
        )


def test_an_erased_customer_leaves_all_snapshots(world: World, cli: Cli, tmp_path: Path) -> None:
    state, out, events = tmp_path / "state", tmp_path / "out", tmp_path / "events.jsonl"
    events.write_text("".join(EVENTS.read_text().splitlines(keepends=True)[:60]))
    assert cli("run", SHOP, events, "--state", state, "--out", out).code == 0
    world.layer = tmp_path / "of_state"
    world.sink(state)
    _, said = world.export("transition", "identity")
    assert "erased" not in said
    customers = [json.loads(one) for one in (out / "customers.jsonl").read_text().splitlines()]
    one = next(one for one in customers if one["identifiers"].get("email"))
    who, email = one["customer_id"], one["identifiers"]["email"][0]
    assert who in "".join(world.rows("transition"))
    tagged = world.table("transition")
    tagged.manage_snapshots().create_tag(tagged.current_snapshot().snapshot_id, "kept").commit()
    assert cli("customer", "erase", f"email:{email}", "--state", state, "--yes").code == 0
    world.sink(state)
    _, said = world.export("transition", "identity")
    assert "cjo.transition: a tag or a branch keeps 1 snapshot" in said
    assert "earlier snapshots of cjo.transition, cjo.identity are expired" in said
    assert "remove_orphan_files(table => 'cjo.transition'" in said
    assert world.rows("transition") == world.of_layer("transition")
    assert who not in "".join(world.rows("transition"))
    world.table("transition").manage_snapshots().remove_tag("kept").commit()
    tables, said = world.export("transition", "identity")
    assert tables.count("as before") == 2
    assert "earlier snapshots of cjo.transition are expired" in said
    for view in ("transition", "identity"):
        table = world.table(view)
        assert [one.snapshot_id for one in table.snapshots()] == [
            table.current_snapshot().snapshot_id
        ]
    assert "warning" not in world.export("transition", "identity")[1]


def test_what_cannot_be_written_is_refused_until_it_is_put_as_it_says(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "did you mean transition?" in world.export("transitions", code=2)[1]
    assert "write KEY=VALUE" in world.export("--property", "uri", code=2)[1]
    with monkeypatch.context() as missing:
        missing.setitem(sys.modules, "pyiceberg.catalog", None)
        assert "pip install 'cjo-stream[iceberg]'" in world.export(code=2)[1]
    with monkeypatch.context() as nowhere:
        nowhere.setattr(world, "properties", {"type": "nothing"})
        assert "the catalogue local cannot be opened" in world.export(code=2)[1]
    with load_catalog("local", **world.properties) as catalogue:
        connection, _ = connect(str(world.layer))
        catalogue.create_namespace("cjo")
        catalogue.create_table(
            "cjo.action", connection.sql("SELECT 1 AS a").to_arrow_table().schema
        )
        assert "made by something else" in world.export("action", code=2)[1]
        catalogue.create_namespace("typed")
        catalogue.create_table(
            "typed.action",
            connection.sql("SELECT 1.5::DOUBLE AS action_id").to_arrow_table().schema,
            properties={iceberg.ERASED: "0"},
        )
        assert (
            "a column of another type" in world.export("action", "--namespace", "typed", code=2)[1]
        )
    assert world.export("action", "--namespace", "mine")[0] == "mine.action: 60 rows\n"
