"""A file of a layer that is not as the sink wrote it: whatever befell it, an error names it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from cjo_stream.errors import RetryError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.manifest import latest
from cjo_stream.insight.layer.part import DAY_MS
from cjo_stream.insight.layer.reading import connect
from tests.bench.insight import COMMANDS
from tests.world.command_line import EVENTS, SHOP, Cli, cli

__all__ = ["cli"]

Harm = Callable[[random.Random, Path, list[Path]], None]


def flip(draw: random.Random, path: Path, _: list[Path]) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def cut(draw: random.Random, path: Path, _: list[Path]) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(1, len(content))])


def empty(_: random.Random, path: Path, __: list[Path]) -> None:
    path.write_bytes(b"")


def replace(draw: random.Random, path: Path, parts: list[Path]) -> None:
    others = [one for one in parts if one.read_bytes() != path.read_bytes()]
    path.write_bytes(draw.choice(others).read_bytes())


def remove(_: random.Random, path: Path, __: list[Path]) -> None:
    path.unlink()


HARMS: dict[Harm, int] = {flip: 60, cut: 10, empty: 3, replace: 10, remove: 3}
"""How each may be spoilt, and how often it is."""


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layer = tmp_path_factory.mktemp("spoilt") / "layer"
    sink = Sink(str(layer))
    sink.take_run(SHOP / "expected")
    sink.take_events([str(EVENTS)], None, None, b"", 2**62)
    sink.publish()
    return layer


@pytest.mark.parametrize("harm", HARMS)
def test_a_spoilt_file_is_named(layer: Path, harm: Harm) -> None:
    draw = random.Random(harm.__name__)
    parts = sorted(layer.rglob("*.parquet"))
    for _ in range(HARMS[harm]):
        path = draw.choice(parts)
        content = path.read_bytes()
        harm(draw, path, parts)
        with pytest.raises(RetryError) as told:
            connect(str(layer))
        assert str(path) in str(told.value)
        with pytest.raises(RetryError, match="into an empty folder"):
            Sink(str(layer))
        path.write_bytes(content)
    connect(str(layer))


@pytest.mark.slow
@pytest.mark.parametrize("command", ["people", "attribution", "worth", "next", "friction"])
def test_what_a_command_reads_of_spoilt_files_is_nothing(
    layer: Path, cli: Cli, command: str
) -> None:
    last = latest(Folder(str(layer))).until
    assert last is not None
    words = COMMANDS[command].format(first=0, last=last - DAY_MS, until=last).split()
    usual = cli("insight", *words, "--layer", layer, "--format", "json")
    assert usual.code == 0, usual.err
    draw, read = random.Random(command), set()
    tables = {path.relative_to(layer).parts[0] for path in layer.rglob("*.parquet")}
    for table in sorted(tables):
        path = draw.choice(sorted((layer / table).rglob("*.parquet")))
        content = path.read_bytes()
        flip(draw, path, [])
        done = cli("insight", *words, "--layer", layer, "--format", "json")
        path.write_bytes(content)
        if done != usual:
            read.add(table)
            assert (done.code, done.out) == (1, "")
            assert f"{path} is not as the sink wrote it" in done.err
    assert {"transition"} <= read <= tables - {"candidate"}


def test_a_table_that_no_view_reads_is_not_there(layer: Path) -> None:
    connection, _ = connect(str(layer), ["stay"])
    assert connection.execute("SELECT count(*) FROM stay").fetchone()[0]
    for name in ("event", "part.event", "action"):
        with pytest.raises(duckdb.CatalogException, match="does not exist"):
            connection.execute(f"SELECT count(*) FROM {name}")
