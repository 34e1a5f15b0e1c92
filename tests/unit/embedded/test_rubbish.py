"""Of a file with much rubbish every row is counted once, as what it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.world import rubbish
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

ROWS = 1_000_000 if os.environ.get("CJO_LONG") else 4_000


@pytest.mark.slow
@pytest.mark.parametrize("sort", [(), ("--sort",)])
def test_the_counts_add_up_to_the_last_row(
    cli: Cli, tmp_path: Path, sort: tuple[str, ...]
) -> None:
    kinds = rubbish.write(tmp_path, ROWS)
    assert set(kinds) == {"good", *rubbish.KINDS}
    files = (tmp_path, tmp_path / "events.jsonl")
    done = cli("run", *files, "--out", tmp_path / "out", "--now", rubbish.NOW, *sort)
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    if sort:  # then nothing is late
        assert summary["late"] == 0
        summary["late"] = kinds["late"]
    rubbish.check(summary, kinds)
