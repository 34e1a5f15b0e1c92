"""Diagnostics: a code for good, the line with a mark, and what to write in its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from cjo_stream.cli.terminal import excerpt
from cjo_stream.definition import load
from cjo_stream.definition.code import Code
from cjo_stream.errors import DefinitionError, Diagnostic
from tests.world.scene import ACTIONS, HEAD

JOURNEY = """
---
journey: cart
version: 1
entry: {on: cart_updated, when: profile.vip == true, key: event.cart}
data: {total: event.total}
initial: open
states:
  open: {enter: [{act: hello}], after: {1h: remind}}
  remind: {enter: [{act: {action: offer, data: {sum: round(data.total)}}}], after: {1d: over}}
  over: {end: lapsed}
"""
PROFILE = "profile: {facts: {vip: boolean}}\n"
WHOLE = HEAD + PROFILE + ACTIONS + JOURNEY


def found_in(folder: Path, text: str) -> list[Diagnostic]:
    (folder / "all.yaml").write_text(text)
    try:
        return load(folder).warnings
    except DefinitionError as error:
        return error.diagnostics


def test_a_key_that_is_wrong_is_one_finding(tmp_path: Path) -> None:
    wrong = WHOLE.replace("key: event.cart}", "key: evnt.cart}")
    wrong = wrong.replace("sum: round(data.total)", "sum: key")
    assert [found.severity for found in found_in(tmp_path, wrong)] == ["error"]


def test_a_code_belongs_to_one_kind_of_finding() -> None:
    assert len({code.number for code in Code}) == len(Code)
    assert str(Code.UNKNOWN) == "CJO104"


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("timezone:", "timezon:", Code.UNKNOWN),
        ("after: {1h: remind}", "after: {1h: remid}", Code.UNKNOWN),
        ("act: hello", "act: helo", Code.UNKNOWN),
        ("vip: boolean", "vip: bolean", Code.UNKNOWN),
        ("profile.vip ==", "profile.vp ==", Code.NAME),
        ("round(data.total)", "round(data.totl)", Code.NAME),
        ("round(data.total)", "rond(data.total)", Code.NAME),
        ("profile.vip ==", "profle.vip ==", Code.NAME),
        ("act: hello", "act: &a helo", Code.UNKNOWN),
        ("act: hello", 'act: "helo"', Code.UNKNOWN),
        ("profile.vip == true", "'profile.vp == true'", Code.NAME),
    ],
)
def test_what_is_suggested_can_be_pasted_over_what_is_marked(
    tmp_path: Path, right: str, wrong: str, code: Code
) -> None:
    assert found_in(tmp_path, WHOLE) == []
    broken = WHOLE.replace(right, wrong, 1)
    (found, *_) = found_in(tmp_path, broken)
    assert found.code == str(code)
    lines = broken.split("\n")
    line = lines[found.line - 1]
    assert found.source == line
    lines[found.line - 1] = (
        line[: found.column - 1] + found.suggestion + line[found.end_column - 1 :]
    )
    assert found_in(tmp_path, "\n".join(lines)) == []


def test_the_excerpt_marks_what_was_found(tmp_path: Path) -> None:
    (found,) = found_in(tmp_path, WHOLE.replace("act: hello", "act: helo"))
    number = str(found.line)
    assert excerpt(found).split("\n") == [
        f" {number} |   open: {{enter: [{{act: helo}}], after: {{1h: remind}}}}",
        f" {' ' * len(number)} |                        ^^^^ hello",
    ]


def test_a_finding_without_a_line_has_no_excerpt(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("")
    with pytest.raises(DefinitionError) as refused:
        load(tmp_path)
    (found,) = refused.value.diagnostics
    assert (found.code, found.source) == (str(Code.FILE), "")


def test_nothing_is_suggested_for_what_is_written_with_an_escape(tmp_path: Path) -> None:
    broken = WHOLE.replace("profile.vip == true", r'"profile.\x76p == true"')
    (found,) = found_in(tmp_path, broken)
    assert "did you mean 'vip'?" in found.message
    assert found.suggestion == ""


def test_the_mark_stands_below_what_takes_two_columns_of_a_terminal(tmp_path: Path) -> None:
    broken = WHOLE.replace("key: event.cart", "key: lower('日本') + evnt.cart")
    (found, *_) = found_in(tmp_path, broken)
    line, mark = excerpt(found).split("\n")
    assert cell_len(line[: line.index("evnt")]) == mark.index("^")


def test_a_key_without_a_value_is_found_on_its_own_line(tmp_path: Path) -> None:
    (found, *_) = found_in(tmp_path, WHOLE.replace("initial: open", "initial:  # later"))
    assert found.source == "initial:  # later"
    assert found.column == len("initial:") + 1


def test_an_expression_in_a_block_is_marked_where_it_begins(tmp_path: Path) -> None:
    block = JOURNEY.replace(
        "{on: cart_updated, when: profile.vip == true, key: event.cart}",
        "\n  on: cart_updated\n  key: event.cart\n  when: >\n    profle.vip == true",
    )
    (found,) = found_in(tmp_path, HEAD + PROFILE + ACTIONS + block)
    assert found.source[found.column - 1 : found.end_column - 1] == "profle"


def test_a_long_line_is_not_repeated_whole_by_each_finding(tmp_path: Path) -> None:
    names = [f"unknown_{number}" for number in range(2000)]
    broken = WHOLE.replace("vip: boolean", "vip: boolean, " + ", ".join(f"{n}: x" for n in names))
    found = found_in(tmp_path, broken)
    assert len(found) >= len(names)
    for one in found:
        assert len(one.source) <= 160
        at = one.column - one.source_column
        assert broken.split("\n")[one.line - 1][one.column - 1 :].startswith(one.source[at:])
