"""A set that was valid when it was applied compiles as long as it is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.definition import compile_stored, load, reload, succeed
from cjo_stream.definition.content import encode, new_content
from cjo_stream.errors import DefinitionError

BASE = """
topology: shop
channels: {web: {in: {}, out: {address: user}}, sms: {out: {address: user}}}
identity: {identifiers: [{type: user}]}
"""
JOURNEY = """---
journey: greet
version: 1
entry: {on: seen, when: "consented('news', 'sms')"}
initial: wait
states: {wait: {after: {1d: over}}, over: {end: over}}
"""
TRAIT = """profile: {traits: {seen: {count: seen, when: "WHEN"}}}
"""
DECLARED = """events: {seen: {}, cjo.visit: {page: string}}
---
action: hello
treatments: {web: {payload: {page: event.page}}}
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TRAIT.replace("WHEN", "consented('marketing', 'wbe')"), "unknown channel 'wbe'"),
        (TRAIT.replace("WHEN", "event.type == 'cjo.visit'"), "unknown event type 'cjo.visit'"),
        (TRAIT.replace("count: seen", "count: cjo.consnt").replace("WHEN", "event.n > 1"),
         "unknown event type 'cjo.consnt'"),
    ],
)  # fmt: skip
def test_what_an_earlier_release_took_is_an_error_only_where_it_is_new(
    tmp_path: Path, text: str, found: str
) -> None:
    (tmp_path / "topology.yaml").write_text(BASE + text)
    with pytest.raises(DefinitionError) as refused:
        load(tmp_path)
    assert [one.severity for one in refused.value.diagnostics] == ["error"]
    stored = encode(new_content({"topology.yaml": BASE + text}))
    assert compile_stored(stored).traits
    again = reload(stored)
    assert [one.message.partition(";")[0] for one in again.warnings] == [found]
    assert compile_stored(succeed(again, stored)).traits


def test_a_stored_set_may_declare_types_that_begin_as_the_engines_own(tmp_path: Path) -> None:
    (tmp_path / "topology.yaml").write_text(BASE + DECLARED)
    with pytest.raises(DefinitionError):
        load(tmp_path)
    program = compile_stored(encode(new_content({"topology.yaml": BASE + DECLARED})))
    assert program.events is not None
    assert "cjo.visit" in program.events


def test_other_errors_of_a_stored_set_stay_errors() -> None:
    text = BASE + TRAIT.replace("WHEN", "profile.nothing")
    with pytest.raises(DefinitionError):
        compile_stored(encode(new_content({"topology.yaml": text})))


def test_an_earlier_version_with_instances_may_ask_for_a_channel_that_went(
    tmp_path: Path,
) -> None:
    path = tmp_path / "topology.yaml"
    path.write_text(BASE + JOURNEY)
    first = succeed(load(tmp_path), None)
    second = JOURNEY.replace("version: 1", "version: 2").replace("'sms'", "'web'")
    path.write_text(BASE.replace(", sms: {out: {address: user}}", "") + second)
    following = succeed(load(tmp_path), first)
    assert sorted(compile_stored(following).versions) == [("greet", 1), ("greet", 2)]
