"""An expression that YAML reads otherwise is an error that says what to quote."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.errors import DefinitionError

DEFINITIONS = """\
topology: t
channels: {web: {in: {}}}
identity: {identifiers: [{type: user}]}
---
journey: j
version: 1
entry: {on: a}
initial: s
states:
  s:
    on:
      b:
        - WHEN
  z: {end: done}
"""


def errors(folder: Path, when: str) -> str:
    (folder / "all.yaml").write_text(DEFINITIONS.replace("WHEN", when))
    with pytest.raises(DefinitionError) as refused:
        load(folder)
    return str(refused.value)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{when: event.a == 'x, y', to: z}", "a comma cut this expression apart: quote it"),
        ("{when: event.a in ['x', 'y'], to: z}", "a comma or a bracket inside {...} or [...]"),
        ("{when: contains(event.a, 'x'), to: z}", "a comma or a bracket inside {...} or [...]"),
        ("{when: event.a == 'x: y', to: z}", "quote the whole expression"),
        ("when: event.a == 'x: y'", "quote a text that contains a colon and a space"),
        ("when: event.a == 'A #1'", "a blank and a `#` begin a comment"),
        ("when: 'dsl' in event.list", "if it begins with a quote or a bracket"),
        ('when: "dsl" in event.list', "if it begins with a quote or a bracket"),
        ("when: ['x'] == event.list", "if it begins with a quote or a bracket"),
        ("when: !event.a", "`!` is written `not`"),
        ("when: *x", "quote what begins with `*`"),
        ("when: @x", "quote a text that begins with it"),
        ("when: event.a = 1", "write `==` to compare"),
    ],
)
def test_what_yaml_cuts_says_what_to_quote(when: str, said: str, tmp_path: Path) -> None:
    assert said in errors(tmp_path, when)


def test_a_tab_says_to_indent_with_blanks(tmp_path: Path) -> None:
    said = errors(tmp_path, "when: event.a\n\tto: z")
    assert "not YAML: a tab; indent with blanks" in said


@pytest.mark.parametrize(
    "when",
    ["event.a == '#1'", "event.a > 5 # a comment", "\"'dsl' in event.list\"", "not event.a"],
)
def test_what_yaml_leaves_alone_loads(when: str, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(
        DEFINITIONS.replace("WHEN", f"when: {when}\n          to: z")
    )
    assert load(tmp_path).warnings == []


def test_a_comparison_with_null_is_a_warning_at_its_place(tmp_path: Path) -> None:
    when = "when: event.coupon == null\n          to: z"
    (tmp_path / "all.yaml").write_text(DEFINITIONS.replace("WHEN", when))
    (found,) = load(tmp_path).warnings
    assert (found.line, found.column, found.code) == (13, 17, "CJO507")
    assert found.message == (
        "a comparison with null is never true, nor false: write not has(event.coupon)"
    )
