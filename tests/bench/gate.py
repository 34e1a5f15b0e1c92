"""The gate of `make bench`: each ratio to the floor of the same run, against the expected one.

A machine, or its load, changes the figures of the engine and of the floor alike, so ratios are
compared and no times. `expected.json` holds the ratios of the last release; after a change that
makes one better, or worse for a reason, `make bench` shows what to write there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXPECTED = Path(__file__).parent / "expected.json"
WORSE_MAX = 0.2
"""How much less than the expected ratio is still no failure, relative."""


def ratios(figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the ratios, 1 for as fast as the floor: of events/s on Kafka, of CPU embedded."""
    floor_us = figures["kafka floor"]["cpu_us_an_event"]
    return {
        "kafka, 1 worker, events/s": figures["kafka of the floor"],
        "kafka, 2 workers, events/s": figures["kafka, 2 workers, of the floor"],
        **{
            f"{name}, CPU": round(floor_us / figures[name]["cpu_us_an_event"], 4)
            for name in ("embedded shop", "embedded yardstick")
        },
    }


def worse(found: Mapping[str, float], expected: Mapping[str, float]) -> list[str]:
    """Return a line for each ratio that is more than WORSE_MAX worse, or that one side lacks."""
    lines = [f"{name}: no longer measured" for name in expected.keys() - found.keys()]
    for name, ratio in found.items():
        if name not in expected:
            lines.append(f"{name}: {ratio}, and nothing is expected of it")
        elif ratio < expected[name] * (1 - WORSE_MAX):
            lines.append(f"{name}: {ratio} of the floor, {expected[name]} expected")
    return sorted(lines)


def check(figures: Mapping[str, Any]) -> list[str]:
    """Return what is worse than expected; print the ratios as `expected.json` holds them."""
    found = ratios(figures)
    print(json.dumps(found, indent=2), flush=True)
    return worse(found, json.loads(EXPECTED.read_text()))
