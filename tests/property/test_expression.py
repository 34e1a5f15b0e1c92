"""Expressions: no text and no data raise, loop, or give what is not JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cjo_stream.core.event import Event
from cjo_stream.core.expression import (
    MISSING,
    Expression,
    ExpressionError,
    Names,
    Place,
    Scope,
    compile_expression,
)
from cjo_stream.core.expression.function import FUNCTIONS

QUICK = settings(max_examples=150, deadline=None, derandomize=True, database=None)
NAMES = Names(frozenset({"fact"}), frozenset({"email"}), None)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["a", "09:00", "mon", "3d", "2026-03-01T00:00:00Z", "12", "-0", "9" * 19]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
LEAVES = st.sampled_from(
    [
        "event.a",
        "event.b",
        "event.c['x']",
        "entry.a",
        "data.a",
        "key",
        "now",
        "profile.fact",
        "profile.identifiers.email",
        "null",
        "true",
        "false",
        "0",
        "-1",
        "7",
        "2.5",
        "1e300",
        "9223372036854775807",
        "''",
        "'a'",
        "'09:00'",
        "['mon']",
        "[]",
    ]
)


_OPERATORS = "+,-,*,/,//,%,==,!=,<,<=,>,>=,and,or,in,not in"


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(_OPERATORS.split(","))
    calls = [
        st.tuples(*[inner] * count).map(lambda parts, name=name: f"{name}({', '.join(parts)})")
        for name, row in sorted(FUNCTIONS.items())
        for count in range(row.fewest, min(row.most, 3) + 1)
    ]
    return st.one_of(
        st.tuples(inner, binary, inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, binary, inner, binary, inner).map(lambda p: f"({' '.join(p)})"),
        inner.map(lambda part: f"(not {part})"),
        inner.map(lambda part: f"(-{part})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        inner.map(lambda part: f"({part}).x"),
        inner.map(lambda part: f"({part})[0]"),
        inner.map(lambda part: f"({part})[-1]"),
        st.one_of(calls),
    )


TEXTS = st.recursive(LEAVES, compound, max_leaves=8)


class Profile:
    """A customer of one fact."""

    zone = "America/St_Johns"

    def __init__(self, fact: Any) -> None:
        self._fact = fact

    def get(self, _: str) -> Any:
        return MISSING if self._fact is None else self._fact

    def identifiers(self, _: str) -> list[str]:
        return ["a@x"]

    def consented(self, purpose: str, channel: str) -> bool:
        return purpose < channel


def made_scope(now: int, values: list[Any]) -> Scope:
    scope = Scope(now, Profile(values[0]))
    scope.event = Event("seen", now, {"a": values[1], "b": values[2], "c": {"x": values[3]}})
    scope.entry = Event("begun", now, {"a": values[4]})
    scope.data = {"a": values[5]}
    scope.key = MISSING if values[6] is None else values[6]
    return scope


def is_json(value: Any) -> bool:
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is list:
        return all(map(is_json, value))
    if type(value) is dict:
        return all(type(name) is str and is_json(inner) for name, inner in value.items())
    return value is None or type(value) in (str, bool, int)


@QUICK
@given(
    TEXTS,
    st.lists(VALUES, min_size=7, max_size=7),
    st.integers(-62_135_596_800_000, 253_402_300_799_999),
)
def test_whatever_compiles_gives_json_or_missing_and_the_same_again(
    text: str, values: list[Any], now: int
) -> None:
    try:
        expression = compile_expression(text, Place.JOURNEY, NAMES, "any")
    except ExpressionError:
        return
    first = made_scope(now, values)
    result = expression.evaluate(first)
    assert result is MISSING or (result is not None and is_json(result))
    again = compile_expression(text, Place.JOURNEY, NAMES, "any")
    second = made_scope(now, values)
    repeated = again.evaluate(second)
    if result is MISSING:
        assert repeated is MISSING
    else:
        assert json.dumps(repeated) == json.dumps(result)
    assert first.faults == second.faults
    assert expression.holds(first) is (result is not MISSING and bool(result))


def compiled_or_refused(text: str) -> Expression | ExpressionError:
    try:
        return compile_expression(text, Place.JOURNEY, NAMES)
    except ExpressionError as error:
        return error


_PIECES = (
    "event . data profile now key ( ) [ ] { } , : = == := + - ** * / < > in is not and or if "
    "else for lambda await yield import __class__ __globals__ __builtins__ open eval 'a' \" 1 9e9 "
    "f'{now}' b'' ... # \\ \n \t \x00 ; @ ~ | & ^ % len bucket \u202e é ﬁ 0x1f 1_0 1j"
)


@QUICK
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(_PIECES.split(" ")), max_size=25).map(" ".join),
    )
)
def test_any_text_compiles_or_is_refused_with_its_column(text: str) -> None:
    outcome = compiled_or_refused(text)
    if isinstance(outcome, ExpressionError):
        assert 0 <= outcome.column <= len(text)
        assert outcome.message
    else:
        result = outcome.evaluate(Scope(0))
        assert result is MISSING or is_json(result)
