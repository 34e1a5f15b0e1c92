"""Worlds whose definitions change on the way: one number of partitions against another.

The second set has new versions of journeys, each with a guarded canary. No reference plays that:
what is compared is the engine with itself, by 1 and by 5 partitions. The guards are hasty
(`tests/world/small.py`), so that some trip.
"""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from random import Random
from typing import Any

import msgspec

from cjo_stream import ingest
from cjo_stream.core.catalogue import GOVERNANCE, TRANSITION
from cjo_stream.core.program.program import Program
from cjo_stream.definition import compile_stored, succeed
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
from tests.world.small import hasty_guards

ENDS = ("promote", "hold", "back")
PEOPLE = 20
"""So that there are some inside a canary, and some outside."""


def with_canaries(documents: list[Document], draw: Random) -> list[Document]:
    """Return definitions in which most journeys have a new version with a guarded canary."""
    new = deepcopy(documents)
    for one in new:
        if "journey" in one and draw.random() < 0.8:
            one["version"] += 1
            one["migrate"] = draw.choice(("drain", "follow", "exit"))
            metrics = ("exit_rate", "goal_rate" if "goal" in one else "dead_letters")
            one["canary"] = {
                "share": draw.choice(("30%", "50%", "70%")),
                "guards": [{"metric": metric, "worse_than": "10%"} for metric in metrics],
                "then": draw.choice(ENDS),
                "for": draw.choice(("1s", "7d", "30d")),
            }
            one.pop("map", None)
    return new


def run(seed: int) -> Counter[str]:
    """Run a seed's world with a change on the way; return what was met. Raises AssertionError."""
    with hasty_guards():
        return _run(seed)


def _run(seed: int) -> Counter[str]:
    world, draw = draw_world(seed, people=PEOPLE), Random(f"changed {seed}")
    first, records = loaded(world.documents), raw_records(world.records)
    first = msgspec.structs.replace(first, content=succeed(first, None))
    try:
        second = loaded(with_canaries(world.documents, draw))
        content = succeed(second, first.content)
    except DefinitionError:
        return Counter({"a change is refused": 1})
    change = engine.Change(int(len(records) * draw.random() / 2), content)
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
    decided = Counter((row["journey"], row["version"]) for row in verdicts[0])
    assert all(times == 1 for times in decided.values()), f"decided twice: {verdicts[0]}"
    program = compile_stored(content)
    members = _members(one[0], program)
    return Counter(
        {
            "a change is applied": 1,
            "a canary with members": len(members),
            "a canary without members": len(guarded_of(program)) - len(members),
            "a guard trips": sum(_has_tripped(row, program) for row in verdicts[0]),
        }
    ) + Counter(f"a verdict: {row['verdict']}" for row in verdicts[0])


def guarded_of(program: Program) -> set[tuple[str, int]]:
    """Return the guarded canaries of a set: journey and version."""
    journeys = program.journeys.values()
    return {(one.name, one.version) for one in journeys if one.guards is not None}


def _members(effects: list[Effect], program: Program) -> set[tuple[str, int]]:
    """Return the guarded canaries that somebody has entered."""
    rows = (json.loads(one.value) for one in effects if one.kind == TRANSITION.name)
    entered = {(row["journey"], row["version"]) for row in rows if row["reason"] == "entered"}
    return entered & guarded_of(program)


def _has_tripped(verdict: dict[str, Any], program: Program) -> bool:
    """Return whether a verdict is another than that of the end of `for`."""
    guards = program.journeys[verdict["journey"]].guards
    return guards is not None and verdict["verdict"] != guards.then


def _verdicts(effects: list[Effect]) -> list[dict[str, Any]]:
    rows = (json.loads(one.value) for one in effects if one.kind == GOVERNANCE.name)
    return [row for row in rows if row["kind"] == "verdict"]
