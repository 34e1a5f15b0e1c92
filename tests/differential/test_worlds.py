"""Random worlds: the reference and the engine agree, and the oracle sees what it is there for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import pytest

from cjo_stream.core.decision import gate
from tests.differential import canary, promise
from tests.differential.topology import draw_definitions, keys_known, keys_used
from tests.differential.worlds import case_of, draw_world, run, smallest

SEEDS = 12
CANARIES = (0, 3, 5, 9, 23)
"""Seeds of worlds with guarded canaries that end in every way; `make differential` tries more."""
AT_THE_EDGES = (
    "a channel's in: registry",
    "a channel's out: format",
    "a topology: events",
    "a topology: owners",
    "a team: ",
)
"""Keys, with their words, by which records are read, written and compared, and sets are checked;
nothing is decided by them."""
OWN_RECORDS = frozenset({"a channel's in: format = debezium"})
"""Formats whose records the drawn streams do not hold: tests/unit/ingest draws theirs."""
OF_ALL = ("a canary: ", "a guard: ")
"""Keys by which the counts of all customers decide; the reference takes one after the other. The
tests of unit/engine hold verdicts against a decision by hand."""
Effect = tuple[Any, ...]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_world_has_the_same_effects_every_way(seed: int) -> None:
    assert run(seed)["event applied"]


def test_the_number_of_partitions_does_not_change_a_verdict_or_what_follows() -> None:
    met: Counter[str] = Counter()
    for seed in CANARIES:
        met += canary.run(seed)
    for what, least in (
        ("a change is applied", len(CANARIES)),
        ("a canary with members", len(CANARIES)),
        ("a guard trips", 1),
        *((f"a verdict: {end}", 1) for end in canary.ENDS),
    ):
        assert met[what] >= least, f"{what}: in {met[what]} worlds, too few: {met}"


def test_the_whole_grammar_is_drawn() -> None:
    drawn: Counter[str] = Counter()
    for seed in range(200):
        drawn += keys_used(draw_definitions(Random(seed)))
    known = {key for key in keys_known() if not key.startswith((*AT_THE_EDGES, *OF_ALL))}
    assert known - OWN_RECORDS - set(drawn) == set()


def test_a_world_that_breaks_nothing_has_no_smallest_form() -> None:
    assert smallest(1) == "seed 1 breaks nothing"


# --- what the oracle sees


@cache
def case_of_seed(seed: int) -> promise.Case:
    """Return the world of a seed as the oracle sees it."""
    return case_of(draw_world(seed))


def a_case(kind: str, **wanted: Any) -> tuple[promise.Case, int, dict[str, Any]]:
    """Return a world with a record of a kind and such fields, its place, and the record."""
    for seed in range(200):
        case = case_of_seed(seed)
        for place, effect in enumerate(case.effects):
            if effect[0] == kind and effect[1] not in case.not_alone:
                record = json.loads(effect[3])
                if all(record[name] == value for name, value in wanted.items()):
                    return case, place, record
    raise AssertionError(f"no world has a {kind} with {wanted}")


def changed(case: promise.Case, place: int, *effects: Effect) -> promise.Case:
    """Return a case with other effects instead of one."""
    rest = [*case.effects[:place], *effects, *case.effects[place + 1 :]]
    return promise.Case(case.documents, case.events, rest, case.end_ms, case.is_overrun)


def with_value(effect: Effect, **fields: Any) -> Effect:
    """Return an effect whose record has other fields."""
    value = json.dumps({**json.loads(effect[3]), **fields}).encode()
    return (*effect[:3], value, *effect[4:])


def test_a_command_that_is_lost_or_sent_twice_is_seen() -> None:
    case, place, _ = a_case("action")
    promise.check(case)
    with pytest.raises(AssertionError, match="commands are not the choices"):
        promise.check(changed(case, place))
    with pytest.raises(AssertionError, match="twice the same command"):
        promise.check(changed(case, place, *[case.effects[place]] * 2))


def test_a_command_to_nobody_s_channel_or_too_long_valid_is_seen() -> None:
    case, place, record = a_case("action")
    later = with_value(case.effects[place], expires_at=record["expires_at"] + 1)
    with pytest.raises(AssertionError, match=record["action_id"]):
        promise.check(changed(case, place, later))


def test_a_timer_that_fires_late_is_seen() -> None:
    case, place, record = a_case("transition", reason="moved")
    while record["trigger"]["kind"] != "timer":
        place += 1
        record = (
            json.loads(case.effects[place][3])
            if case.effects[place][0] == "transition"
            else record
        )
    later = with_value(case.effects[place], time=record["time"] + 1)
    with pytest.raises(AssertionError):
        promise.check(changed(case, place, later))


def test_a_state_that_is_left_by_one_who_is_not_in_it_is_seen() -> None:
    case, place, record = a_case("transition", reason="moved")
    elsewhere = with_value(case.effects[place], **{"from": "elsewhere"})
    with pytest.raises(AssertionError, match=f"it was in {record['from']}"):
        promise.check(changed(case, place, elsewhere))


def test_the_oracle_knows_every_gate() -> None:
    assert list(promise.GATES) == [one.name for one in gate.GATES], (
        "add the new gate to GATES of tests/differential/promise.py, in its place"
    )


GATES: dict[str, tuple[Callable[[promise.Case], int], int]] = {
    "caps": (promise.caps_stop_at_their_maximum_and_not_before, 29),
    "quiet_hours": (promise.quiet_hours_are_kept, 109),
    "consent": (promise.consent_decides, 14),
}
"""By gate: what looks at it, and a seed from which on there is soon a world where it matters."""


def is_broken(gate: str, case: promise.Case) -> bool:
    """Return whether the oracle says that a gate was not as it must be."""
    try:
        GATES[gate][0](case)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_that_stops_what_may_pass_or_passes_what_it_stops_is_seen(gate: str) -> None:
    for seed in range(GATES[gate][1], 400):
        case = case_of_seed(seed)
        for place, effect in enumerate(case.effects):
            if effect[0] != "decision" or effect[1] in case.not_alone:
                continue
            record = json.loads(effect[3])
            stopped = [c for c in record["candidates"] if c["gate"] == gate]
            if not stopped or record["deferred_until"] is not None:
                continue
            stopped[0]["gate"] = "priority"
            if is_broken(gate, changed(case, place, with_value(effect, **record))):
                return
    raise AssertionError(f"nowhere it matters that {gate} stops")
