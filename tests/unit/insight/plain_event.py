"""Figures over events, counted plainly: what they are is said in docs/insight.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from tests.unit.insight.plain import Raw, Record, within
from tests.unit.insight.surveyed import DAY, mean_and_half, wilson

Period = tuple[int | None, int | None]
Numbers = tuple[float | None, ...]
Wanted = dict[tuple[str, ...], Numbers]
"""The rows of a figure: the numbers by what they are of, as texts."""
NOBODY = "(none)"


def retention(events: Sequence[Record], type_: str, every: int, period: Period) -> Wanted:
    """Return customers, and how many of them came, by cohort and period."""
    begin, end = period
    of: dict[str, list[int]] = defaultdict(list)
    for one in events:
        if one["type"] == type_ and within(one["time"], (None, end)):
            of[one["customer_id"]].append(one["time"])
    firsts = [min(times) for times in of.values()]
    firsts = [one for one in firsts if begin is None or one >= begin]
    if not firsts:
        return {}
    start = min(firsts) // DAY * DAY if begin is None else begin
    over = max(one["time"] for one in events) + 1
    over = over if end is None else min(over, end)
    wanted: Wanted = {}
    for cohort in range(start, over, every):
        members = [times for times in of.values() if cohort <= min(times) < cohort + every]
        for number, since in enumerate(range(cohort, over - every + 1, every)):
            came = sum(any(since <= at < since + every for at in one) for one in members)
            if members:
                low, high = wilson(came, len(members))
                key = str(cohort), str(number)
                wanted[key] = len(members), came, came / len(members), low, high
    return wanted


class Places:
    """Where customers were at a time."""

    def __init__(self, raw: Raw) -> None:
        self._stays: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
        for one in raw.stays():
            self._stays[one["customer_id"]][one["journey"]].append(one)

    def keys(self, one: Record, by: str | None, most: int) -> set[tuple[str, ...]]:
        """Return the rows in which an event counts."""
        if by is None:
            return {()}
        if by == "channel":
            return {(one["channel"],)}
        states = {
            (journey, state)
            for journey, stays in self._stays.get(one["customer_id"], {}).items()
            for state in _states(stays, one["time"], most)
        } or {(NOBODY, NOBODY)}
        return states if by == "state" else {(journey,) for journey, _ in states}


def _states(stays: list[Record], at: int, most: int) -> set[str]:
    begun = [one for one in stays if one["since"] <= at]
    live = {one["state"] for one in begun if one["until"] is None or one["until"] > at}
    if live:
        return live
    left = [one for one in begun if one["reason"] != "merged" and at - one["until"] <= most]
    left.sort(key=lambda one: (one["until"], one["since"], one["reason"] != "moved"))
    return {one["state"] for one in left[-1:]}


def numbered(events: Iterable[Record], type_: str, period: Period) -> list[Record]:
    """Return the events of a type with a number in `x`."""
    return [
        one
        for one in events
        if one["type"] == type_
        and within(one["time"], period)
        and isinstance(one["attributes"]["x"], int | float)
    ]


Grouped = dict[tuple[str, ...], dict[str, list[float]]]


def grouped(rows: Iterable[tuple[tuple[str, ...], str, float]]) -> Grouped:
    found: Grouped = defaultdict(lambda: defaultdict(list))
    for key, customer, value in rows:
        found[key][customer].append(value)
    return found


def satisfaction(
    scores: list[Record], places: Places, by: str | None, most: int, scale: str | None
) -> Wanted:
    ranges = {"1..5": range(1, 6), "0..10": range(11)}
    if scale is not None:
        scores = [one for one in scores if one["attributes"]["x"] in ranges[scale]]
    fitting = (
        name for name, of in ranges.items() if all(one["attributes"]["x"] in of for one in scores)
    )
    scale = scale or next(fitting, None)
    of = grouped(
        (key, one["customer_id"], one["attributes"]["x"])
        for one in scores
        for key in places.keys(one, by, most)
    )
    return {key: _scored(by_customer, scale) for key, by_customer in of.items()}


def _scored(of: dict[str, list[float]], scale: str | None) -> Numbers:
    values = [value for each in of.values() for value in each]
    numbers: list[float | None] = [len(values), len(of), *_around(of)]
    nps: list[float | None] = [None] * 5
    csat: list[float | None] = [None] * 4
    if scale == "0..10":
        signs = {name: [float((x > 8) - (x < 7)) for x in each] for name, each in of.items()}
        mean, low, high = _around(signs)
        assert mean is not None
        limits = [
            None if low is None else max(100 * low, -100),
            None if high is None else min(100 * high, 100),
        ]
        nps = [sum(x > 8 for x in values), sum(x < 7 for x in values), 100 * mean, *limits]
    if scale == "1..5":
        hits = sum(x > 3 for x in values)
        csat = [hits, hits / len(values), *wilson(hits, len(values))]
    return (*numbers, *nps, *csat)


def _around(of: dict[str, list[float]]) -> list[float | None]:
    mean, half = mean_and_half(of)
    return [mean, None if half is None else mean - half, None if half is None else mean + half]


def worth(rows: Iterable[tuple[tuple[str, ...], str, float]]) -> Wanted:
    """Return count, customers, sum, and the mean with its interval."""
    return {
        key: (
            sum(map(len, of.values())),
            len(of),
            sum(map(sum, of.values())),
            *_around(of),
        )
        for key, of in grouped(rows).items()
    }


def worth_of_events(events: list[Record], places: Places, by: str, most: int) -> Wanted:
    return worth(
        (key, one["customer_id"], one["attributes"]["x"])
        for one in events
        for key in places.keys(one, by, most)
    )


def worth_of_outcomes(raw: Raw, by: str, period: Period) -> Wanted:
    """Return the value of outcomes by what asked for the command."""
    asked = {one["action_id"]: one["journey"] or {} for one in raw.actions}

    def rows() -> Iterator[tuple[tuple[str, ...], str, float]]:
        for one in raw.rewards:
            if one["value"] is not None and within(one["time"], period):
                of = asked.get(one["action_id"], {})
                key = of.get("name", NOBODY), of.get("state", NOBODY)
                yield key if by == "state" else key[:1], one["customer_id"], one["value"]

    return worth(rows())


def automation(
    events: list[Record], raw: Raw, by_hand: list[str], apart: int, period: Period
) -> Wanted:
    of: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for one in events:
        of[one["customer_id"]].append((one["time"], one["channel"], one["type"]))
    for one in raw.actions:
        if one["channel"] in by_hand:
            step = one["issued_at"], one["channel"], f"action:{one['action']}"
            of[one["customer_id"]].append(step)
    work: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for customer, rows in of.items():
        rows.sort(key=lambda row: row[0])
        for piece in _pieces([one for one in rows if one[1] in by_hand], apart):
            began = piece[0][0]
            if not within(began, period):
                continue
            before = [
                what
                for at, channel, what in rows
                if channel not in by_hand and began - apart <= at <= began
            ]
            steps = " > ".join(what for _, _, what in piece)
            key = before[-1] if before else "", steps
            work[key].append((customer, piece[-1][0] - began))
    return {
        key: (
            len(pieces),
            len({customer for customer, _ in pieces}),
            sum(ms for _, ms in pieces) / len(pieces),
            sum(ms for _, ms in pieces),
        )
        for key, pieces in work.items()
    }


def _pieces(steps: list[tuple[int, str, str]], apart: int) -> list[list[tuple[int, str, str]]]:
    pieces = [steps[:1]] if steps else []
    for (before, *_), step in pairwise(steps):
        if step[0] - before > apart:
            pieces.append([])
        pieces[-1].append(step)
    return pieces
