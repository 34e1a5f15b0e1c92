"""`cjo-stream test`: what it prints, its exit codes, and what it writes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.world.cases import CART, case, write
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

GOOD = case(CART, "expect: {state: {cart: waiting}}", name="it waits")
BAD = case(CART, "expect: {state: {cart: bought}}", name="it <is> bought")


def test_cases_that_pass_exit_with_0_and_tell_the_coverage(cli: Cli, tmp_path: Path) -> None:
    done = cli("test", write(tmp_path, a=GOOD, b=GOOD))
    assert done.code == 0
    assert done.err == ""
    assert done.out.splitlines()[:2] == ["2 cases passed", "states: 1 of 7 covered (14%)"]
    assert "timers: 0 of 4 covered (0%)" in done.out
    assert done.out.endswith("--uncovered lists what no case reached, with file and line\n")
    assert "--uncovered" not in cli("test", tmp_path, "--uncovered").out


def test_a_case_that_fails_exits_with_1_and_shows_both_sides(cli: Cli, tmp_path: Path) -> None:
    done = cli("test", write(tmp_path, a=GOOD + "---\n" + BAD))
    assert done.code == 1
    assert done.out.splitlines()[:4] == [
        "FAILED it <is> bought",
        f"  {tmp_path}/a.test.yaml:13:22: state of cart",
        "        expected   got",
        "      ! bought     waiting",
    ]
    assert "2 cases, 1 failed" in done.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--cover", "90"], "write 90%, or KIND=90%"),
        (["--cover", "101%"], "write 90%, or KIND=90%"),
        (["--cover", "lines=9%"], "one of states, transitions, timers, gates"),
        (["--cover", "9%", "-k", "it"], "leave -k away"),
        (["-k", "it wait5"], "no case has that in its name; did you mean 'it waits'?"),
        (["--junit", "/dev/null/x.xml"], "cannot be written"),
    ],
)
def test_wrong_usage_exits_with_2(
    cli: Cli, tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = cli("test", write(tmp_path, a=GOOD), *arguments)
    assert done.code == 2
    assert told in done.err


def test_nothing_to_do_exits_with_2(cli: Cli, tmp_path: Path) -> None:
    assert "no bundled topology of that name" in cli("test", tmp_path / "no").err
    assert cli("test", write(tmp_path)).code == 2
    (tmp_path / "a.test.yaml").write_text("")
    done = cli("test", tmp_path)
    assert done.code == 2
    assert "a.test.yaml:1:1: error CJO112: no case" in done.err


def test_wrong_definitions_and_wrong_cases_exit_with_2(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, a=GOOD.replace("waiting", "wating"))
    done = cli("test", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "a.test.yaml:6:28: error CJO104: unknown state of cart 'wating'" in done.err
    assert done.err.endswith("error: 1 error in the tests; mend what is listed and try again\n")
    found = json.loads(cli("test", tmp_path, "--json").out)
    assert found["valid"] is False
    assert found["diagnostics"][0]["suggestion"] == "waiting"
    (tmp_path / "t.yaml").write_text("topology: t\n")
    done = cli("test", tmp_path)
    assert (done.code, "in the definitions; mend" in done.err) == (2, True)


def test_chosen_cases_alone_are_played(cli: Cli, tmp_path: Path) -> None:
    folder = write(tmp_path, one=GOOD + "---\n" + BAD, two=GOOD)
    assert cli("test", folder, "-k", "WAITS").out == "2 cases passed\n"
    assert cli("test", folder, "-k", "two.test").out == "1 case passed\n"
    assert cli("test", folder, "-k", "waits", "-k", "bought").code == 1


def test_the_coverage_that_is_asked_for_decides(cli: Cli, tmp_path: Path) -> None:
    folder = write(tmp_path, a=GOOD)
    assert cli("test", folder, "--cover", "5%", "--cover", "states=14%").code == 0
    done = cli("test", folder, "--cover", "50%")
    assert done.code == 1
    assert f"{tmp_path}/t.yaml:21: cart: exit as emptied" in done.out
    assert done.err == "error: 8.3% of the transitions are covered, less than 50.0%\n"
    assert f"{tmp_path}/t.yaml:76: cap two_a_day" in cli("test", folder, "--uncovered").out


def test_results_for_programs(cli: Cli, tmp_path: Path) -> None:
    found = json.loads(cli("test", write(tmp_path, a=GOOD + "---\n" + BAD), "--json").out)
    assert (found["passed"], found["failed"]) == (1, 1)
    (difference,) = found["cases"][1]["differences"]
    assert difference == {
        "file": f"{tmp_path}/a.test.yaml", "line": 13, "column": 22, "part": "state of cart",
        "expected": "bought", "got": "waiting",
        "hints": ["2026-03-02 10:00:00Z cart (c1) entered to waiting, by cart_updated"],
    }  # fmt: skip
    covered = found["coverage"]["timers"]
    assert (covered["reached"], covered["number"], len(covered["uncovered"])) == (0, 4, 4)


def test_results_for_ci(cli: Cli, tmp_path: Path) -> None:
    folder = write(tmp_path, a=GOOD + "---\n" + BAD, b=GOOD)
    done = cli("test", folder, "--junit", tmp_path / "new" / "cases.xml")
    assert done.code == 1
    root = ElementTree.parse(tmp_path / "new" / "cases.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    first, second = root.findall("testsuite")
    assert [one.get("name") for one in first] == ["it waits", "it <is> bought"]
    assert (second.get("tests"), second.get("failures")) == ("1", "0")
    (failure,) = root.iter("failure")
    assert failure.get("message") == f"{tmp_path}/a.test.yaml:13:22: state of cart"
    assert "! bought     waiting" in (failure.text or "")


def test_update_writes_and_says_so(cli: Cli, tmp_path: Path) -> None:
    folder = write(tmp_path, a=BAD)
    done = cli("test", folder, "--update")
    assert done.code == 0
    assert f"wrote 1 expectation into {tmp_path}/a.test.yaml: read them" in done.out
    assert "state: {cart: waiting}" in (tmp_path / "a.test.yaml").read_text()


def test_warnings_are_shown(cli: Cli, tmp_path: Path) -> None:
    odd = "event: {type: cart_updatd, identifiers: {email: a@example.com}}"
    done = cli("test", write(tmp_path, a=case(odd, "expect: {actions: []}")))
    assert done.code == 0
    assert "warning CJO501: no definition listens to it" in done.err


def test_without_a_topology_the_current_folder_is_tested(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(tmp_path, a=GOOD))
    assert "1 case passed" in cli("test").out


def test_the_schema_of_a_case_is_printed(cli: Cli) -> None:
    drawn = json.loads(cli("schema", "test").out)
    assert "What the case shows" in drawn["properties"]["test"]["description"]


def test_two_hundred_cases_take_milliseconds_each(cli: Cli, tmp_path: Path) -> None:
    cases = (
        case(CART, "advance: 30m", "expect: {actions: [reminder]}", name=f"case {number}")
        for number in range(200)
    )
    folder = write(tmp_path, a="---\n".join(cases))
    begun = time.process_time()
    assert "200 cases passed" in cli("test", folder).out
    assert time.process_time() - begun < 10
