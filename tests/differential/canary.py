"""Worlds whose definitions change on the way: one number of partitions against another.

The second set has new versions of journeys, each with a guarded canary. No reference plays that:
what is compared is the engine with itself, by 1 and by 5 partitions.
"""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from random import Random
from typing import Any

import msgspec

from cjo_stream import ingest
from cjo_stream.core.catalogue import GOVERNANCE
from cjo_stream.definition import succeed
from cjo_stream.engine.frame import Effect
from cjo_stream.errors import DefinitionError
from tests.differential import engine
from tests.differential.stream import raw_records
from tests.differential.topology import Document
from tests.differential.worlds import (
    KEY,
    MANY_PARTITIONS,
    by_customer,
    draw_world,
    loaded,
    plain,
    same,
)

ENDS = ("promote", "hold", "back")


def with_canaries(documents: list[Document], draw: Random) -> list[Document]:
    """Return definitions in which most journeys have a new version with a guarded canary."""
    new = deepcopy(documents)
    for one in new:
        if "journey" in one and draw.random() < 0.8:
            one["version"] += 1
            one["migrate"] = draw.choice(("drain", "follow", "exit"))
            one["canary"] = {
                "share": draw.choice(("10%", "50%", "90%")),
                "guards": [{"metric": "exit_rate", "worse_than": "10%"}],
                "then": draw.choice(ENDS),
                "for": draw.choice(("1s", "1h", "1d")),
            }
            one.pop("map", None)
    return new


def run(seed: int) -> Counter[str]:
    """Run a seed's world with a change on the way; return what was met. Raises AssertionError."""
    world, draw = draw_world(seed), Random(f"changed {seed}")
    first, records = loaded(world.documents), raw_records(world.records)
    first = msgspec.structs.replace(first, content=succeed(first, None))
    try:
        second = loaded(with_canaries(world.documents, draw))
        content = succeed(second, first.content)
    except DefinitionError:
        return Counter({"the change is refused": 1})
    change = engine.Change(int(len(records) * draw.random()), content)
    decode = ingest.decoder(first.program, KEY)
    one, many = (
        engine.run_in_memory(first, decode, records, world.drain_ms, partitions, change)
        for partitions in (1, MANY_PARTITIONS)
    )
    verdicts = [_verdicts(effects) for effects, _ in (one, many)]
    same(verdicts[0], verdicts[1], f"{MANY_PARTITIONS} partitions, the verdicts")
    wanted, found = (
        by_customer(list(map(plain, engine.of_customers(effects)))) for effects, _ in (one, many)
    )
    for key in sorted({*wanted, *found}):
        same(wanted[key], found[key], f"{MANY_PARTITIONS} partitions, {key or 'nobody'}")
    same(one[1], many[1], f"{MANY_PARTITIONS} partitions, the rows of customers")
    return Counter(f"a verdict: {row['verdict']}" for row in verdicts[0])


def _verdicts(effects: list[Effect]) -> list[dict[str, Any]]:
    rows = (json.loads(one.value) for one in effects if one.kind == GOVERNANCE.name)
    return [row for row in rows if row["kind"] == "verdict"]
