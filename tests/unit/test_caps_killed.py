"""Caps hold for everybody, whenever the process was killed: recounted from the commands alone."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.unit.killing import run_killed

START_MS = 1_772_323_200_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
HOURLY, SIX_HOURLY = 2, 5
TOPOLOGY = """
topology: capped
channels: {web: {in: {}}, mail: {out: {address: user}}, push: {out: {address: user}}}
identity: {identifiers: [{type: user, limit: 1}]}
---
journey: ask
version: 1
entry: {on: visit, reentry: always}
initial: asked
states: {asked: {enter: [{act: news}], end: done}}
---
journey: later
version: 1
entry: {on: visit, when: event.late, reentry: always}
initial: waiting
states:
  waiting: {after: {7m: asked}}
  asked: {enter: [{act: nudge}], end: done}
---
action: news
treatments: {mail: {}}
---
action: nudge
treatments: {push: {}}
---
policy: contact
caps:
  - {max: 2, per: 1h, channel: mail}
  - {max: 5, per: 6h}
"""


def write_events(path: Path, customers: int, hours: int) -> dict[str, list[tuple[int, str]]]:
    """Write events; return what each customer is asked for: (when, channel), in order of time."""
    draw = random.Random(20)
    times = sorted(draw.sample(range(hours * HOUR_MS // 10), customers * 4))
    asked: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with path.open("w") as file:
        for number, at in enumerate(times):
            user, late = f"u{int(draw.triangular(0, customers, 0))}", draw.random() < 0.3
            time_ms = START_MS + at * 10
            event = {"type": "visit", "time": time_ms, "id": f"e{number}", "channel": "web"}
            event |= {"identifiers": {"user": user}, "attributes": {"late": late}}
            file.write(json.dumps(event) + "\n")
            asked[user].append((time_ms, "mail"))
            if late:
                asked[user].append((time_ms + 7 * MINUTE_MS, "push"))
    # Timers fire before the event of the same instant.
    return {
        user: sorted(rows, key=lambda row: (row[0], row[1] == "mail"))
        for user, rows in asked.items()
    }


def allowed(asked: list[tuple[int, str]], end_ms: int) -> list[tuple[int, str]]:
    """Return what may be sent: no rule but the two caps, by nothing but arithmetic."""
    sent: list[tuple[int, str]] = []
    for at, channel in asked:
        hour = sum(at - HOUR_MS < t and c == "mail" for t, c in sent)
        day = sum(at - 6 * HOUR_MS < t for t, _ in sent)
        if at <= end_ms and day < SIX_HOURLY and (channel != "mail" or hour < HOURLY):
            sent.append((at, channel))
    return sent


@pytest.mark.parametrize(
    ("customers", "kills"),
    [
        (2_000, 6),
        pytest.param(
            10_000,
            40,
            marks=pytest.mark.skipif(
                "CJO_LONG" not in os.environ, reason="ten thousand: `CJO_LONG=1`, `make chaos`"
            ),
        ),
    ],
)
def test_caps_are_exact_over_hours_however_often_the_run_is_killed(
    customers: int, kills: int, tmp_path: Path
) -> None:
    topology, events = tmp_path / "topology", tmp_path / "events.jsonl"
    topology.mkdir()
    (topology / "topology.yaml").write_text(TOPOLOGY)
    asked = write_events(events, customers, hours=8)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "cjo_stream", "run", str(topology), str(events)]
    command += ["--out", str(out), "--state", str(tmp_path / "state")]
    command += ["--drain", "1h"]
    killed = run_killed(command, out, seed=20, most=kills, late_s=0.1)
    assert killed >= 1
    sent: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for line in (out / "actions.jsonl").read_text().splitlines():
        action = json.loads(line)
        sent[action["address"]["value"]].append((action["issued_at"], action["channel"]))
    wanted = {user: rows for user, of in asked.items() if (rows := allowed(of, 1 << 62))}
    assert sent == wanted
    assert sum(map(len, wanted.values())) < sum(map(len, asked.values())), "no cap was reached"
