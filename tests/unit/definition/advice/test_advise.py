"""Each piece of advice stands where it is meant, and not where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.definition.advice import advise, advise_anew
from cjo_stream.errors import Diagnostic
from tests.world.scene import ACTIONS, HEAD, PROFILE

JOURNEY = """
---
journey: cart
version: 1
entry: {on: carted, when: event.total > 5, key: event.cart}
goal: {on: bought, within: 7d}
exit: {on: emptied, as: emptied}
initial: open
on: {called: {do: {assign: {total: event.total}}}}
states:
  open:
    enter: {act: hello}
    on: {viewed: [{when: event.n > 3, to: warm}, {to: cold}]}
    after: {1h: warm}
  warm:
    enter: {act: offer}
    always: [{when: profile.tier == 'gold', to: cold}]
    after: {2d: over}
  cold: {after: {1d: over}}
  over: {end: over}
"""
POLICY = """
---
policy: contact
caps: [{name: two_a_day, max: 2, per: day}]
"""
WHOLE = HEAD + PROFILE + ACTIONS + JOURNEY + POLICY
SECOND = """
---
journey: second
version: 1
entry: {on: [carted, seen], when: WHEN}
initial: open
states: {open: {enter: {act: hello}, after: {1h: over}}, over: {end: over}}
"""


def advice_on(folder: Path, text: str) -> list[Diagnostic]:
    (folder / "all.yaml").write_text(text)
    return advise(load(folder))


def changed(*edits: tuple[str, str]) -> str:
    text = WHOLE
    for before, after in edits:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def test_a_set_without_faults_gets_no_advice(tmp_path: Path) -> None:
    assert advice_on(tmp_path, WHOLE) == []


EXCLUSIVE = "eligible: profile.tier == 'gold'\nsuitable: profile.tier != 'gold'\n"
BY_MAIL = "eligible: candidate.channel == 'mail'\ntreatments: {mail: {template: hello},"
EDITS: dict[str, tuple[tuple[str, str], str]] = {
    "an entry that contradicts itself": (
        ("when: event.total > 5", "when: §event.total > 5 and event.total < 5"),
        "CJO601: nobody can enter this journey: the condition can never be true",
    ),
    "an entry on another type": (
        ("when: event.total > 5", "when: §event.type == 'card'"),
        "CJO601: nobody can enter this journey",
    ),
    "a transition": (
        ("when: event.n > 3", "when: §event.n > 3 and not has(event.n)"),
        "CJO601: this condition can never be true, so 'cart: open on viewed to warm' never",
    ),
    "a timer that reads its event": (
        ("after: {1d: over}", "after: {1d: over, 2h: {when: §event.n > 3, to: over}}"),
        "CJO601: this condition can never be true, so 'cart: cold after 2h to over' never",
    ),
    "an always": (
        ("profile.tier == 'gold'", "§profile.tier == null"),
        "CJO601: this condition can never be true, so 'cart: warm always to cold' never happens",
    ),
    "an exit": (
        ("on: emptied, as", "on: emptied, when: §1 > 2, as"),
        "CJO601: this condition can never be true, so 'cart: exit as emptied' never happens",
    ),
    "a weight": (
        ("action: offer\n", "action: offer\ncontext: {when: §1 > 2, weight: 9}\n"),
        "CJO601: this condition can never be true, so the weight never counts",
    ),
    "a transition behind one without condition": (
        ("{to: cold}]", "{to: cold}, §{when: event.n == 1, to: warm}]"),
        "CJO602: 'cart: open on viewed to warm' can never be taken: transition 2 on 'viewed'",
    ),
    "a transition behind an exit": (
        ("{to: cold}]}", "{to: cold}], emptied: §cold}"),
        "CJO602: 'cart: open on emptied to cold' can never be taken: the exit as 'emptied' always",
    ),
    "a transition with an equal condition": (
        ("{to: cold}]", "§{when: (event.n)>3, to: cold}]"),
        "CJO602: 'cart: open on viewed to cold' can never be taken: transition 1 on 'viewed'",
    ),
    "a transition of the journey behind an exit": (
        ("on: {called:", "on: {emptied: §open, called:"),
        "CJO602: 'cart: any state on emptied to open' can never be taken",
    ),
    "a timer behind a shorter one": (
        ("after: {1d: over}", "after: {1d: over, §3d: warm}"),
        "CJO602: 'cart: cold after 3d to warm' can never be taken: a shorter timer always leaves",
    ),
    "a state that is left at once": (
        ("  cold: {after", "  §cold: {always: [{to: over}], after"),
        "CJO602: an 'always' without condition leaves state 'cold' at once",
    ),
    "a goal": (
        ("on: bought, within", "on: bought, when: §event.n < 3 < 2, within"),
        "CJO604: nobody can reach this goal: its condition can never be true",
    ),
    "an action that nobody asks for": (
        ("enter: {act: offer}\n", "leave: []\n"),
        "CJO605: nobody asks for action 'offer'",
    ),
    "an action with conditions that exclude each other": (
        ("action: offer\n", f"action: offer\n{EXCLUSIVE}"),
        "CJO606: no customer can get action 'offer': 'eligible' and 'suitable' can never be true",
    ),
    "an action on a channel that its condition excludes": (
        ("class: service\ntreatments: {mail: {template: hello}, push:", f"{BY_MAIL} §push:"),
        "CJO606: no customer can get this on channel 'push': 'eligible' can never be true",
    ),
    "an action under a cap of nothing": (
        ("max: 2, per: day}", "max: 2, per: day}, {name: none, action: offer, max: 0, per: day}"),
        "CJO606: no customer can get action 'offer': cap 'none' lets nothing pass",
    ),
    "marketing where everybody is held out": (
        ("policy: contact", "policy: contact\nholdout: 100%"),
        "CJO606: no customer can get action 'offer': the policy's holdout is everybody",
    ),
    "a round that a cap stops": (
        ("after: {1d: over}", "enter: {act: offer}, after: {§6h: cold}"),
        "CJO607: this asks once in 6h again and again, and cap 'two_a_day' lets 2 pass in a day",
    ),
    "a round that a cap forgets": (
        ("{2d: over}", "{§8d: warm}"),
        "CJO607: this asks again after 8d, and cap 'offers' counts 7d",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_advice_stands_at_its_place(tmp_path: Path, name: str) -> None:
    edit, wanted = EDITS[name]
    text = changed(edit)
    if "cap 'offers'" in wanted:
        text = text.replace("caps: [", "caps: [{name: offers, action: offer, max: 1, per: 7d}, ")
    mark = text.find("§")
    text = text.replace("§", "")
    found = advice_on(tmp_path, text)
    (one,) = [found for found in found if f"{found.code}: {found.message}".startswith(wanted)]
    assert one.severity == "advice"
    if mark >= 0:
        line, column = text.count("\n", 0, mark) + 1, mark - text.rfind("\n", 0, mark)
        assert (one.line, one.column) == (line, column)
    assert not [other for other in found if other.code == one.code and other is not one]


def test_a_state_that_no_open_rule_leads_to_is_told_and_what_is_behind_it_is_not(
    tmp_path: Path,
) -> None:
    text = changed(
        ("[{when: event.n > 3, to: warm}, {to: cold}]", "{to: cold}"),
        ("after: {1h: warm}", "after: {1h: cold, 2h: warm}"),
        ("profile.tier == 'gold'", "profile.tier == 'gold' == 'no'"),
    )
    found = [(one.code, one.message.split(":")[0]) for one in advice_on(tmp_path, text)]
    assert found == [
        ("CJO605", "nobody asks for action 'offer'"),
        ("CJO602", "'cart"),
        ("CJO603", "nobody can reach state 'warm'"),
    ]


def test_of_a_journey_that_nobody_enters_only_that_is_said(tmp_path: Path) -> None:
    text = changed(("event.total > 5", "1 > 2"), ("event.n > 3", "3 > 4"))
    found = [one.code for one in advice_on(tmp_path, text)]
    assert found == ["CJO605", "CJO605", "CJO601"]


def test_a_goal_of_instances_that_end_at_once_needs_a_time(tmp_path: Path) -> None:
    text = (
        HEAD
        + ACTIONS.split("---\naction: offer")[0]
        + """
---
journey: brief
version: 1
entry: {on: carted}
goal: {on: bought WITHIN}
initial: only
states: {only: {enter: {act: hello}, end: only}}
"""
    )
    (one,) = advice_on(tmp_path, text.replace(" WITHIN", ""))
    assert (one.code, one.line) == ("CJO604", text[: text.index("goal:")].count("\n") + 1)
    assert advice_on(tmp_path, text.replace(" WITHIN", ", within: 3d")) == []


def test_where_instances_of_other_versions_may_come_in_nothing_is_said_of_states(
    tmp_path: Path,
) -> None:
    edits = (("after: {1d: over}", "after: {1d: over, 3d: warm}"), ("event.n > 3", "1 > 2"))
    assert [one.code for one in advice_on(tmp_path, changed(*edits))] == ["CJO601", "CJO602"]
    follows = changed(*edits, ("version: 1", "version: 2\nmigrate: follow"))
    assert [one.code for one in advice_on(tmp_path, follows)] == ["CJO601"]


def test_an_always_in_a_circle_may_rest(tmp_path: Path) -> None:
    circle = changed(("  cold: {after", "  cold: {always: [{to: warm}], after"))
    assert advice_on(tmp_path, circle) == []


def test_journeys_that_compete_are_told_once_with_the_caps_they_share(tmp_path: Path) -> None:
    text = WHOLE + SECOND.replace("WHEN", "event.total < 100")
    (one,) = advice_on(tmp_path, text)
    assert one.code == "CJO608"
    assert one.source == "entry: {on: [carted, seen], when: event.total < 100}"
    assert "competes with 'cart' by carted: " in one.message
    assert "('two_a_day')" in one.message


def test_journeys_whose_conditions_or_caps_do_not_meet_do_not_compete(tmp_path: Path) -> None:
    apart = WHOLE + SECOND.replace("WHEN", "event.total <= 5")
    assert advice_on(tmp_path, apart) == []
    other_type = WHOLE + SECOND.replace("WHEN", "event.type == 'seen'")
    assert advice_on(tmp_path, other_type) == []
    uncapped = WHOLE.replace("two_a_day,", "two_a_day, action: offer,")
    assert advice_on(tmp_path, uncapped + SECOND.replace("WHEN", "event.total < 100")) == []
    draft = SECOND.replace("version: 1", "version: 1\nstatus: draft")
    assert advice_on(tmp_path, WHOLE + draft.replace("WHEN", "event.total < 100")) == []


def test_journeys_with_the_same_entry_are_told(tmp_path: Path) -> None:
    second = SECOND.replace("[carted, seen], when: WHEN", "carted, when: 'event.total>5', ")
    (one,) = advice_on(tmp_path, WHOLE + second.replace(", }", ", key: event.id}"))
    assert one.code == "CJO608"
    (one,) = advice_on(tmp_path, WHOLE + second.replace(", }", ", key: (event.cart)}"))
    assert (one.code, "same entry as 'cart'" in one.message) == ("CJO609", True)


def test_what_a_set_had_before_is_not_told_anew(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(changed(("event.n > 3", "1 > 2")))
    before = load(tmp_path)
    text = changed(
        ("event.n > 3", "1 > 2"), ("on: bought, within", "on: bought, when: 1 > 2, within")
    )
    (tmp_path / "all.yaml").write_text("\n\n" + text)
    assert [one.code for one in advise_anew(before, load(tmp_path))] == ["CJO604"]
    assert advise_anew(before, before) == []
