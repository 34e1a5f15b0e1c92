"""What stands for nobody names nobody."""

from __future__ import annotations

import pytest

from cjo_stream.core.program.topology import Blocked
from cjo_stream.ingest.placeholder import BY_DATABASES, BY_PEOPLE, BY_SCRIPTS, Placeholders

BUILT_IN = Placeholders()


@pytest.mark.parametrize("word", [*BY_PEOPLE, *BY_SCRIPTS, *BY_DATABASES])
def test_every_word_of_the_list_names_nobody_in_any_case_and_quotes(word: str) -> None:
    for written in (word, word.upper(), word.title(), f"  {word} ", f'"{word}"', f"'{word}'"):
        assert BUILT_IN.holds("user_id", written), written


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "0", "000", "00-00", "---", "00000000-0000-0000-0000-000000000000", '""',
        "{{ user.id }}", "${user_id}", "<%= id %>", "%%EMAIL%%", "{% id %}", "[[id]]", "\\N",
    ],
)  # fmt: skip
def test_nothing_zeros_and_templates_name_nobody(value: str) -> None:
    assert BUILT_IN.holds("user_id", value)


@pytest.mark.parametrize(
    "value", ["01", "nullable", "u-null", "anna", "10", "{u1}", "x{{y}}", "-2", "guest", "'''"]
)
def test_what_only_looks_like_one_is_a_value(value: str) -> None:
    assert not BUILT_IN.holds("user_id", value)


def test_a_topology_adds_values_and_patterns_of_all_types_or_of_one() -> None:
    own = Placeholders(
        [
            Blocked(None, "guest"),
            Blocked("cookie", "7"),
            Blocked(None, None, "^test-"),
            Blocked("cookie", None, "bot"),
        ]
    )
    assert own.holds("user_id", " Guest")
    assert not own.holds("user_id", "guest2")
    assert (own.holds("cookie", "7"), own.holds("user_id", "7")) == (True, False)
    assert own.holds("user_id", "TEST-4")
    assert not own.holds("user_id", "a-test-4")
    assert (own.holds("cookie", "a Bot 1"), own.holds("user_id", "a Bot 1")) == (True, False)
