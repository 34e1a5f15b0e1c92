"""`insight retention`, `satisfaction` and `worth`, recounted from the raw records."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.insight.lift import Group, compare_values
from tests.unit.insight.surveyed import (
    DAY,
    HOUR,
    SPAN,
    START,
    Places,
    Surveyed,
    mean_and_half,
    wilson,
)
from tests.world.command_line import Cli, Done, cli

__all__ = ["cli"]

Rows = list[dict[str, str]]


def asked(cli: Cli, *arguments: object) -> tuple[Rows, str]:
    done = cli("insight", *arguments, "--format", "csv")
    assert done.code == 0, done.err
    return list(csv.DictReader(io.StringIO(done.out))), done.err


def refused(cli: Cli, *arguments: object) -> str:
    done: Done = cli("insight", *arguments)
    assert (done.code, done.out) == (2, "")
    return done.err


def number(text: str) -> float | None:
    return float(text) if text else None


def listed(path: Path) -> Rows:
    with path.open() as file:
        return list(csv.DictReader(file))


# --- retention


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("begin", "end"), [(None, None), (START + 9 * DAY, None), (START, START + 30 * DAY)]
)
def test_retention_is_recounted(
    seed: int, begin: int | None, end: int | None, cli: Cli, tmp_path: Path
) -> None:
    world = Surveyed(seed)
    layer = world.layer(tmp_path)
    places = Places(world, tmp_path / "run")
    period = [
        word
        for name, at in (("--from", begin), ("--until", end))
        if at is not None
        for word in (name, at)
    ]
    words = ("retention", "--on", "survey", "--every", "5d", "--layer", layer, *period)
    found, err = asked(cli, *words, "--list", tmp_path / "l.csv")
    times = defaultdict(set)
    for one in world.events:
        if end is None or one["time"] < end:
            customer = places.present(one["identifiers"]["user_id"])
            times[customer].add(one["time"])
    all_times = set().union(*times.values())
    start = min(all_times) // DAY * DAY if begin is None else begin
    over = max(one["time"] for one in world.events) + 1
    over = over if end is None else min(over, end)
    expected = []
    bucket = 5 * DAY
    for cohort in range(start, over, bucket):
        of = [one for one in times.values() if cohort <= min(one) < cohort + bucket]
        for period_number, since in enumerate(range(cohort, over - bucket + 1, bucket)):
            if of:
                kept = sum(any(since <= t < since + bucket for t in one) for one in of)
                expected.append((cohort, period_number, len(of), kept))
    assert expected
    assert [
        tuple(int(one[name]) for name in ("cohort", "period", "customers", "retained"))
        for one in found
    ] == expected
    for one, (_, _, customers, kept) in zip(found, expected, strict=True):
        assert float(one["share"]) == kept / customers
        limits = [float(one["low"]), float(one["high"])]
        assert limits == pytest.approx(wilson(kept, customers), abs=1e-12)
    rows = listed(tmp_path / "l.csv")
    assert len(rows) == sum(one[2] for one in expected)
    assert sum(one["retained"] == "true" for one in rows) == sum(one[3] for one in expected)
    assert ("left out: the period from" in err) is bool((over - start) % bucket)


def test_retention_is_refused_until_it_is_asked_as_the_refusal_says(
    cli: Cli, tmp_path: Path
) -> None:
    layer = Surveyed(1).layer(tmp_path)
    words = ("retention", "--layer", layer, "--on")
    assert "did you mean survey?" in refused(cli, *words, "surveys")
    assert "no time at all; write a duration" in refused(cli, *words, "survey", "--every", "0")
    assert "take a longer --every" in refused(cli, *words, "survey", "--every", "1m")
    assert asked(cli, *words, "survey", "--every", "1d")[0]


# --- places


def scores(
    world: Surveyed, run: Path, by: str, within: int
) -> dict[tuple[str, ...], dict[str, list[float]]]:
    """Return the numbers by key and customer."""
    places = Places(world, run)
    found: dict[tuple[str, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in world.events:
        value = one["attributes"]["x"]
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        customer = places.present(one["identifiers"]["user_id"])
        states = set(places.at(customer, one["time"], within))
        keys: set[tuple[str, ...]] = {
            "state": states or {("(none)", "(none)")},
            "journey": {(journey,) for journey, _ in states} or {("(none)",)},
            "channel": {(one["channel"],)},
            "all": {()},
        }[by]
        for key in keys:
            found[key][customer].append(value)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by", ["journey", "state"])
@pytest.mark.parametrize("within", [0, 3])
def test_worth_is_recounted(seed: int, by: str, within: int, cli: Cli, tmp_path: Path) -> None:
    world = Surveyed(seed)
    world.event("c001", START + DAY, None)
    layer = world.layer(tmp_path)
    words = (
        "worth",
        "--on",
        "survey",
        "--value",
        "x",
        "--by",
        by,
        "--within",
        f"{within}d" if within else "0",
    )
    found, err = asked(cli, *words, "--layer", layer, "--list", tmp_path / "l.csv")
    expected = scores(world, tmp_path / "run", by, within * DAY)
    names = ("journey", "state") if by == "state" else ("journey",)
    assert [tuple(one[name] for name in names) for one in found] == sorted(expected)
    for one, key in zip(found, sorted(expected), strict=True):
        values = [value for of in expected[key].values() for value in of]
        assert (int(one["count"]), float(one["sum"])) == (len(values), sum(values))
        assert int(one["customers"]) == len(expected[key])
        mean, half = mean_and_half(expected[key])
        assert float(one["mean"]) == pytest.approx(mean)
        limits = [None, None] if half is None else [mean - half, mean + half]
        for name, limit in zip(("low", "high"), limits, strict=True):
            assert number(one[name]) == pytest.approx(limit, abs=1e-9)
    rows = listed(tmp_path / "l.csv")
    assert len(rows) == sum(int(one["count"]) for one in found)
    assert sum(float(one["value"]) for one in rows) == sum(float(one["sum"]) for one in found)
    assert "left out: 1 event `survey` without `x`" in err


def test_of_a_journey_left_at_the_moment_of_the_event_the_last_state_counts(
    cli: Cli, tmp_path: Path
) -> None:
    world = Surveyed(0, customers=1)
    world.transitions.clear()
    world.events.clear()
    for number_, (reason, to) in enumerate((("entered", "a"), ("moved", "b"), ("ended", "c"))):
        world.moved("c000", START + bool(number_) * HOUR, reason, "j", "i", to)
    world.moved("c000", START, "entered", "k", "k", "z")
    world.event("c000", START + HOUR, 8)
    world.event("c000", START + HOUR + DAY, 4)
    layer = world.layer(tmp_path)
    words = ("worth", "--on", "survey", "--value", "x", "--by", "state", "--layer", layer)
    for within, in_b in (("0", "8.0"), ("23h", "8.0"), ("1d", "12.0")):
        found, _ = asked(cli, *words, "--within", within)
        sums = {(one["journey"], one["state"]): one["sum"] for one in found}
        assert sums == {("j", "b"): in_b, ("k", "z"): "12.0"}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("by", ["all", "journey", "state", "channel"])
def test_nps_is_recounted(seed: int, by: str, cli: Cli, tmp_path: Path) -> None:
    world = Surveyed(seed)
    layer = world.layer(tmp_path)
    words = ["satisfaction", "--on", "survey", "--score", "x", "--layer", layer]
    found, err = asked(cli, *words, *([] if by == "all" else ["--by", by]))
    assert "all scores are of 0..10, so they are read as such" in err
    expected = scores(world, tmp_path / "run", by, 7 * DAY)
    assert len(found) == len(expected)
    for one, (_, of) in zip(found, sorted(expected.items()), strict=True):
        values = [value for each in of.values() for value in each]
        assert int(one["count"]) == len(values)
        assert int(one["promoters"]) == sum(value > 8 for value in values)
        assert int(one["detractors"]) == sum(value < 7 for value in values)
        mean, half = mean_and_half(of)
        assert float(one["mean"]) == pytest.approx(mean)
        if half is not None:
            assert float(one["mean_high"]) - mean == pytest.approx(half, abs=1e-9)
        signs = {name: [(x > 8) - (x < 7.0) for x in each] for name, each in of.items()}
        mean, half = mean_and_half(signs)
        assert float(one["nps"]) == pytest.approx(100 * mean)
        assert bool(one["nps_low"]) is bool(one["nps_high"]) is (half is not None)
        if half is not None:
            assert float(one["nps_low"]) == pytest.approx(max(100 * (mean - half), -100))
            assert float(one["nps_high"]) == pytest.approx(min(100 * (mean + half), 100))
        assert (one["satisfied"], one["csat"], one["csat_low"]) == ("", "", "")


def test_csat_is_the_share_of_four_and_five(cli: Cli, tmp_path: Path) -> None:
    world = Surveyed(0, customers=3)
    world.events.clear()
    for day, score in enumerate((1, 2, 3, 4, 5, 5)):
        world.event("c000", START + day * DAY, score)
    layer = world.layer(tmp_path)
    words = ("satisfaction", "--on", "survey", "--score", "x", "--layer", layer)
    (found,), err = asked(cli, *words)
    assert (found["satisfied"], found["csat"]) == ("3", "0.5")
    assert {found[name] for name in ("nps", "nps_low", "nps_high", "promoters")} == {""}
    limits = [float(found["csat_low"]), float(found["csat_high"])]
    assert limits == pytest.approx(wilson(3, 6))
    assert found["mean_low"] == ""
    assert "all scores are of 1..5" in err
    (found,), err = asked(cli, *words, "--scale", "0..10")
    assert (found["promoters"], found["detractors"], found["nps"]) == ("0", "6", "-100.0")
    assert "read as such" not in err


def test_a_table_has_intervals_beside_their_numbers(cli: Cli, tmp_path: Path) -> None:
    layer = Surveyed(2).layer(tmp_path)
    words = ("satisfaction", "--on", "survey", "--score", "x", "--by", "channel", "--layer", layer)
    found, _ = asked(cli, *words)
    shown = [line.split() for line in cli("insight", *words).out.splitlines()]
    for one in found:
        (row,) = [line for line in shown if line[:1] == [one["channel"]]]
        text = " ".join(row)
        for name, digits in (("mean", 2), ("nps", 0)):
            value, low, high = (
                f"{float(one[name + end]):.{digits}f}" for end in ("", "_low", "_high")
            )
            assert f"{value} ({low} to {high})" in text
    assert not any("csat" in word for line in shown for word in line)
    csat = cli("insight", *words, "--scale", "1..5").out
    assert "csat, %" in csat
    assert "nps" not in csat


def test_scores_of_no_scale_have_a_mean_and_what_is_none_of_a_given_one_is_left_out(
    cli: Cli, tmp_path: Path
) -> None:
    world = Surveyed(0, customers=3)
    world.events.clear()
    for day, score in enumerate((4, 5, 97.5, "5", True, 4.5)):
        world.event("c000", START + day * DAY, score)
    layer = world.layer(tmp_path)
    words = ("satisfaction", "--on", "survey", "--layer", layer, "--score")
    (found,), err = asked(cli, *words, "x")
    assert (found["count"], found["nps"], found["csat"]) == ("4", "", "")
    assert "neither of 0..10 nor of 1..5" in err
    assert "1 event `survey` with a text at `x`" in err
    assert "1 event `survey` with no number at `x`" in err
    (found,), err = asked(cli, *words, "x", "--scale", "1..5")
    assert (found["count"], found["csat"]) == ("2", "1.0")
    assert "2 events `survey` with a score that is none of 1..5" in err
    late = str(START + 2 * DAY)
    said = refused(cli, *words, "x", "--scale", "1..5", "--from", late)
    assert "no score is one of 1..5" in said
    assert "did you mean x?" in refused(cli, *words, "xx")


# --- what holdouts measured, and outcomes


def test_a_holdout_measures_value(cli: Cli, tmp_path: Path) -> None:
    world = Surveyed(5, customers=60)
    world.transitions.clear()
    world.identities.clear()
    for place, customer in enumerate(world.customers):
        world.chose(customer, START + 5 * DAY, "j", "holdout" if place % 3 == 0 else None)
    layer = world.layer(tmp_path)
    groups = {True: Group(), False: Group()}
    for place, customer in enumerate(world.customers):
        of = [
            one["attributes"]["x"]
            for one in world.events
            if one["identifiers"]["user_id"] == customer and one["time"] >= START + 5 * DAY
        ]
        groups[place % 3 == 0].add(goal=bool(of), value=sum(of))
    lift = compare_values(groups[False], groups[True])
    assert lift is not None
    words = ("worth", "--on", "survey", "--value", "x", "--layer", layer)
    found, _ = asked(cli, *words)
    assert [one["journey"] for one in found] == ["(none)", "j"]
    of_j = found[1]
    measured = [float(of_j[f"incremental{end}"]) for end in ("", "_low", "_high")]
    assert measured == pytest.approx(
        [40 * one for one in (lift.lift.value, lift.lift.low, lift.lift.high)]
    )
    assert (of_j["count"], of_j["mean"], found[0]["incremental"]) == ("0", "", "")
    assert "incremental" not in asked(cli, *words, "--by", "state")[0][0]
    shown = cli("insight", *words).out
    assert f"{measured[0]:,.0f} ({measured[1]:,.0f} to {measured[2]:,.0f})" in shown
    topology = tmp_path / "t"
    topology.mkdir()
    for share, is_withheld in (("33%", False), ("5%", True)):
        (topology / "topology.yaml").write_text(TOPOLOGY.format(share=share))
        found, err = asked(cli, *words, "--topology", topology)
        assert ("the holdout of j measured is withheld" in err) is is_withheld
        assert [one["journey"] for one in found] == ["(none)"] + ["j"] * (not is_withheld)


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


def test_outcomes_of_commands_are_worth_what_they_state(cli: Cli, tmp_path: Path) -> None:
    world = Surveyed(3)
    world.command("c001", START, "mail", journey="j")
    world.command("c002", START, "mail", journey=None)
    for customer, day, value, action in (
        ("c001", 1, 20.0, "a0"), ("c001", 2, 5.5, "a0"), ("c002", 3, None, "a1"),
        ("c002", 4, 7.0, "a1"),
    ):  # fmt: skip
        world.reward(customer, START + day * DAY, value, action)
    layer = world.layer(tmp_path)
    words: tuple[Any, ...] = ("worth", "--layer", layer)
    found, _ = asked(cli, *words)
    assert [(one["journey"], one["count"], one["sum"]) for one in found] == [
        ("(none)", "1", "7.0"), ("j", "2", "25.5"),
    ]  # fmt: skip
    found, _ = asked(cli, *words, "--by", "state", "--until", START + 2 * DAY)
    assert [(one["journey"], one["state"], one["sum"]) for one in found] == [("j", "s", "20.0")]
    late = START + SPAN
    assert "no outcome of a command in the period states a value" in refused(
        cli, *words, "--from", late
    )
    assert "--on and --value go together" in refused(cli, *words, "--on", "survey")
    assert asked(cli, *words, "--on", "survey", "--value", "x", "--from", START)[0]
