"""`records`: what went out, from a place on."""

from __future__ import annotations

import json
from pathlib import Path

from cjo_stream.core.catalogue import RECORDS
from tests.world.command_line import SHOP, Cli, cli

__all__ = ["cli"]


def test_what_came_since_the_last_call_is_printed(cli: Cli, tmp_path: Path) -> None:
    out, position = tmp_path / "out", tmp_path / "position.json"
    out.mkdir()
    first, *others = (SHOP / "expected" / "decisions.jsonl").read_text().splitlines(keepends=True)
    written = out / "decisions.jsonl"
    written.write_text(first)
    again = ("records", "decision", out, "--position", position)
    assert cli(*again).out == first
    assert cli(*again).out == ""
    with written.open("a") as file:
        file.writelines(others)
    assert cli(*again).out == "".join(others)
    assert cli("records", "decision", out).out == first + "".join(others)


def test_the_help_names_every_kind(cli: Cli) -> None:
    told = " ".join(cli("records", "--help").out.split())
    for kind in RECORDS:
        assert (kind.name in told) == (kind.schema is not None and kind.name != "dead_letter")


def test_what_cannot_be_read_on_is_refused(cli: Cli, tmp_path: Path) -> None:
    out, position = tmp_path / "out", tmp_path / "position.json"
    out.mkdir()
    written = out / "rewards.jsonl"
    written.write_text('{"a":1}\n')
    again = ("records", "reward", out, "--position", position)
    assert cli(*again).code == 0
    for other in ("", '{"another": 1}\n{}\n'):
        written.write_text(other)
        assert "is another file than the one" in cli(*again).err
    assert "did you mean decision" in cli("records", "decisions", out).err
    assert "dead-letters list" in cli("records", "dead_letter", out).err
    assert "`run --profiles` writes it" in cli("records", "profile", out).err
    position.write_text("[]")
    assert "is no position file" in cli(*again).err
    nowhere = cli(*again[:-1], tmp_path / "none" / "position.json")
    assert (nowhere.code, json.loads(nowhere.out.splitlines()[0])) == (2, {"another": 1})
    assert "a folder that can be written to" in nowhere.err
