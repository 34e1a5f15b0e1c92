"""insight measures: figure and list, where customers were merged, parted and erased.

Beside them are plain counts over the raw records, whose customers are found by other code.
"""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.unit.insight import plain
from tests.unit.insight.changing import Changing, Raw
from tests.unit.insight.test_figures import Filters
from tests.world.command_line import SHOP, Cli, cli

__all__ = ["cli"]

MEASURES = """
measure: revenue
on: order_placed
value: event.total
---
measure: revenue_by_state
on: order_placed
value: event.total - 50
per: state
---
measure: carts
on: [cart_updated, journey.goal]
when: not event.total < 30
per: journey
---
measure: life
on: [journey.entered, journey.ended]
value: len(event.journey) / 3
per: state
"""
FILTERS = 25
KEYS = ("measure", "journey", "version", "state")
Row = dict[str, Any]


def shop_with_measures(folder: Path) -> Path:
    topology = folder / "shop"
    shutil.copytree(SHOP, topology, ignore=shutil.ignore_patterns("expected", "events.jsonl"))
    (topology / "measures.yaml").write_text(MEASURES)
    return topology


def counted(of: list[Row], every: int | None) -> dict[tuple[str, ...], list[float]]:
    """Return count, customers, sum, mean, least and greatest by key, as texts and numbers."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for one in of:
        begin = [] if every is None else [one["time"] // every * every]
        key = [*(one[name] for name in KEYS), *begin]
        groups[tuple("" if part is None else str(part) for part in key)].append(one)
    return {
        key: [
            len(rows),
            len({one["customer_id"] for one in rows}),
            total := math.fsum(one["value"] for one in rows),
            total / len(rows),
            min(one["value"] for one in rows),
            max(one["value"] for one in rows),
        ]
        for key, rows in groups.items()
    }


@pytest.mark.slow
def test_every_filter_gives_the_plain_count(cli: Cli, tmp_path: Path) -> None:
    world = Changing(cli, tmp_path, people=60, seed=7, topology=shop_with_measures(tmp_path))
    layer, listed = tmp_path / "layer", tmp_path / "list.csv"
    for _ in world.quarters():
        done = cli("insight", "sink", world.state, "--layer", layer)
        assert done.code == 0, done.err
    raw = world.raw()
    assert_is_whole(raw)
    filters = Filters(raw, seed=2)
    for _ in range(FILTERS):
        period, options = filters.period()
        every = filters.random.choice((None, 86_400_000, 5_400_000))
        options += [] if every is None else ["--every", f"{every // 60_000}m"]
        done = cli(
            "insight", "measures", "--layer", layer, "--format", "csv", "--list", listed, *options
        )
        assert done.code == 0, done.err
        of = [one for one in raw.measures if plain.within(one["time"], period)]
        keys = len(KEYS) + (every is not None)
        rows = [tuple(row) for row in csv.reader(done.out.splitlines())][1:]
        found = {row[:keys]: [float(one) for one in row[keys:]] for row in rows}
        wanted = counted(of, every)
        assert found.keys() == wanted.keys()
        assert all(found[key] == pytest.approx(wanted[key], abs=1e-9) for key in wanted), options
        assert who(csv.DictReader(listed.read_text().splitlines())) == who(of)


def assert_is_whole(raw: Raw) -> None:
    """There are records of each kind, also of customers who were merged and parted, or erased."""
    names = Counter(one["measure"] for one in raw.measures)
    assert set(names) == {"revenue", "revenue_by_state", "carts", "life"}
    kinds = Counter(one["kind"] for one in raw.identities)
    assert min(kinds["merged"], kinds["unmerged"], kinds["erased"]) > 2
    assert not {one["customer_id"] for one in raw.measures} & raw.erased


def who(rows: Any) -> Counter[tuple[str, ...]]:
    return Counter(
        (one["measure"], one["customer_id"], str(one["time"]), one["instance_id"] or "")
        for one in rows
    )


def test_a_layer_without_measures_has_none(cli: Cli, tmp_path: Path) -> None:
    out, layer = tmp_path / "out", tmp_path / "layer"
    assert cli("run", SHOP, SHOP / "events.jsonl", "--out", out).code == 0
    assert cli("insight", "sink", out, "--layer", layer).code == 0
    done = cli("insight", "measures", "--layer", layer, "--format", "csv")
    assert done.out == "measure,journey,version,state,count,customers,sum,mean,min,max\n"


@pytest.mark.slow
def test_over_time_each_measure_has_a_table_that_fits_a_terminal(cli: Cli, tmp_path: Path) -> None:
    topology, out, layer = shop_with_measures(tmp_path), tmp_path / "out", tmp_path / "layer"
    assert cli("run", topology, SHOP / "events.jsonl", "--out", out).code == 0
    assert cli("insight", "sink", out, "--layer", layer).code == 0
    asked = ("insight", "measures", "--layer", layer, "--every", "7d")
    done = cli(*asked)
    rows = list(csv.DictReader(cli(*asked, "--format", "csv").out.splitlines()))
    lines = [line.rstrip() for line in done.out.splitlines()]
    titles = [line for line in lines if line.startswith("Measures")]
    keys = dict.fromkeys(tuple(row[name] for name in KEYS) for row in rows)
    assert titles == [
        "Measures: " + ", ".join(f"{name} {of}" for name, of in zip(KEYS, key, strict=True) if of)
        for key in keys
    ]
    assert "Measures: measure revenue" in titles
    heads = [line.split() for line in lines if "begin" in line]
    assert heads == [["begin", "count", "customers", "sum", "mean", "min", "max"]] * len(titles)
    assert max(len(line) for line in lines if line.startswith("  ")) <= 80
    days = [line.split()[0] for line in lines if line.startswith("  20")]
    assert len(days) == len(rows)
    assert "Measures: " not in cli("insight", "measures", "--layer", layer).out
    none = cli(*asked, "--until", "1980-01-01T00:00:00Z")
    assert len(none.out.split("Measures")) == 2


@pytest.mark.slow
def test_reports_show_the_rows_of_the_command(cli: Cli, tmp_path: Path) -> None:
    topology, out, layer = shop_with_measures(tmp_path), tmp_path / "out", tmp_path / "layer"
    assert cli("run", topology, SHOP / "events.jsonl", "--out", out).code == 0
    assert cli("insight", "sink", out, "--layer", layer).code == 0
    rows = plain.read(out / "measures.jsonl")
    for kind, keys in (("journeys", 3), ("leadership", 2)):
        done = cli("report", kind, "--layer", layer, "--json")
        [section] = [one for one in json.loads(done.out)["sections"] if one["title"] == "Measures"]
        [table] = section["blocks"]
        names = ("measure", "journey", "state")[:keys]
        wanted = Counter(tuple(one[name] or "" for name in names) for one in rows)
        assert {tuple(row[:keys]): row[keys] for row in table["rows"]} == wanted
        of = [one["value"] for one in rows if one["measure"] == "revenue"]
        revenue = next(row for row in table["rows"] if row[0] == "revenue")
        assert revenue[keys + 2] == round(sum(of))
        assert len(revenue[-1]) == 14
        assert "█" in revenue[-1]
    done = cli("report", "journeys", "--layer", layer, "--json", "--journey", "cart_recovery")
    [section] = [one for one in json.loads(done.out)["sections"] if one["title"] == "Measures"]
    assert {row[1] for row in section["blocks"][0]["rows"]} == {"cart_recovery"}


SMALL = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user}]}
---
journey: cart
version: 1
entry: {on: cart}
initial: waiting
states: {waiting: {after: {1h: over}}, over: {end: over}}
---
measure: revenue
on: order
value: event.total
"""


def small_layer(cli: Cli, folder: Path, *rows: tuple[str, str, float]) -> Path:
    """Return a layer of events, each by type, time of 2 March 2026 and total."""
    topology = folder / "small"
    topology.mkdir()
    (topology / "topology.yaml").write_text(SMALL)
    events = [
        {"type": type_, "time": f"2026-03-02T{at}:00Z", "channel": "web",
         "identifiers": {"user": "ada"}, "attributes": {"total": total}}
        for type_, at, total in rows
    ]  # fmt: skip
    (folder / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    done = cli("run", topology, folder / "events.jsonl", "--out", folder / "out")
    assert done.code == 0, done.err
    done = cli("insight", "sink", folder / "out", "--layer", folder / "layer")
    assert done.code == 0, done.err
    return folder / "layer"


def trend_of(cli: Cli, layer: Path) -> str:
    done = cli("report", "journeys", "--layer", layer, "--json")
    assert done.code == 0, done.err
    [section] = [one for one in json.loads(done.out)["sections"] if one["title"] == "Measures"]
    [row] = section["blocks"][0]["rows"]
    return str(row[-1])


def test_the_sum_over_time_begins_with_the_first_measure(cli: Cli, tmp_path: Path) -> None:
    """Also if no journey has begun then."""
    rows = [("order", "10:00", 5), ("order", "12:00", 5), ("cart", "13:00", 0)]
    trend = trend_of(cli, small_layer(cli, tmp_path, *rows, ("order", "14:00", 5)))
    assert trend == "█▁▁▁▁▁█▁▁▁▁▁▁█"


def test_without_a_journey_sums_go_over_time_too(cli: Cli, tmp_path: Path) -> None:
    layer = small_layer(cli, tmp_path, ("order", "10:00", 5), ("order", "14:00", 5))
    assert trend_of(cli, layer) == "█▁▁▁▁▁▁▁▁▁▁▁▁█"


def test_a_report_rounds_what_it_shows(cli: Cli, tmp_path: Path) -> None:
    rows = [("order", "10:00", 1), ("order", "11:00", 1), ("order", "12:00", 0.0001)]
    layer = small_layer(cli, tmp_path, *rows)
    done = cli("report", "journeys", "--layer", layer, "--json")
    [section] = [one for one in json.loads(done.out)["sections"] if one["title"] == "Measures"]
    [row] = section["blocks"][0]["rows"]
    assert row[-3:-1] == [2, 0.67]


def test_numbers_beyond_1e15_spoil_no_sum(cli: Cli, tmp_path: Path) -> None:
    rows = [("order", "10:00", 1.7e308), ("order", "10:01", 1.7e308), ("order", "10:02", 5)]
    layer = small_layer(cli, tmp_path, *rows)
    done = cli("insight", "measures", "--layer", layer, "--format", "csv")
    assert done.out.splitlines()[1] == "revenue,,,,1,1,5.0,5.0,5.0,5.0"
    assert cli("report", "leadership", "--layer", layer).code == 0


def test_a_table_shows_the_begin_as_a_time(cli: Cli, tmp_path: Path) -> None:
    layer = small_layer(cli, tmp_path, ("order", "10:30", 5))
    table = cli("insight", "measures", "--layer", layer, "--every", "1h").out
    assert "2026-03-0" in table  # a narrow table parts the date
    done = cli("insight", "measures", "--layer", layer, "--every", "0")
    assert (done.code, "--every 0: no time at all" in done.err) == (2, True)
