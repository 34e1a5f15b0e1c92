"""What a backtest must find, from the files of two runs: all in memory, nothing clever."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

Row = dict[str, Any]
KINDS = ("identity", "transition", "action")


class Ran:
    """The records of one run by final customer, in the order of the files."""

    def __init__(self, out: Path) -> None:
        identities = rows(out / "identities.jsonl")
        self._stayed = {
            absorbed: one["customer_id"]
            for one in identities
            if one["kind"] == "merged"
            for absorbed in one["absorbed"]
        }
        self.identifiers = {
            one["customer_id"]: {f"{t}:{v}" for t, vs in one["identifiers"].items() for v in vs}
            for one in rows(out / "customers.jsonl")
        }
        decisions = [one for one in rows(out / "decisions.jsonl") if one["chosen"] is not None]
        transitions = rows(out / "transitions.jsonl")
        for one in [*decisions, *transitions]:
            self.identifiers.setdefault(self.final(one), set())
        self.records = {"identity": identities, "transition": transitions, "action": decisions}
        self.commands = rows(out / "actions.jsonl")

    def final(self, record: Row) -> str:
        """The customer of a record, merges followed."""
        customer: str = record["customer_id"]
        while customer in self._stayed:
            customer = self._stayed[customer]
        return customer


def rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def compared_by(kind: str, one: Row) -> tuple[Any, ...]:
    """The fields by which two records are alike."""
    if kind == "action":
        journey = one["journey"]["name"] if one["journey"] else None
        chosen = one["chosen"]
        return chosen["action"], chosen["channel"], journey, one["time"], one["suppressed"]
    if kind == "transition":
        fields = ("journey", "from", "to", "reason", "outcome", "time")
        return tuple(one[field] for field in fields)
    identifiers = sorted(f"{i['type']}:{i['value']}" for i in one["identifiers"])
    return one["kind"], identifiers, one["reason"], one["time"]


def grouped(live: Ran, candidate: Ran) -> list[tuple[set[str], set[str]]]:
    """The customers of both sides that share an identifier, directly or over others."""
    holders = defaultdict(set)
    for side, ran in enumerate((live, candidate)):
        for customer, identifiers in ran.identifiers.items():
            for name in identifiers or {("lone", customer)}:
                holders[name].add((side, customer))
    near = defaultdict(set)
    for people in holders.values():
        for one in people:
            near[one] |= people
    groups, seen = [], set()
    for start in near:
        if start in seen:
            continue
        group, todo = {start}, [start]
        while todo:
            for one in near[todo.pop()] - group:
                group.add(one)
                todo.append(one)
        seen |= group
        groups.append(tuple({c for side, c in group if side == n} for n in (0, 1)))
    return groups


def parting(kind: str, live: list[Row], candidate: list[Row]) -> Row | None:
    """The first place where two sequences differ."""
    for index in range(max(len(live), len(candidate))):
        one = live[index] if index < len(live) else None
        other = candidate[index] if index < len(candidate) else None
        if one is None or other is None or compared_by(kind, one) != compared_by(kind, other):
            times = [record["time"] for record in (one, other) if record is not None]
            return {"time": min(times), "kind": kind, "live": one, "candidate": other}
    return None


def changes(live: Ran, candidate: Ran) -> tuple[list[Row], int]:
    """The lines of changes.jsonl with identifiers, and without `because`; and `commands`."""
    by = {
        (kind, side): _by_customer(ran, ran.records[kind])
        for kind in KINDS
        for side, ran in (("live", live), ("candidate", candidate))
    }
    commands = [_by_customer(ran, ran.commands) for ran in (live, candidate)]
    found, others = [], 0
    for ours, theirs in grouped(live, candidate):
        records = {
            (kind, side): _in_order(by[kind, side], group)
            for kind in KINDS
            for side, group in (("live", ours), ("candidate", theirs))
        }
        is_one_to_one = len(ours) == len(theirs) == 1
        firsts = [
            first
            for kind in KINDS
            if not (kind == "identity" and is_one_to_one)
            and (first := parting(kind, records[kind, "live"], records[kind, "candidate"]))
        ]
        if is_one_to_one and not firsts:
            sent = [
                [(c["template"], c["payload"], c["expires_at"]) for c in _in_order(side, group)]
                for side, group in zip(commands, (ours, theirs), strict=True)
            ]
            others += sent[0] != sent[1]
            continue
        nothing = {"time": None, "kind": "identity", "live": None, "candidate": None}
        found.append(
            {
                "live": sorted(ours),
                "candidate": sorted(theirs),
                "identifiers": sorted(
                    {name for c in ours for name in live.identifiers[c]}
                    | {name for c in theirs for name in candidate.identifiers[c]}
                ),
                "actions": _numbers("action", records),
                "transitions": _numbers("transition", records),
                "first": min(firsts, key=lambda one: one["time"], default=nothing),
            }
        )
    found.sort(
        key=lambda one: (
            one["first"]["time"] is None,
            one["first"]["time"],
            one["identifiers"],
            one["live"],
            one["candidate"],
        )
    )
    return found, others


def _by_customer(ran: Ran, records: list[Row]) -> dict[str, list[tuple[int, Row]]]:
    by: dict[str, list[tuple[int, Row]]] = {}
    for place, one in enumerate(records):
        by.setdefault(ran.final(one), []).append((place, one))
    return by


def _in_order(by: dict[str, list[tuple[int, Row]]], customers: set[str]) -> list[Row]:
    places = [place for customer in customers for place in by.get(customer, [])]
    return [record for _, record in sorted(places, key=lambda place: place[0])]


def _numbers(kind: str, records: dict[tuple[str, str], list[Row]]) -> Row:
    return {side: len(records[kind, side]) for side in ("live", "candidate")}
