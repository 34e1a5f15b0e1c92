"""`insight value`, from files of events to what it prints and writes."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.value import expected_purchases, expected_value, fit_purchases, fit_spend
from tests.unit.insight.test_value import simulate
from tests.world.command_line import ROOT, Cli, Done, cli

__all__ = ["cli"]

DAY_MS = 86_400_000
MIDNIGHT = "2026-01-01T00:00:00Z"
MIDNIGHT_MS = 1_767_225_600_000


def event(who: str, day: float, total: Any, type_: str = "order_placed") -> dict[str, Any]:
    """Return an event, `day` days after 2025-01-01T00:00Z."""
    return {
        "type": type_,
        "time": MIDNIGHT_MS - 365 * DAY_MS + round(day * DAY_MS),
        "channel": "web",
        "identifiers": {"user_id": who},
        "attributes": {} if total is None else {"total": total},
    }


def layer(folder: Path, events: list[dict[str, Any]], name: str = "layer") -> Path:
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in events))
    sink = Sink(str(folder / name))
    sink.take_events([str(file)], None, None, b"", MIDNIGHT_MS)
    sink.publish()
    return folder / name


def value(cli: Cli, layer: Path, *more: object, **options: str) -> Done:
    given = {
        "on": "order_placed", "value": "total", "until": MIDNIGHT, "horizon": "39w", **options
    }  # fmt: skip
    words = [word for name, text in given.items() for word in (f"--{name}", text)]
    return cli("insight", "value", *words, "--layer", layer, *more)


FEW = [
    event("ada", 0, 10),
    event("ada", 7, 20.5),
    event("ada", 7.9, 4),
    event("ada", 21, 12.5),
    event("bo", 100.99, 30),
    event("bo", 101, 0),
    event("bo", 300, 44),
    event("cy", 364, 99),
    event("cy", 364.999, 1),
    event("dee", 50, 5, type_="order_returned"),
]


def rows(file: Path) -> dict[str, Mapping[str, str]]:
    with file.open() as lines:
        return {one["customer_id"]: one for one in csv.DictReader(lines)}


def test_purchases_of_one_day_are_one_and_weeks_count_from_the_first(
    tmp_path: Path, cli: Cli
) -> None:
    file = tmp_path / "customers.csv"
    done = value(cli, layer(tmp_path, FEW), "--customers", file)
    assert done.code == 0, done.err
    found = rows(file)
    assert list(next(iter(found.values()))) == [
        "customer_id", "frequency", "recency", "age", "monetary", "p_alive",
        "expected_purchases", "expected_value", "clv", "clv_low", "clv_high",
    ]  # fmt: skip
    assert list(found) == ["user_id:ada", "user_id:bo", "user_id:cy"]
    wanted = {
        "user_id:ada": (2, 3.0, 52.0, (24.5 + 12.5) / 2),
        "user_id:bo": (2, 200 / 7, 264 / 7, 22.0),
        "user_id:cy": (0, 0.0, 0.0, 0.0),
    }
    for who, numbers in wanted.items():
        read = [float(found[who][name]) for name in ("frequency", "recency", "age", "monetary")]
        assert read == pytest.approx(numbers, abs=1e-12)
    assert found["user_id:ada"]["frequency"] == "2"
    assert float(found["user_id:cy"]["p_alive"]) == 1.0


@pytest.mark.slow
def test_the_calibration_ends_before_until_and_begins_at_from(tmp_path: Path, cli: Cli) -> None:
    at = layer(tmp_path, [*FEW, event("bo", 365, 77), event("eve", 365, 1)])
    file = tmp_path / "customers.csv"
    assert value(cli, at, "--customers", file).code == 0
    assert list(rows(file)) == ["user_id:ada", "user_id:bo", "user_id:cy"]
    assert rows(file)["user_id:bo"]["frequency"] == "2"
    later = "2026-01-01T00:00:00.001Z"
    assert value(cli, at, "--customers", file, until=later).code == 0
    assert "user_id:eve" in rows(file)
    assert rows(file)["user_id:bo"]["frequency"] == "3"
    assert float(rows(file)["user_id:ada"]["age"]) == pytest.approx(365 / 7)
    start = str(MIDNIGHT_MS - 358 * DAY_MS)
    assert value(cli, at, "--customers", file, **{"from": start}).code == 0
    assert rows(file)["user_id:ada"]["frequency"] == "1"
    assert float(rows(file)["user_id:ada"]["age"]) == 51.0


@pytest.fixture(scope="module")
def many() -> list[dict[str, Any]]:
    """Return the events of simulated customers, shuffled."""
    people = simulate(400, seed=4)
    rng = np.random.default_rng(4)
    events = []
    for number, (repeats, recency, age, mean) in enumerate(zip(*people[:4], strict=True)):
        begin = 364 - round(age * 7)
        last = begin + round(recency * 7)
        days = {begin, *([last] if repeats else []), *rng.integers(begin, last + 1, int(repeats))}
        events += [event(f"c{number}", float(day), round(float(mean) + 1, 2)) for day in days]
    rng.shuffle(events)
    return events


@pytest.mark.slow
def test_what_is_written_is_what_the_models_say(
    tmp_path: Path, cli: Cli, many: list[dict[str, Any]]
) -> None:
    at, file = layer(tmp_path, many), tmp_path / "customers.parquet"
    done = value(cli, at, "--customers", file, "--format", "csv")
    assert done.code == 0, done.err
    of = {
        name: np.array(column, dtype=float)
        for name, column in pyarrow.parquet.read_table(file).to_pydict().items()
        if name != "customer_id"
    }
    purchases = fit_purchases(of["frequency"], of["recency"], of["age"])
    spend = fit_spend(of["frequency"], of["monetary"])
    header, *lines = csv.reader(io.StringIO(done.out))
    assert header == ["parameter", "estimate", "low", "high"]
    assert [line[0] for line in lines] == ["r", "alpha", "a", "b", "p", "q", "v"]
    for place, name in enumerate(("estimates", "lows", "highs"), 1):
        numbers = tuple(float(line[place]) if line[place] else None for line in lines)
        assert numbers == (*getattr(purchases, name), *getattr(spend, name))
    expected = expected_purchases(
        purchases.estimates, of["frequency"], of["recency"], of["age"], 39.0
    )
    assert (of["expected_purchases"] == expected).all()
    worth = expected_value(spend.estimates, of["frequency"], of["monetary"])
    assert (of["expected_value"] == worth).all()
    assert (of["clv"] == expected * worth).all()


@pytest.mark.slow
def test_values_of_customers_have_the_spread_of_likely_parameters(
    tmp_path: Path, cli: Cli, many: list[dict[str, Any]]
) -> None:
    """By 1,000 draws of parameters near the fit, where a function is as good as straight."""
    at, file = layer(tmp_path, many), tmp_path / "customers.parquet"
    done = value(cli, at, "--customers", file)
    columns = pyarrow.parquet.read_table(file).to_pydict()
    of = {name: np.array(columns[name], float) for name in columns if name != "customer_id"}
    fits = (
        fit_purchases(of["frequency"], of["recency"], of["age"]),
        fit_spend(of["frequency"], of["monetary"]),
    )
    rng = np.random.default_rng(11)
    draws = [
        np.exp(
            rng.multivariate_normal(np.log(fit.estimates), np.array(fit.covariance) / 1e4, 1_000)
        )
        for fit in fits
    ]
    some = slice(0, 400, 9)
    history = [of[name][some] for name in ("frequency", "recency", "age")]
    clv = np.stack([
        expected_purchases(tuple(one), *history, 39.0)
        * expected_value(tuple(other), history[0], of["monetary"][some])
        for one, other in zip(*draws, strict=True)
    ])  # fmt: skip
    drawn = 2 * 1.959964 * 100 * np.log(clv).std(axis=0)
    written = np.log(of["clv_high"][some] / of["clv_low"][some])
    assert drawn == pytest.approx(written, rel=0.1)
    assert of["clv_low"] * of["clv_high"] == pytest.approx(of["clv"] ** 2)
    low, high = (
        float(one.replace(",", ""))
        for one in done.out.split("95 %: ")[1].split(")")[0].split(" to ")
    )
    total = of["clv"].sum()
    assert low < total < high
    assert low * high == pytest.approx(total**2, rel=1e-4)


@pytest.mark.slow
def test_the_same_events_give_the_same_bytes_in_whatever_order(
    tmp_path: Path, cli: Cli, many: list[dict[str, Any]]
) -> None:
    layers = [layer(tmp_path, many, "one"), layer(tmp_path, many[::-1], "other")]
    files = [tmp_path / "one.csv", tmp_path / "other.csv"]
    printed = [
        value(cli, at, "--customers", file, "--format", "json").out
        for at, file in zip(layers, files, strict=True)
    ]
    assert printed[0] == printed[1]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.slow
def test_a_table_has_intervals_and_what_is_expected_of_all(
    tmp_path: Path, cli: Cli, many: list[dict[str, Any]]
) -> None:
    file = tmp_path / "customers.csv"
    done = value(cli, layer(tmp_path, many), "--customers", file)
    rates = next(line.split() for line in done.out.splitlines() if " r " in line)
    assert float(rates[3]) < float(rates[2]) < float(rates[4])
    found = rows(file).values()
    bought = sum(float(one["expected_purchases"]) for one in found)
    clv = sum(float(one["clv"]) for one in found)
    again = sum(one["frequency"] != "0" for one in found)
    assert f"400 customers, {again} with a repeat purchase" in done.out
    assert (
        f"expected in the 39w from 2026-01-01 00:00 UTC: {bought:,.1f} purchases, worth {clv:,.2f}"
        in done.out
    )
    assert "as of records until 2025-12-31 00:00 UTC" in done.err


def test_events_without_a_number_are_counted_and_named(tmp_path: Path, cli: Cli) -> None:
    odd = [
        event("ada", 30, None),
        event("ada", 31, "12.50"),
        {**event("ada", 32, "3"), "id": "e-32"},
        event("ada", 33, True),
    ]
    odd[0]["attributes"] = {"total": None}
    file = tmp_path / "customers.csv"
    done = value(cli, layer(tmp_path, [*FEW, *odd]), "--customers", file)
    assert done.code == 0
    assert rows(file)["user_id:ada"]["frequency"] == "2"
    assert (
        "left out: 1 event `order_placed` without `total`; the first is events-000000, row"
        in done.err
    )
    assert "left out: 2 events `order_placed` with a text at `total`; the first is" in done.err
    assert "left out: 1 event `order_placed` with no number at `total`" in done.err


@pytest.mark.slow
def test_a_nested_value_has_a_path(tmp_path: Path, cli: Cli) -> None:
    nested = [{**one, "attributes": {"a/b": {"c~d": one["attributes"]["total"]}}} for one in FEW]
    plain = value(cli, layer(tmp_path, FEW), "--format", "csv")
    deep = value(cli, layer(tmp_path, nested, "nested"), "--format", "csv", value="a/b.c~d")
    assert deep.out == plain.out


def test_what_is_left_open_is_said(tmp_path: Path, cli: Cli) -> None:
    alike = [event(f"c{one}", day, 20) for one in range(9) for day in (0, 100, 200, 300)]
    done = value(cli, layer(tmp_path, alike))
    assert done.code == 0
    assert "Gamma-Gamma: quite other values of" in done.err


@pytest.mark.slow
def test_what_is_refused_is_answered_once_it_is_asked_as_the_refusal_says(
    tmp_path: Path, cli: Cli
) -> None:
    at = layer(tmp_path, FEW)

    def refused(*more: object, **options: str) -> str:
        done = value(cli, at, *more, **options)
        assert done.code == 2
        assert not done.out
        return done.err

    assert "did you mean order_placed? there are order_placed, order_returned" in refused(
        on="order_place"
    )
    assert "only 9 without `totl`: did you mean total? they have total" in refused(value="totl")
    early = "2020-01-01T00:00:00Z"
    assert "lies in the period: change --from or --until" in refused(until=early)
    assert "no customer bought again on another day" in refused(until="2025-01-07T00:00:00Z")
    assert "no customer bought again" in refused(on="order_returned")
    assert "fewer than two customers bought again" in refused(until="2025-03-01T00:00:00Z")
    assert "ends neither in .csv nor in .parquet" in refused("--customers", tmp_path / "c.txt")
    assert "--horizon soon: not a duration" in refused(horizon="soon")
    assert value(cli, at, "--customers", tmp_path / "c.csv").code == 0


@pytest.mark.slow
def test_a_layer_needs_events_with_numbers(tmp_path: Path, cli: Cli) -> None:
    text = [{**one, "attributes": {"total": f"{one['attributes']['total']}"}} for one in FEW]
    done = value(cli, layer(tmp_path, text, "text"))
    assert done.code == 2
    assert "only 9 with a text at `total`: they have total; float(…)" in done.err
    sink = Sink(str(tmp_path / "shop"))
    sink.take_run(ROOT / "topologies" / "shop" / "expected")
    sink.publish()
    done = value(cli, tmp_path / "shop")
    assert done.code == 2
    assert "the layer holds no events: add them" in done.err
    assert value(cli, layer(tmp_path, FEW, "shop")).code == 0


def test_without_scipy_the_extra_is_named(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = layer(tmp_path, FEW)
    with monkeypatch.context() as without:
        for name in [one for one in sys.modules if one.startswith("cjo_stream.insight.figure")]:
            without.delitem(sys.modules, name)
        without.delitem(sys.modules, "cjo_stream.insight.value")
        without.setitem(sys.modules, "scipy.optimize", None)
        done = value(cli, at)
    assert done.code == 2
    assert "pip install 'cjo-stream[insight]'" in done.err
    assert value(cli, at).code == 0


@pytest.mark.slow
def test_a_number_beyond_all_amounts_is_left_out_and_named(tmp_path: Path, cli: Cli) -> None:
    huge = [event("eve", 10, 1e300), event("eve", 20, 1e300), event("eve", 30, -1e300)]
    done = value(cli, layer(tmp_path, [*FEW, *huge]))
    assert done.code == 0, done.err
    assert "left out: 3 events `order_placed` with a number beyond 1e+15 at `total`" in done.err
    assert done.out == value(cli, layer(tmp_path, FEW, "few")).out


@pytest.mark.slow
def test_an_attribute_is_read_by_its_own_name_or_by_the_path(tmp_path: Path, cli: Cli) -> None:
    named = []
    for number, one in enumerate(FEW):
        total = one["attributes"]["total"]
        both = ({"order.total": total, "order": {"total": 1}}, {"order": {"total": total}})
        named.append({**one, "attributes": both[number % 2]})
    done = value(cli, layer(tmp_path, named), value="order.total")
    assert done.code == 0, done.err
    assert done.out == value(cli, layer(tmp_path, FEW, "few")).out
