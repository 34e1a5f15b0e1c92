"""Figures asked for oddly: what is no question is refused, and what a table shows can be read."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cjo_stream.cli.terminal import say_table
from tests.unit.insight.touched import DAY, Written
from tests.world.command_line import Cli, cli

__all__ = ["cli"]


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada enters a journey on the second day of 1970, and reaches its goal on the third."""
    folder = tmp_path_factory.mktemp("asked")
    records = Written()
    records.transition("ada", DAY, "entered")
    records.command("ada", DAY + 1, "mail")
    records.goal("ada", 2 * DAY)
    records.connection(folder)
    return folder / "layer"


@pytest.mark.parametrize(
    "command",
    [
        "insight flows --of states", "insight flows --of journeys", "insight dwell",
        "insight outcomes", "insight goals", "insight measures", "insight spectrum",
        "insight funnel buy:entered", "insight attribution --goal buy --by channel",
        "insight process dfg", "insight friction", "insight predictions",
        "insight automation --by-hand mail", "insight retention --on order",
        "insight satisfaction --on order --score x", "insight worth",
        "insight value --on order --value x --horizon 9w",
        "report journeys", "report attribution", "report friction", "report leadership",
        "report value --on order --value x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("until", [DAY, DAY - 1])
def test_a_period_without_time_is_refused_until_it_has_some(
    cli: Cli, layer: Path, command: str, until: int
) -> None:
    words = [*command.split(), "--layer", layer, "--until", until]
    done = cli(*words, "--from", DAY)
    assert (done.code, done.out) == (2, "")
    assert f"--from {DAY} --until {until}: no time lies in between" in done.err
    assert "no time lies in between" not in cli(*words, "--from", DAY - 2).err


@pytest.mark.parametrize(
    ("words", "error", "rightly"),
    [
        ("report journeys --from 2026-01-01T00:00:00Z", "end at 1970-01-03 00:00 UTC: take",
         "report journeys --from 1970-01-03T00:00:00Z"),
        ("report journeys --compare period:1970-01-05/1970-01-05", "no time lies between",
         "report journeys --compare period:1970-01-02/1970-01-03"),
        ("report journeys --compare versions:1,2", "of version 2: there are 1",
         "report journeys --compare versions:1,1"),
        ("insight flows --of states --within 1d", "--within is about the next journey",
         "insight flows --of journeys --within 1d"),
        ("insight export stay --format json --out stays.csv", "are of two kinds",
         "insight export stay --format json"),
    ],
)  # fmt: skip
def test_what_is_no_question_is_refused_until_it_is_one(
    cli: Cli, layer: Path, words: str, error: str, rightly: str
) -> None:
    done = cli(*shlex.split(words), "--layer", layer)
    assert (done.code, done.out) == (2, "")
    assert error in done.err
    assert cli(*shlex.split(rightly), "--layer", layer).code == 0


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("flows", "'--of'. Choose from: states, journeys. See"),
        ("flows --of state", "'--of': 'state' is not one of 'states', 'journeys'. See"),
    ],
)
def test_a_choice_that_is_none_is_refused_on_one_line(
    cli: Cli, layer: Path, words: str, error: str
) -> None:
    done = cli("insight", *words.split(), "--layer", layer)
    assert (done.code, done.out) == (2, "")
    assert error in done.err
    assert done.err.count("\n") == 1


def test_a_layer_without_transitions_has_no_goal_to_credit(
    cli: Cli, layer: Path, tmp_path: Path
) -> None:
    records = Written()
    records.command("ada", DAY, "mail")
    records.connection(tmp_path)
    for words in ("insight attribution --goal buy --by channel", "report journeys --journey buy"):
        done = cli(*words.split(), "--layer", tmp_path / "layer")
        assert (done.code, done.out) == (2, "")
        assert "the layer holds no transition records" in done.err
        assert cli(*words.split(), "--layer", layer).code == 0


@pytest.mark.parametrize(("at", "is_said"), [(3 * DAY, False), (3 * DAY + 1, True)])
def test_a_time_long_after_the_last_record_is_said(
    cli: Cli, layer: Path, at: int, is_said: bool
) -> None:
    for words in ("people", "next"):
        done = cli("insight", words, "--at", at, "--layer", layer)
        assert done.code == 0, done.err
        assert ("lies after the last record, of 1970-01-03 00:00: " in done.err) == is_said


@pytest.mark.parametrize("name", ["measures", "predictions"])
def test_a_kind_of_record_that_no_topology_asked_for_is_said(
    cli: Cli, layer: Path, name: str
) -> None:
    done = cli("insight", name, "--layer", layer, "--format", "csv")
    assert f"the layer has no {name.removesuffix('s')} records" in done.err


def test_a_table_has_spans_of_time_in_their_largest_unit(cli: Cli, layer: Path) -> None:
    query = "SELECT 90000 AS p50_ms, 0.0004 AS share, 1234.5::DOUBLE AS total"
    lines = cli("insight", "sql", query, "--layer", layer).out.split("\n")
    assert [line.split() for line in lines if line.strip(" ─")] == [
        ["p50", "share", "total"],
        ["1.5", "min", "0.0004", "1,234.50"],
    ]


def test_a_wide_table_breaks_texts_and_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    columns = ["journey", *(f"#mean_probability_{number}" for number in range(8))]
    say_table("Title", columns, [["a_very_long_name_of_a_journey", *[10**9] * 8]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Title"
    assert sum(line.count("1,000,000,000") for line in lines) == 8
    assert "probability_" in lines[3]


def test_a_reader_that_leaves_is_no_failure_of_a_workbook(layer: Path) -> None:
    """`| head`: the other end of the pipe is closed before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    call = [sys.executable, "-m", "cjo_stream", "insight", "export", "stay", "--layer", str(layer)]
    done = subprocess.run([*call, "--format", "xlsx"], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
