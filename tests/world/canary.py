"""A guarded canary: a journey whose second version has a goal that is harder to reach."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

START_MS = 1_772_323_200_000
"""2026-03-01T00:00:00Z"""
HOUR_MS = 3_600_000
GUARDS = "{share: 50%, guards: [{metric: goal_rate, worse_than: 10%}], then: promote, for: 7d}"
TOPOLOGY = """\
topology: greeter
channels: {web: {in: {}}, mail: {out: {address: user}}}
identity: {identifiers: [{type: user}]}
profile:
  traits: {spent: {sum: event.total, on: bought}, seen: {distinct: event.type, on: bought}}
---
journey: welcome
version: VERSION
CANARY
entry: {on: signed_up}
goal: {on: bought, when: event.total > LEAST, within: 1d}
exit: [{on: left, as: left}]
initial: fresh
states:
  fresh: {after: {2d: over}}
  over: {end: over}
"""


def topology(version: int = 1, canary: str | None = None, least: int = 0, more: str = "") -> str:
    """Return the text of a version; its goal is a purchase of more than `least`."""
    lines = [] if canary is None else [f"canary: {canary}"]
    lines += [more] if more else []
    text = TOPOLOGY.replace("VERSION", str(version)).replace("LEAST", str(least))
    return text.replace("CANARY\n", "".join(f"{line}\n" for line in lines))


def write(folder: Path, text: str) -> Path:
    """Write a topology into a folder of its own; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "topology.yaml").write_text(text)
    return folder


def events(customers: int, seed: int = 1, every_ms: int = 45_000) -> Iterator[str]:
    """Yield events as lines: who signs up, and half of them buy for 1 to 10 some minutes later."""
    draw = random.Random(seed)
    rows: list[tuple[int, str, str, dict[str, object]]] = []
    for number in range(customers):
        at = START_MS + HOUR_MS + number * every_ms
        rows.append((at, "signed_up", f"u{number}", {}))
        if draw.random() < 0.5:
            bought = at + draw.randrange(60_000, 600_000)
            rows.append((bought, "bought", f"u{number}", {"total": draw.randint(1, 10)}))
    for at, type_, user, attributes in sorted(rows, key=lambda row: row[0]):
        yield json.dumps(
            {
                "type": type_,
                "time": at,
                "channel": "web",
                "identifiers": {"user": user},
                "attributes": attributes,
            }
        )
