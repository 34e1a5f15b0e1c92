"""What a run gave, in the form of a case's `expect.json`, and where the two differ."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]
OPTIONAL = frozenset(
    ("payload", "address", "expires_at", "class", "template", "suppressed", "priorities")
) | {"probability", "version"}
"""What a row of `expect.json` may leave out without saying that it is null."""


def observed(out: Path) -> dict[str, list[Any]]:
    """Return the lists of a run, by their names in `expect.json`."""
    customers = _rows(out / "customers.jsonl")
    who = _owners(customers, _rows(out / "identities.jsonl"))
    return {
        "actions": [_action(row, who) for row in _rows(out / "actions.jsonl")],
        "decisions": [_decision(row, who) for row in _rows(out / "decisions.jsonl")],
        "transitions": [_transition(row, who) for row in _rows(out / "transitions.jsonl")],
        "customers": sorted(sorted(who(row["customer_id"])) for row in customers),
        "profiles": [
            {"who": who(row["customer_id"]), **{n: row[n] for n in ("facts", "traits", "events")}}
            for row in customers
        ],
        "dead_letters": [{"reason": row["reason"]} for row in _rows(out / "dead_letters.jsonl")],
    }


def differences(name: str, wanted: list[Any], got: list[Any]) -> list[str]:
    """Return where a list is not as wanted."""
    if name in ("customers", "dead_letters"):
        return [] if wanted == got else [f"{name}: want {wanted}, got {got}"]
    left: list[Row | None] = list(got)
    latest: dict[Any, int] = {}
    found = []
    for row in wanted:
        place = next((i for i, one in enumerate(left) if one and _same(row, one)), None)
        if place is None:
            found.append(f"{name}: missing {row}")
            continue
        # Between customers, what happens at one instant has no order.
        lane = (row.get("at"), got[place].get("customer_id", row["who"]))
        if "at" in row and place < latest.get(lane, -1):
            found.append(f"{name}: out of order {row}")
        latest[lane], left[place] = place, None
    if name != "profiles":
        found += [f"{name}: unexpected {row}" for row in left if row]
    return found


def _rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _owners(customers: list[Row], identities: list[Row]) -> Callable[[str], set[str]]:
    """Return what gives a customer id's identifiers, of whom it ended up as."""
    members = {
        row["customer_id"]: {f"{t}:{v}" for t, vs in row["identifiers"].items() for v in vs}
        for row in customers
    }
    into = {old: row["customer_id"] for row in identities for old in row["absorbed"]}

    def who(customer_id: str) -> set[str]:
        while customer_id in into and customer_id not in members:
            customer_id = into[customer_id]
        return members[customer_id]

    return who


def _at(ms: int | None) -> str | None:
    if ms is None:
        return None
    moment = dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}" + (f".{ms % 1000:03d}" if ms % 1000 else "") + "Z"


def _of(row: Row, at: str, who: Callable[[str], set[str]]) -> Row:
    return {"at": _at(row[at]), "who": who(row["customer_id"]), "customer_id": row["customer_id"]}


def _action(row: Row, who: Callable[[str], set[str]]) -> Row:
    plain = {name: row[name] for name in ("action", "channel", "payload", "class", "template")}
    return {
        **_of(row, "issued_at", who),
        **plain,
        "journey": row["journey"]["name"] if row["journey"] else None,
        "expires_at": _at(row["expires_at"]),
        "address": f"{row['address']['type']}:{row['address']['value']}",
    }


def _decision(row: Row, who: Callable[[str], set[str]]) -> Row:
    judged = {f"{one['action']}/{one['channel']}": one for one in row["candidates"]}
    waits = {"deferred_until": _at(row["deferred_until"])} if row["deferred_until"] else {}
    return {
        **_of(row, "time", who),
        "chosen": [*row["chosen"].values()] if row["chosen"] else None,
        "gates": {name: one["gate"] for name, one in judged.items()},
        "priorities": {name: one["priority"] for name, one in judged.items()},
        "suppressed": row["suppressed"],
        "probability": row["probability"],
        **waits,
    }


def _transition(row: Row, who: Callable[[str], set[str]]) -> Row:
    plain = ("journey", "key", "from", "to", "reason", "outcome", "version")
    return {**_of(row, "time", who), **{name: row[name] for name in plain}}


def _same(wanted: Row, got: Row) -> bool:
    """Return whether a row is the one wanted; `suppressed` left out means null."""
    if wanted["who"] not in got["who"]:
        return False
    if "suppressed" in got:
        wanted = {"suppressed": None, **wanted}
    names = (wanted.keys() | got.keys()) - {"who", "customer_id"}
    if "facts" in got:
        return all(_alike(wanted[name], got[name]) for name in names & wanted.keys())
    return all(
        _alike(wanted[name], got.get(name))
        if name in OPTIONAL
        else wanted.get(name) == got.get(name)
        for name in names
        if name in wanted or name not in OPTIONAL
    )


def _alike(wanted: Any, got: Any) -> bool:
    """Return whether values are equal: objects by the keys wanted, numbers to nine digits."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return all(_alike(value, got.get(name)) for name, value in wanted.items())
    if isinstance(wanted, float) or isinstance(got, float):
        return got is not None and abs(wanted - got) <= 1e-9 * max(1, abs(wanted))
    return bool(wanted == got)
