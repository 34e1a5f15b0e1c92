"""Credits of conversions, and how good predictions were, counted plainly over raw records."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise

from tests.unit.insight.changing import Raw
from tests.unit.insight.plain import Record, within
from tests.unit.insight.plain_event import NOBODY, Numbers, Period, Wanted
from tests.unit.insight.test_attribution import chance_by_walking

Touch = tuple[str, int]
Paths = list[tuple[list[Touch], int | None]]
"""The touches of each path, with their times; and when it converts."""


def paths_of(raw: Raw, goal: str, by: str, lookback: int, period: Period) -> Paths:
    begin, end = period
    goals: dict[str, list[int]] = defaultdict(list)
    commands: dict[str, list[Touch]] = defaultdict(list)
    last = 0
    left = [
        one
        for one in raw.identities
        if one["kind"] == "erased" or one["customer_id"] not in raw.erased
    ]
    for of in (raw.transitions, raw.actions, raw.decisions, raw.rewards, left):
        times = (one["time"] if "time" in one else one["issued_at"] for one in of)
        last = max([last, *(time for time in times if within(time, (None, end)))])
    for one in raw.ordered:
        if (one["journey"], one["reason"]) == (goal, "goal") and within(one["time"], (None, end)):
            goals[one["customer_id"]].append(one["time"])
    for one in sorted(raw.actions, key=lambda one: one["issued_at"]):
        touch = (one["journey"] or {}).get("name", "") if by == "journey" else one[by]
        if within(one["issued_at"], (None, end)):
            commands[one["customer_id"]].append((touch, one["issued_at"]))
    paths: Paths = []
    for customer in goals.keys() | commands.keys():
        times, of_customer = goals[customer], commands[customer]
        for before, at in pairwise([-1, *times]):
            least = max(before, at - lookback)
            if begin is None or at >= begin:
                paths.append(([one for one in of_customer if least <= one[1] < at], at))
        least = max(times[-1] if times else -1, last - lookback)
        if lost := [one for one in of_customer if one[1] >= least]:
            paths.append((lost, None))
    return paths


def attribution(
    raw: Raw, goal: str, by: str, lookback: int, half_life: int, period: Period
) -> Wanted:
    """Return conversions by model and touch."""
    paths = paths_of(raw, goal, by, lookback, period)
    found: dict[tuple[str, ...], float] = defaultdict(float)
    models = ("first", "last", "linear", "time_decay", "position", "markov", "shapley")
    for model in models:
        for path, _ in paths:
            for touch, _ in path:
                found[model, touch] += 0
    for path, at in paths:
        if at is None:
            continue
        for model, weights in _weights(path, at, half_life).items():
            for touch, weight in weights:
                found[model, touch] += weight
    walks = [([touch for touch, _ in path], at is not None) for path, at in paths if path]
    conversions = sum(converts for _, converts in walks)
    if conversions:
        all_of = chance_by_walking(walks, "nothing")
        touches = {touch for walk, _ in walks for touch in walk}
        effects = {one: 1 - chance_by_walking(walks, one) / all_of for one in touches}
        for touch, effect in effects.items():
            found["markov", touch] = effect * conversions / sum(effects.values())
    return {key: (number,) for key, number in found.items()}


def _weights(path: list[Touch], at: int, half_life: int) -> dict[str, list[tuple[str, float]]]:
    names = [touch for touch, _ in path] or [NOBODY]
    size = len(names)
    decay = [2 ** ((time - at) / half_life) for _, time in path] or [1.0]
    ends = [1 / size] * size if size < 3 else [0.4, *[0.2 / (size - 2)] * (size - 2), 0.4]
    distinct = sorted(set(names))
    return {
        "first": [(names[0], 1)],
        "last": [(names[-1], 1)],
        "linear": [(name, 1 / size) for name in names],
        "time_decay": [(name, one / sum(decay)) for name, one in zip(names, decay, strict=True)],
        "position": list(zip(names, ends, strict=True)),
        "shapley": [(name, 1 / len(distinct)) for name in distinct],
    }


def judged(raw: Raw) -> list[Record]:
    """Return the predictions, each with what two plain guesses would have said."""
    made = [{**one, "state": _state(raw, one)} for one in raw.predictions]
    for one in made:
        known = [
            other
            for other in made
            if other["definition"] == one["definition"] and other["time"] < one["opened_at"]
        ]
        one["base"] = (sum(other["outcome"] for other in known) + 1) / (len(known) + 2)
        same = [other["outcome"] for other in known if other["state"] == one["state"]]
        one["of_state"] = (sum(same) + 2 * one["base"]) / (len(same) + 2)
    return made


def predictions(made: list[Record], period: Period) -> Wanted:
    """Return the ten bins of each prediction, and the row for all, without a bin."""
    of: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for one in made:
        if within(one["opened_at"], period):
            of[one["predict"], one["definition"]].append(one)
    wanted: Wanted = {}
    for key, rows in of.items():
        rows.sort(key=lambda one: (one["probability"], one["prediction_id"]))
        size, more = divmod(len(rows), 10)
        at, errors = 0, 0.0
        for number in range(1, 11):
            part = rows[at : at + size + (number <= more)]
            at += len(part)
            if part:
                wanted[*key, str(number)] = _bin(part)
                errors += len(part) * (wanted[*key, str(number)][4] or 0)
        wanted[*key, ""] = _bin(rows, errors / len(rows))
    return wanted


def _state(raw: Raw, one: Record) -> str | None:
    past = [
        other
        for other in raw.ordered
        if other["customer_id"] == one["customer_id"] and other["time"] <= one["opened_at"]
    ]
    return f"{past[-1]['journey']}.{past[-1]['to'] or past[-1]['reason']}" if past else None


def _bin(part: list[Record], error: float | None = None) -> Numbers:
    mean = sum(one["probability"] for one in part) / len(part)
    came = sum(one["outcome"] for one in part) / len(part)
    return (
        len(part),
        len({one["customer_id"] for one in part}),
        mean,
        came,
        abs(mean - came) if error is None else error,
        *(_loss(part, name) for name in ("probability", "base", "of_state")),
    )


def _loss(part: list[Record], column: str) -> float:
    chances = ((min(max(one[column], 1e-6), 1 - 1e-6), one["outcome"]) for one in part)
    return -sum(math.log(p if outcome else 1 - p) for p, outcome in chances) / len(part)
