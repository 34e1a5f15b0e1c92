"""Nothing an expression gives grows without end; every refusal says where and what."""

from __future__ import annotations

from typing import Any

import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.expression import (
    MISSING,
    Expression,
    ExpressionError,
    Names,
    Place,
    Scope,
    compile_expression,
    constant,
)
from cjo_stream.core.expression.function import FUNCTIONS
from cjo_stream.core.expression.value import WEIGHT_MAX, bounded_value

NAMES = Names(
    profile=frozenset({"vip", "orders"}),
    identifiers=frozenset({"user_id", "email"}),
    data=frozenset({"total", "stage"}),
)


def compiled(text: Any, place: Place = Place.JOURNEY) -> Expression:
    return compile_expression(text, place, NAMES, "journey cart")


def scope_with(event: dict[str, Any]) -> Scope:
    scope = Scope(now=0)
    scope.event = Event("cart_updated", 0, event, id="e1", channel="web")
    return scope


def value(text: str, **event: Any) -> Any:
    return compiled(text).evaluate(scope_with(event))


def nested(depth: int) -> Any:
    result: Any = 1
    for _ in range(depth):
        result = [result]
    return result


def test_text_is_at_most_64_kib_in_bytes() -> None:
    half = "x" * 32_768
    assert value("event.a + event.a", a=half) == half * 2
    assert value("event.a + event.a + 'y'", a=half) is MISSING
    assert value("event.a + event.a", a="ä" * 20_000) is MISSING
    assert value("upper(event.a)", a="ΐ" * 20_000) is MISSING


def test_whole_numbers_stay_within_64_bits() -> None:
    assert value("event.n * 1", n=2**63 - 1) == 2**63 - 1
    assert value("event.n", n=2**63) is MISSING
    assert value("event.n * event.n", n=2**62) is MISSING
    assert value("event.n * 2.0", n=10**400) is MISSING
    assert value("event.n / 2", n=10**400) is MISSING
    assert value("round(event.n, -5)", n=2**63 - 1) is MISSING
    assert value("[event.n]", n=[10**30]) is MISSING
    assert value("str(event.n)", n=10**5000) is MISSING
    assert value("float('1e999')") is MISSING
    assert value("event.n", n=float("inf")) is MISSING
    assert constant(float("inf")).evaluate(Scope(now=0)) is MISSING


def test_what_a_map_passes_on_is_left_to_intake_as_it_came() -> None:
    scope = Scope(now=0)
    scope.row = {"n": 2**64}
    assert compiled("row.n", Place.MAP).evaluate(scope) == 2**64
    assert compiled("row.n + 1", Place.MAP).evaluate(scope) is MISSING


@pytest.mark.parametrize("text", ["[data.total, data.total]", "[data.total]"])
def test_a_variable_assigned_from_itself_ends_missing(text: str) -> None:
    expression = compiled(text)
    scope = Scope(now=0)
    scope.data = {"total": "x"}
    for _ in range(100):
        scope.data = {"total": expression.evaluate(scope)}
        if scope.data["total"] is MISSING:
            return
    pytest.fail("it grew on")


def test_a_value_nests_64_deep_and_no_deeper() -> None:
    assert value("event.a", a=nested(64)) == nested(64)
    assert value("event.a", a=nested(65)) is MISSING


def test_data_of_any_depth_is_compared_and_never_overflows() -> None:
    event = {"a": nested(50_000), "b": nested(50_000), "c": nested(49_999)}
    assert value("event.a == event.b", **event) is True
    assert value("event.a in [event.c]", **event) is False
    assert value("str(event.a)", **event) is MISSING
    assert value("bucket(event.a, 10)", **event) is MISSING
    assert value("event.a", **event) is MISSING


def test_the_middle_of_a_chain_is_evaluated_once() -> None:
    text = "event.a"
    for _ in range(17):
        text = f"1<({text})<3"
    scope = scope_with({"a": 2})
    assert compiled(text).evaluate(scope) is MISSING
    # Twice: 1 < true and true < 3, of the second chain; the others have missing in their middle.
    assert scope.faults == {"journey cart": 2}


def test_an_operand_that_decides_nothing_is_not_evaluated() -> None:
    scope = scope_with({"total": "much"})
    assert compiled("event.type == 'other' and event.total > 5").evaluate(scope) is False
    assert scope.faults == {}


def test_as_many_operands_as_fit_in_500_characters() -> None:
    assert value(" and ".join(["true"] * 55)) is True
    assert value("or".join(["(0)"] * 90)) == 0


def test_the_deepest_that_is_taken() -> None:
    assert value("+".join("1" * 20)) == 20
    with pytest.raises(ExpressionError, match="deeper than 20"):
        compiled("+".join("1" * 21))
    event: Any = 1
    for _ in range(20):
        event = {"a": event}
    assert value("event" + ".a" * 21, a=event) == 1
    with pytest.raises(ExpressionError, match="deeper than 20"):
        compiled("event" + ".a" * 22)


def test_a_value_weighs_one_a_value_one_an_element_and_one_a_character() -> None:
    assert bounded_value(["x" * (WEIGHT_MAX - 3)]) is not None
    assert bounded_value(["x" * (WEIGHT_MAX - 2)]) is None
    assert bounded_value({"key": "x" * (WEIGHT_MAX - 6)}) is not None
    assert bounded_value({"key": "x" * (WEIGHT_MAX - 5)}) is None


def test_what_is_missing_is_falsy() -> None:
    assert not MISSING


def test_what_json_does_not_know_is_no_value() -> None:
    assert bounded_value([b"x"]) is None
    assert bounded_value({"a": [1, {2}]}) is None
    assert bounded_value({"a": [1, None, True, "x"]}) == {"a": [1, None, True, "x"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.flag == 1", False),
        ("event.flag != 1.0", True),
        ("event.flag == true", True),
        ("event.one == true", False),
        ("event.one == 1", True),
        ("event.flag in [1, 2]", False),
        ("event.flags == [1]", False),
        ("event.one == '1'", False),
        ("event.list == 'x'", False),
        ("event.list in ['x']", False),
        ("event.list not in ['x']", True),
        ("event.object == event.object", True),
    ],
)
def test_values_of_different_types_are_unequal_and_no_type_error(
    text: str, expected: bool
) -> None:
    event = {"flag": True, "one": 1, "flags": [True], "list": [1], "object": {"x": [{"y": None}]}}
    scope = scope_with(event)
    assert compiled(text).evaluate(scope) is expected
    assert scope.faults == {}


def test_a_list_of_literals_is_new_each_time() -> None:
    expression = compiled("['a', 'b']")
    expression.evaluate(Scope(now=0)).append("c")
    assert expression.evaluate(Scope(now=0)) == ["a", "b"]


def test_the_presence_of_an_event_can_be_asked() -> None:
    assert value("has(event)") is True
    assert compiled("has(event)").evaluate(Scope(now=0)) is False


def test_a_scope_without_a_profile_has_everything_missing() -> None:
    texts = ("profile.vip", "consented('a', 'b')", "profile.first_seen")
    assert [value(text) for text in texts] == [MISSING] * 3
    assert value("profile.identifiers.email") == []
    assert value("date()") == "1970-01-01"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("event.total >= 20 and event.cart == key", {"event.total", "event.cart", "key"}),
        ("event.attributes.type", {"event.type"}),
        ("event['a'].b", {"event.a"}),
        ("entry.x + data.total", {"entry.x", "data.total"}),
        ("profile.vip", {"profile.vip"}),
        ("'x' in profile.identifiers.email", {"profile.identifiers.email"}),
        ("has(event)", {"event.type"}),
        ("now", {"now"}),
        ("1 + 2", set()),
    ],
)
def test_reads_are_known(text: str, reads: set[str]) -> None:
    assert {".".join(path) for path in compiled(text).reads} == reads


def test_what_reads_nothing_is_constant() -> None:
    assert compiled("duration('3d') * 2").is_constant
    assert not any(compiled(text).is_constant for text in ("event.x", "hour()", "now"))


@pytest.mark.parametrize("text", ["hour()", "days_since(row.x)", "consented('a', 'b')"])
def test_a_map_knows_neither_a_customer_nor_now(text: str) -> None:
    with pytest.raises(ExpressionError, match="is not available here"):
        compiled(text, Place.MAP)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("evnt.total", 0, "unknown name 'evnt'; did you mean 'event'?"),
        ("1 + profile.odrers", 4, "no fact or trait profile.odrers; did you mean 'orders'?"),
        ("profile.identifiers.emial", 0, "unknown identifier type 'emial'; did you mean 'email'?"),
        ("data.totl", 0, "no variable data.totl; did you mean 'total'?"),
        ("true and lenn('x')", 9, "no function 'lenn'; did you mean 'len'?"),
        ("row.x", 0, "'row' is not available here; write one of data, entry, event"),
        ("'ä' + 'ö' + evnt", 12, "unknown name 'evnt'"),
        ("  evnt", 2, "unknown name 'evnt'"),
        ("1 +\n evnt", 5, "unknown name 'evnt'"),
        ("1 +", 3, "not an expression"),
        ("event.class == 'a'", 6, "'class' is a reserved word: write ['class']"),
        ("len", 0, "'len' is a function; write len(…)"),
        ("event.attributes", 0, "write event.attributes.NAME"),
        ("profile.identifiers", 0, "write profile.identifiers.TYPE"),
        ("round(1, 2, 3)", 0, "round takes 1 or 2 arguments, not 3"),
        ("coalesce()", 0, "coalesce takes 1 or more arguments, not 0"),
        ("event.x is null", 0, "write not has(event.x)"),
        ("event.x in ('a', 'b')", 11, "a list is written [a, b]"),
        ("event.x[event.n]", 8, "in brackets stands a text or a whole number"),
        ("now > duration('3x')", 15, "not a duration"),
        ("next_time('9:00')", 10, "'9:00' is not a time of day"),
        ("next_time('09:00', ['tues'])", 19, "'tues' is not a day"),
        ("1 # two", 2, "a comment is not allowed"),
        ("'a\u202eb'", 2, "an invisible character, U+202E"),
    ],
)
def test_a_refusal_says_where_and_what_and_the_nearest_name(
    text: str, column: int, said: str
) -> None:
    with pytest.raises(ExpressionError) as refused:
        compiled(text)
    assert said in refused.value.message
    assert refused.value.column == column


def test_each_function_takes_as_many_arguments_as_the_contract_says() -> None:
    taken = {name: (one.fewest, one.most) for name, one in FUNCTIONS.items()}
    many = dict.fromkeys(("min", "max", "coalesce"), (1, 100))
    two = dict.fromkeys(("contains", "starts_with", "bucket", "consented"), (2, 2))
    now = dict.fromkeys(("weekday", "hour", "date"), (0, 1))
    or_two = dict.fromkeys(("round", "next_time"), (1, 2))
    others = {"timestamp": (1, 3), "lookup": (3, 3)}
    found = {name: of for name, of in taken.items() if of != (1, 1)}
    assert found == many | two | now | or_two | others
