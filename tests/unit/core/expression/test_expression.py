"""docs/expressions.md, sentence by sentence."""

from __future__ import annotations

from typing import Any

import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.expression import (
    MISSING,
    ExpressionError,
    Names,
    Place,
    Scope,
    compile_expression,
)

NOW = 1_772_323_200_000  # 2026-03-01T00:00:00Z, a Sunday; 01:00 in Berlin
NAMES = Names(frozenset({"tier", "age", "unset"}), frozenset({"email"}), frozenset({"x", "gone"}))
ATTRIBUTES: dict[str, Any] = {
    "n": 7,
    "f": 2.5,
    "s": "Text",
    "t": True,
    "null": None,
    "list": [1, "a", None],
    "deep": {"a": {"b": 3}},
    "time": "attribute",
}


class Profile:
    """A customer with two facts."""

    zone = "Europe/Berlin"

    def get(self, name: str) -> Any:
        return {"tier": "gold", "age": 30}.get(name, MISSING)

    def identifiers(self, type_: str) -> list[str]:
        return ["a@x", "b@x"] if type_ == "email" else []

    def consented(self, purpose: str, channel: str) -> bool:
        return (purpose, channel) == ("news", "mail")


def scope(now: int = NOW) -> Scope:
    made = Scope(now, Profile())
    made.event = Event("seen", NOW - 1, ATTRIBUTES, "id-1", "web")
    made.entry = Event("begun", NOW - 2, {"n": 1})
    made.data = {"x": 5}
    made.key = "k"
    made.channel = "push"
    made.row = {"a": "1", "b c": 2}
    return made


def value(text: str, place: Place = Place.JOURNEY, now: int = NOW) -> Any:
    return compile_expression(text, place, NAMES, "test").evaluate(scope(now))


M = MISSING


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.type", "seen"),
        ("event.id", "id-1"),
        ("event.channel", "web"),
        ("event.time", NOW - 1),
        ("event.attributes.time", "attribute"),
        ("event['n']", 7),
        ("event.deep.a['b']", 3),
        ("event.deep.a.none.b", M),
        ("event.n.b", M),
        ("entry.n", 1),
        ("entry.id", M),
        ("data.x", 5),
        ("data.gone", M),
        ("key", "k"),
        ("now", NOW),
        ("profile.tier", "gold"),
        ("profile.unset", M),
        ("profile.identifiers.email", ["a@x", "b@x"]),
        ("event.null", M),
        ("event.absent", M),
        ("true", True),
        ("True", True),
        ("false", False),
        ("null", M),
        ("None", M),
        ("[1, 'a', event.absent, null]", [1, "a"]),
    ],
)
def test_names_attributes_and_literals(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("7 / 2", 3.5),
        ("7 // 2", 3),
        ("-7 % 3", 2),
        ("'a' + 'b'", "ab"),
        ("'a' * 3", M),
        ("'%s' % 3", M),
        ("'a' + 1", M),
        ("[1] + [2]", M),
        ("true + 1", M),
        ("-event.t", M),
        ("+event.n + +2", 9),
        ("+event.t", M),
        ("+event.absent", M),
        ("event.n / 0", M),
        ("event.n // 0", M),
        ("event.n % 0", M),
        ("1 + event.n / 0", M),
        ("9223372036854775807 + event.n", M),
        ("1e308 * event.n * 10", M),
        ("1 + event.absent", M),
    ],
)
def test_arithmetic_is_for_numbers_and_plus_also_for_text(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_text_grows_to_64_kib_at_most() -> None:
    made = scope()
    made.data = {"x": "e" * 40_000}
    add = compile_expression("data.x + data.x", Place.JOURNEY, NAMES)
    assert add.evaluate(made) is MISSING
    made.data = {"x": "e" * 32_768}
    assert len(add.evaluate(made)) == 65_536


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("event.n == 7.0", True),
        ("event.n == '7'", False),
        ("event.t == 1", False),
        ("1 != true", True),
        ("event.absent == 1", M),
        ("event.absent != 1", M),
        ("event.null == null", M),
        ("event.s < 'Z'", True),
        ("6 < event.n", True),
        ("7 > event.n", False),
        ("7 < event.s", M),
        ("7 == event.n", True),
        ("'b' != event.s", True),
        ("event.s < 1", M),
        ("event.t > 0", M),
        ("1 < event.absent < 2", M),
        ("2 < 1 < event.absent", False),
        ("1 in event.list", True),
        ("true in event.list", False),
        ("'a' not in event.list", False),
        ("'ex' in event.s", True),
        ("'a' in event.deep", True),
        ("event.absent in [1]", M),
        ("1 in event.absent", M),
        ("1 in event.n", M),
        ("1 in []", False),
    ],
)
def test_comparisons(text: str, expected: Any) -> None:
    assert value(text) == expected or value(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.absent and true", M),
        ("event.absent and false", False),
        ("false and event.absent", False),
        ("true and event.absent", M),
        ("event.absent or true", True),
        ("event.absent or false", M),
        ("false or event.absent", M),
        ("true or event.absent", True),
        ("not event.absent", M),
        ("0 or 'x'", "x"),
        ("'' and 5", ""),
        ("5 and 'x'", "x"),
        ("not 0", True),
        ("1 if event.absent else 2", 2),
        ("1 if event.n else 2", 1),
        ("event.absent and event.absent or 3", 3),
        ("event.absent or (false or false)", M),
        ("event.absent and (true and true)", M),
    ],
)
def test_three_valued_logic_gives_operands_as_python_does(text: str, expected: Any) -> None:
    found = value(text)
    assert found is expected or (found is not MISSING and found == expected)


def test_a_condition_that_ends_missing_counts_as_false() -> None:
    for text in ("not profile.unset", "event.absent", "event.n > 'x'"):
        assert not compile_expression(text, Place.JOURNEY, NAMES).holds(scope())


WRONG = ["next_time('09:00', event.s)", "duration(event.n)", "consented(event.n, 'web')"]


def test_type_errors_are_counted_by_definition_and_absence_is_not() -> None:
    made = scope()
    for text in ("event.s < 1", "event.t + 1", "event.n.x", "len(event.n)", *WRONG):
        compile_expression(text, Place.JOURNEY, NAMES, "mine").evaluate(made)
    assert made.faults == {"mine": 7}
    for text in ("event.absent < 1", "event.n / 0", "int('x')", "event.null.x"):
        compile_expression(text, Place.JOURNEY, NAMES, "mine").evaluate(made)
    assert made.faults == {"mine": 7}


def test_a_type_error_among_literals_is_counted_each_time_it_is_met() -> None:
    made = scope()
    wrong = compile_expression("'text' < 1", Place.JOURNEY, NAMES, "mine")
    assert not wrong.holds(made)
    assert not wrong.holds(made)
    assert made.faults == {"mine": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("len(event.s)", 4),
        ("len([1, 2])", 2),
        ("len(event.n)", M),
        ("lower(event.s) + upper(event.s)", "textTEXT"),
        ("slug('W_Nabellen offertes')", "w_nabellen_offertes"),
        ("slug('  Été--no. 5! ')", "ete_no_5"),
        ("abs(-3)", 3),
        ("min(3, 1, 2)", 1),
        ("max([3, 1, 2])", 3),
        ("max(3, event.absent)", M),
        ("min([])", M),
        ("round(2.567, 1)", 2.6),
        ("round(7.2)", 7),
        ("int('12')", 12),
        ("int('x')", M),
        ("int(7.9)", 7),
        ("float('2.5')", 2.5),
        ("str(7)", "7"),
        ("str(7.0)", "7"),
        ("str(event.absent)", M),
        ("str(999999999999999.0)", "999999999999999"),
        ("str(1000000000000000.0)", "1000000000000000"),
        ("str(1e300)", "1e300"),
        ("coalesce(event.absent, event.null, 3)", 3),
        ("coalesce(event.absent)", M),
        ("has(event.absent)", False),
        ("has(event.null)", False),
        ("has(event.n)", True),
        ("contains(event.list, 'a')", True),
        ("contains(event.s, 'x')", True),
        ("contains(event.absent, 'x')", M),
        ("starts_with(event.s, 'Te')", True),
        ("duration('3d')", 259_200_000),
        ("duration('1d12h')", 129_600_000),
        ("timestamp('2026-03-01T00:00:00Z')", NOW),
        ("timestamp('2026-03-01 01:00:00+01:00')", NOW),
        ("timestamp('2026-03-01')", M),
        ("timestamp('tomorrow')", M),
        ("days_since(now - duration('36h'))", 1.5),
        ("hours_since(now - duration('90m'))", 1.5),
        ("weekday()", "sun"),
        ("hour()", 1),
        ("date()", "2026-03-01"),
        ("weekday(now - duration('2h'))", "sat"),
        ("hour(now - duration('2h'))", 23),
        ("date(now - duration('2h'))", "2026-02-28"),
        ("date(event.absent)", M),
        ("next_time('09:00')", NOW + 8 * 3_600_000),
        ("next_time('01:00')", NOW + 24 * 3_600_000),
        ("next_time('09:00', ['mon', 'tue'])", NOW + 32 * 3_600_000),
        ("next_time('09:00', ['sun'])", NOW + 8 * 3_600_000),
        ("next_time('09:00', ['sun', event.s])", M),
        ("consented('news', 'mail')", True),
        ("consented('news', 'push')", False),
    ],
)
def test_functions(text: str, expected: Any) -> None:
    found = value(text)
    assert found is expected or (found is not MISSING and found == expected)
    assert type(found) is type(expected)


def test_next_time_follows_the_customers_clock_through_its_changes() -> None:
    before = 1_774_738_800_000  # 2026-03-28T23:00Z, the night clocks go forward
    assert value("next_time('09:00')", now=before) == before + 8 * 3_600_000
    after = before + 7 * 3_600_000
    assert value("next_time('09:00', ['mon'])", now=after) == after + 25 * 3_600_000


def test_bucket_is_a_stable_hash_of_the_value_as_text() -> None:
    found = [value(f"bucket('customer-{n}', 100)") for n in range(300)]
    assert all(0 <= n <= 99 for n in found)
    assert len(set(found)) > 80
    assert value("bucket('a', 100)") == value("bucket('a', 100)")
    assert value("bucket(7, 100)") == value("bucket('7', 100)")
    assert value("bucket(event.absent, 100)") is M
    assert value("bucket('a', 0)") is M
    assert value("bucket('a', 1)") == 0
    assert 0 <= value(f"bucket('a', {(1 << 63) - 1})") < (1 << 63) - 1


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("event.n", Place.EVENT),
        ("profile.tier", Place.EVENT),
        ("key == event.s", Place.DATA),
        ("entry.n + data.x", Place.JOURNEY),
        ("candidate.channel == 'push'", Place.ACTION),
        ("data.x", Place.ACTION),
        ("row.a + row['b c']", Place.MAP),
    ],
)
def test_each_place_has_its_names(text: str, place: Place) -> None:
    compile_expression(text, place, NAMES)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("key", Place.EVENT),
        ("data.x", Place.EVENT),
        ("entry.n", Place.EVENT),
        ("entry.n", Place.DATA),
        ("data.x", Place.DATA),
        ("candidate.channel", Place.JOURNEY),
        ("row.a", Place.JOURNEY),
        ("entry.n", Place.ACTION),
        ("event.n", Place.MAP),
        ("profile.tier", Place.MAP),
        ("now", Place.MAP),
        ("profile.teir", Place.JOURNEY),
        ("profile.identifiers.emial", Place.JOURNEY),
        ("data.y", Place.JOURNEY),
        ("evnt.n", Place.JOURNEY),
        ("lenn(event.s)", Place.JOURNEY),
    ],
)
def test_other_names_are_refused_at_load(text: str, place: Place) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text, place, NAMES)


def test_the_nearest_valid_name_is_told() -> None:
    with pytest.raises(ExpressionError, match="tier"):
        compile_expression("profile.teir", Place.JOURNEY, NAMES)
    with pytest.raises(ExpressionError, match="days_since"):
        compile_expression("day_since(now)", Place.JOURNEY, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "a = 1",
        "1; 2",
        "lambda: 1",
        "[x for x in event.list]",
        "{'a': 1}",
        "{1}",
        "(1, 2)",
        "event.list[event.n]",
        "event.list[true]",
        "event[0]",
        "profile.identifiers[0]",
        "event.list[0:1]",
        "event[event.s]",
        "event.s.upper()",
        "event.__class__",
        "event.attributes.__class__.__mro__",
        "profile.__init__",
        "len.__globals__",
        "__import__('os')",
        "open('x')",
        "f'{now}'",
        "(x := 1)",
        "1 if now",
        "2 ** 3",
        "1 << 2",
        "~1",
        "1 & 2",
        "event is null",
        "now is 1",
        "b'x'",
        "1j",
        "...",
        "len(*event.list)",
        "round(1, ndigits=2)",
        "len()",
        "len(1, 2)",
        "await x",
        "yield",
        "1e999",
        "99999999999999999999",
        "event",
        "profile",
        "data",
        "'a\x00b'",
        "event.n  # note",
        "((((((((((" * 30,
        "+".join(["1"] * 300),
        "not " * 30 + "true",
        "-" * 40 + "1",
        "1" * 501,
    ],
)
def test_all_else_is_refused_at_load(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text, Place.JOURNEY, NAMES)


def test_at_most_500_characters_and_depth_20() -> None:
    longest = "'" + "e" * 498 + "'"
    assert value(longest) == "e" * 498
    with pytest.raises(ExpressionError):
        value(longest[:-1] + "e'")
    assert value("not " * 19 + "true") is False
    with pytest.raises(ExpressionError):
        value("not " * 20 + "true")


def test_event_and_key_are_missing_where_there_is_none() -> None:
    bare = Scope(NOW, Profile())
    for text in ("event.n", "event.type", "entry.n", "data.x", "key"):
        assert compile_expression(text, Place.JOURNEY, NAMES).evaluate(bare) is MISSING
    channel = compile_expression("candidate.channel", Place.ACTION, NAMES)
    assert channel.evaluate(bare) is MISSING
    assert channel.evaluate(scope()) == "push"


def test_what_is_no_text_is_a_constant() -> None:
    assert compile_expression(5, Place.JOURNEY, NAMES).evaluate(scope()) == 5
    assert compile_expression(True, Place.JOURNEY, NAMES).holds(scope())
    assert compile_expression(None, Place.JOURNEY, NAMES).evaluate(scope()) is MISSING
