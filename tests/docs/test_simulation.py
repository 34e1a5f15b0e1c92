"""The simulated traffic that docs/getting-started.md sends to Kafka begins at once."""

from __future__ import annotations

import re
import time

from cjo_stream.definition import load
from cjo_stream.simulate import open_world
from tests.docs.page import ROOT

PAGE = (ROOT / "docs" / "getting-started.md").read_text()
SECOND_MS = 1_000
HOUR_MS = 3_600_000


def test_a_reader_sees_events_within_ten_seconds() -> None:
    (command,) = re.findall(r"`(cjo-stream simulate shop --kafka [^`]*)`", PAGE)
    rate = re.search(r"--rate (\d+)", command)
    topology = load(ROOT / "topologies" / "shop").program.topology
    now_ms = time.time_ns() // 1_000_000
    world = open_world(
        topology,
        people=1_000,
        seed=1,
        start_ms=now_ms,
        duration_ms=HOUR_MS,
        rate=float(rate[1]) if rate else None,
        haste=600,
    )
    assert sum(1 for _ in world.before(now_ms + 10 * SECOND_MS)) > 0
