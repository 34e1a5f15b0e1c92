"""Small worlds: bounds drawn from their floors upward, so that they are met.

What goes beyond a bound is a result, so the same log needs the same `Bounds`. What only says how
much a process keeps in memory, or how its frames are cut, may be another after each start.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.canary import interval, verdict
from cjo_stream.core.command.history import PRUNED_EVERY
from cjo_stream.engine.cache import ACTORS_BYTES, ActorMemory
from cjo_stream.engine.task import TIMERS_PER_RECORD_MAX

FLOORS = {"commands": PRUNED_EVERY + 1, "piece_bytes": 16}
"""Below, a bound has no meaning; of all others it is 1."""

HASTY = ((interval, "VALUES_MIN", 2), (interval, "TUNED_AT", 1), (verdict, "ALPHA", 1.8))
"""Two guards of a canary compare two values with two, and are often wrong."""


@contextmanager
def hasty_guards() -> Iterator[None]:
    """Let the guards of a canary, two of them, trip in small worlds meanwhile."""
    before = [(module, name, getattr(module, name)) for module, name, _ in HASTY]
    try:
        for module, name, value in HASTY:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def draw_bounds(draw: random.Random) -> dict[str, Any]:
    """Return what a task's result depends on; in half of all worlds as the product has it."""
    if draw.random() < 0.5:
        return {}
    small = {
        field.name: _between(draw, FLOORS.get(field.name, 1), field.default)
        for field in msgspec.structs.fields(Bounds)
    }
    timers = _between(draw, 1, TIMERS_PER_RECORD_MAX)
    return {"bounds": Bounds(**small), "timers_per_record_max": timers}


def draw_memory(draw: random.Random) -> dict[str, Any]:
    """Return what no result depends on."""
    return {
        "memory": ActorMemory(_between(draw, 1, ACTORS_BYTES)),
        "wakes_max": _between(draw, 1, 20_000),
        "frame_items_max": _between(draw, 1, 500),
        "rollout_customers_max": _between(draw, 1, 50),
    }


def _between(draw: random.Random, least: int, most: int) -> int:
    """Return a number whose size, not whose value, is drawn evenly."""
    return round(least * (most / least) ** draw.random())
