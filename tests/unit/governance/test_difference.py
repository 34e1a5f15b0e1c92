"""What differs between two sets, and where: every edit is found at its line, layout is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.definition import DefinitionSet, documents_of, load
from cjo_stream.definition.grammar.scalar import plain
from cjo_stream.governance.difference import Difference, differences

TOPOLOGIES = Path("topologies")
LIVE = """\
topology: shop
channels:
  web: {in: {}, out: {address: cookie}}
  email: {out: {address: email}}
identity:
  identifiers:
    - {type: email, limit: 2}
    - {type: cookie, per: 90d}
profile:
  facts: {tier: string}
  traits: {orders: {count: order_placed}}
---
journey: recovery
version: 1
owner: growth
entry: {on: cart, when: event.total >= 20}
initial: waiting
states:
  waiting:
    on:
      cart: [{when: event.total > 5, to: waiting}, {to: reminded}]
    after:
      30m: reminded
      2h: lapsed
  reminded:
    enter:
      - act: reminder
      - {assign: {asked: 1}}
    after: {1d: lapsed}
  lapsed: {end: lapsed}
---
action: reminder
eligible: >
  profile.orders > 0
  and profile.tier != 'none'
  and true
treatments:
  email: {template: a}
  web: {template: b}
---
policy: contact
caps:
  - {name: two_a_day, max: 2, per: day}
  - {name: loud, channel: [web], max: 3, per: 7d}
levers: {issue: {}, group: {}}
"""
Make = Callable[[str], DefinitionSet]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """Load a set from a text."""

    def make(text: str) -> DefinitionSet:
        (tmp_path / "set.yaml").write_text(text)
        return load(tmp_path)

    return make


def edited(made: Make, *edits: tuple[str, str]) -> list[Difference]:
    text = LIVE
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return differences(made(LIVE), made(text))


def line(text: str, part: str) -> str:
    """Return the place of the line that contains `part`."""
    return f"set.yaml:{1 + text[: text.index(part)].count(chr(10))}"


@pytest.mark.parametrize(
    ("old", "new", "part", "before", "after"),
    [
        ("limit: 2", "limit: 3", (("identifier", "email"), ("limit",)), 2, 3),
        ("90d", "1w", (("identifier", "cookie"), ("per",)), "90d", "7d"),
        ("tier: string", "tier: number", (("fact", "tier"), ("type",)), "string", "number"),
        ("order_placed", "bought", (("trait", "orders"), ("count",)), "order_placed", "bought"),
        ("version: 1", "version: 2", (("version",),), 1, 2),
        (">= 20", ">= 30", (("entry",), ("when",)), "event.total >= 20", "event.total >= 30"),
        ("30m", "45m", (("state", "waiting"), ("timer", "30m")), "30m", "45m"),
        (
            "> 5",
            "> 6",
            (("state", "waiting"), ("transition", "cart", "1"), ("when",)),
            "event.total > 5",
            "event.total > 6",
        ),
        (
            "asked: 1",
            "asked: 2",
            (("state", "reminded"), ("enter", "assign"), ("variable", "asked")),
            1,
            2,
        ),
        ("template: b", "template: c", (("treatment", "web"), ("template",)), "b", "c"),
        ("max: 2", "max: 4", (("cap", "two_a_day"), ("max",)), 2, 4),
        ("group: {}", "group: {g: 20}", (("lever", "group", "g"),), None, 20),
    ],
)
def test_an_edit_is_named_at_its_line(
    made: Make, old: str, new: str, part: object, before: object, after: object
) -> None:
    [found] = edited(made, (old, new))
    assert found.part == part
    assert (found.before, found.after) == (before, after)
    assert found.at == line(LIVE, old)
    assert found.lines == (found.at,)


def test_a_changed_line_of_a_long_text_is_the_one_named(made: Make) -> None:
    [found] = edited(made, ("!= 'none'", "!= 'some'"))
    assert found.part == (("gate", "eligible"),)
    assert found.at == line(LIVE, "!= 'none'")


def test_what_was_removed_is_named_in_the_live_set_from_its_key_on(made: Make) -> None:
    block = LIVE[LIVE.index("    after:\n      30m") : LIVE.index("  reminded:")]
    first, second = edited(made, (block, ""))
    assert (first.change, first.part) == ("removed", (("state", "waiting"), ("timer", "30m")))
    assert first.lines == (line(LIVE, "    after:\n      30m"), line(LIVE, "30m: reminded"))
    assert second.at == line(LIVE, "2h: lapsed")
    assert first.before == {"to": "reminded"}


def test_what_was_added_is_named_in_the_candidate(made: Make) -> None:
    cap = "  - {name: sms, max: 1, per: week}\n"
    [found] = edited(made, ("  - {name: loud", f"{cap}  - {{name: loud"))
    assert (found.change, found.part) == ("added", (("cap", "sms"),))
    assert found.at == line(LIVE, "  - {name: loud")
    assert found.after == {"name": "sms", "max": 1, "per": "week"}


def test_a_default_holds_where_a_key_is_taken_away(made: Make) -> None:
    [found] = edited(made, (", limit: 2", ""))
    assert (found.change, found.before, found.after) == ("removed", 2, 5)
    assert edited(made, ("per: 90d", "per: 90d, limit: 5")) == []


def test_a_whole_document_is_one_difference_with_all_its_lines(made: Make) -> None:
    action = LIVE[LIVE.index("---\naction") : LIVE.index("---\npolicy")]
    [found] = edited(made, (action, action + action.replace("reminder", "second")))
    assert (found.kind, found.name, found.part) == ("action", "second", ())
    assert len(found.lines) == action.count("\n") - 1


def test_the_order_of_timers_steps_and_treatments_is_a_difference(made: Make) -> None:
    timers = "      30m: reminded\n      2h: lapsed\n"
    [found] = edited(made, (timers, "      2h: lapsed\n      30m: reminded\n"))
    assert found.part[-1] == ("order",)
    assert set(found.lines) == {line(LIVE, "30m: rem"), line(LIVE, "2h: lapsed")}
    steps = "      - act: reminder\n      - {assign: {asked: 1}}\n"
    [found] = edited(made, (steps, "      - {assign: {asked: 1}}\n      - act: reminder\n"))
    assert found.part[0] == ("state", "reminded")
    assert found.part[-1] == ("order",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("30m:", "1800s:"),
        ("event.total >= 20", "event.total>=20"),
        ("- act: reminder", "- {act: {action: reminder}}"),
        ("on: cart,", "on: [cart], reentry: after_end,"),
        ("levers: {issue: {}, group: {}}\n", ""),
        ("{count: order_placed}", "{count: [order_placed]}"),
        ("out: {address: email}", "out: {format: json, address: email}"),
        ("web: {in: {},", "web: {in: {topic: cjo.event.web.v1},"),
        ("action: reminder\n", "action: reminder # the first\nclass: marketing\n\nexpires: 1w\n"),
    ],
)
def test_another_way_to_write_the_same_is_no_difference(made: Make, old: str, new: str) -> None:
    assert edited(made, (old, new)) == []


@pytest.mark.parametrize("name", ["shop", "telco", "lending", "federation"])
def test_a_topology_written_as_json_in_one_file_is_the_same(tmp_path: Path, name: str) -> None:
    live = load(TOPOLOGIES / name)
    documents = [
        json.dumps(turned(plain(one.root), is_first=True))
        for one in documents_of(live.content)
        if one.root is not None
    ]
    (tmp_path / "all.yaml").write_text("\n---\n".join(documents))
    assert differences(live, load(tmp_path)) == []


def turned(value: Any, *, is_first: bool = False, keep: bool = False) -> Any:
    """Return JSON with the keys of its mappings backwards, except where their order is meant."""
    if isinstance(value, list):
        return [turned(one) for one in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    if not keep and not {"after", "at"} <= value.keys():
        names = [*names[:is_first], *reversed(names[is_first:])]
    return {name: turned(value[name], keep=name in ("after", "treatments")) for name in names}


def test_an_alias_is_named_where_it_stands_and_an_anchor_where_it_stands(made: Make) -> None:
    before = "email: {template: a}\n  web: {template: b}\n"
    after = "sms: &b {template: b}\n  email: &a {template: a}\n  web: *a\n"
    live = LIVE.replace(before, after).replace(
        "  web: {in", "  sms: {out: {address: email}}\n  web: {in"
    )
    [found] = differences(made(live), made(live.replace("web: *a", "web: *b")))
    assert (found.part, found.at) == ((("treatment", "web"),), line(live, "web: *a"))
    one, two = differences(made(live), made(live.replace("template: a", "template: c")))
    assert {one.at, two.at} == {line(live, "template: a")}


def test_the_owner_is_that_of_the_document(made: Make) -> None:
    [found] = edited(made, ("{1d: lapsed}", "{2d: lapsed}"))
    assert found.owner == "growth"
    [found] = edited(made, ("owner: growth", "owner: crm"))
    assert (found.before, found.after, found.owner) == ("growth", "crm", "crm")
