"""Caps hold for everybody, whenever the process was killed: recounted from the commands alone."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.unit.embedded.killing import run_killed
from tests.world.capped import Caps

START_MS = 1_772_323_200_000
HOUR_MS = 3_600_000
CAPS = Caps(news="visit", nudge="late", wait_s=420, mail=(2, 3_600), all=(5, 6 * 3_600))


def write_events(path: Path, customers: int, hours: int) -> dict[str, list[tuple[int, str]]]:
    """Write events; return what each customer is asked for: (when, channel), in order of time."""
    draw = random.Random(20)
    times = sorted(draw.sample(range(hours * HOUR_MS // 10), customers * 4))
    asked: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with path.open("w") as file:
        for number, at in enumerate(times):
            user, late = f"u{int(draw.triangular(0, customers, 0))}", draw.random() < 0.3
            time_ms = START_MS + at * 10
            type_ = CAPS.nudge if late else CAPS.news
            event = {"type": type_, "time": time_ms, "id": f"e{number}", "channel": "web"}
            file.write(json.dumps(event | {"identifiers": {"user": user}}) + "\n")
            asked[user].append((time_ms + CAPS.wait_s * 1000 * late, "push" if late else "mail"))
    # Timers fire before the event of the same instant.
    return {
        user: sorted(rows, key=lambda row: (row[0], row[1] == "mail"))
        for user, rows in asked.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("customers", "kills"),
    [
        (500, 3),
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
    topology, events = CAPS.write(tmp_path / "topology"), tmp_path / "events.jsonl"
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
    wanted = {user: rows for user, of in asked.items() if (rows := CAPS.allowed(of))}
    assert sent == wanted
    assert sum(map(len, wanted.values())) < sum(map(len, asked.values())), "no cap was reached"
