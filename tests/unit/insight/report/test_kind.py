"""The reports on attribution, friction, value and for leaders, and what is compared."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cjo_stream.insight.lift import Group, compare_rates
from tests.unit.insight.report.test_report import asked, blocks, layer, report
from tests.unit.insight.test_value_command import FEW, event
from tests.unit.insight.test_value_command import layer as layer_of
from tests.unit.insight.touched import DAY, Written
from tests.world.command_line import Cli, cli
from tests.world.page import Page

__all__ = ["cli", "layer"]

PURCHASES = ("--on", "order_placed", "--value", "total")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["attribution", "friction", "leadership"])
def test_each_page_is_whole_and_loads_nothing(
    cli: Cli, layer: Path, tmp_path: Path, kind: str
) -> None:
    done = cli("report", kind, "--layer", layer, "--html", tmp_path / "page.html")
    assert done.code == 0, done.err
    text = (tmp_path / "page.html").read_text()
    page = Page(text)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert "http" not in text
    assert "`" not in text
    assert cli("report", kind, "--layer", layer).code == 0


def test_credits_are_those_of_the_command(cli: Cli, layer: Path) -> None:
    found = report(cli, "attribution", layer, "--goal", "cart_recovery")
    tables = list(blocks(found, "table"))
    assert len(tables) == 3
    for table in tables:
        credited = {
            (row["touch"], row["model"]): f"{float(row['conversions']):,.1f}"
            for row in asked(cli, table["command"])
        }
        models = [name.lstrip("#").replace(" ", "_") for name in table["columns"][1:8]]
        shown = {
            ("" if row[0] == "(none of a journey)" else row[0], model): cell
            for row in table["rows"]
            for model, cell in zip(models, row[1:8], strict=True)
            if cell
        }
        assert shown == credited


def test_the_goal_reached_most_often_is_credited_unless_one_is_named(
    cli: Cli, layer: Path
) -> None:
    found = report(cli, "attribution", layer)
    assert found["boxes"][0]["value"] == "cart_recovery"


def test_without_a_goal_nothing_is_credited(cli: Cli, tmp_path: Path) -> None:
    written = Written()
    written.transition("ada", DAY, "entered")
    written.connection(tmp_path)
    ask = ("report", "attribution", "--layer", tmp_path / "layer")
    done = cli(*ask)
    assert (done.code, "take records of a longer time" in done.err) == (2, True)
    written.goal("ada", 2 * DAY)
    (tmp_path / "more").mkdir()
    written.connection(tmp_path / "more")
    assert cli("report", "attribution", "--layer", tmp_path / "more" / "layer").code == 0


def test_findings_are_those_of_the_command(cli: Cli, layer: Path) -> None:
    found = report(cli, "friction", layer)
    command = f"cjo-stream insight friction --layer {layer}"
    assert found["boxes"][0]["value"] == str(len(asked(cli, command)))


def test_value_is_that_of_the_command(cli: Cli, tmp_path: Path) -> None:
    at = layer_of(tmp_path, FEW)
    found = report(cli, "value", at, *PURCHASES, "--horizon", "39w")
    table = list(blocks(found, "table"))[-1]
    fitted = {row["parameter"]: float(row["estimate"]) for row in asked(cli, table["command"])}
    assert {row[1]: row[2] for row in table["rows"]} == {
        name: f"{estimate:.6g}" for name, estimate in fitted.items()
    }
    leaders = report(cli, "leadership", at, *PURCHASES, "--horizon", "39w")
    assert found["boxes"] == leaders["boxes"][-3:]
    page = tmp_path / "page.html"
    assert cli("report", "value", "--layer", at, *PURCHASES, "--html", page).code == 0
    assert "`" not in page.read_text()


def test_without_scipy_the_extra_is_named(
    cli: Cli, layer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("report", "value", "--layer", layer, *PURCHASES)
    with monkeypatch.context() as without:
        for name in [one for one in sys.modules if one.startswith("cjo_stream.insight.figure")]:
            without.delitem(sys.modules, name)
        without.delitem(sys.modules, "cjo_stream.insight.value", raising=False)
        without.setitem(sys.modules, "scipy.optimize", None)
        done = cli(*ask)
        assert (done.code, "pip install 'cjo-stream[insight]'" in done.err) == (2, True)
    assert "NumPy" not in cli(*ask).err


def test_leaders_see_the_goals_of_the_command(cli: Cli, layer: Path) -> None:
    found = report(cli, "leadership", layer)
    goals = {
        row["journey"]: row
        for row in asked(cli, f"cjo-stream insight goals --layer {layer}")
        if not row["holdout"]
    }
    rows = next(blocks(found, "table"))["rows"]
    assert {row[0]: row[2] for row in rows} == {
        name: int(row["entered"]) for name, row in goals.items()
    }
    assert any("value: --on" in one for one in found["missing"])


@pytest.mark.parametrize("kind", ["journeys", "leadership"])
def test_treated_and_held_out_differ_as_their_lists_do(cli: Cli, layer: Path, kind: str) -> None:
    found = report(cli, kind, layer, "--compare", "holdout")
    section = next(one for one in found["sections"] if one["title"].startswith("Compared"))
    table = section["blocks"][0]
    sides = {
        (row["journey"], row["holdout"]): Group(int(row["customers"]), int(row["reached_by"]))
        for row in asked(cli, table["command"])
    }
    assert table["rows"]
    for name, treated, held_out, *_, difference, low, high in table["rows"]:
        groups = sides[name, "false"], sides[name, "true"]
        assert (treated, held_out) == tuple(one.customers for one in groups)
        lift = compare_rates(*groups)
        assert lift is not None
        limits = (lift.lift.value, lift.lift.low, lift.lift.high)
        shown = [f"{one * 100:+.1f}".replace("-", "−") for one in limits]
        assert [difference, low, high] == shown


def test_a_period_and_a_version_compared_with_themselves_do_not_differ(
    cli: Cli, layer: Path
) -> None:
    for what in ("versions:1,1", "period:2026-01-01/2027-01-01"):
        found = report(cli, "journeys", layer, "--compare", what)
        section = next(one for one in found["sections"] if one["title"].startswith("Compared"))
        goals, times = (block["rows"] for block in section["blocks"])
        assert goals
        assert all(row[1] == row[2] and row[5] == "+0.0" for row in goals)
        assert times
        assert all(row[1] == row[2] and row[3] == row[4] for row in times)


def test_a_spectrum_draws_as_many_passages_as_it_says(cli: Cli, layer: Path) -> None:
    found = report(cli, "journeys", layer)
    drawn = list(blocks(found, "spectrum"))
    assert drawn
    for one in drawn:
        passages = asked(cli, one["command"])
        of = [
            row
            for row in passages
            if (row["from"], row["to"]) == (one["source"], one["target"])
            and one["title"].startswith(f"{row['journey']}, version {row['version']}:")
        ]
        times = {(int(row["began"]), int(row["ended"])) for row in of}
        lines = [tuple(line) for each in one["classes"] for line in each["times"]]
        assert set(lines) <= times
        assert one["note"].startswith(f"{len(of):,} passage")
        assert len(lines) == len(of) if "each" in one["note"] else len(lines) <= 400


def test_who_comes_again_and_what_journeys_are_worth_is_as_the_commands_say(
    cli: Cli, tmp_path: Path
) -> None:
    at = layer_of(tmp_path, FEW)
    found = report(cli, "value", at, *PURCHASES, "--horizon", "39w")
    again, worth = (
        next(blocks({"sections": [one]}, "table"))
        for one in found["sections"]
        if one["title"] in ("Who comes again", "What journeys are worth")
    )
    rows = asked(cli, again["command"])
    starts = sorted({int(row["cohort"]) for row in rows})
    assert [row[1] for row in again["rows"]] == [
        int(row["customers"])
        for start in starts[-12:]
        for row in rows
        if int(row["cohort"]) == start and row["period"] == "0"
    ]
    assert [(row[0], row[1]) for row in worth["rows"]] == [
        (row["journey"], int(row["count"])) for row in asked(cli, worth["command"])
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scores", "columns"),
    [
        ((5, 4, 1), ["#satisfied", "#CSAT, % (95 %)"]),
        ((10, 4, 1), ["#promoters", "#detractors", "#NPS (95 %)"]),
        ((11, 4, 1), []),
    ],
)
def test_satisfaction_is_as_the_command_says(
    cli: Cli, tmp_path: Path, scores: tuple[int, ...], columns: list[str]
) -> None:
    answers = [event("ada", 9 + at, score, "survey") for at, score in enumerate([*scores, None])]
    at = layer_of(tmp_path, [*FEW, event("ada", 8, None), *answers])
    words = (*PURCHASES, "--score", "survey.total")
    found = report(cli, "value", at, *words)
    (section,) = (one for one in found["sections"] if one["title"] == "Satisfaction")
    (table,) = section["blocks"]
    assert table["columns"][4:] == columns
    everybody, *by_journey = table["rows"]
    assert everybody[:3] == ["(all answers)", 3, 1]
    assert [(row[0], row[1]) for row in by_journey] == [
        (row["journey"], int(row["count"])) for row in asked(cli, table["command"])
    ]
    assert "Left out: 1 event without total." in table["note"]
    assert any("1 event order_placed without total" in one for one in found["missing"])
    page = tmp_path / "page.html"
    assert cli("report", "value", "--layer", at, *words, "--html", page).code == 0
    assert "`" not in page.read_text()
    refused = cli("report", "value", "--layer", at, *PURCHASES, "--score", "surveys.total")
    assert "--score surveys.total: no event" in refused.err
    assert "did you mean survey.ATTRIBUTE?" in refused.err


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["journeys", "leadership"])
def test_goals_of_the_days_are_those_of_the_outcomes(cli: Cli, layer: Path, kind: str) -> None:
    found = report(cli, kind, layer)
    series = [one for one in blocks(found, "series") if one["title"].startswith("Goals reached")]
    goals = sum(
        int(row["count"])
        for row in asked(cli, series[0]["command"])
        if row["what"] == "goal" and not row["holdout"]
    )
    assert sum(series[0]["values"]) == goals > 0
    assert [at % DAY for at in series[0]["at"]] == [0] * len(series[0]["at"])


@pytest.mark.slow
def test_leaders_see_the_main_findings_of_friction(cli: Cli, layer: Path) -> None:
    found = report(cli, "leadership", layer)
    stuck = next(one for one in found["sections"] if one["title"] == "Where customers get stuck")
    wanted = report(cli, "friction", layer)["sections"][0]["blocks"][0]["sentences"][:3]
    assert stuck["blocks"][0]["sentences"] == wanted
