"""A file of events of which three in ten are rubbish, and what a run must count of it.

python -m tests.world.rubbish 1000000 DIR    runs that many rows, and prints what came of them
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

TOPOLOGY: Final = """
topology: rubbish
channels: {web: {in: {}, out: {address: user}}}
identity: {identifiers: [{type: user}, {type: email, normalise: email}]}
profile:
  facts: {age: number}
  traits: {orders: {count: order_placed}, spend: {sum: event.total, on: order_placed}}
---
journey: thanks
version: 1
owner: o
entry: {on: order_placed, when: event.total > 20, reentry: always}
initial: a
states: {a: {after: {1h: done}}, done: {end: done}}
"""
START_MS: Final = 1_772_323_200_000
STEP_MS: Final = 500
"""A million rows last less than the seven days for which an id is remembered."""
LATE_MS: Final = 40 * 86_400_000
NOW: Final = "2026-12-01T00:00:00Z"
NOW_MS: Final = 1_796_083_200_000
SHARE: Final = 0.3
EVENTS_EACH: Final = 10
"""Of a customer, on average."""
KINDS: Final = (
    "broken", "not_an_object", "no_type", "no_time", "no_identifiers", "unreadable_time",
    "undeclared", "placeholder", "repeat", "late", "future", "text_total", "wrong_fact",
)  # fmt: skip
REFUSED: Final = {
    "broken": "malformed",
    "not_an_object": "malformed",
    "no_type": "invalid",
    "no_time": "invalid",
    "no_identifiers": "unidentified",
    "unreadable_time": "invalid",
    "undeclared": "unidentified",
    "placeholder": "unidentified",
    "future": "future",
}
"""The reason of each kind that is refused."""


def rows(number: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield rows with their kind: `good`, or one of KINDS."""
    draw = random.Random(seed)
    for n in range(number):
        kind = draw.choice(KINDS) if n > 100 and draw.random() < SHARE else "good"
        event: dict[str, Any] = {
            "type": "order_placed",
            "time": START_MS + n * STEP_MS,
            "channel": "web",
            "identifiers": {"user": f"u{draw.randrange(number // EVENTS_EACH)}"},
            "id": f"e{n}",
            "attributes": {"total": draw.randrange(100)},
        }
        yield kind, _spoilt(kind, event, n)


def _spoilt(kind: str, event: dict[str, Any], n: int) -> bytes:
    match kind:
        case "no_type" | "no_time" | "no_identifiers":
            del event[kind.removeprefix("no_")]
        case "unreadable_time":
            event["time"] = "25.02.2026 10:00"
        case "undeclared":
            event["identifiers"] = {"cookie": "c"}
        case "placeholder":
            event["identifiers"] = {"user": "null"}
        case "repeat":
            # One event of one customer, sent again and again.
            event |= {"identifiers": {"user": "twice"}, "id": "once"}
        case "late":
            event["time"] -= LATE_MS
        case "future":
            event["time"] = NOW_MS + 25 * 3_600_000
        case "text_total":
            event["attributes"] = {"total": "many"}
        case "wrong_fact":
            event |= {"type": "cjo.profile", "attributes": {"age": "old", "size": n}}
        case _:
            pass
    value = json.dumps(event).encode()
    if kind == "broken":
        return value[:-1]
    return b"[1]" if kind == "not_an_object" else value


def write(folder: Path, number: int) -> Counter[str]:
    """Write topology.yaml and events.jsonl; return the rows of each kind."""
    kinds: Counter[str] = Counter()
    (folder / "topology.yaml").write_text(TOPOLOGY)
    with (folder / "events.jsonl").open("wb") as file:
        for kind, value in rows(number):
            kinds[kind] += 1
            file.write(value + b"\n")
    return kinds


def check(summary: dict[str, Any], kinds: Counter[str]) -> None:
    """Raise AssertionError unless every row is counted, once, as what it is."""
    total = kinds.total()
    refused: Counter[str] = Counter()
    for kind, reason in REFUSED.items():
        refused[reason] += kinds[kind]
    repeats = max(0, kinds["repeat"] - 1)  # the first is none
    assert summary["events"] + summary["repeated"] + summary["dead_letters"] == total
    assert (summary["files"][0]["rows"], summary["files"][0]["refused"]) == (
        total, refused.total(),
    )  # fmt: skip
    assert summary["dead_letters"] == refused.total()
    assert summary["repeated"] == repeats
    assert summary["late"] == kinds["late"]
    told: Counter[str] = Counter()
    for one in summary["refused"]:
        told[one["reason"]] += one["records"]
    assert told == refused
    ignored = {
        (one["what"], one["name"], one["reason"]): one["times"] for one in summary["ignored"]
    }
    assert ignored == {
        ("fact", "age", "type"): kinds["wrong_fact"],
        ("fact", "size", "unknown"): kinds["wrong_fact"],
        ("identifier", "cookie", "undeclared"): kinds["undeclared"],
        ("identifier", "user", "blocked"): kinds["placeholder"],
    }
    unread = {(one["definition"], one["field"]): one["values"] for one in summary["unread"]}
    assert unread == {
        ("journey.thanks", "event.total"): kinds["text_total"],
        ("trait.spend", "event.total"): kinds["text_total"],
    }


def main(number: int, folder: Path) -> None:
    """Run that many rows through the command line, and print the figures."""
    from cjo_stream.cli.app import call

    folder.mkdir(parents=True, exist_ok=True)
    kinds = write(folder, number)
    began = time.monotonic()
    out = folder / "out"
    code = call(
        [
            "run",
            str(folder),
            str(folder / "events.jsonl"),
            "--out",
            str(out),
            "--force",
            "--now",
            NOW,
        ]
    )
    took = time.monotonic() - began
    summary = json.loads((out / "summary.json").read_text())
    check(summary, kinds)
    print(f"exit {code}, {took:.0f} s; rows by kind: {dict(sorted(kinds.items()))}")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
