"""A shop of 400 people for 16 days, with a defect in it: events, and one journey's transitions."""

from __future__ import annotations

import random
from typing import Any, Final, NamedTuple

import duckdb

from tests.friction.shop import with_stays

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 1_767_571_200_000
"""Monday 2026-01-05, midnight."""
DAYS: Final = 16
DEFECT_MS: Final = START_MS + 12 * DAY_MS + 10 * HOUR_MS
Event = tuple[str, str, str, int, float]
"""Customer, type, channel, time, total."""
Transition = tuple[str, str, str | None, str | None, str, str | None, int]
"""Instance, customer, from, to, reason, outcome, time."""


class World(NamedTuple):
    """What was recorded, and whom the defect struck."""

    events: list[Event]
    transitions: list[Transition]
    struck: set[str]


def world(defect: str = "", seed: int = 1, share: float = 0.5) -> World:
    """Return a world: people fill carts, most order, parcels come; each cart is an instance."""
    draw = random.Random(seed)
    found = World([], [], set())
    for day in range(DAYS):
        for person in range(400):
            at = START_MS + day * DAY_MS + draw.randrange(8 * HOUR_MS, 20 * HOUR_MS)
            visits, orders, struck = (draw.random() for _ in range(3))
            waits = [draw.randrange(30_000, 120_000), draw.randrange(2 * HOUR_MS, 8 * HOUR_MS)]
            if visits < 0.6:
                is_struck = bool(defect) and at >= DEFECT_MS and struck < share
                _visit(found, f"p{person}", at, waits, orders, defect if is_struck else "")
    return found


def _visit(found: World, who: str, at: int, waits: list[int], orders: float, defect: str) -> None:
    events, transitions, struck = found
    instance = f"{who}-{at}"
    events.append((who, "cart_updated", "web", at, 10.0))
    transitions.append((instance, who, None, "filling", "entered", None, at))
    if defect == "error":
        events.append((who, "checkout_error", "web", at + 9_000, 0.0))
        struck.add(who)
    if defect == "loop":
        for time in range(1, 5):
            events.append((who, "cart_updated", "web", at + time * 4_000, 10.0))
            moved = (instance, who, "filling", "filling", "moved", None, at + time * 4_000)
            transitions.append(moved)
        struck.add(who)
    ordered = at + waits[0]
    if orders > 0.8:
        transitions.append((instance, who, "filling", None, "exited", "emptied", ordered))
        return
    if defect == "exits":
        transitions.append((instance, who, "filling", None, "exited", "emptied", ordered))
        struck.add(who)
        return
    if defect == "pace":
        ordered = at + waits[0] * 9 // 5
        struck.add(who)
    if defect == "slow":
        ordered += 2 * HOUR_MS
        struck.add(who)
    if defect == "drop":
        struck.add(who)
        return
    events.append((who, "order_placed", "web", ordered, 50.0))
    transitions.append((instance, who, "filling", "sent", "moved", None, ordered))
    if defect == "stall":
        struck.add(who)
        return
    events.append((who, "parcel_delivered", "parcel", ordered + waits[1], 0.0))
    transitions.append((instance, who, "sent", "done", "ended", "done", ordered + waits[1]))


def connection(of: World, before_ms: int = 1 << 60) -> Any:
    """Return a connection with the views that friction reads, over records before a time."""
    found = duckdb.connect(":memory:")
    found.execute(
        "CREATE TABLE event (customer_id VARCHAR, type VARCHAR, channel VARCHAR, time BIGINT, "
        "total DOUBLE, position BIGINT, lane VARCHAR DEFAULT 'l', attributes VARCHAR)"
    )
    found.execute(
        'CREATE TABLE transition (instance_id VARCHAR, customer_id VARCHAR, "from" VARCHAR, '
        '"to" VARCHAR, reason VARCHAR, outcome VARCHAR, time BIGINT, position BIGINT, '
        "lane VARCHAR DEFAULT 'l', journey VARCHAR DEFAULT 'cart')"
    )
    found.execute(
        "CREATE TABLE outcome (customer_id VARCHAR, channel VARCHAR, outcome VARCHAR, time BIGINT)"
    )
    _fill(found, "event", 5, [one for one in of.events if one[3] < before_ms])
    _fill(found, "transition", 7, [one for one in of.transitions if one[6] < before_ms])
    found.execute("UPDATE event SET attributes = json_object('total', total)")
    return with_stays(found)


def _fill(found: Any, table: str, width: int, rows: list[Any]) -> None:
    import numpy as np

    columns = {
        f"c{place}": np.array([row[place] for row in rows], dtype=object) for place in range(width)
    }
    columns["position"] = np.arange(len(rows))
    found.register("rows", columns)
    names = [row[0] for row in found.execute(f"DESCRIBE {table}").fetchall()][:width]
    listed = ", ".join(f'"{name}"' for name in [*names, "position"])
    found.execute(f"INSERT INTO {table} ({listed}) FROM rows")
    found.unregister("rows")
