"""What advice says never comes about does not, in random worlds with conditions that collide.

`CJO_LONG=1` draws more.
"""

from __future__ import annotations

import json
import os
from random import Random
from typing import Any

import pytest

from cjo_stream import ingest
from cjo_stream.core.word import Status
from cjo_stream.definition import DefinitionSet, succeed
from cjo_stream.definition.advice import advise
from cjo_stream.definition.advice.action import asked, stopped
from cjo_stream.definition.advice.reach import Reach, reach
from cjo_stream.definition.code import Code
from cjo_stream.definition.tracer import Tracer
from cjo_stream.errors import DefinitionError
from tests.differential.reference import Reference
from tests.differential.stream import DAY, draw_records
from tests.differential.topology import Document, draw_definitions
from tests.differential.worlds import EFFECTS_MAX, FEW_RAISED, KEY, loaded

SEEDS = 160 if "CJO_LONG" in os.environ else 60
PART = 20
NEVER = {Code.NEVER_TRUE, Code.NEVER_TAKEN, Code.NEVER_REACHED, Code.NO_GOAL, Code.NOT_ASKED}
NEVER |= {Code.NEVER_SENT}
GATES = ("eligible", "applicable", "suitable")
PARTS = (
    "event.k == 'x'", "event.k != 'x'", "event.k in ['x', 'y']", "not event.k == 'y'",
    "event.n > 2", "event.n <= 2", "event.n < 4", "2 < event.n", "has(event.k)",
    "not has(event.n)", "event.type == 'viewed'", "event.type != 'viewed'",
    "coalesce(event.n, 0) >= 1", "not coalesce(event.n, 0) >= 1", "event.b", "not event.b",
)  # fmt: skip


def tightened(draw: Random, node: Any, *, may_drop: bool) -> Any:
    """Return definitions whose conditions collide more often, and stand in each other's way."""
    if isinstance(node, list):
        return [tightened(draw, one, may_drop=may_drop) for one in node]
    if not isinstance(node, dict):
        return node
    found: dict[str, Any] = {}
    for key, value in node.items():
        if key in ("when", *GATES) and isinstance(value, str):
            if may_drop and key == "when" and draw.random() < 0.4:
                continue
            parts = [f"({value})"] if len(value) < 250 and draw.random() < 0.6 else []
            parts += draw.sample(PARTS, draw.randint(0 if parts else 1, 3))
            found[key] = draw.choice((" and ", " and ", " or ")).join(parts)
        elif key == "always":
            found[key] = tightened(draw, value, may_drop=False)
        else:
            found[key] = tightened(draw, value, may_drop=may_drop and key != "entry")
    return found


def draw_tight(draw: Random) -> list[Document]:
    """Return definitions that load, with conditions that collide."""
    documents = draw_definitions(draw)
    return [
        tightened(draw, one, may_drop="journey" in one)
        if one.keys() & {"journey", "action"}
        else one
        for one in documents
    ]


def run(draw: Random, definitions: DefinitionSet) -> tuple[Tracer, list[dict[str, Any]]]:
    """Return the rules that random events reached, and the decisions."""
    tracer = Tracer()
    program = tracer.compile(1, succeed(definitions, None))
    reference = Reference(program, ingest.decoder(program, KEY), EFFECTS_MAX, FEW_RAISED)
    draw_records(draw, reference, 40)
    if not reference.is_busy:
        reference.effects_max = None
        for day in range(10):
            reference.run_to(reference.high + day * DAY)
            if len(reference.effects) > EFFECTS_MAX:
                break
    decisions = [json.loads(one.value) for one in reference.effects if one.kind == "decision"]
    return tracer, decisions


def holds(found: dict[str, Reach], tracer: Tracer) -> None:
    """Raise AssertionError if a rule was reached that never can be."""
    for key in tracer.reached:
        if key[0] == "gate":
            continue
        one = found[str(key[1])]
        assert one.is_entered, key
        assert key not in one.closed, key
        if key[0] == "state":
            assert key[2] in one.states, key
        elif key[0] == "goal":
            assert one.can_mark_goal(), key
        elif key[0] == "timer" or (key[0] == "on" and key[2]):
            assert key[2] in one.resting, key


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_what_advice_says_never_happens_does_not(first: int) -> None:
    happened = 0
    for seed in range(first, first + PART):
        draw = Random(seed)
        try:
            definitions = loaded(draw_tight(draw))
        except DefinitionError:  # a condition reads what events of the engine do not have
            continue
        program = definitions.program
        found = {
            name: reach(journey)
            for name, journey in program.journeys.items()
            if journey.status is not Status.RETIRED
        }
        tracer, decisions = run(draw, definitions)
        holds(found, tracer)
        happened += len(tracer.reached) + len(decisions)
        candidates = asked(found.values())
        never = stopped(candidates, program.policy)
        for decision in decisions:
            for one in decision["candidates"]:
                assert (one["action"], one["channel"]) in candidates, (seed, one)
            chosen = decision["chosen"]
            if chosen is not None:
                assert (chosen["action"], chosen["channel"]) not in never, (seed, chosen)
    assert happened > 10 * PART


def test_every_claim_is_made() -> None:
    unsaid = {str(code) for code in NEVER}
    # The first ones make all claims; where another grammar draws other sets, there are more.
    for seed in (2, 93, 96, *range(150)):
        try:
            unsaid -= {one.code for one in advise(loaded(draw_tight(Random(seed))))}
        except DefinitionError:
            continue
        if not unsaid:
            break
    assert not unsaid


def test_a_claim_that_is_false_is_seen() -> None:
    draw = Random(3)
    definitions = loaded(draw_tight(draw))
    tracer, _ = run(draw, definitions)
    key = next(key for key in sorted(tracer.reached, key=str) if key[0] == "state")
    found = {name: reach(journey) for name, journey in definitions.program.journeys.items()}
    one = found[str(key[1])]
    found[str(key[1])] = one._replace(states=one.states - {str(key[2])})
    with pytest.raises(AssertionError):
        holds(found, tracer)
