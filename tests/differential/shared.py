"""Worlds of many people, on one core and on several: the same files, byte for byte."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from cjo_stream.embedded.cores import can_share
from tests.differential.stream import raw_records
from tests.differential.worlds import draw_world, loaded
from tests.world.crew import same_on_cores

PEOPLE = 20


def run(seed: int) -> Counter[str]:
    """Run a seed's world; return what was met. Raises AssertionError."""
    world = draw_world(seed, people=PEOPLE)
    definitions = loaded(world.documents)
    if not can_share(definitions.program):
        return Counter({"a world that cannot be shared out": 1})
    with tempfile.TemporaryDirectory() as folder:
        files = same_on_cores(definitions, raw_records(world.records), Path(folder))
    return Counter({f"the same {name}": 1 for name, content in files.items() if content})
