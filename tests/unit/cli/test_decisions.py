"""`decisions evaluate` and `report lift`, over what a run wrote and over other logs."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from cjo_stream.cli.app import call
from cjo_stream.core.record import Candidate
from cjo_stream.definition import load
from cjo_stream.insight.policy import arbitrated
from tests.world.command_line import Cli, cli
from tests.world.record import decision
from tests.world.scene import ACTIONS, HEAD

__all__ = ["cli"]

START_MS = 1_772_323_200_000
HOUR_MS = 3_600_000
TOPOLOGY = """
---
journey: ask
version: 1
holdout: 30%
entry: {on: ask, key: event.k}
goal: {on: bought, within: 7d}
initial: asked
states:
  asked: {enter: [{decide: {group: offers}}], after: {9d: over}}
  over: {end: over}
---
action: good
group: offers
value: GOOD
propensity: 0.2
treatments: {mail: {}}
---
action: dull
group: offers
value: 10
propensity: 0.2
treatments: {mail: {}}
---
policy: contact
explore: 40%
reward_window: 1d
"""
PROFILE = """
profile:
  traits:
    spent: {sum: event.total, on: bought}
"""


def topology(folder: Path, good: str) -> Path:
    folder.mkdir()
    text = f"{HEAD}{PROFILE}{ACTIONS}{TOPOLOGY.replace('GOOD', good)}"
    (folder / "all.yaml").write_text(text)
    return folder


def event(type_: str, at: int, user: int, **attributes: object) -> str:
    identifiers = {"user": f"u{user}", "email": f"u{user}@example.com"}
    told = {"type": type_, "time": START_MS + at, "channel": "web", "identifiers": identifiers}
    return json.dumps({**told, "attributes": attributes})


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run 1,500 customers: a good offer is accepted by 30 %, a dull one by 10 %."""
    lines = []
    chance = random.Random(2)
    for user in range(1_500):
        at = user * 60_000
        lines.append(event("ask", at, user, k=user))
        for action, rate in (("good", 0.3), ("dull", 0.1)):
            if chance.random() < rate:
                told = {"action": action, "outcome": "accept"}
                lines.append(event("cjo.outcome", at + 1_000, user, **told))
        if chance.random() < 0.2:
            lines.append(event("bought", at + HOUR_MS, user, total=50))
    lines.append(event("ask", 60 * HOUR_MS, 9_999, k=1))  # by then all windows are closed
    folder = tmp_path_factory.mktemp("ran")
    events, out = folder / "events.jsonl", folder / "out"
    events.write_text("\n".join(lines) + "\n")
    arguments = ["run", topology(folder / "live", "12"), events, "--sort"]
    assert call([*map(str, arguments), "--out", str(out), "--drain", "3d"]) == 0
    return out


def test_a_run_tells_what_other_policies_would_have_earned(cli: Cli, ran: Path) -> None:
    def value(candidate: str) -> tuple[float, float, float]:
        done = cli("decisions", "evaluate", ran, candidate, "--window", "1d", "--json")
        assert done.code == 0, done.err
        found = json.loads(done.out)
        return tuple(found[name]["value"] for name in ("ipw", "snipw", "dr"))

    refused = cli("decisions", "evaluate", ran, "fixed:good")
    assert refused.code == 2
    assert "write fixed:ACTION/CHANNEL" in refused.err
    for estimates, wanted in (
        (value("fixed:good/mail"), 0.3 * 12),
        (value("fixed:dull/mail"), 0.1 * 10),
        (value("uniform"), (0.3 * 12 + 0.1 * 10) / 2),
    ):
        assert estimates == pytest.approx((wanted,) * 3, rel=0.3)


def test_a_topology_is_evaluated_by_its_own_numbers(cli: Cli, ran: Path, tmp_path: Path) -> None:
    other = topology(tmp_path / "other", "3")
    done = cli("decisions", "evaluate", ran, other, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    # The dull offer is now the better one: chosen in 80 %, the good one in 20 %.
    assert found["ipw"]["value"] == pytest.approx(0.8 * 1.0 + 0.2 * 3.6, rel=0.3)
    assert found["pending"] == 1
    assert found["cases"] > 900  # those who were not held out


def test_the_table_says_when_there_is_no_estimate(cli: Cli, ran: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    shutil.copytree(ran, few)
    lines = (few / "decisions.jsonl").read_text().splitlines(keepends=True)
    (few / "decisions.jsonl").write_text("".join(lines[:5]))
    done = cli("decisions", "evaluate", few, "fixed:dull/mail")
    assert done.code == 1, done.err
    assert "No estimate" in done.out


def test_lift_compares_by_journey(cli: Cli, ran: Path) -> None:
    refused = cli("report", "lift", "--value", "spent")
    assert refused.code == 2
    assert "name the results of a `run`" in refused.err
    done = cli("report", "lift", ran, "--value", "spent", "--json")
    assert done.code == 0, done.err
    (found,) = json.loads(done.out)
    assert found["journey"] == "ask"
    treated, held_out = found["treated"]["customers"], found["held_out"]["customers"]
    assert treated + held_out == 1_501
    assert 400 < held_out < 500
    rate = found["rate"]
    assert rate["lift"]["low"] < 0 < rate["lift"]["high"]  # offers change nothing here
    assert found["value"]["treated"] == pytest.approx(10, rel=0.2)
    shown = cli("report", "lift", ran)
    assert "ask" in shown.out
    assert "not that there is none" in shown.out


def test_lift_is_withheld_where_the_sizes_of_the_groups_are_not_of_the_share(
    cli: Cli, ran: Path, tmp_path: Path
) -> None:
    assert "in all" in cli("report", "lift", ran).out
    for share, is_withheld in (("30%", False), ("20%", True)):
        folder = tmp_path / share
        folder.mkdir()
        text = TOPOLOGY.replace("GOOD", "12").replace("30%", share)
        (folder / "all.yaml").write_text(HEAD + text)
        done = cli("report", "lift", ran, "--topology", folder)
        assert done.code == 0, done.err
        assert ("withheld" in done.out) is is_withheld
        assert ("the holdout of ask measured is withheld" in done.err) is is_withheld
        assert ("in all" in done.out) is not is_withheld


def test_lift_tells_a_holdout_that_held_nobody_yet_from_one_without_choices(
    cli: Cli, tmp_path: Path
) -> None:
    topology, events = tmp_path / "topology", tmp_path / "events.jsonl"
    topology.mkdir()
    event = {"time": START_MS, "identifiers": {"user": "u1"}, "channel": "web"}

    def told(type_: str, holdout: str) -> str:
        (topology / "all.yaml").write_text(
            HEAD + TOPOLOGY.replace("GOOD", "100").replace("30%", holdout)
        )
        event["type"] = type_
        events.write_text(json.dumps({**event, "attributes": {"k": 1}}) + "\n")
        assert cli("run", topology, events, "--out", tmp_path / "out", "--force").code == 0
        done = cli("report", "lift", tmp_path / "out")
        assert done.code == 0
        return str(done.out)

    assert "no customer has been held out yet" in told("hello", "30%")
    assert "no customer has been held out yet" in told("ask", "0%")
    assert "no choice has been made yet for a customer held out of ask" in told("ask", "100%")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["decisions", "evaluate", "OUT", "fixed:goood/mail"], "did you mean fixed:good/mail?"),
        (["decisions", "evaluate", "OUT", "fixed:good/mial"], "did you mean fixed:good/mail?"),
        (["decisions", "evaluate", "OUT", "uniform", "--action", "a"], "a log that is a file"),
        (["decisions", "evaluate", "OUT", "shop", "--window", "3d"], "a topology has its own"),
        (["decisions", "evaluate", "x.csv", "uniform", "--window", "3d"], "folder of a run"),
    ],
)
def test_an_evaluation_that_would_do_nothing_is_refused(
    cli: Cli, ran: Path, arguments: list[str], told: str
) -> None:
    done = cli(*[ran if argument == "OUT" else argument for argument in arguments])
    assert (done.code, told in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["decisions", "evaluate", "OUT", "nowhere"], "nowhere"),
        (["decisions", "evaluate", "OUT", "fixed:good"], "fixed:ACTION/CHANNEL"),
        (["report", "lift", "OUT", "--value", "colour"], "colour"),
        (["report", "lift", "--value", "spent"], "--value"),
    ],
)
def test_what_cannot_be_done_is_said(
    cli: Cli,
    ran: Path,
    arguments: list[str],
    told: str,
) -> None:
    done = cli(*[ran if argument == "OUT" else argument for argument in arguments])
    assert done.code == 2
    assert told in done.err


def test_any_log_of_choices_can_be_evaluated(cli: Cli, tmp_path: Path) -> None:
    chance = random.Random(3)
    lines = ["arm,won,p"]
    for _ in range(1_000):
        arm = chance.choice("ab")
        lines.append(f"{arm},{int(chance.random() < (0.4 if arm == 'a' else 0.1))},0.5")
    log = tmp_path / "log.csv"
    log.write_text("\n".join(lines) + "\n")
    columns = ["--action", "arm", "--reward", "won", "--probability", "p"]
    found = json.loads(cli("decisions", "evaluate", log, "fixed:a", *columns, "--json").out)
    assert found["snipw"]["value"] == pytest.approx(0.4, abs=0.05)
    assert "there is no `action`" in cli("decisions", "evaluate", log, "uniform").err
    assert cli("decisions", "evaluate", log, "fixed:z", *columns).code == 2
    log.write_text("arm,won,p\na,1,0\n")
    assert "above 0" in cli("decisions", "evaluate", log, "uniform", *columns).err
    log.write_text("arm,won,p\na,much,1\n")
    assert "are numbers" in cli("decisions", "evaluate", log, "uniform", *columns).err
    log.write_text("arm,won,p\na,1,0.5\n")
    assert not cli("decisions", "evaluate", log, "uniform", *columns).err


def test_recorded_factors_stand_where_a_topology_has_expressions(tmp_path: Path) -> None:
    folder = topology(tmp_path / "t", "profile.spent")
    policy = arbitrated(load(folder).program)
    recorded = [
        Candidate(action="good", channel="mail", gate=None, P=0.9, C=1.0, V=4.0, L=7.0),
        Candidate(action="dull", channel="mail", gate=None, P=0.9, C=2.0, V=1.0, L=1.0),
        Candidate(action="gone", channel="mail", gate=None, P=0.9, C=1.0, V=900.0, L=1.0),
    ]
    # good: 0.2 x 1 x 4 x 1; dull: 0.2 x 2 x 10 x 1
    assert policy(decision(1, candidates=recorded)) == pytest.approx(
        {("dull", "mail"): 0.8, ("good", "mail"): 0.2}
    )
    assert policy(decision(1, candidates=recorded[2:])) == {}
