"""`cjo-stream backtest`, as a shell sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.governance.backtest.world import event, topology, write
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

EVENTS = [
    event("cart_updated", 0, email="ada@example.com"),
    event("order_placed", 300, email="ada@example.com"),
]


@pytest.mark.slow
def test_it_tells_who_is_changed_and_exits_with_0(cli: Cli, tmp_path: Path) -> None:
    sets = topology(tmp_path / "a"), topology(tmp_path / "b", delay="1h", template="t")
    file = write(tmp_path / "e.jsonl", EVENTS)
    done = cli("backtest", *sets, file, "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    assert "1 customer, candidate 1; 1 of 1 group changed" in done.out
    assert "Journey cart ends with outcome ordered 0 times, instead of 1" in done.out
    found = cli("backtest", *sets, file, "--out", tmp_path / "json", "--json", "--sort")
    assert json.loads(found.out)["changed"] == 1


@pytest.mark.slow
def test_other_commands_alone_are_told(cli: Cli, tmp_path: Path) -> None:
    sets = topology(tmp_path / "a"), topology(tmp_path / "b", template="t")
    file = write(tmp_path / "e.jsonl", EVENTS[:1])
    done = cli("backtest", *sets, file, "--out", tmp_path / "out", "--drain", "2d")
    assert "0 of 1 group changed" in done.out
    assert "1 more get other commands" in done.out


@pytest.mark.slow
def test_a_file_that_a_side_refuses_whole_is_exit_1(cli: Cli, tmp_path: Path) -> None:
    live = topology(tmp_path / "a")
    file = write(tmp_path / "e.jsonl", [EVENTS[0] | {"channel": "nope"}])
    done = cli("backtest", live, live, file, "--out", tmp_path / "out")
    assert done.code == 1
    assert "error: live: e.jsonl: its row was refused" in done.err
    assert "error: candidate: e.jsonl" in done.err


def test_definitions_that_do_not_load_are_exit_2_before_anything_is_written(
    cli: Cli, tmp_path: Path
) -> None:
    live, candidate = topology(tmp_path / "a"), topology(tmp_path / "b")
    (candidate / "shop.yaml").write_text("topology: shop\nchanels: {}\n")
    done = cli("backtest", live, candidate, tmp_path / "e.jsonl", "--out", tmp_path / "out")
    assert done.code == 2
    assert "chanels" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_late_events_name_the_option_that_mends_them(cli: Cli, tmp_path: Path) -> None:
    live = topology(tmp_path / "a")
    events = [event("cart_updated", at, email="ada@example.com") for at in (9_000, 0)]
    file = write(tmp_path / "e.jsonl", events)
    done = cli("backtest", live, live, file, "--out", tmp_path / "out")
    assert "50% of the events came too late to move a journey" in done.err
    assert "--sort" in done.err
    done = cli("backtest", live, live, file, "--out", tmp_path / "out", "--sort", "--force")
    assert (done.code, done.err) == (0, "")
