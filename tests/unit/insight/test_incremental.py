"""docs/insight.md, attribution: what holdouts measured, beside it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.insight.cohort import Cohorts
from cjo_stream.insight.figure.incremental import groups, open_measured
from cjo_stream.insight.lift import Group, Mixed, chance_of_sizes, compare_rates
from tests.unit.insight.touched import DAY, Written
from tests.world.command_line import Cli, cli

__all__ = ["cli"]


def groups_of(
    connection: Any, goal: str
) -> tuple[dict[tuple[str, bool], Group], dict[str, Mixed]]:
    open_measured(connection, goal, "journey", {})
    return groups(connection)


def random_world(seed: int) -> Written:
    """Customers of two journeys with holdouts; some choices are shadow.

    Some customers merge, some of those part again, with or without their instances, and some are
    erased.
    """
    chance = random.Random(seed)
    written = Written()
    for number in range(120):
        customer = f"c{number:03}"
        written.created(customer, 0)
        for journey in ("j", "k"):
            if chance.random() < 0.2:
                continue
            held = chance.random() < 0.4
            if chance.random() < 0.9:
                written.transition(customer, 0, "entered", journey, holdout=held)
            for day in range(1, chance.randint(1, 4)):
                suppressed = "shadow" if chance.random() < 0.2 else "holdout" if held else None
                written.chose(customer, day * DAY, journey, suppressed)
            if chance.random() < 0.4:
                day = chance.randint(0, 5)
                written.transition(customer, day * DAY, "goal", journey, holdout=held)
        if number and chance.random() < 0.4:
            other = f"c{number - 1:03}"
            written.merged(other, customer, 9 * DAY)
            if chance.random() < 0.5:
                written.unmerged(f"{customer}u", customer, 10 * DAY, left=other)
                for journey in ("j", "k"):
                    if chance.random() < 0.5:
                        reason = chance.choice(["moved", "goal"])
                        written.transition(f"{customer}u", 11 * DAY, reason, journey)
                        moved = msgspec.structs.replace(
                            written.transitions[-1], instance_id=f"{customer}-{journey}"
                        )
                        written.transitions[-1] = moved
        if chance.random() < 0.05:
            gone = chance.randrange(max(0, number - 3), number + 1)
            written.erased(f"c{gone:03}", 20 * DAY)
    return written


@pytest.mark.parametrize("seed", range(6))
def test_the_groups_are_those_of_report_lift(seed: int, tmp_path: Path) -> None:
    written = random_world(seed)
    cohorts = Cohorts()
    for record in (*written.identities, *written.transitions, *written.decisions):
        cohorts.add(record)
    connection = written.connection(tmp_path)
    compared = {one.journey: one for one in cohorts.compare()}
    assert compared.keys() == {"j", "k"}
    for journey, lift in compared.items():
        found, mixed = groups_of(connection, journey or "")
        for held_out, expected in ((False, lift.treated), (True, lift.held_out)):
            group = found[journey or "", held_out]
            assert (group.customers, group.goals) == (expected.customers, expected.goals)
        assert lift.mixed == mixed[journey or ""]
        assert lift.mixed.customers > 0


# --- worked by hand


def held(
    written: Written,
    journey: str,
    treated: tuple[int, int],
    held_out: tuple[int, int],
    channel: str = "mail",
) -> None:
    """Add customers of each group, and how many of them convert; who is treated is written to."""
    for is_held, (customers, goals) in ((False, treated), (True, held_out)):
        for number in range(customers):
            customer = f"{journey}-{is_held}-{number}"
            written.chose(customer, 0, journey, "holdout" if is_held else None, channel)
            if not is_held:
                written.command(customer, 0, channel, journey=journey)
            if number < goals:
                written.goal(customer, DAY)


def measured(written: Written, folder: Path, by: str, shares: Any = None) -> dict[str, Any]:
    connection = written.connection(folder)
    assert open_measured(connection, "buy", by, shares or {}) == ([], {})
    return {
        touch: limits for touch, *limits in connection.execute("SELECT * FROM measured").fetchall()
    }


def test_a_journey_has_the_difference_of_the_rates_for_each_treated_customer(
    tmp_path: Path,
) -> None:
    written = Written()
    held(written, "j", (200, 60), (100, 10))
    lift = compare_rates(Group(200, 60), Group(100, 10))
    assert lift is not None
    assert lift.lift.value == pytest.approx(0.2)
    limits = [200 * one for one in (lift.lift.value, lift.lift.low, lift.lift.high)]
    assert measured(written, tmp_path, "journey") == {"j": pytest.approx(limits)}


def test_whoever_converts_twice_counts_twice(tmp_path: Path) -> None:
    written = Written()
    held(written, "j", (10, 4), (10, 2))
    written.goal("j-False-0", 2 * DAY)
    assert measured(written, tmp_path, "journey")["j"][0] == pytest.approx(10 * (0.5 - 0.2))


def test_a_channel_is_measured_where_all_journeys_that_use_it_are_and_use_no_other(
    tmp_path: Path,
) -> None:
    written = Written()
    held(written, "a", (100, 30), (100, 10), "mail")
    held(written, "b", (100, 20), (100, 10), "mail")
    held(written, "two", (100, 20), (100, 10), "sms")
    written.command("two-False-0", 1, "web", journey="two")
    held(written, "push", (100, 20), (100, 10), "push")
    written.command("eve", 1, "push", journey="without")
    found = measured(written, tmp_path, "channel")
    assert found.keys() == {"mail"}
    value, low, high = found["mail"]
    assert value == pytest.approx(30)
    parts = [compare_rates(Group(100, goals), Group(100, 10)) for goals in (30, 20)]
    distances = [one.lift.value - one.lift.low for one in parts if one]
    assert value - low == pytest.approx(100 * sum(one**2 for one in distances) ** 0.5)
    assert high > value


def test_sizes_are_tested_against_the_share_held_out() -> None:
    """100 of 1,000 are off by 50, that is 7.25 deviations, from a share of 5 %."""
    assert chance_of_sizes(Group(900), Group(100), 0.1) == pytest.approx(1)
    assert chance_of_sizes(Group(900), Group(100), 0.05) < 1e-9
    # 119 of 1,000: 19 / 9.4868 = 2.0028 deviations.
    assert chance_of_sizes(Group(881), Group(119), 0.1) == pytest.approx(0.0452, abs=1e-4)
    assert chance_of_sizes(Group(), Group(), 0.1) == 1


# --- through the command line


TOPOLOGY = """\
topology: t
channels: {{mail: {{out: {{address: email}}}}, web: {{in: {{}}}}}}
identity: {{identifiers: [{{type: email}}]}}
---
journey: j
version: 1
entry: {{on: visited}}
holdout: {share}
initial: s
states: {{s: {{after: {{1d: last}}}}, last: {{end: over}}}}
"""


@pytest.fixture
def layer(cli: Cli, tmp_path: Path) -> Path:
    written = Written()
    held(written, "j", (200, 60), (100, 10))
    written.command("fay", 0, "mail", journey="other")
    written.goal("fay", DAY)
    assert (
        cli("insight", "sink", written.into(tmp_path / "run"), "--layer", tmp_path / "l").code == 0
    )
    return tmp_path / "l"


def attribution(cli: Cli, layer: Path, by: str, *more: object) -> tuple[str, str]:
    words = ("insight", "attribution", "--goal", "buy", "--by", by, "--layer", layer)
    done = cli(*words, *more)
    assert done.code == 0, done.err
    return done.out, done.err


def test_the_table_has_beside_each_journey_what_its_holdout_measured(
    cli: Cli, layer: Path
) -> None:
    out, err = attribution(cli, layer, "journey")
    (first,) = [line for line in out.splitlines() if line.split()[:2] == ["first", "j"]]
    assert "40.0 (" in first
    assert first.split()[-1] == "1.50"
    (other,) = [line for line in out.splitlines() if line.split()[:2] == ["first", "other"]]
    assert "not measured" in other
    assert "j: holdouts measured 40.0 conversions" in err
    assert "first (60.0), last (60.0)" in err
    assert "not measured" in attribution(cli, layer, "channel")[0]
    assert "measured" not in attribution(cli, layer, "action")[0]


def test_who_was_in_both_groups_is_left_out_and_named_by_the_first(
    cli: Cli, tmp_path: Path
) -> None:
    written = Written()
    held(written, "j", (20, 6), (10, 1))
    for number in range(3):
        # Of each pair, the treated one was first, but for the last.
        written.chose(f"a{number}", 1 * DAY, "j", "holdout" if number == 2 else None)
        written.chose(f"b{number}", 2 * DAY, "j", None if number == 2 else "holdout")
        written.merged(f"a{number}", f"b{number}", 3 * DAY)
    run, layer = written.into(tmp_path / "run"), tmp_path / "l"
    told = (
        "3 customers are left out: they were in both groups, by a merge "
        "(2 treated first, 1 held out first)"
    )
    lift = cli("report", "lift", run)
    assert f"j: {told}" in " ".join(lift.out.split())
    (one,) = json.loads(cli("report", "lift", run, "--json").out)
    assert one["mixed"] == {"treated": 2, "held_out": 1}
    assert cli("insight", "sink", run, "--layer", layer).code == 0
    _, err = attribution(cli, layer, "journey")
    assert f"j: of what its holdout measured, {told}" in " ".join(err.split())


def test_other_forms_have_the_columns_of_the_figure_alone(cli: Cli, layer: Path) -> None:
    out, err = attribution(cli, layer, "journey", "--format", "csv")
    assert out.splitlines()[0] == "model,touch,conversions"
    assert "contradict" in err


def test_a_holdout_of_unlikely_sizes_is_withheld(cli: Cli, layer: Path, tmp_path: Path) -> None:
    topology = tmp_path / "t"
    topology.mkdir()
    for share, is_withheld in (("33%", False), ("10%", True)):
        (topology / "topology.yaml").write_text(TOPOLOGY.format(share=share))
        out, err = attribution(cli, layer, "journey", "--topology", topology)
        assert ("40.0 (" in out) is not is_withheld
        assert ("the holdout of j measured is withheld" in err) is is_withheld
