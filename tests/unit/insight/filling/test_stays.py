"""Stays that are kept: the view has the same rows as without them, whatever came since."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.insight.filling import stays
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.manifest import latest
from cjo_stream.insight.layer.reading import connect
from tests.world.command_line import SHOP

FILES = ("identities", "transitions")


def grown(run: Path, seed: int) -> Iterator[None]:
    """Let a run's folder grow to the shop's recorded run, in random steps."""
    draw = random.Random(seed)
    run.mkdir()
    lines = {
        name: (SHOP / "expected" / f"{name}.jsonl").read_text().splitlines(keepends=True)
        for name in FILES
    }
    while any(lines.values()):
        for name, left in lines.items():
            number = draw.randint(0, 1 + len(left) // 3)
            with (run / f"{name}.jsonl").open("a") as file:
                file.writelines(left[:number])
            lines[name] = left[number:]
        yield


def sunk(layer: Path, run: Path) -> list[tuple[Any, ...]]:
    sink = Sink(str(layer))
    sink.take_run(run)
    sink.publish()
    connection, _ = connect(str(layer))
    rows: list[tuple[Any, ...]] = connection.execute(
        "FROM part.stays JOIN stay USING (instance_id, since, state) ORDER BY ALL"
    ).fetchall()
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("newer_max", [0, 40, 300])
def test_kept_stays_are_those_of_all_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newer_max: int
) -> None:
    run, kept, plain = (tmp_path / name for name in ("run", "kept", "plain"))
    mixed = 0
    for _ in grown(run, seed=newer_max):
        monkeypatch.setattr(stays, "NEWER_MAX", newer_max)
        found = sunk(kept, run)
        monkeypatch.setattr(stays, "NEWER_MAX", 10**9)
        assert found == sunk(plain, run)
        parts = latest(Folder(str(kept))).parts
        of = {one.is_stayed for one in parts if one.table == "transition"}
        mixed += of == {True, False} and any(one.table == "stayed" for one in parts)
    assert mixed > 2 or not newer_max
    assert not any(one.table == "stayed" for one in latest(Folder(str(plain))).parts)
