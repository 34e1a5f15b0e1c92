"""docs/insight.md, attribution: seven models, their list, and what a touch is."""

from __future__ import annotations

import csv
import itertools
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.insight.figure.attribution import MODELS, counting, open_attribution
from cjo_stream.insight.markov import Chain, removal_effects
from tests.unit.insight.touched import DAY, Written
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

Credits = dict[str, dict[str | None, float]]
Path_ = tuple[str, bool]
"""The channels of a path, a letter each, and whether it converts."""


def opened(written: Written, folder: Path, by: Any = "channel", **more: Any) -> Any:
    """Return a connection with the list of the run."""
    connection = written.connection(folder)
    given = {"goal": "buy", "lookback_ms": 30 * DAY, "half_life_ms": 7 * DAY} | more
    open_attribution(connection, by=by, **given)
    return connection


def credits_of(connection: Any) -> Credits:
    """Return the figure, and check that it is the sum of its list."""
    found: Credits = defaultdict(dict)
    for model, touch, conversions in connection.execute(counting()).fetchall():
        found[model][touch] = conversions
    listed: dict[tuple[str, str | None], list[float]] = defaultdict(list)
    for model, touch, credit in connection.execute(
        "SELECT model, touch, credit FROM list"
    ).fetchall():
        listed[model, touch].append(credit)
    for model, of in found.items():
        for touch, number in of.items():
            assert number == pytest.approx(math.fsum(listed.pop((model, touch), ())), abs=1e-9)
    assert not listed
    return found


def run_of(paths: Iterable[Path_]) -> Written:
    written = Written()
    for number, (channels, converts) in enumerate(paths):
        written.path(f"c{number}", channels, converts=converts)
    return written


def close(expected: dict[str | None, float]) -> Any:
    return pytest.approx(expected, abs=1e-9)


# --- each model, worked by hand


def test_the_models_of_one_path_are_as_worked_by_hand(tmp_path: Path) -> None:
    """Mail 14 days before the goal, web 7, mail on the day itself: weights 1/4, 1/2 and 1."""
    written = Written()
    for age, channel in ((14, "mail"), (7, "web"), (0, "mail")):
        written.command("ada", (20 - age) * DAY - (1 if age == 0 else 0), channel)
    written.goal("ada", 20 * DAY)
    found = credits_of(opened(written, tmp_path))
    assert found["first"] == close({"mail": 1, "web": 0})
    assert found["last"] == close({"mail": 1, "web": 0})
    assert found["linear"] == close({"mail": 2 / 3, "web": 1 / 3})
    assert found["position"] == close({"mail": 0.8, "web": 0.2})
    assert found["shapley"] == close({"mail": 0.5, "web": 0.5})
    assert found["time_decay"]["mail"] == pytest.approx(5 / 7, abs=1e-6)
    assert found["time_decay"]["web"] == pytest.approx(2 / 7, abs=1e-6)
    # Without web nobody comes back to mail a second time, and it has converted half of its visits.
    assert found["markov"] == close({"mail": 2 / 3, "web": 1 / 3})


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ("a", {"a": 1.0}),
        ("ab", {"a": 0.5, "b": 0.5}),
        ("abc", {"a": 0.4, "b": 0.2, "c": 0.4}),
        ("abcd", {"a": 0.4, "b": 0.1, "c": 0.1, "d": 0.4}),
        ("abba", {"a": 0.8, "b": 0.2}),
    ],
)
def test_position_is_40_20_40(
    channels: str, expected: dict[str | None, float], tmp_path: Path
) -> None:
    found = credits_of(opened(run_of([(channels, True)]), tmp_path))
    assert found["position"] == close(expected)


def test_a_very_short_half_life_leaves_all_to_the_last_touch(tmp_path: Path) -> None:
    found = credits_of(opened(run_of([("ab", True)]), tmp_path, half_life_ms=1_000))
    assert found["time_decay"] == close({"a": 0, "b": 1})


def test_markov_of_the_published_example_is_as_worked_by_hand(tmp_path: Path) -> None:
    """Paths abc that converts, a and bc that do not: P = 1/3, effects 1/2, 1 and 1."""
    paths = [("abc", True), ("a", False), ("bc", False)]
    assert removal_effects(chain_of(paths)) == pytest.approx({"a": 0.5, "b": 1.0, "c": 1.0})
    found = credits_of(opened(run_of(paths), tmp_path))
    assert found["markov"] == close({"a": 0.2, "b": 0.4, "c": 0.4})


def test_markov_leaves_out_moves_to_the_same_touch() -> None:
    assert chain_of([("aab", True), ("a", False)]) == chain_of([("ab", True), ("aaa", False)])


def test_markov_credits_a_touch_that_only_lost_paths_have(tmp_path: Path) -> None:
    """A path ab is lost, b converts: P = 1/2; without a it is 1/4, without b 0."""
    found = credits_of(opened(run_of([("ab", False), ("b", True)]), tmp_path))
    assert found["markov"] == close({"a": 1 / 3, "b": 2 / 3})
    assert found["linear"] == close({"a": 0, "b": 1})


def test_shapley_shares_a_conversion_among_its_distinct_touches(tmp_path: Path) -> None:
    found = credits_of(opened(run_of([("aab", True), ("b", True), ("c", False)]), tmp_path))
    assert found["shapley"] == close({"a": 0.5, "b": 1.5, "c": 0})


def test_without_a_conversion_nothing_has_credit(tmp_path: Path) -> None:
    written = run_of([("ab", False)])
    written.transition("c0", 0, "entered")
    found = credits_of(opened(written, tmp_path))
    assert all(of == {"a": 0, "b": 0} for of in found.values())
    assert set(found) == set(MODELS)


# --- the same by other ways, on random paths


def chain_of(paths: Iterable[Path_]) -> Chain:
    begins: Counter[str | None] = Counter()
    moves: Counter[tuple[str | None, str | None]] = Counter()
    ends: dict[bool, Counter[str | None]] = {True: Counter(), False: Counter()}
    for channels, converts in paths:
        begins[channels[0]] += 1
        moves.update(pair for pair in itertools.pairwise(channels) if pair[0] != pair[1])
        ends[converts][channels[-1]] += 1
    return Chain(begins, moves, ends[True], ends[False])


def random_paths(seed: int) -> list[Path_]:
    chance = random.Random(seed)
    channels = "abcdef"[: chance.randint(2, 6)]
    return [
        (
            "".join(chance.choice(channels) for _ in range(chance.randint(1, 7))),
            chance.random() < 0.4,
        )
        for _ in range(chance.randint(5, 30))
    ] + [("a", True)]


def chance_by_walking(paths: list[Path_], without: str) -> float:
    """Return the chance to convert, by power iteration; whoever comes to `without` is lost."""
    moves: dict[str, Counter[str]] = defaultdict(Counter)
    for channels, converts in paths:
        walk = ["start", *channels, "goal" if converts else "lost"]
        moves_of = (pair for pair in itertools.pairwise(walk) if pair[0] != pair[1])
        for one, other in moves_of:
            moves[one]["lost" if other == without else other] += 1
    at = {"start": 1.0}
    while at.keys() - {"goal", "lost"} and sum(at.values()) - at.get("goal", 0.0) > 1e-13:
        after: dict[str, float] = defaultdict(float)
        for place, mass in at.items():
            if place == "goal":
                after[place] += mass
            for other, count in moves[place].items():
                after[other] += mass * count / moves[place].total()
        at = after
    return at.get("goal", 0.0)


@pytest.mark.parametrize("seed", range(30))
def test_removal_effects_are_those_of_a_walk(seed: int) -> None:
    paths = random_paths(seed)
    found = removal_effects(chain_of(paths))
    all_of = chance_by_walking(paths, "nothing")
    assert found.keys() == {channel for channels, _ in paths for channel in channels}
    for channel, effect in found.items():
        expected = 1 - chance_by_walking(paths, channel) / all_of
        assert effect == pytest.approx(expected, abs=1e-9)


def shapley_by_subsets(paths: list[Path_]) -> dict[str | None, float]:
    touches = sorted({channel for channels, _ in paths for channel in channels})
    found: dict[str | None, float] = dict.fromkeys(touches, 0.0)
    number = len(touches)

    def worth(coalition: set[str]) -> int:
        return sum(converts and set(channels) <= coalition for channels, converts in paths)

    for touch in touches:
        others = [other for other in touches if other != touch]
        for size in range(number):
            weight = math.factorial(size) * math.factorial(number - size - 1)
            for coalition in itertools.combinations(others, size):
                gain = worth({*coalition, touch}) - worth(set(coalition))
                found[touch] += weight / math.factorial(number) * gain
    return found


@pytest.mark.parametrize("seed", range(8))
def test_credits_are_those_of_brute_force(seed: int, tmp_path: Path) -> None:
    paths = random_paths(seed)
    found = credits_of(opened(run_of(paths), tmp_path))
    assert found["shapley"] == pytest.approx(shapley_by_subsets(paths), abs=1e-9)
    conversions = sum(converts for _, converts in paths)
    all_of = chance_by_walking(paths, "nothing")
    effects = {one: 1 - chance_by_walking(paths, one) / all_of for one in found["shapley"] if one}
    scale = conversions / sum(effects.values())
    expected = {channel: effect * scale for channel, effect in effects.items()}
    assert found["markov"] == pytest.approx(expected, abs=1e-9)
    for model, of in found.items():
        assert sum(of.values()) == pytest.approx(conversions), model


def random_world(seed: int) -> Written:
    """Customers who are written to and convert at random; some are merged behind it all."""
    chance = random.Random(seed)
    written = Written()
    for number in range(40):
        for _ in range(chance.randint(0, 8)):
            at = chance.randint(0, 60) * DAY // 4
            if chance.random() < 0.3:
                written.goal(f"c{number:02}", at)
            else:
                written.command(f"c{number:02}", at, chance.choice("abcd"))
        if number and chance.random() < 0.3:
            written.merged(f"c{number - 1:02}", f"c{number:02}", 15 * DAY)
    return written


def plainly(written: Written, lookback: int, half_life: int) -> Credits:
    """Return the credits of the five models that go by places and ages, record by record."""
    became = {one.absorbed[0]: one.customer_id for one in written.identities}

    def present(customer: str) -> str:
        return present(became[customer]) if customer in became else customer

    found: Credits = {model: defaultdict(float) for model in MODELS[:5]}
    goals: dict[str, list[int]] = defaultdict(list)
    for goal in written.transitions:
        goals[present(goal.customer_id)].append(goal.time)
    for customer, times in goals.items():
        times.sort()
        for before, at in itertools.pairwise([-1, *times]):
            path = [
                (one.channel, 2 ** ((one.issued_at - at) / half_life))
                for one in sorted(written.actions, key=lambda one: one.issued_at)
                if present(one.customer_id) == customer
                and max(before, at - lookback) <= one.issued_at < at
            ] or [("(none)", 1.0)]
            size, scale = len(path), sum(weight for _, weight in path)
            found["first"][path[0][0]] += 1
            found["last"][path[-1][0]] += 1
            for place, (touch, weight) in enumerate(path):
                ends = place in (0, size - 1)
                found["linear"][touch] += 1 / size
                found["time_decay"][touch] += weight / scale
                found["position"][touch] += (
                    1 / size if size < 3 else 0.4 if ends else 0.2 / (size - 2)
                )
    return found


@pytest.mark.parametrize("seed", range(10))
def test_paths_and_credits_are_those_of_a_plain_count(seed: int, tmp_path: Path) -> None:
    written = random_world(seed)
    assert written.identities
    lookback, half_life = 4 * DAY, 2 * DAY
    connection = opened(written, tmp_path, lookback_ms=lookback, half_life_ms=half_life)
    found = credits_of(connection)
    for model, expected in plainly(written, lookback, half_life).items():
        assert found[model] == close({one: expected.get(one, 0.0) for one in found[model]})
        assert expected.keys() <= found[model].keys()


# --- what a touch is


def test_a_touch_is_of_the_conversion_after_it_and_not_older_than_the_lookback(
    tmp_path: Path,
) -> None:
    written = Written()
    written.command("ada", 0, "old")
    written.command("ada", 1 * DAY, "first")
    written.command("ada", 31 * DAY - 1, "web")
    written.goal("ada", 31 * DAY)
    written.command("ada", 31 * DAY, "mail")  # at the goal: of the next one
    written.goal("ada", 32 * DAY)
    written.command("ada", 32 * DAY + 1, "sms")  # of no goal
    written.goal("bo", 32 * DAY)
    written.goal("ada", 32 * DAY, journey="other")
    found = credits_of(opened(written, tmp_path))
    linear = {"first": 0.5, "web": 0.5, "mail": 1, "sms": 0, "(none)": 1}
    assert found["linear"] == close(linear)
    assert "(none)" not in found["markov"]
    assert sum(found["markov"].values()) == pytest.approx(2)
    assert all(found[model]["(none)"] == 1 for model in found if model != "markov")


def test_of_two_conversions_at_once_the_first_has_the_touches(tmp_path: Path) -> None:
    written = Written()
    written.command("ada", 0, "mail")
    written.goal("ada", DAY)
    written.goal("ada", DAY)
    found = credits_of(opened(written, tmp_path))
    assert found["last"] == close({"mail": 1, "(none)": 1})


def test_a_path_without_conversion_ends_with_the_last_record_of_all(tmp_path: Path) -> None:
    written = Written()
    written.command("ada", 0, "old")
    written.command("bo", 1 * DAY, "lost")
    written.command("cy", 1 * DAY, "mail")
    written.goal("cy", 2 * DAY)
    written.chose("dee", 31 * DAY)
    found = credits_of(opened(written, tmp_path))
    assert found["last"] == close({"lost": 0, "mail": 1})


def test_a_period_takes_the_conversions_in_it_and_the_records_before_its_end(
    tmp_path: Path,
) -> None:
    written = Written()
    for day in (1, 2, 3):
        written.command("ada", day * DAY - 1, f"day{day}")
        written.goal("ada", day * DAY)
    found = credits_of(opened(written, tmp_path, from_ms=2 * DAY, until_ms=3 * DAY))
    assert found["last"] == close({"day2": 1, "day3": 0})


def test_a_command_that_no_journey_asked_for_is_a_touch_without_a_name(tmp_path: Path) -> None:
    written = Written()
    written.command("ada", 0, "mail", journey=None)
    written.command("ada", 1, "mail", journey="cart")
    written.goal("ada", DAY)
    found = credits_of(opened(written, tmp_path, by="journey"))
    for model in ("linear", "markov", "shapley"):
        assert found[model] == close({None: 0.5, "cart": 0.5})


# --- through the command line


@pytest.fixture
def layer(cli: Cli, tmp_path: Path) -> Path:
    """Ada is written to under two ids, which are merged behind her goal."""
    written = Written()
    written.command("ada1", 1 * DAY, "mail", action="hello", journey="welcome")
    written.command("ada2", 2 * DAY, "sms", action="code", journey="cart")
    written.goal("ada1", 3 * DAY)
    written.command("bo", 3 * DAY, "mail", action="hello", journey="welcome")
    written.goal("cy", 3 * DAY)
    sunk(cli, written, tmp_path)
    return tmp_path / "layer"


def sunk(cli: Cli, written: Written, tmp_path: Path) -> None:
    run = written.into(tmp_path / f"run{len(list(tmp_path.iterdir()))}")
    done = cli("insight", "sink", run, "--layer", tmp_path / "layer")
    assert done.code == 0, done.err


def attribution(cli: Cli, layer: Path, *more: object, by: str = "channel") -> list[Any]:
    done = cli(
        "insight", "attribution", "--goal", "buy", "--by", by, "--layer", layer, "--format",
        "csv", *more,
    )  # fmt: skip
    assert done.code == 0, done.err
    header, *rows = csv.reader(done.out.splitlines())
    assert header == ["model", "touch", "conversions"]
    return [(model, touch, float(conversions)) for model, touch, conversions in rows]


def test_a_merge_revises_who_touched_whom(cli: Cli, layer: Path, tmp_path: Path) -> None:
    assert attribution(cli, layer)[:3] == [
        ("first", "(none)", 1), ("first", "mail", 1), ("first", "sms", 0)
    ]  # fmt: skip
    merge = Written()
    merge.merged("ada1", "ada2", 4 * DAY)
    sunk(cli, merge, tmp_path)
    linear = [row for row in attribution(cli, layer) if row[0] == "linear"]
    assert linear == [("linear", "(none)", 1), ("linear", "mail", 0.5), ("linear", "sms", 0.5)]
    assert ("last", "code", 1) in attribution(cli, layer, by="action")
    assert ("last", "cart", 1) in attribution(cli, layer, by="journey")
    assert len(attribution(cli, layer)) == 7 * 3 - 1


def test_the_list_says_which_command_has_which_part_of_whose_conversion(
    cli: Cli, layer: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "list.csv"
    rows = attribution(cli, layer, "--list", listed)
    with listed.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == [
        "model", "touch", "customer_id", "conversion", "converted_at", "action_id", "issued_at",
        "credit",
    ]  # fmt: skip
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for one in found:
        sums[one["model"], one["touch"]] += float(one["credit"])
    for model, touch, conversions in rows:
        assert conversions == pytest.approx(sums[model, touch], abs=1e-9)
    (last,) = [one for one in found if one["model"] == "last" and one["touch"] == "mail"]
    assert (last["customer_id"], last["conversion"], last["action_id"]) == ("ada1", "t0", "a0")


def test_it_prints_a_table_and_json(cli: Cli, layer: Path) -> None:
    words = ("insight", "attribution", "--goal", "buy", "--by", "channel", "--layer", layer)
    done = cli(*words, "--format", "json")
    assert json.loads(done.out)[1] == {"model": "first", "touch": "mail", "conversions": 1.0}
    assert "as of records until" in done.err
    assert "markov" in cli(*words).out


def test_what_cannot_be_attributed_is_refused_until_it_is_mended(cli: Cli, layer: Path) -> None:
    def refused(goal: str, *more: str) -> str:
        words = ("insight", "attribution", "--goal", goal, "--by", "channel", "--layer", layer)
        done = cli(*words, *more)
        assert done.code == 2
        return done.err

    assert "did you mean buy?" in refused("bye")
    assert "--half-life 0" in refused("buy", "--half-life", "0")
    assert "--lookback 0" in refused("buy", "--lookback", "0")
    assert attribution(cli, layer, "--half-life", "1d", "--lookback", "1d")
