"""A refused expression says what to write; an unknown function, which functions there are."""

from __future__ import annotations

import pytest

from cjo_stream.core.expression import ExpressionError, Names, Place, compile_expression
from cjo_stream.core.expression.function import FUNCTIONS

NAMES = Names(profile=frozenset({"vip"}), data=frozenset({"total"}))


def message(text: str, place: Place = Place.JOURNEY) -> str:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text, place, NAMES)
    return refused.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("event.a = 5", "write `==`"),
        ("has(event.a = 5)", "write `==`"),
        ("event.a === 5", "write `==`"),
        ("event.a <> 5", "write `!=`"),
        ("event.a =< 5", "write `<=`"),
        ("event.a && event.b", "write `and`"),
        ("event.a & event.b", "write `and`"),
        ("event.a AND event.b", "write `and`"),
        ("event.a || event.b", "write `or`"),
        ("event.a | event.b", "write `or`"),
        ("event.a Or event.b", "write `or`"),
        ("!event.a", "write `not`"),
        ("~event.a", "write `not`"),
        ("NOT event.a", "write `not`"),
        ("NOT(event.a)", "write `not`"),
        ("event.a IN ['x']", "write `in`"),
        ("event.a IS NULL", "write `not has(x)`"),
        ("event.a is null", "write not has(event.a)"),
        ("event.a is not null", "write has(event.a)"),
        ("event.a is 5", "write `==`"),
        ("event.a is not 5", "write `!=`"),
        ("event.a ? 1 : 2", "write `x if condition else y`"),
        ("if(event.a, 1, 2)", "write `x if condition else y`"),
        ("event.a LIKE 'x%'", "contains(text, 'part')"),
        ("event.a BETWEEN 1 and 5", "`1 <= x <= 5`"),
        ("now > 2026-03-01", "timestamp('2026-03-01T00:00:00Z')"),
        ("${event.a}", "write the name alone"),
        ("TRUE", "write true"),
        ("vip", "write profile.vip"),
        ("total > 5", "write data.total"),
        ("event.name.lower()", "write lower(event.name)"),
        ("event.name.trim()", "Functions: abs, "),
    ],
)
def test_a_habit_of_another_language_is_told_what_to_write(text: str, said: str) -> None:
    assert said in message(text)
    assert "if it is a text" not in message(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("today()", "`date()` is the customer's local date"),
        ("now()", "write `now` without brackets"),
        ("isNull(event.a)", "write `not has(x)`"),
        ("concat(event.a, 'b')", "write 'a' + 'b'"),
        ("startsWith(event.a, 'x')", "did you mean 'starts_with'?"),
        ("LEN(event.a)", "did you mean 'len'?"),
        ("lenght(event.a)", "did you mean 'len"),
        ("frobnicate(event.a)", "no function 'frobnicate'"),
    ],
)
def test_an_unknown_function_lists_the_functions(text: str, said: str) -> None:
    found = message(text)
    assert said in found
    assert found.endswith(f"Functions: {', '.join(sorted(FUNCTIONS))}")


@pytest.mark.parametrize(
    "text", ["visit", "order-placed", "Hello World", "Hello, World!", "Tür auf"]
)
@pytest.mark.parametrize("place", [Place.MAP, Place.ACTION])
def test_a_bare_text_is_told_how_a_text_is_written(text: str, place: Place) -> None:
    assert f"if it is a text, write \"'{text}'\"" in message(text, place)


@pytest.mark.parametrize("text", ["event.total >", "event.a and", "evnt.total", "row.a row.b"])
def test_what_is_no_text_is_not_taken_for_one(text: str) -> None:
    assert "if it is a text" not in message(text)


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("event.a == null", "not has(event.a)"),
        ("null == event.a", "not has(event.a)"),
        ("event.a != null", "has(event.a)"),
        ("event.b and event['odd a'] == None", "not has(event['odd a'])"),
        ("not (data.total == null)", "not has(data.total)"),
        ("event.a > null", "not has(event.a)"),
    ],
)
def test_a_comparison_with_null_is_a_warning_that_names_has(text: str, cure: str) -> None:
    ((_, said),) = compile_expression(text, Place.JOURNEY, NAMES).warnings
    assert said.endswith(f"write {cure}")


@pytest.mark.parametrize(
    "text", ["event.a == 'null'", "has(null)", "coalesce(event.a, null)", "5"]
)
def test_other_uses_of_null_are_no_warning(text: str) -> None:
    assert compile_expression(text, Place.JOURNEY, NAMES).warnings == ()
