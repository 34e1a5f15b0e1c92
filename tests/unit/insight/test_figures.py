"""Each figure, over random filters, against a plain count of the raw records."""

from __future__ import annotations

import csv
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.unit.insight import plain
from tests.unit.insight.plain import Raw
from tests.world.command_line import ROOT, Cli, cli

__all__ = ["cli"]

TOPOLOGIES = ("shop", "lending")
FILTERS = 12 if "CJO_LONG" in os.environ else 5
"""Random filters a topology and figure."""


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a layer of each topology's recorded run."""
    from cjo_stream.insight.filling.sink import Sink

    layers = {}
    for name in TOPOLOGIES:
        layers[name] = tmp_path_factory.mktemp(name)
        sink = Sink(str(layers[name]))
        sink.take_run(ROOT / "topologies" / name / "expected")
        sink.publish()
    return layers


def value(text: str) -> Any:
    if text in ("", "true", "false"):
        return {"": None, "true": True, "false": False}[text]
    try:
        return round(float(text), 3)
    except ValueError:
        return text


def rows(text: str) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(map(value, row)) for row in list(csv.reader(text.splitlines()))[1:])


def as_found(wanted: plain.Rows) -> Counter[tuple[Any, ...]]:
    return Counter(
        tuple(
            value(one) if isinstance(one, str) else float(one) if type(one) is int else one
            for one in row
        )
        for row in wanted
    )


class Filters:
    """Random periods and steps over the records of a run."""

    def __init__(self, raw: Raw, seed: int) -> None:
        self.raw = raw
        self.random = random.Random(seed)
        times = [one["time"] for one in raw.transitions]
        self.span = min(times) - 1, max(times) + 2

    def time(self) -> int:
        """A time: often exactly that of a record."""
        if self.random.random() < 0.6:
            return int(self.random.choice(self.raw.transitions)["time"])
        return self.random.randint(*self.span)

    def period(self) -> tuple[tuple[int | None, int | None], list[str]]:
        begin = self.time() if self.random.random() < 0.6 else None
        end = self.time() if self.random.random() < 0.6 else None
        if begin is not None and end is not None:
            begin, end = min(begin, end), max(begin, end) + 1  # an empty period is refused
        options = [] if begin is None else ["--from", str(begin)]
        return (begin, end), options + ([] if end is None else ["--until", str(end)])

    def step(self) -> str:
        one = self.random.choice(self.raw.transitions)
        action = self.random.choice(self.raw.actions)
        return self.random.choice(
            (
                f"{one['journey']}:{one['reason']}",
                f"{one['journey']}.{one['to'] or one['from']}",
                f"action:{action['action']}",
                f"action:{action['action']}/{action['channel']}",
            )
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_figures_are_those_of_a_plain_count(
    cli: Cli, layers: dict[str, Path], name: str, tmp_path: Path
) -> None:
    raw = Raw(ROOT / "topologies" / name / "expected")
    filters = Filters(raw, seed=len(name))

    def found(*arguments: object) -> Counter[tuple[Any, ...]]:
        listed = tmp_path / "list.csv"
        done = cli(
            "insight", *arguments, "--layer", layers[name], "--format", "csv", "--list", listed
        )
        assert done.code == 0, done.err
        figure = rows(done.out)
        # The figure is the length of its list (of outcomes and goals, each row counts in two).
        assert len(listed.read_text().splitlines()) - 1 == length(arguments[0], figure)
        return figure

    most = 3 * 86_400_000
    compared = 0
    for _ in range(FILTERS):
        period, options = filters.period()
        times = [filters.time() for _ in range(2)]
        steps = [filters.step() for _ in range(filters.random.randint(1, 4))]
        at = ["--at", *map(str, times)]
        for arguments, wanted in (
            (("people", *at), plain.people(raw, times)),
            (("flows", "--of", "states", *options), plain.flows_of_states(raw, period)),
            (
                ("flows", "--of", "journeys", "--within", "3d", *options),
                plain.flows_of_journeys(raw, period, most),
            ),
            (("dwell", *options), plain.dwell(raw, period)),
            (("outcomes", *options), plain.outcomes(raw, period)),
            (("goals", *options), plain.goals(raw, period)),
            (("spectrum", *options), plain.spectrum(raw, period)),
            (
                ("funnel", *steps, "--within", "3d", *options),
                plain.funnel(raw, steps, period, most),
            ),
        ):
            assert found(*arguments) == as_found(wanted), arguments
            compared += len(wanted)
    assert compared > 50 * FILTERS


def length(what: object, figure: Counter[tuple[Any, ...]]) -> int:
    """Return how many rows the list of a figure must have."""
    if what == "spectrum":
        return figure.total()
    column = {"people": -1, "flows": -2, "dwell": -9, "outcomes": -2, "goals": -5, "funnel": -1}[
        str(what)
    ]
    total = sum(row[column] * number for row, number in figure.items())
    return int(total / 2) if what in ("outcomes", "goals") else int(total)


def test_what_a_figure_is_of_is_said_beside_it(cli: Cli, layers: dict[str, Path]) -> None:
    done = cli("insight", "outcomes", "--layer", layers["shop"])
    assert done.err.startswith("as of records until 2026-")
    assert "cart_recovery" in done.out


def test_a_step_that_no_record_is_has_the_nearest_one_beside_it(
    cli: Cli, layers: dict[str, Path]
) -> None:
    steps = ["cart_recovry:entered", "cart_recovery:goal", "xyzzy.plugh"]
    done = cli("insight", "funnel", *steps, "--layer", layers["shop"], "--format", "csv")
    assert done.out == "step,customers\n1,0\n2,0\n3,0\n"
    assert "is cart_recovry:entered: did you mean cart_recovery:entered?" in done.err
    assert done.err.endswith("no record of the layer is xyzzy.plugh\n")
    assert "cart_recovery:goal" not in done.err.splitlines()[-1]
    right = cli("insight", "funnel", "cart_recovery:entered", "--layer", layers["shop"])
    assert "no record" not in right.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["people", "--at", "noon"], "--at noon: no time"),
        (["funnel", "cart_recovery:entred"], "did you mean entered?"),
        (["funnel", "cart_recovery"], "is no step: write JOURNEY.STATE"),
        (["funnel", "action:"], "names no action"),
        (["sql", "SELEC 1"], "syntax error"),
        (["export", "stays"], "there is no view `stays`"),
        (["dwell", "--list", "list.txt"], "ends neither in .csv nor in .parquet"),
    ],
)
def test_a_wrong_call_says_what_to_write(
    cli: Cli, layers: dict[str, Path], arguments: list[str], said: str
) -> None:
    done = cli("insight", *arguments, "--layer", layers["shop"])
    assert done.code == 2
    assert said in done.err


def test_a_folder_without_a_layer_says_how_to_make_one(cli: Cli, tmp_path: Path) -> None:
    done = cli("insight", "dwell", "--layer", tmp_path)
    assert done.code == 2
    assert f"cjo-stream insight sink RUN --layer {tmp_path}" in done.err


def test_rows_come_in_each_form(cli: Cli, layers: dict[str, Path], tmp_path: Path) -> None:
    import duckdb

    query = "SELECT journey, count(*) AS n FROM stay GROUP BY journey ORDER BY journey"
    layer = layers["shop"]
    as_csv = cli("insight", "sql", query, "--layer", layer, "--format", "csv")
    as_json = cli("insight", "sql", query, "--layer", layer, "--format", "json")
    named = list(csv.DictReader(as_csv.out.splitlines()))
    assert [{**one, "n": str(one["n"])} for one in json.loads(as_json.out)] == named
    assert as_csv.err == "" == as_json.err
    out = tmp_path / "stay's.parquet"
    assert cli("insight", "export", "stay", "--layer", layer, "--out", out).code == 0
    with duckdb.connect() as connection:
        (number,) = (
            connection.execute("SELECT count(*) FROM read_parquet($f)", {"f": str(out)}).fetchone()
            or ()
        )
    assert number == sum(int(one["n"]) for one in named)
