"""Conditions that contradict themselves; and what is called impossible never holds."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.expression import (
    Expression,
    Names,
    Place,
    Scope,
    compile_expression,
    constant,
)
from cjo_stream.definition.advice.condition import can_hold, one_of


def condition(text: str) -> Expression:
    return compile_expression(text, Place.EVENT, Names())


@pytest.mark.parametrize(
    "text",
    [
        "event.a == 'x' and event.a == 'y'",
        "event.a == 'x' and event.a != 'x'",
        "event.a == 'x' and event.a > 3",
        "event.a > 10 and event.a < 5",
        "10 < event.a < 5",
        "event.a >= 5 and event.a < 5",
        "event.a > 'a' and event.a > 3",
        "event.a >= 5 and event.a <= 5 and event.a != 5",
        "event.a > true",
        "event.a in ['x', 'y'] and not event.a in ['y', 'x', 'z']",
        "event.a in []",
        "event.a == null",
        "not event.a == null",
        "not has(event.a) and event.a != 3",
        "has(event.a) and not has(event.a)",
        "event.a and not event.a",
        "event.a == false and event.a",
        "event.a < event.b and not event.a < event.b",
        "'x' in event.a and 'x' not in event.a",
        "event.a != event.b and event.a == event.b",
        "(event.a == 'x' or event.a == 'y') and event.a == 'z'",
        "not (event.a > 3 and event.b) and event.a > 3 and event.b",
        "event.a == 'x' if event.a == 'y' else false",
        "coalesce(event.a, 0) > duration('1m') and coalesce(event.a, 0) < 60000",
        "now > timestamp('2026-03-01') and now < timestamp('2026-02-01')",
        "1 > 2",
        "'x' + 1",
        "false",
    ],
)
def test_a_contradiction_is_found(text: str) -> None:
    assert not can_hold([condition(text)])


@pytest.mark.parametrize(
    "text",
    [
        "event.a == 'x' or event.a == 'y'",
        "5 <= event.a <= 5",
        "event.a == 5 and event.a == 5.0",
        "event.a > 5 and event.b < 5",
        "event.a > 1 and event.a < 2",
        "event.a != 'x' and event.a != 'y'",
        "not event.a and event.a == 0",
        "event.a and event.a == 'x'",
        "not has(event.a) and not has(event.b)",
        "has(event.a) and event.a == 'x'",
        "not (event.a == 'x' and event.a == 'y')",
        "event.a == 'x' if event.b else true",
        "'x' in event.a and 'y' in event.a",
        "event.a in 'xy' and event.a != 'z'",
        "weekday() == 'mon'",
        "true",
    ],
)
def test_what_may_hold_is_not_called_impossible(text: str) -> None:
    assert can_hold([condition(text)])


def test_conditions_are_judged_together_and_with_what_is_known() -> None:
    assert not can_hold([condition("event.a > 3"), None, condition("event.a < 3")])
    assert not can_hold([condition("event.type == 'left'")], [one_of("event.type", ["came"])])
    assert can_hold([condition("event.type == 'left'")], [one_of("event.type", ["came", "left"])])
    assert not can_hold([constant(False)])
    assert can_hold([constant(True), None])


def test_what_reads_a_missing_name_is_impossible() -> None:
    for text in ("event.a > 3", "not event.a", "event.a", "event['a'][0] == 1"):
        assert not can_hold([condition(text)], missing=["event"]), text
    for text in ("not has(event.a)", "coalesce(event.a, 1) == 1", "profile.id == 'x'"):
        assert can_hold([condition(text)], missing=["event"]), text


def test_a_condition_with_too_many_ways_is_taken_as_possible() -> None:
    many = " and ".join(f"(event.a == {n} or event.a == {n + 50})" for n in range(9))
    assert can_hold([condition(many)])
    assert not can_hold([condition("event.a == 0 and event.a == 1")])


# --- random conditions over few values


VALUES: tuple[Any, ...] = (None, 0, 1, 2, 2.0, 3, "", "x", "y", "xy", True, False, [], ["x"], [1])
TERMS = ("event.a", "event.b", "coalesce(event.a, 1)", "len(event.b)", "event['a']")
LITERALS = ("0", "1", "2", "2.5", "'x'", "'y'", "'xy'", "true", "null", "-1", "[1]", "'x' + 'y'")


def drawn(draw: Random, depth: int = 3) -> str:
    if depth and draw.random() < 0.75:
        left, right = drawn(draw, depth - 1), drawn(draw, depth - 1)
        return draw.choice(
            (
                f"({left} and {right})",
                f"({left} and {right})",
                f"({left} or {right})",
                f"(not {left})",
                f"({left} if {drawn(draw, 0)} else {right})",
            )
        )
    term, other = draw.choice(TERMS), draw.choice((*TERMS, *LITERALS, *LITERALS, *LITERALS))
    sides = draw.choice(((term, other), (other, term)))
    operation = draw.choice(("==", "==", "!=", "<", "<=", ">", ">=", "in", "not in"))
    return draw.choice(
        (
            f"{sides[0]} {operation} {sides[1]}",
            f"{sides[0]} {operation} {sides[1]}",
            f"{draw.choice(LITERALS)} <= {term} < {draw.choice(LITERALS)}",
            f"{term} in [{draw.choice(LITERALS)}, {draw.choice(LITERALS)}]",
            f"{term} not in [{draw.choice(LITERALS)}]",
            f"has({draw.choice(('event.a', 'event.b'))})",
            term,
            draw.choice(LITERALS),
        )
    )


def scope(a: Any, b: Any) -> Scope:
    given = {name: value for name, value in (("a", a), ("b", b)) if value is not None}
    found = Scope(now=0)
    found.event = Event("t", 0, given, "1", "web")
    return found


DRAWN = 250 if "CJO_LONG" in os.environ else 100


@pytest.mark.parametrize("seed", range(10))
def test_what_is_called_impossible_holds_for_no_values(seed: int) -> None:
    draw = Random(seed)
    impossible = 0
    for _ in range(DRAWN):
        found = condition(drawn(draw))
        if not can_hold([found]):
            impossible += 1
            for a in VALUES:
                for b in VALUES:
                    assert not found.holds(scope(a, b)), (found.text, a, b)
    assert DRAWN // 25 < impossible < DRAWN * 24 // 25
