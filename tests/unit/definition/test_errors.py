"""Every error in definitions at its place, all in one go, with the nearest valid name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.errors import DefinitionError, UsageError

TOPOLOGY = """\
topology: shop
channels:
  web: {in: {}, out: {address: cookie}}
  email: {out: {address: email}}
  desk: {in: {}}
identity:
  identifiers: [{type: email, normalise: email}, {type: cookie}]
profile:
  facts: {tier: string, vip: {type: boolean, default: false}}
  traits: {orders: {count: order_placed}}
"""
ACTION = """\
action: reminder
treatments: {email: {template: reminder}}
"""
JOURNEY = """\
journey: recovery
version: 1
entry: {on: cart_updated, key: event.cart_id}
initial: waiting
states:
  waiting: {after: {30m: reminded}}
  reminded: {enter: [{act: reminder}], after: {1d: lapsed}}
  lapsed: {end: lapsed}
"""

ONE_OF = "write one of candidate, data, event, key, now, profile"


def errors_of(folder: Path, *documents: str) -> list[str]:
    """Return the findings of a file of documents, without its path."""
    (folder / "all.yaml").write_text("---\n".join(documents), encoding="utf-8")
    try:
        found = load(folder).warnings
    except DefinitionError as error:
        found = error.diagnostics
    return [f"{d.line}:{d.column}: {d.severity}: {d.message}" for d in found]


def at_mark(folder: Path, marked: str, *others: str) -> tuple[list[str], list[str]]:
    """Return the findings at `§` of a document, and all others; the mark itself is taken out."""
    before, mark, _ = marked.partition("§")
    assert mark
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "
    found = errors_of(folder, marked.replace("§", ""), *others)
    there = [line.removeprefix(place) for line in found if line.startswith(place)]
    return there, [line for line in found if not line.startswith(place)]


def changed(document: str, old: str, new: str) -> str:
    assert old in document
    return document.replace(old, new)


def test_sound_definitions_give_nothing_to_say(tmp_path: Path) -> None:
    assert errors_of(tmp_path, TOPOLOGY, ACTION, JOURNEY) == []


def test_all_errors_of_all_files_come_in_one_go(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "topology.yaml").write_text(TOPOLOGY.replace("string", "strin"))
    (tmp_path / "team" / "a.yaml").write_text(
        "action: [x\n---\n" + ACTION.replace("email", "mail")
    )
    (tmp_path / "team" / "j.yaml").write_text(JOURNEY.replace("1d: lapsed", "1d: lapse"))
    with pytest.raises(DefinitionError) as refused:
        load(tmp_path)
    places = [(Path(d.file).name, d.line, d.column) for d in refused.value.diagnostics]
    assert places == [
        ("a.yaml", 2, 1),
        ("a.yaml", 4, 14),
        ("j.yaml", 7, 52),
        ("topology.yaml", 9, 17),
    ]
    assert str(refused.value).splitlines()[2] == (
        f"{tmp_path}/team/j.yaml:7:52: error CJO104: unknown state 'lapse'; did you mean 'lapsed'?"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("topology: shop", "topology: §Shop", "'Shop' is not a name: [a-z]"),
        ("topology: shop", "topology: shop\n§color: x", "unknown key of a topology 'color'"),
        ("topology: shop", "topology: shop\n§chanels: x", "did you mean 'channels'?"),
        ("topology: shop", "topology: shop\nregion: §Germany", "'Germany' is not a region"),
        ("topology: shop", "topology: shop\ntimezone: §Europe/Berln", "mean 'Europe/Berlin'?"),
        ("topology: shop", "topology: shop\ngrace: §500ms", "'500ms': not a duration"),
        ("topology: shop", "topology: shop\ngrace: §0s", "a duration is at least 1s"),
        ("topology: shop", "topology: shop\nabout: §5", "must be a text (quote it), not a number"),
        ("address: email", "address: §emial", "unknown identifier type 'emial'; did you mean"),
        ("desk: {in: {}}", "§desk: {}", "channel 'desk' needs 'in' or 'out'"),
        ("desk: {in: {}}", "desk: {out: §{}}", "a channel's out needs 'address'"),
        ("desk: {in: {}}", "desk: {in: {topic: §'a b'}}", "'a b' is not a topic's name"),
        ("desk: {in: {}}", "desk: {in: {format: §segmnt}}", "format 'segmnt'; did you mean"),
        ("desk: {in: {}}", "desk: {in: {§format: mapped}}", "format 'mapped' needs 'map'"),
        ("desk: {in: {}}", "desk: {in: {§map: {type: a, time: 1}}}", "goes with 'format: mapped'"),
        ("desk: {in: {}}", "desk: {in: {}, §in: {}}", "repeated key 'in', first on line 5"),
        (
            "desk: {in: {}}",
            "desk: {in: {format: mapped, map: {time: 1, type: 2, identifiers: {§mail: 1}}}}",
            "unknown identifier type 'mail'; did you mean 'email'?",
        ),
        (
            "desk: {in: {}}",
            "desk: {in: {format: mapped, map: {time: §event.ts, type: row.x}}}",
            "'event' is not available here",
        ),
        (
            "desk: {in: {}}",
            "desk: {in: {topic: t}}\n  x: {in: {§topic: t}}",
            "channel 'desk' reads topic 't' already",
        ),
        ("normalise: email", "limit: §0", "must be a whole number, at least 1"),
        ("normalise: email", "normalise: §mail", "normal form 'mail'; did you mean 'email'?"),
        ("normalise: email", "§of: cookie", "'of' goes with 'shared_after'"),
        ("{type: cookie}", "{type: §email}", "repeated identifier type 'email'"),
        ("{type: cookie}", "{type: cookie, shared_after: 3, of: §cook}", "mean 'cookie'?"),
        ("tier: string", "tier: §text", "unknown type of facts 'text'"),
        ("tier: string", "§last_seen: time", "a fact cannot be named 'last_seen'"),
        ("default: false", "default: §1", "the default of a boolean fact must be a boolean"),
        ("count: order_placed", "count: §Order", "'Order' is not an event type"),
        ("count: order_placed", "§sum: event.x", "'sum' needs 'on'"),
        ("{count: order_placed}", "§{on: x}", "a trait has exactly one of count, sum"),
        ("{count: order_placed}", "§{min: 1, max: 2, on: x}", "a trait has exactly one of"),
        ("count: order_placed", "count: x, §keep: 5", "'keep' goes with 'distinct'"),
        ("count: order_placed", "count: x, §on: y", "'count' names its event types itself"),
        ("count: order_placed", "count: x, when: §data.x", "'data' is not available here"),
        ("count: order_placed", "count: x, when: §5", "must be a condition, not a number"),
        ("orders: {count: order_placed}", "§tier: {count: x}", "'tier' is a fact already"),
        ("[{type: email, normalise: email}, {type: cookie}]", "§[]", "must not be empty"),
    ],
)
def test_a_topology_s_errors_stand_at_their_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    there, _ = at_mark(tmp_path, changed(TOPOLOGY, old, new))
    assert any(said in line for line in there)


SPLIT = "{a: {weight: 0, to: reminded}}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1", "version: §one", "must be a whole number, not text"),
        ("version: 1", "version: §0", "must be a whole number, at least 1"),
        ("journey: recovery\nversion: 1", "§journey: recovery", "a journey needs 'version'"),
        ("version: 1", "version: 1\nstatus: §alive", "unknown status 'alive'; did you mean"),
        ("version: 1", "version: 1\nholdout: §101%", "a share is from 0 to 1"),
        ("key: event.cart_id", "key: §event", "'event' alone has no value"),
        ("key: event.cart_id", "key: §entry.cart_id", "'entry' is not available here"),
        ("on: cart_updated, key: event.cart_id", "§on: journey.ended", "needs 'when'"),
        ("key: event.cart_id", "reentry: §sometimes", "unknown re-entry 'sometimes'"),
        ("key: event.cart_id", "reentry: {after_end: §1x}", "'1x': not a duration"),
        ("key: event.cart_id", "reentry: §{}", "a re-entry has exactly one of"),
        ("initial: waiting", "initial: §waitng", "'waitng'; did you mean 'waiting'?"),
        ("30m: reminded", "30m: §remindd", "'remindd'; did you mean 'reminded'?"),
        ("30m: reminded", "30m: reminded, §1800s: lapsed", "equal to '30m'"),
        ("30m: reminded", "30m: {to: reminded, §too: x}", "key of a transition 'too'; did you"),
        ("30m: reminded", f"30m: {{to: reminded, §split: {SPLIT}}}", "'to' is here already"),
        ("30m: reminded", f"30m: {{split: §{SPLIT}}}", "all weights of this split are 0"),
        ("after:", "always: [§{when: true}], after:", "needs 'to' or 'split'"),
        ("act: reminder", "act: §remindr", "unknown action 'remindr'; did you mean 'reminder'?"),
        ("act: reminder", "act: {action: reminder, channels: [§web]}", "has no treatment on"),
        ("act: reminder", "act: {action: reminder, channels: §emial}", "channel 'emial'; did you"),
        (
            "act: reminder",
            "act: {action: reminder, channels: [email, §email]}",
            "repeated channel",
        ),
        ("act: reminder", "§acts: reminder", "unknown key of a step 'acts'; did you mean 'act'?"),
        ("{act: reminder}", "§{act: reminder, set: {}}", "a step has exactly one of act, decide"),
        ("act: reminder", "set: {§teir: event.x}", "unknown fact 'teir'; did you mean 'tier'?"),
        ("act: reminder", "set: {vip: §3}", "fact 'vip' is a boolean"),
        ("act: reminder", "assign: {x: §profile.odrers}", "did you mean 'orders'?"),
        ("act: reminder", "assign: {x: §data.y}", "no variable data.y"),
        ("act: reminder", "assign: {x: §[1, 2]}", "must be an expression (write a list in"),
        ("act: reminder", "raise: {type: §Loud}", "'Loud' is not an event type"),
        ("entry:", "goal: {on: x, within: §7days}\nentry:", "'7days': not a duration"),
        ("entry:", "exit: §{on: order_placed}\nentry:", "an exit needs 'as'"),
        ("entry:", "on: {[a, b]: lapsed, §a: waiting}\nentry:", "event type 'a' is here already"),
        (
            "entry:",
            "exit: {on: journey.goal, when: event.§jorney == 'x', as: y}\nentry:",
            "unknown attribute of journey.goal 'jorney'; did you mean 'journey'?",
        ),
    ],
)
def test_a_journey_s_errors_stand_at_their_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    there, _ = at_mark(tmp_path, changed(JOURNEY, old, new), TOPOLOGY, ACTION)
    assert any(said in line for line in there)


def test_a_state_that_nothing_leads_to_is_an_error(tmp_path: Path) -> None:
    marked = JOURNEY.replace("30m: reminded", "30m: lapsed").replace("  reminded:", "  §reminded:")
    there, others = at_mark(tmp_path, marked, TOPOLOGY, ACTION)
    assert there == ["error: state 'reminded' is unreachable: nothing leads there"]
    assert not others


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("§action: x\n", "an action needs 'treatments'"),
        ("action: x\ntreatments: §{}\n", "must not be empty"),
        ("action: x\ntreatments: {§emial: {}}\n", "unknown channel 'emial'; did you mean"),
        ("action: x\n§treatments: {desk: {}}\n", "no channel can carry this action"),
        ("action: x\nclass: §sales\ntreatments: {email: {}}\n", "unknown class 'sales'"),
        ("action: x\nvalue: §true\ntreatments: {email: {}}\n", "must be a number or an expr"),
        ("action: x\nlever: §high\ntreatments: {email: {}}\n", "must be a number, not text"),
        ("action: x\nlever: §.inf\ntreatments: {email: {}}\n", "must be a number, at most"),
        ("action: x\npropensity: §1.5\ntreatments: {email: {}}\n", "must be a number from 0"),
        ("action: x\npropensity: {prior: §2}\ntreatments: {email: {}}\n", "must be a number"),
        (
            "action: x\ncontext: {when: §data.x, weight: 5}\ntreatments: {email: {}}\n",
            "'data' is not available here",
        ),
        ("action: x\neligible: §1 +\ntreatments: {email: {}}\n", ""),
        ("action: x\nsuitable: §profile.oders\ntreatments: {email: {}}\n", "mean 'orders'?"),
        ("action: x\ntreatments: {email: {payload: {a: §row.x}}}\n", "'row' is not available"),
        ("action: x\nabout: it\n§colour: 1\ntreatments: {email: {}}\n", "unknown key of an"),
    ],
)
def test_an_action_s_errors_stand_at_their_place(tmp_path: Path, text: str, said: str) -> None:
    there, others = at_mark(tmp_path, text, TOPOLOGY)
    assert any(said in line for line in there or others)


def test_a_treatment_that_is_never_sent_beside_one_that_is_is_a_warning(tmp_path: Path) -> None:
    marked = "action: reminder\ntreatments: {email: {}, §desk: {}}\n"
    there, others = at_mark(tmp_path, marked, TOPOLOGY)
    assert there == ["warning: channel 'desk' has no 'out': this treatment is never sent"]
    assert not others


def test_what_only_arbitration_weighs_is_checked_and_kept_out(tmp_path: Path) -> None:
    weighed = ACTION + (
        "value: profile.orders * 2\nlever: 10\n"
        "propensity: {prior: 0.02, features: [profile.tier, event.channel]}\n"
        "context: [{when: event.type == 'x', weight: 50}]\n"
    )
    assert errors_of(tmp_path, TOPOLOGY, weighed, JOURNEY) == []


@pytest.mark.parametrize(
    "rule",
    [
        "{when: §max(event.a, 3) > 2, to: lapsed}",
        "{when: event.a in §['x', 'y'], to: lapsed}",
        "{when: has(event.a, 'x'§), to: lapsed}",
        "{when: x(event.a, §3], to: lapsed}",
    ],
)
def test_an_expression_that_a_comma_cut_apart_is_to_be_quoted(tmp_path: Path, rule: str) -> None:
    marked = changed(JOURNEY, "after: {30m", f"on: {{x: {rule}}}, after: {{30m")
    there, others = at_mark(tmp_path, marked, TOPOLOGY, ACTION)
    assert [line for line in there + others if "quote" in line]


def test_a_cut_expression_is_one_error_that_shows_the_whole(tmp_path: Path) -> None:
    rule = "{when: §max(event.a, 3, 4) > 2, to: lapsed}"
    marked = changed(JOURNEY, "after: {30m", f"on: {{x: {rule}}}, after: {{30m")
    there, others = at_mark(tmp_path, marked, TOPOLOGY, ACTION)
    whole = '"max(event.a, 3, 4) > 2"'
    assert there == [f"error: a comma cut this expression apart: quote it, {whole}"]
    assert not others


@pytest.mark.parametrize(
    "written",
    [
        "event.a > §profile.x",
        "'event.a > §profile.x'",
        "\"event.b == 'q' and §profile.x\"",
        "'event.b == ''q'' and §profile.x'",
        "event.a >\n    §profile.x",
        "'event.a\n    > §profile.x'",
    ],
)
def test_an_expression_s_error_stands_within_it(tmp_path: Path, written: str) -> None:
    marked = changed(JOURNEY, "key: event.cart_id", f"key: {written}")
    there, others = at_mark(tmp_path, marked, TOPOLOGY, ACTION)
    assert len(there) == 1
    assert not others


def test_an_expression_in_a_block_keeps_its_places(tmp_path: Path) -> None:
    block = "{on: cart_updated}\ndata:\n  x: >-\n    event.a\n    + §profile.x"
    marked = changed(JOURNEY, "{on: cart_updated, key: event.cart_id}", block)
    there, others = at_mark(tmp_path, marked, TOPOLOGY, ACTION)
    assert len(there) == 1
    assert not others


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("1d: lapsed}", "1d: waiting}", "this journey has no way to end"),
        ("act: reminder", "assign: {x: §event.y}", "a timer leads here: 'event' is missing"),
        ("30m: reminded", "30m: {to: reminded, when: §event.x}", "a timer leads here: 'event' is"),
        ("end: lapsed", "end: lapsed, §after: {1d: waiting}", "'after' has no effect"),
        (
            "cart_updated, key: event.cart_id}",
            "cart_updated}\nexit: {on: bought, when: §event.cart_id == key, as: bought}",
            "'entry' has no 'key': it is missing here",
        ),
    ],
)
def test_what_is_odd_is_a_warning_and_loads(tmp_path: Path, old: str, new: str, said: str) -> None:
    marked = changed(JOURNEY, old, new)
    if "§" not in marked:
        marked = "§" + marked.replace("\n  lapsed: {end: lapsed}", "")
    there, others = at_mark(tmp_path, marked, TOPOLOGY, ACTION)
    assert len(there) == 1
    assert f"warning: {said}" in there[0]
    assert not others


@pytest.mark.parametrize(
    ("time", "back", "loops"),
    [
        ("entry.due", "{time: entry.due, to: a}", True),
        ("entry.due", "{time: data.again, to: a}", False),
        ("entry.due", "{time: next_time('09:00'), to: a}", False),
        ("entry.due", "{time: entry.due, to: a, past: skip}", False),
        ("entry.due", "{time: entry.due, to: a, when: data.again < 3}", False),
        ("now + 1000", "{time: entry.due, to: a}", False),
    ],
)
def test_states_that_send_each_other_on_by_times_that_stay_past_are_a_warning(
    tmp_path: Path, time: str, back: str, loops: bool
) -> None:
    spinning = f"""\
journey: spin
version: 1
entry: {{on: cart_updated}}
data: {{again: 0}}
initial: a
states:
  a: {{leave: [{{assign: {{again: now + 1000}}}}], at: [{{time: {time}, to: b}}]}}
  b: {{on: {{out: z}}, at: [{back}]}}
  z: {{end: z}}
"""
    found = errors_of(tmp_path, TOPOLOGY, spinning)
    assert len([one for one in found if "once this time is past" in one]) == (2 if loops else 0)


def test_a_trait_on_what_is_only_raised_is_a_warning(tmp_path: Path) -> None:
    raising = JOURNEY.replace("act: reminder", "raise: {type: order_placed}")
    marked = TOPOLOGY.replace("count: order", "count: §order")
    there, others = at_mark(tmp_path, marked, raising)
    assert there == ["warning: 'order_placed' is raised: raised events do not change traits"]
    assert not others


def test_a_raised_event_that_was_to_change_the_profile_is_a_warning(tmp_path: Path) -> None:
    marked = JOURNEY.replace("act: reminder", "raise: {type: §cjo.profile}")
    there, others = at_mark(tmp_path, marked, TOPOLOGY)
    message = "raised events do not change the profile: 'cjo.profile' has no effect"
    assert there == [f"warning: {message}"]
    assert not others


def test_a_holdout_from_service_is_a_warning(tmp_path: Path) -> None:
    held = JOURNEY.replace("version: 1", "version: 1\nholdout: 5%").replace("act: r", "act: §r")
    there, others = at_mark(tmp_path, held, TOPOLOGY, ACTION + "class: service\n")
    assert there == ["warning: held-out customers do not get 'reminder', a service action"]
    assert not others


def test_one_mistake_is_not_told_as_many(tmp_path: Path) -> None:
    misspelt = JOURNEY.replace("30m: reminded", "30m: remindd")
    assert len(errors_of(tmp_path, TOPOLOGY, ACTION, misspelt)) == 1
    assert len(errors_of(tmp_path, "topology: [\n", ACTION, JOURNEY)) == 1
    broken = ACTION.replace("treatments", "class: nothing\ntreatments")
    assert len(errors_of(tmp_path, TOPOLOGY, broken, JOURNEY)) == 1


def test_names_are_unique_per_kind_and_the_topology_is_one(tmp_path: Path) -> None:
    assert "a second action 'reminder'" in errors_of(tmp_path, TOPOLOGY, ACTION, ACTION)[0]
    assert "a second topology" in errors_of(tmp_path, TOPOLOGY, TOPOLOGY)[0]
    same = ACTION.replace("reminder", "recovery")
    assert errors_of(tmp_path, TOPOLOGY, ACTION, same, JOURNEY) == []


def test_a_document_begins_with_its_kind(tmp_path: Path) -> None:
    assert (
        "unknown kind 'jurney'; did you mean 'journey'?"
        in errors_of(tmp_path, TOPOLOGY, JOURNEY.replace("journey:", "jurney:"))[0]
    )
    assert "unknown kind 'version'" in errors_of(tmp_path, TOPOLOGY, "version: 1\njourney: x\n")[0]


def test_a_folder_without_a_topology_says_what_to_do(tmp_path: Path) -> None:
    assert "no document 'topology: NAME'" in errors_of(tmp_path, ACTION)[0]
    with pytest.raises(UsageError, match="does not exist: name a folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is not a folder"):
        load(tmp_path / "all.yaml")


def test_a_file_that_is_none_and_a_name_that_is_no_text_are_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.yaml")).write_text("topology: other\n")
    (tmp_path / "good.yaml").write_text("topology: shop\ntimezone: Europe/Berlin\n")
    with pytest.raises(DefinitionError) as refused:
        load(tmp_path)
    found = {
        line.removeprefix(f"{tmp_path}/")
        for line in map(str, refused.value.diagnostics)
        if "CJO101" in line
    }
    assert found == {
        "caf\ufffd.yaml:1:1: error CJO101: a name that is not UTF-8: rename the file",
        "pipe.yaml:1:1: error CJO101: not a regular file: rename it, or move it away",
    }


def test_a_topology_that_may_stand_in_an_unreadable_file_is_not_missed(tmp_path: Path) -> None:
    (found,) = errors_of(tmp_path, TOPOLOGY + "about: \x01\n")
    assert found.endswith("error: the character U+0001 is not allowed")


@pytest.mark.parametrize("between", ["---\n", "...\n", "...\n---\n", "...\n# A comment.\n---\n"])
def test_a_document_that_is_no_yaml_does_not_hide_the_next(tmp_path: Path, between: str) -> None:
    text = "%YAML 1.2\n# Broken.\n---\njourney: a\nabout: [\n" + between + "§shop: x\n"
    there, others = at_mark(tmp_path, text, TOPOLOGY)
    assert [line.split(" '")[0] for line in there] == ["error: unknown kind"]
    assert len(others) == 1
    assert "error: not YAML" in others[0]


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        (
            TOPOLOGY + "dedupe: §99999999999999d\n",
            "error: '99999999999999d': too long: a duration is at most 1,000 years, 365250d",
        ),
        (
            TOPOLOGY + "dedupe: §365251d\n",
            "error: '365251d': too long: a duration is at most 1,000 years, 365250d",
        ),
        (
            TOPOLOGY.replace("{type: cookie}", "{type: cookie, limit: §0}"),
            "error: must be a whole number, at least 1 and at most 1,000,000,000,000,000",
        ),
        (ACTION + "value: §.inf\n", "error: must be a finite number, not .inf"),
        (
            ACTION + "value: §lots\n",
            f"error: unknown name 'lots'; {ONE_OF}; if it is a text, write \"'lots'\"",
        ),
        (
            JOURNEY.replace("{on: cart_updated, key: event.cart_id}", "§cart_updated"),
            "error: must be a mapping (an entry), not text; write {on: cart_updated}",
        ),
        (
            JOURNEY + "goal: §order_placed\n",
            "error: must be a mapping (a goal), not text; write {on: order_placed}",
        ),
        (
            JOURNEY.replace("key: event.cart_id", "reentry: §30d"),
            "error: must be a mapping (a re-entry), not text; write {after_end: 30d}",
        ),
        (
            JOURNEY.replace("key: event.cart_id", "reentry: §newer"),
            "error: unknown re-entry 'newer'; did you mean 'never'?",
        ),
        (JOURNEY + "goal: §Order Placed\n", "error: must be a mapping (a goal), not text"),
    ],
)
def test_what_to_write_instead_is_said(tmp_path: Path, marked: str, message: str) -> None:
    there, _ = at_mark(tmp_path, marked)
    assert there == [message]


def test_a_suggestion_for_a_scalar_that_should_be_a_mapping_can_be_pasted(tmp_path: Path) -> None:
    text = f"{TOPOLOGY}---\n{ACTION}---\n{JOURNEY}goal: order_placed\n"
    (tmp_path / "all.yaml").write_text(text)
    with pytest.raises(DefinitionError) as refused:
        load(tmp_path)
    (found,) = refused.value.diagnostics
    (tmp_path / "all.yaml").write_text(
        text.replace("goal: order_placed", f"goal: {found.suggestion}")
    )
    assert load(tmp_path).program.journeys["recovery"].goal


def test_a_topology_that_cannot_be_read_makes_no_decide_empty(tmp_path: Path) -> None:
    deciding = JOURNEY.replace("act: reminder", "decide: {}")
    (tmp_path / "topology.yaml").write_text(TOPOLOGY + "region: [\n")
    (tmp_path / "others.yaml").write_text(f"{ACTION}---\n{deciding}")
    with pytest.raises(DefinitionError) as refused:
        load(tmp_path)
    assert {found.file.rpartition("/")[2] for found in refused.value.diagnostics} == {
        "topology.yaml"
    }
