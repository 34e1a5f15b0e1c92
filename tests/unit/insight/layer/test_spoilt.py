"""A file of a layer that is not as the sink wrote it: whatever befell it, an error names it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from cjo_stream.errors import RetryError
from cjo_stream.insight.layer.reading import connect
from cjo_stream.insight.layer.sink import Sink
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
def test_a_spoilt_file_is_named(layer: Path, cli: Cli, harm: Harm) -> None:
    draw = random.Random(harm.__name__)
    parts = sorted(layer.rglob("*.parquet"))
    for number in range(HARMS[harm]):
        path = draw.choice(parts)
        content = path.read_bytes()
        harm(draw, path, parts)
        with pytest.raises(RetryError) as told:
            connect(str(layer))
        assert str(path) in str(told.value)
        with pytest.raises(RetryError, match="into an empty folder"):
            Sink(str(layer))
        if number == 0:
            done = cli("insight", "outcomes", "--layer", layer)
            assert (done.code, done.out) == (1, "")
            assert done.err == f"error: {told.value}\n"
        path.write_bytes(content)
    connect(str(layer))
