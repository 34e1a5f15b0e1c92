"""The figures of insight, counted plainly over the raw records of a run: no SQL."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

Record = dict[str, Any]
SHARES = ("0.5", "0.75", "0.9", "0.95", "0.99")


def read(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Raw:
    """The records of a run's folder, each with the present customer."""

    def __init__(self, run: Path) -> None:
        self.identities = read(run / "identities.jsonl")
        self.transitions = read(run / "transitions.jsonl")
        self.actions = read(run / "actions.jsonl")
        became: dict[str, str] = {}
        for one in sorted(self.identities, key=lambda one: one["time"]):
            if one["kind"] == "merged":
                became |= dict.fromkeys(one["absorbed"], one["customer_id"])
        for one in (*self.transitions, *self.actions):
            while one["customer_id"] in became:
                one["customer_id"] = became[one["customer_id"]]
        self.ordered = sorted(self.transitions, key=lambda one: one["time"])

    without = 0
    """How often `then` found no version of a profile."""

    def then(self, one: Record, at: int, by: str | None) -> tuple[Any, ...]:
        """Return what is added to a key: nothing, in a world without profiles."""
        assert by is None
        return ()

    def stays(self) -> Iterator[Record]:
        """Yield the stays; `until` and `reason` are None of one that goes on."""
        of: dict[str, list[Record]] = defaultdict(list)
        for one in self.ordered:
            if one["reason"] not in ("goal", "refused"):
                of[one["instance_id"]].append(one)
        for records in of.values():
            for one, after in zip(records, [*records[1:], None], strict=True):
                if one["reason"] in ("entered", "moved"):
                    yield {
                        **one,
                        "state": one["to"],
                        "since": one["time"],
                        "until": after and after["time"],
                        "reason": after and after["reason"],
                    }


Rows = list[tuple[Any, ...]]


def counted(rows: Iterable[tuple[tuple[Any, ...], str]]) -> Rows:
    """Return each key with how many rows it has, and how many customers."""
    number: Counter[tuple[Any, ...]] = Counter()
    customers: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for key, customer in rows:
        number[key] += 1
        customers[key].add(customer)
    return [(*key, count, len(customers[key])) for key, count in number.items()]


def within(time: int, period: tuple[int | None, int | None]) -> bool:
    begin, end = period
    return (begin is None or time >= begin) and (end is None or time < end)


def people(raw: Raw, times: list[int], by: str | None = None) -> Rows:
    rows = counted(
        (
            (at, one["journey"], one["version"], one["state"], *raw.then(one, at, by)),
            one["customer_id"],
        )
        for at in times
        for one in raw.stays()
        if one["since"] <= at and (one["until"] is None or one["until"] > at)
    )
    return [(*key, customers, instances) for *key, instances, customers in rows]


def goals(raw: Raw, period: tuple[int | None, int | None], by: str | None = None) -> Rows:
    """Return entries, those that reached the goal, their share, and the customers of both."""
    reached = {one["instance_id"] for one in raw.transitions if one["reason"] == "goal"}
    of: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for one in raw.transitions:
        if one["reason"] == "entered" and within(one["time"], period):
            then = raw.then(one, one["time"], by)
            of[one["journey"], one["version"], None, *then].append(one)
            of[one["journey"], one["version"], one["holdout"], *then].append(one)
    rows = []
    for key, entries in of.items():
        number = sum(one["instance_id"] in reached for one in entries)
        customers = {one["customer_id"] for one in entries}
        by = {one["customer_id"] for one in entries if one["instance_id"] in reached}
        rate = round(number / len(entries), 3)
        rows.append((*key, len(entries), number, rate, len(customers), len(by)))
    return rows


def spectrum(raw: Raw, period: tuple[int | None, int | None]) -> Rows:
    """Return each passage from a state to what came next: where, from when to when, and who."""
    here: dict[str, Record] = {}
    rows = []
    for one in raw.ordered:
        if one["reason"] in ("goal", "refused"):
            continue
        before = here.pop(one["instance_id"], None)
        if before and one["reason"] != "merged" and within(one["time"], period):
            rows.append((
                one["journey"], one["version"], before["to"], one["to"],
                before["time"], one["time"], one["customer_id"],
            ))  # fmt: skip
        if one["reason"] in ("entered", "moved"):
            here[one["instance_id"]] = one
    return rows


def flows_of_states(
    raw: Raw, period: tuple[int | None, int | None], by: str | None = None
) -> Rows:
    names = ("journey", "version", "from", "to", "reason")
    return counted(
        (
            (*(one[name] for name in names), *raw.then(one, one["time"], by)),
            one["customer_id"],
        )
        for one in raw.transitions
        if one["reason"] not in ("goal", "refused") and within(one["time"], period)
    )


def flows_of_journeys(
    raw: Raw, period: tuple[int | None, int | None], most: int, by: str | None = None
) -> Rows:
    of: dict[str, list[Record]] = defaultdict(list)
    for one in raw.ordered:
        of[one["customer_id"]].append(one)

    def ends() -> Iterator[tuple[tuple[Any, ...], str]]:
        for customer, records in of.items():
            for number, one in enumerate(records):
                if one["reason"] not in ("ended", "exited") or not within(one["time"], period):
                    continue
                after = (later for later in records[number + 1 :] if later["reason"] == "entered")
                entry = next(after, None)
                near = entry is not None and entry["time"] - one["time"] <= most
                name = entry["journey"] if entry is not None and near else None
                then = raw.then(one, one["time"], by)
                yield (one["journey"], one["outcome"], name, *then), customer

    return counted(ends())


def nearest(values: list[int], share: str) -> int:
    return sorted(values)[math.ceil(Fraction(share) * len(values)) - 1]


def dwell(raw: Raw, period: tuple[int | None, int | None], by: str | None = None) -> Rows:
    spent: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for one in raw.stays():
        if one["until"] is None or one["reason"] == "merged" or not within(one["until"], period):
            continue
        key = one["journey"], one["version"], one["state"]
        key += raw.then(one, one["since"], by)
        spent[key].append(one["until"] - one["since"])
    entered = {one["instance_id"]: one for one in raw.transitions if one["reason"] == "entered"}
    for one in raw.transitions:
        begin = entered.get(one["instance_id"])
        if one["reason"] in ("ended", "exited") and begin and within(one["time"], period):
            then = raw.then(begin, begin["time"], by)
            spent[one["journey"], one["version"], None, *then].append(one["time"] - begin["time"])
    return [
        (
            *key,
            len(values),
            round(sum(values) / len(values), 3),
            min(values),
            max(values),
            *(nearest(values, share) for share in SHARES),
        )
        for key, values in spent.items()
    ]


def outcomes(raw: Raw, period: tuple[int | None, int | None], by: str | None = None) -> Rows:
    def rows() -> Iterator[tuple[tuple[Any, ...], str]]:
        for one in raw.transitions:
            if one["reason"] != "moved" and within(one["time"], period):
                outcome = one["outcome"] if one["reason"] in ("ended", "exited") else None
                key = one["journey"], one["version"], one["reason"], outcome
                then = raw.then(one, one["time"], by)
                yield (*key, None, *then), one["customer_id"]
                yield (*key, one["holdout"], *then), one["customer_id"]
        for one in raw.stays():
            if one["until"] is None and period[1] is None:
                key = one["journey"], one["version"], "live", None
                then = raw.then(one, sys.maxsize, by)
                yield (*key, None, *then), one["customer_id"]
                yield (*key, one["holdout"], *then), one["customer_id"]

    return counted(rows())


def funnel(
    raw: Raw, steps: list[str], period: tuple[int | None, int | None], most: int
) -> list[tuple[int, int]]:
    """Return the customers of each step, found by trying every beginning."""

    def fits(step: str, one: Record) -> bool:
        if step.startswith("action:"):
            name, _, channel = step[7:].partition("/")
            return one.get("action") == name and channel in ("", one["channel"])
        if "reason" not in one:
            return False
        journey, colon, reason = step.partition(":")
        if colon:
            return (one["journey"], one["reason"]) == (journey, reason)
        journey, _, state = step.partition(".")
        moved = one["reason"] in ("entered", "moved", "ended")
        return moved and (one["journey"], one["to"]) == (journey, state)

    of: dict[str, list[tuple[int, int, Record]]] = defaultdict(list)
    for kind, records in enumerate((raw.transitions, raw.actions)):
        for one in records:
            of[one["customer_id"]].append((one["issued_at" if kind else "time"], kind, one))
    reached: dict[int, set[str]] = defaultdict(set)
    for customer, records in of.items():
        records.sort(key=lambda row: row[:2])
        for begin, (start, _, first) in enumerate(records):
            if not fits(steps[0], first) or not within(start, period):
                continue
            reached[1].add(customer)
            step, at = 1, begin
            while step < len(steps):
                found = (
                    n for n in range(at + 1, len(records)) if fits(steps[step], records[n][2])
                )
                at = next(found, -1)
                if at < 0 or records[at][0] - start > most:
                    break
                step += 1
                reached[step].add(customer)
    return [(step, len(reached[step])) for step in range(1, len(steps) + 1)]
