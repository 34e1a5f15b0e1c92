"""Reports: their numbers are those of the commands, and the page is whole and loads nothing."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.world.command_line import ROOT, Cli, cli
from tests.world.page import Page

__all__ = ["cli"]

HOSTILE = "<script>alert('x')</script>\"&"


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from cjo_stream.insight.filling.sink import Sink

    folder = tmp_path_factory.mktemp("layer")
    sink = Sink(str(folder))
    sink.take_run(ROOT / "topologies" / "shop" / "expected")
    sink.publish()
    return folder


def report(cli: Cli, kind: str, layer: Path, *more: object) -> dict[str, Any]:
    done = cli("report", kind, "--layer", layer, "--json", *more)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def blocks(report: dict[str, Any], type_: str) -> Iterator[dict[str, Any]]:
    for section in report["sections"]:
        yield from (one for one in section["blocks"] if one["type"] == type_)


def asked(cli: Cli, command: str) -> list[dict[str, str]]:
    """Return the rows that the command below a figure prints."""
    done = cli(*shlex.split(command)[1:], "--format", "csv")
    assert done.code == 0, done.err
    return list(csv.DictReader(io.StringIO(done.out)))


PERIODS = ([], ["--from", "2026-03-03T00:00:00Z", "--until", "2026-03-20T00:00:00Z"])


@pytest.mark.slow
@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("journey", [[], ["--journey", "cart_recovery"]])
def test_numbers_are_those_of_the_commands(
    cli: Cli, layer: Path, tmp_path: Path, period: list[str], journey: list[str]
) -> None:
    found = report(cli, "journeys", layer, *period, *journey)
    goals = {
        (row["journey"], int(row["version"])): row
        for row in asked(cli, next(blocks(found, "table"))["command"])
        if not row["holdout"]
    }
    overview = next(blocks(found, "table"))["rows"]
    assert len(overview) == (1 if journey else len(goals)) > 0
    for name, version, begun, customers, reached, *_ in overview:
        row = goals[name, version]
        of_row = tuple(int(row[one]) for one in ("entered", "customers", "reached"))
        assert (begun, customers, reached) == of_row
    for one in blocks(found, "funnel"):
        numbers = [int(row["customers"]) for row in asked(cli, one["command"])]
        assert [step["customers"] for step in one["steps"]] == numbers
    maps = list(blocks(found, "map"))
    passages = asked(cli, maps[0]["command"])
    for one in maps:
        name, version = one["title"].split(", version ")
        of = [row for row in passages if (row["journey"], row["version"]) == (name, version)]
        assert sum(edge["passages"] for edge in one["edges"]) == len(of)
        for edge in one["edges"]:
            ends = (edge["source"], edge["target"] or "")
            times = sorted(
                int(row["ended"]) - int(row["began"])
                for row in of
                if (row["from"], row["to"]) == ends
            )
            assert edge["passages"] == len(times)
            assert edge["p50_ms"] == times[(len(times) + 1) // 2 - 1]
    flow = next(blocks(found, "flow"))
    rows = [row for row in asked(cli, flow["command"]) if not journey or row["journey"] in journey]
    for link in flow["links"]:
        source, target = (flow["nodes"][link[end]]["name"] for end in ("source", "target"))
        if journey:  # a column of outcomes
            continue
        after = "" if target == "nothing more" else target
        wanted = sum(
            int(row["passages"])
            for row in rows
            if (row["journey"], row["next_journey"]) == (source, after)
        )
        assert link["passages"] == wanted
    series = next(blocks(found, "series"))
    listed = tmp_path / "list.csv"
    cli(*shlex.split(series["command"])[1:], "--list", listed)
    rows = list(csv.DictReader(listed.read_text().splitlines()))
    assert rows or "--until" not in period
    of_journeys = [row for row in rows if not journey or row["journey"] in journey]
    assert series["values"][-1] == len({row["customer_id"] for row in of_journeys})


def test_the_page_is_whole_and_loads_nothing(cli: Cli, layer: Path, tmp_path: Path) -> None:
    done = cli("report", "journeys", "--layer", layer, "--html", tmp_path / "page.html")
    assert (done.code, done.out) == (0, "")
    assert str(tmp_path / "page.html") in done.err
    text = (tmp_path / "page.html").read_text()
    page = Page(text)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert all(str(one["href"]).startswith("#") for one in page.of("a"))
    assert not any("src" in attributes for _, attributes in page.tags)
    assert "http" not in text
    assert "url(" not in text
    assert "`" not in text
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in page.of("svg"))


def test_names_from_records_are_escaped(cli: Cli, tmp_path: Path) -> None:
    from cjo_stream.insight.filling.sink import Sink

    run = tmp_path / "run"
    run.mkdir()
    text = (ROOT / "topologies" / "shop" / "expected" / "transitions.jsonl").read_text()
    records = [json.loads(line) for line in text.splitlines()]
    for one in records:
        one["journey"] += HOSTILE
        one |= {end: one[end] and one[end] + HOSTILE for end in ("from", "to", "outcome")}
    (run / "transitions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    sink = Sink(str(tmp_path / "layer"))
    sink.take_run(run)
    sink.publish()
    done = cli("report", "journeys", "--layer", tmp_path / "layer", "--html", tmp_path / "x.html")
    assert done.code == 0, done.err
    page = Page((tmp_path / "x.html").read_text())
    assert not page.of("script")
    assert any(HOSTILE in one for one in page.texts)


def test_on_the_terminal_stand_tables_sparks_and_what_is_missing(cli: Cli, layer: Path) -> None:
    done = cli("report", "journeys", "--layer", layer)
    assert done.code == 0
    assert "PEOPLE" not in done.out
    assert re.search("People in journeys +[▁▂▃▄▅▆▇█]{28}", done.out)
    assert "cart_recovery, version 1" in done.out
    assert "the layer holds no events" in done.err


@pytest.mark.parametrize("kind", ["journeys", "leadership", "friction"])
def test_a_report_of_a_layer_without_records_names_no_time(
    cli: Cli, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "run").mkdir()
    layer = tmp_path / "layer"
    assert cli("insight", "sink", tmp_path / "run", "--layer", layer).code == 0
    done = cli("report", kind, "--layer", layer)
    assert (done.code, "1970" in done.out) == (0, False)
    assert "as of no record yet" in done.err
    done = cli("report", kind, "--layer", layer, "--from", "2026-03-01")
    assert (done.code, "the layer holds no record yet" in done.err) == (2, True)


def test_a_report_is_made_once_it_is_asked_for_as_the_refusals_say(
    cli: Cli, layer: Path, tmp_path: Path
) -> None:
    ask = ("report", "journeys", "--layer", layer, "--journey")
    done = cli(*ask, "cart_recvery")
    assert (done.code, "did you mean cart_recovery?" in done.err) == (2, True)
    done = cli(*ask, "cart_recovery", "--html", tmp_path)
    assert (done.code, "name another file with --html" in done.err) == (2, True)
    done = cli(*ask, "cart_recovery", "--compare", "weeks")
    assert (done.code, "write period:2026-03-01/2026-03-08" in done.err) == (2, True)
    asked_rightly = (*ask, "cart_recovery", "--html", tmp_path / "page.html", "--compare")
    assert cli(*asked_rightly, "period:2026-03-01/2026-03-08").code == 0
    done = cli("report", "leadership", "--layer", layer, "--on", "order_placed")
    assert (done.code, "--on and --value go together" in done.err) == (2, True)
