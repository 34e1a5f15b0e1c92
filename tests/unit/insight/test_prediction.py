"""insight predictions, next: figures against plain counts over records made by hand."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest

from cjo_stream.core.learning.calibration import Outcomes
from cjo_stream.core.record import Prediction
from cjo_stream.definition import load
from tests.bench.prediction import WITHIN, floor, predicting
from tests.world.command_line import ROOT, Cli, cli

__all__ = ["cli"]

Row = dict[str, Any]
HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_772_323_200_000
STATES = ("waiting", "reminded", "called")


def written(path: Path, rows: Iterable[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def transition(number: int, at: int, who: str, instance: str, reason: str, **more: Any) -> Row:
    given = {"from": None, "to": None, "outcome": None, **more}
    return {
        "schema": "cjo.transition.v1", "transition_id": f"t{number}", "customer_id": who,
        "journey": "cart", "version": 1, "instance_id": instance, "key": None, "reason": reason,
        "time": at, "trigger": {"kind": "timer", "id": None, "type": None}, "holdout": False,
        **given,
    }  # fmt: skip


def told(one: Row) -> tuple[Any, ...]:
    return (one["time"], int(one["transition_id"][1:]))


def walks(people: int, seed: int) -> list[Row]:
    """Return the transitions of people who wander about, some of them for good."""
    draw = random.Random(seed)
    rows: list[Row] = []
    for person in range(people):
        at = START + draw.randrange(40 * DAY)
        state = "waiting"
        who, instance = f"c{person}", f"i{person}"
        rows.append(transition(len(rows), at, who, instance, "entered", to=state))
        for _ in range(draw.randrange(7)):
            at += draw.randrange(HOUR, (1 + STATES.index(state)) * 2 * DAY)
            last, state = state, draw.choice([*STATES, "bought", ""])
            reason = {"bought": "ended", "": "exited"}.get(state, "moved")
            more = {"from": last, "to": state or None, "outcome": "left" if not state else None}
            rows.append(transition(len(rows), at, who, instance, reason, **more))
            if reason != "moved":
                break
    return sorted(rows, key=told)


def predictions(number: int, transitions: list[Row], seed: int) -> list[Row]:
    draw = random.Random(seed)
    rows = []
    for n in range(number):
        at = START + draw.randrange(50 * DAY)
        chance = draw.random()
        rows.append({
            "schema": "cjo.prediction.v1", "prediction_id": f"p{n}",
            "customer_id": draw.choice(transitions)["customer_id"], "predict": "buys" if n % 3 else
            "leaves", "definition": "d", "probability": round(chance, 6), "model_version": n % 4,
            "features": [0], "outcome": int(draw.random() < chance), "opened_at": at,
            "time": at + 2 * DAY,
        })  # fmt: skip
    return sorted(rows, key=lambda one: one["time"])


@pytest.fixture
def layer(cli: Cli, tmp_path: Path) -> tuple[Path, list[Row], list[Row]]:
    """Return a layer of 300 people, of whom two became one, with their raw records."""
    run = tmp_path / "run"
    run.mkdir()
    moves = walks(300, seed=1)
    made = predictions(900, moves, seed=2)
    written(run / "transitions.jsonl", moves)
    written(run / "predictions.jsonl", made)
    merged = {
        "schema": "cjo.identity.v1", "kind": "merged", "customer_id": "c1", "absorbed": ["c2"],
        "identifiers": [], "event_id": None, "reason": None, "time": START + 49 * DAY,
    }  # fmt: skip
    written(run / "identities.jsonl", [merged])
    done = cli("insight", "sink", run, "--layer", tmp_path / "layer")
    assert done.code == 0, done.err
    for one in (*moves, *made):
        one["customer_id"] = "c1" if one["customer_id"] == "c2" else one["customer_id"]
    return tmp_path / "layer", moves, made


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def state_at(moves: list[Row], who: str, at: int) -> str | None:
    past = [one for one in moves if one["customer_id"] == who and one["time"] <= at]
    return None if not past else f"cart.{past[-1]['to'] or past[-1]['reason']}"


def test_predictions_are_counted_as_by_hand(
    cli: Cli, layer: tuple[Path, list[Row], list[Row]], tmp_path: Path
) -> None:
    place, moves, made = layer
    begin, end = START + 10 * DAY, START + 45 * DAY
    listed = tmp_path / "list.csv"
    period = ("--from", str(begin), "--until", str(end))
    done = cli(
        "insight", "predictions", "--layer", place, *period, "--format", "csv", "--list", listed
    )
    assert done.code == 0, done.err
    for one in made:
        one["state"] = state_at(moves, one["customer_id"], one["opened_at"])
    wanted: list[Row] = []
    for one in made:
        before = [
            other
            for other in made
            if other["predict"] == one["predict"] and other["time"] < one["opened_at"]
        ]
        base = (sum(other["outcome"] for other in before) + 1) / (len(before) + 2)
        same = [other["outcome"] for other in before if other["state"] == one["state"]]
        one["base"], one["of_state"] = base, (sum(same) + 2 * base) / (len(same) + 2)
        if begin <= one["opened_at"] < end:
            wanted.append(one)
    found = rows_of(done.out)
    assert len(rows_of(listed.read_text())) == len(wanted)
    for name in ("buys", "leaves"):
        own = sorted(
            (one for one in wanted if one["predict"] == name),
            key=lambda one: (one["probability"], one["prediction_id"]),
        )
        bins = [row for row in found if row["predict"] == name]
        assert [row["bin"] for row in bins] == [*map(str, range(1, 11)), ""]
        at, errors = 0, 0.0
        for row in bins[:-1]:
            part = own[at : at + int(row["count"])]
            at += len(part)
            errors += len(part) * compared(row, part)
        assert at == len(own)
        assert max(int(row["count"]) for row in bins[:-1]) - len(own) // 10 <= 1
        compared(bins[-1], own, errors / len(own))


def test_the_learner_measures_the_calibration_that_the_figure_has(
    cli: Cli, layer: tuple[Path, list[Row], list[Row]]
) -> None:
    place, _, made = layer
    done = cli("insight", "predictions", "--layer", place, "--format", "csv")
    outcomes = Outcomes()
    for one in random.Random(1).sample(made, len(made)):
        outcomes.add(msgspec.convert(one, Prediction))
    measured = dict(outcomes.calibrations())
    totals = [row for row in rows_of(done.out) if not row["bin"]]
    assert {row["predict"] for row in totals} == set(measured) == {"buys", "leaves"}
    for row in totals:
        of = measured[row["predict"]]
        assert of.outcomes == int(row["count"])
        for found, column in (
            (of.error, "calibration_error"),
            (of.predicted, "mean_probability"),
            (of.came, "came_true"),
        ):
            assert found == pytest.approx(float(row[column]), abs=1e-9)


def test_a_floor_is_the_error_of_right_probabilities_as_the_figure_has_it(
    cli: Cli, layer: tuple[Path, list[Row], list[Row]]
) -> None:
    place, _, made = layer
    done = cli("insight", "predictions", "--layer", place, "--format", "csv")
    for row in (row for row in rows_of(done.out) if not row["bin"]):
        own = [one for one in made if one["predict"] == row["predict"]]
        own.sort(key=lambda one: (one["probability"], one["prediction_id"]))
        ranked = [one["probability"] for one in own]
        error = float(row["calibration_error"])
        mean, high = floor(ranked)
        assert 0 < mean < high < 2 * mean
        assert error < 2 * high
    assert floor([0.0, 1.0] * 50) == (0.0, 0.0)
    assert floor([0.5] * 4_000)[0] == pytest.approx(floor([0.5] * 1_000)[0] / 2, rel=0.2)


def test_the_shop_of_the_instrument_predicts(tmp_path: Path) -> None:
    folder = predicting(ROOT / "topologies" / "shop", tmp_path / "shop")
    rules = load(folder).program.predictions.values()
    assert {rule.name: rule.within_ms // DAY for rule in rules} == WITHIN


@pytest.mark.slow
def test_the_report_on_journeys_ends_with_predictions_as_the_figure_has_them(
    cli: Cli, layer: tuple[Path, list[Row], list[Row]]
) -> None:
    place, _, _ = layer
    period = ("--from", str(START + 10 * DAY), "--until", str(START + 45 * DAY))
    done = cli("insight", "predictions", "--layer", place, *period, "--format", "csv")
    found = rows_of(done.out)
    told = cli("report", "journeys", "--layer", place, *period, "--json")
    assert told.code == 0, told.err
    last = json.loads(told.out)["sections"][-1]
    assert last["title"] == "Predictions"
    said, table = last["blocks"]
    assert [row[:3] for row in table["rows"]] == [
        [row["predict"], int(row["bin"]), int(row["count"])] for row in found if row["bin"]
    ]
    totals = [row for row in found if not row["bin"]]
    assert len(said["sentences"]) == len(totals) == 2
    for sentence, row in zip(said["sentences"], totals, strict=True):
        assert sentence["text"].startswith(f"{row['predict']} was predicted {row['count']} times")
        loss, *plain = (
            float(row[f"log_loss{name}"]) for name in ("", "_base_rate", "_last_state")
        )
        is_better = all(loss < one for one in plain)
        better = "it was better than the base rate and the last state alone." in sentence["text"]
        assert better == is_better
    one = cli("report", "journeys", "--layer", place, "--journey", "cart", "--json")
    assert "Predictions" not in [part["title"] for part in json.loads(one.out)["sections"]]


def compared(row: dict[str, str], part: list[Row], error: float | None = None) -> float:
    """Compare a row of the figure with its records; return its calibration error."""
    mean = sum(one["probability"] for one in part) / len(part)
    came = sum(one["outcome"] for one in part) / len(part)
    wanted = {
        "count": len(part),
        "customers": len({one["customer_id"] for one in part}),
        "mean_probability": mean,
        "came_true": came,
        "calibration_error": abs(mean - came) if error is None else error,
        "log_loss": loss(part, "probability"),
        "log_loss_base_rate": loss(part, "base"),
        "log_loss_last_state": loss(part, "of_state"),
    }
    assert {name: float(row[name]) for name in wanted} == pytest.approx(wanted)
    return abs(mean - came)


def loss(part: list[Row], column: str) -> float:
    def of(one: Row) -> float:
        p = min(max(one[column], 1e-6), 1 - 1e-6)
        return -math.log(p if one["outcome"] else 1 - p)

    return sum(map(of, part)) / len(part)


class Stay:
    """One stay in a state, as the records tell it."""

    def __init__(self, one: Row, before: Row | None, after: Row | None) -> None:
        self.instance, self.who = one["instance_id"], one["customer_id"]
        self.state, self.since = one["to"], one["time"]
        self.came_from = before["to"] if before else ""
        self.until = after["time"] if after else None
        self.next = None if after is None else after["to"] or f"({after['outcome']})"

    def context(self, at: int) -> tuple[str, str, int]:
        """Return the state, the one before, and the class of the time that it lasts at `at`."""
        hours = (at - self.since) / HOUR
        return self.state, self.came_from, round(math.log2(1 + hours))

    def within(self, at: int, end: int) -> tuple[str | None, int | None]:
        """Return where it has gone by `end`, and how long after `at`."""
        if self.until is None or self.until > end:
            return None, None
        return self.next, self.until - at


def stays(moves: list[Row]) -> list[Stay]:
    of: dict[str, list[Row]] = defaultdict(list)
    for one in moves:
        of[one["instance_id"]].append(one)
    return [
        Stay(one, rows[place - 1] if place else None, (*rows[place + 1 :], None)[0])
        for rows in of.values()
        for place, one in enumerate(rows)
        if one["reason"] in ("entered", "moved")
    ]


def plain_next(moves: list[Row], at: int, within: int, least: int) -> list[tuple[Any, ...]]:
    """Return (instance, state, next, probability, median) by a count of other code."""
    cases: dict[tuple[Any, ...], list[tuple[str | None, int | None]]] = defaultdict(list)
    everyone = stays(moves)

    def levels(context: tuple[str, str, int]) -> list[tuple[Any, ...]]:
        state, before, dwell = context
        return [(1, state, before, dwell), (2, state, dwell), (3, state), (4, state)]

    for step in range(4, 64):
        then = at - step * within // 4
        for stay in everyone:
            if stay.since <= then and (stay.until is None or stay.until > then):
                for level in levels(stay.context(then)):
                    cases[level].append(stay.within(then, then + within))
    found = []
    for stay in everyone:
        if stay.since > at or (stay.until is not None and stay.until <= at):
            continue
        known = [level for level in levels(stay.context(at)) if cases[level]]
        full = [level for level in known if len(cases[level]) >= least]
        if not known:
            continue
        counted = cases[full[0] if full else max(known, key=lambda one: len(cases[one]))]
        for next_, number in Counter(one for one, _ in counted).items():
            times = [ms for one, ms in counted if one == next_ and ms is not None]
            middle = round(median(times)) if times else None
            found.append((stay.instance, stay.state, next_, number / len(counted), middle))
    return sorted(found, key=str)


def test_next_states_are_expected_as_by_hand(
    cli: Cli, layer: tuple[Path, list[Row], list[Row]], tmp_path: Path
) -> None:
    from cjo_stream.insight.figure.next import LEAST

    place, moves, _ = layer
    at, listed = START + 30 * DAY, tmp_path / "list.csv"
    options = ("--at", str(at), "--within", "2d", "--format", "csv", "--list", listed)
    done = cli("insight", "next", "--layer", place, *options)
    assert done.code == 0, done.err
    rows = rows_of(listed.read_text())
    found = sorted(
        (
            (
                row["instance_id"],
                row["state"],
                row["next"] or None,
                pytest.approx(float(row["probability"])),
                pytest.approx(int(row["median_ms"]), abs=1) if row["median_ms"] else None,
            )
            for row in rows
        ),
        key=lambda one: str(one[:3]),
    )
    wanted = sorted(plain_next(moves, at, 2 * DAY, LEAST), key=lambda one: str(one[:3]))
    assert wanted == found
    assert len({row["level"] for row in rows}) > 1
    expected = rows_of(done.out)
    for row in expected:
        own = [one for one in rows if (one["state"], one["next"]) == (row["state"], row["next"])]
        assert int(row["instances"]) == len(own)
        assert float(row["expected"]) == pytest.approx(sum(float(o["probability"]) for o in own))
    by_instance = itertools.groupby(sorted(rows, key=by_id), by_id)
    for _, own in by_instance:
        assert sum(float(one["probability"]) for one in own) == pytest.approx(1)


def by_id(row: dict[str, str]) -> str:
    return row["instance_id"]


def test_the_check_uses_nothing_of_what_came(
    cli: Cli, layer: tuple[Path, list[Row], list[Row]], tmp_path: Path
) -> None:
    place, moves, _ = layer
    at = str(START + 30 * DAY)
    listed = tmp_path / "list.csv"
    options = ("--at", at, "--within", "2d", "--check", "--format", "csv", "--list", listed)
    done = cli("insight", "next", "--layer", place, *options)
    assert done.code == 0, done.err
    later = {
        stay.instance: stay.within(int(at), int(at) + 2 * DAY)[0] for stay in alive(moves, at)
    }
    rows = rows_of(listed.read_text())
    for row in rows:
        assert (row["came_true"] == "true") == (later[row["instance_id"]] == (row["next"] or None))
    figure = rows_of(done.out)
    assert sum(int(row["count"]) for row in figure) == len(rows)
    for row in figure:
        own = [
            one
            for one in rows
            if min(10, int(float(one["probability"]) * 10) + 1) == int(row["bin"])
        ]
        came = sum(one["came_true"] == "true" for one in own) / len(own)
        assert float(row["came_true"]) == pytest.approx(came)
        assert int(row["count"]) == len(own)


def alive(moves: list[Row], at: str) -> list[Stay]:
    return [
        stay
        for stay in stays(moves)
        if stay.since <= int(at) and (stay.until is None or stay.until > int(at))
    ]


def test_a_check_of_what_has_not_come_yet_is_refused(
    cli: Cli, layer: tuple[Path, list[Row], list[Row]]
) -> None:
    place, _, _ = layer
    done = cli("insight", "next", "--layer", place, "--check", "--within", "2d")
    assert done.code == 2
    assert "give --at TIME" in done.err
    earlier = ("--at", str(START + 30 * DAY))
    assert (
        cli("insight", "next", "--layer", place, "--check", "--within", "2d", *earlier).code == 0
    )
