"""No expression can raise, loop, or read anything else; what it gives is JSON, and bounded."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
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

NAMES = Names(frozenset({"vip", "seen"}), frozenset({"email"}), frozenset({"a", "b"}))
ATTRIBUTES = ("a", "b", "c")

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.sampled_from([0, 1, -1, 2**63, 10**400, 1e308, 5e-324, -0.0])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["", "mon", "09:00", "1d", "7", "2026-03-01T00:00:00Z", "x" * 40_000])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(ATTRIBUTES), inner)
    ),
    max_leaves=8,
)
LEAVES = st.sampled_from(
    [
        *("event.a", "event.b", "event.c", "event['a']", "event.type", "event.a.b", "entry.a"),
        *("data.a", "data.b", "key", "now", "profile.vip", "profile.seen", "profile.id"),
        *("profile.identifiers.email", "event.attributes.type", "event.b['c'].a"),
        *("0", "1", "-1", "2.5", "9223372036854775807", "1e308", "true", "false", "null"),
        *("''", "'a'", "'mon'", "'7'", "'ß'", "[]", "['a', 'b']", "[1, 'a', true]"),
        *("'09:00'", "'1d'", "'2026-03-01T00:00:00Z'"),
    ]
)


_OPERATORS = "+,-,*,/,//,%,==,!=,<,<=,>,>=,in,not in,and,or"
_LITERALS_REFUSED = (
    "deeper than 20",
    "not a time of day",
    "not a duration",
    "is not a day",
    "is no unit",
    "is not a time zone",
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(_OPERATORS.split(","))
    calls = [
        st.tuples(*[inner] * count).map(lambda args, name=name: f"{name}({', '.join(args)})")
        for name, row in FUNCTIONS.items()
        for count in range(row.fewest, min(row.most, 3) + 1)
    ]
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, operators, inner, operators, inner).map(lambda t: f"({' '.join(t)})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.tuples(st.sampled_from(["not ", "-", "+"]), inner).map(lambda t: f"({t[0]}{t[1]})"),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        inner.map(lambda text: f"({text}).a"),
        *calls,
    )


EXPRESSIONS = st.recursive(LEAVES, _grown, max_leaves=12).filter(lambda text: len(text) <= 500)


class Profile:
    """Random values, as a profile."""

    def __init__(self, values: dict[str, Any], zone: str) -> None:
        self._values = values
        self.zone = zone

    def get(self, name: str) -> Any:
        value = self._values.get(name)
        return MISSING if value is None else value

    def identifiers(self, type_: str) -> list[str]:
        return ["a", "b"]

    def consented(self, purpose: str, channel: str) -> bool:
        return purpose == channel


def compiled_or_refused(text: str) -> Expression | ExpressionError:
    try:
        return compile_expression(text, Place.JOURNEY, NAMES, "d")
    except ExpressionError as error:
        return error


OBJECTS = st.fixed_dictionaries({}, optional=dict.fromkeys(ATTRIBUTES, JSON))


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    zone = draw(st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "no zone"]))
    profile = Profile(draw(st.fixed_dictionaries({"vip": JSON, "seen": JSON})), zone)
    scope = Scope(draw(st.integers(-(2**50), 2**53)), draw(st.none() | st.just(profile)))
    if draw(st.booleans()):
        scope.event = Event("a", draw(st.integers(0, 2**50)), draw(OBJECTS))
    if draw(st.booleans()):
        scope.entry = Event("b", 1, draw(OBJECTS), id="e", channel="web")
    scope.data = draw(st.none() | OBJECTS)
    scope.key = draw(st.just(MISSING) | SCALARS)
    return scope


def check(value: Any) -> None:
    if value is MISSING:
        return
    assert value is not None
    text = json.dumps(value, allow_nan=False)
    assert len(text) < 4_000_000

    def walk(inner: Any) -> None:
        if type(inner) in (int, float):
            assert math.isfinite(inner)
            assert type(inner) is float or abs(inner) < 2**63
        for element in inner if type(inner) is list else []:
            walk(element)
        for element in inner.values() if type(inner) is dict else []:
            walk(element)

    walk(value)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(text=EXPRESSIONS, scope=scopes())
def test_an_expression_never_raises_and_gives_bounded_json(text: str, scope: Scope) -> None:
    expression = compiled_or_refused(text)
    if isinstance(expression, ExpressionError):
        assert any(reason in expression.message for reason in _LITERALS_REFUSED)
        return
    value = expression.evaluate(scope)
    check(value)
    assert expression.holds(scope) is (value is not MISSING and bool(value))
    assert set(scope.faults) <= {"d"}
    assert {definition for definition, _, _ in scope.unread} <= {"d"}


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(text=EXPRESSIONS, scope=scopes())
def test_the_same_scope_gives_the_same_value_whoever_compiled(text: str, scope: Scope) -> None:
    results = []
    for _ in range(2):
        scope.faults = {}
        expression = compiled_or_refused(text)
        if isinstance(expression, ExpressionError):
            results.append((expression.message, expression.column))
        else:
            results.append((repr(expression.evaluate(scope)), scope.faults))
    assert results[0] == results[1]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    text=st.text(max_size=60) | st.text("()[]'\".,+-*/%<>=!einotrdasfl01 #\\{}:@&|~^", max_size=60)
)
def test_any_text_is_an_expression_or_refused_as_none(text: str) -> None:
    expression = compiled_or_refused(text)
    if isinstance(expression, ExpressionError):
        assert expression.message
        assert 0 <= expression.column <= len(text)
    else:
        check(expression.evaluate(Scope(0)))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "import os",
        "().__class__.__bases__[0].__subclasses__()",
        "event.__class__",
        "event.x.__init__.__globals__",
        "profile.__dict__",
        "key.__class__",
        "'a'.upper()",
        "'{0.__class__}'.format(event)",
        "lower.__globals__",
        "lambda: 1",
        "(lambda x: x)(1)",
        "[x for x in event.a]",
        "{x for x in event.a}",
        "{x: 1 for x in event.a}",
        "any(x for x in event.a)",
        "f'{event.x}'",
        "(x := 1)",
        "[*event.a]",
        "max(*event.a)",
        "lower(x='a')",
        "round(1, **event.a)",
        "{'a': 1}",
        "{1, 2}",
        "(1, 2)",
        "event.a[0:1]",
        "event.a[key]",
        "2 ** 1000000",
        "9" * 400,
        "1e999",
        "1j",
        "b'x'",
        "...",
        "1 << 100",
        "1 | 2",
        "~1",
        "event.a @ event.b",
        "event.a is null",
        "await key",
        "yield key",
        "print('x')",
        "eval('1')",
        "open('/etc/passwd')",
        "type(key)",
        "run",
        "s",
        "t1",
        "MISSING",
        "bounded_value(1)",
        "event_attributes",
        "1; 2",
        "x = 1",
        "1\x00",
        "'\\x00'",
        "'\\ud800'",
        "'a\u202eb'",
        "'a\u2066b'",
        "\ufeff1",
        "ｌen('x')",
        "ｅvent.x",
        "event.ﬁeld",
        "1 # comment",
        "(" * 240 + "1" + ")" * 240,
        "[" * 30 + "]" * 30,
        "-" * 400 + "1",
        "not " * 100 + "true",
        "event" + ".a" * 200,
        "lower(" * 60 + "'x'" + ")" * 60,
        "1 if " * 30 + "1" + " else 2" * 30,
        "'unclosed",
        "'''unclosed",
        "\\",
        "",
        " ",
        "\n",
        "a" * 501,
    ],
    ids=lambda text: ascii(text[:30]),
)
@pytest.mark.parametrize("place", [Place.JOURNEY, Place.MAP], ids=lambda place: place.name)
def test_hostile_text_is_refused(text: str, place: Place) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text, place, NAMES)
