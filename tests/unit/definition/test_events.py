"""`events` declares what comes in: what definitions name beyond it is an error, at its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cjo_stream.core.word import AttributeType
from cjo_stream.definition import load
from cjo_stream.errors import DefinitionError
from tests.unit.definition.test_errors import at_mark, errors_of

EVENTS = """\
events:
  membership_signed: {club: string, fee: number}
  membership_ended: {reason: string}
  fee_paid: {fee: number, items: list}
"""
TOPOLOGY = """\
topology: clubs
channels:
  desk: {in: {}, out: {address: email}}
  till:
    in: {format: mapped, map: {type: "'fee_paid'", time: row.t, identifiers: {email: row.mail},
        attributes: {fee: row.fee}}}
identity: {identifiers: [{type: email}]}
profile:
  facts: {tier: string}
  traits:
    fees: {sum: event.fee, on: fee_paid, when: event.fee > 0}
    joined: {count: [membership_signed, cjo.profile]}
service:
  opened: {on: membership_ended, key: event.reason}
  closed: {on: fee_paid}
"""
ACTION = """\
action: hello
context: {when: event.type == 'fee_paid', weight: 5}
applicable: event.fee > 0
treatments: {desk: {template: hello, payload: {club: event.club}}}
"""
JOURNEY = """\
journey: welcome
version: 1
entry: {on: membership_signed, when: event.club != 'x', key: event.attributes.club}
data: {fee: "event['fee']"}
goal: {on: [fee_paid, membership_ended], when: event.fee > 1 or event.reason == 'x'}
exit: {on: noticed, when: event.who == entry.club, as: noticed}
initial: waiting
states:
  waiting:
    enter: [{raise: {type: noticed, attributes: {who: event.club}}}]
    on:
      journey.goal: {when: event.journey == 'welcome', to: done}
      cjo.outcome: {when: event.outcome == 'click' and event.type != 'cjo.outcome', to: done}
      cjo.profile: {when: event.tier == 'gold', to: done}
  done: {end: done}
"""
DOCUMENTS = (TOPOLOGY, ACTION, JOURNEY)
DECLARED = (TOPOLOGY + EVENTS, ACTION, JOURNEY)
TYPE = "event type"


def test_what_is_declared_raised_or_built_in_may_be_named(tmp_path: Path) -> None:
    assert errors_of(tmp_path, *DECLARED) == []
    program = load(tmp_path).program
    assert program.events is not None
    assert program.events["fee_paid"] == {"fee": AttributeType.NUMBER, "items": AttributeType.LIST}


@pytest.mark.parametrize(
    ("written", "marked", "what", "near"),
    [
        # event types, wherever one is named
        ("count: [membership_signed", "count: [§membership_sigend", TYPE, "membership_signed"),
        ("on: fee_paid, when", "on: §fee_payd, when", TYPE, "fee_paid"),
        (
            "opened: {on: membership_ended", "opened: {on: §membership_endet",
            TYPE, "membership_ended",
        ),
        ("\"'fee_paid'\"", "\"'§fee_piad'\"", TYPE, "fee_paid"),
        ("\"'fee_paid'\"", "\"'fee_paid' if row.a else '§fee_piad'\"", TYPE, "fee_paid"),
        (
            "entry: {on: membership_signed", "entry: {on: §membership_singed",
            TYPE, "membership_signed",
        ),
        ("[fee_paid, membership_ended]", "[fee_paid, §membership_end]", TYPE, "membership_ended"),
        ("on: noticed,", "on: §notised,", TYPE, "noticed"),
        ("      journey.goal:", "      §journey.gaol:", TYPE, "journey.goal"),
        ("cjo.profile: {", "§cjo.profle: {", TYPE, "cjo.profile"),
        ("event.type == 'fee_paid'", "event.type == '§fee_piad'", TYPE, "fee_paid"),
        (
            "event.type != 'cjo.outcome'", "event.type != '§fee_piad'",
            TYPE, "fee_paid",
        ),
        # attributes, of all types that a place may have
        ("sum: event.fee", "sum: event.§fe", "fee_paid", "fee"),
        ("when: event.fee > 0}", "when: event.§fea > 0}", "fee_paid", "fee"),
        ("key: event.reason", "key: event.§raeson", "membership_ended", "reason"),
        ("attributes: {fee: row.fee}", "attributes: {§fe: row.fee}", "fee_paid", "fee"),
        ("when: event.club != 'x'", "when: event.§culb != 'x'", "membership_signed", "club"),
        ("event.attributes.club", "event.attributes.§culb", "membership_signed", "club"),
        ("event['fee']", "event['§fe']", "membership_signed", "fee"),
        ("or event.reason ==", "or event.§raeson ==", "fee_paid, membership_ended", "reason"),
        ("event.who == entry.club", "event.who == entry.§culb", "membership_signed", "club"),
        ("event.who ==", "event.§whom ==", "noticed", "who"),
        ("event.outcome == 'click'", "event.§outcom == 'click'", "cjo.outcome", "outcome"),
        ("event.tier ==", "event.§teir ==", "cjo.profile", "tier"),
        ("event.journey ==", "event.§jorney ==", "journey.goal", "journey"),
        # where the type is not known: of any event
        ("who: event.club", "who: event.§culb", "any event", "club"),
        ("payload: {club: event.club}", "payload: {club: event.§culb}", "any event", "club"),
        ("applicable: event.fee", "applicable: event.§fea", "any event", "fee"),
    ],
)  # fmt: skip
def test_another_name_is_an_error_at_its_place(
    written: str, marked: str, what: str, near: str, tmp_path: Path
) -> None:
    (wrong,) = [one for one in DECLARED if written in one]
    assert wrong.count(written) == 1
    rest = [one for one in DECLARED if one != wrong]
    there, others = at_mark(tmp_path, wrong.replace(written, marked), *rest)
    name = re.findall(r"§([\w.]+)", marked)[0]
    subject = what if what == TYPE else f"attribute of {what}"
    assert there == [f"error: unknown {subject} {name!r}; did you mean {near!r}?"]
    assert others == []


def test_without_events_anything_may_come(tmp_path: Path) -> None:
    document = JOURNEY.replace("event.club", "event.culb").replace("fee_paid", "fee_piad")
    assert errors_of(tmp_path, TOPOLOGY, ACTION, document) == []
    assert load(tmp_path).program.events is None


def test_no_types_but_those_built_in_may_be_declared(tmp_path: Path) -> None:
    """An empty `events` says that no other events come in."""
    found = errors_of(tmp_path, TOPOLOGY + "events: {}\n")
    assert all("unknown event type" in one for one in found)
    assert len(found) == 5


def test_an_unreadable_attribute_is_known_all_the_same(tmp_path: Path) -> None:
    there, others = at_mark(
        tmp_path,
        TOPOLOGY + EVENTS.replace("fee: number, items", "fee: §nubmer, items"),
        ACTION,
        JOURNEY,
    )
    assert there == ["error: unknown type of attributes 'nubmer'; did you mean 'number'?"]
    assert others == []


def test_a_sample_stands_in_for_events_that_are_not_declared(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("---\n".join(DOCUMENTS), encoding="utf-8")
    sample = {
        "membership_signed": ["culb", "fee"],
        "membership_ended": ["reason"],
        "fee_payed": ["fee"],
    }
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, sample)
    messages = {found.message for found in caught.value.diagnostics}
    assert messages == {
        "the sample has no event type 'fee_paid'; the nearest is 'fee_payed'",
        "the sample has no attribute of membership_signed 'club'; the nearest is 'culb'",
        "the sample has no attribute of any event 'club'; the nearest is 'culb'",
    }
    complete = {
        "membership_signed": ["club", "fee"],
        "membership_ended": ["reason"],
        "fee_paid": ["fee"],
    }
    load(tmp_path, complete)


def test_declared_events_are_not_replaced_by_a_sample(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("---\n".join(DECLARED), encoding="utf-8")
    assert load(tmp_path, {}).warnings == []


@pytest.mark.parametrize(
    ("written", "marked", "near"),
    [
        ("      cjo.profile: {", "      §cjo.profle: {", "cjo.profile"),
        ("entry: {on: membership_signed", "entry: {on: §cjo.consnt", "cjo.consent"),
        ("cjo.profile]", "§cjo.profil]", "cjo.profile"),
        ("\"'fee_paid'\"", "\"'§cjo.outcom'\"", "cjo.outcome"),
        ("event.type == 'fee_paid'", "event.type == '§cjo.consnt'", "cjo.consent"),
        ("opened: {on: membership_ended", "opened: {on: §cjo.outcomes", "cjo.outcome"),
    ],
)
def test_the_engines_own_types_are_checked_without_events_too(
    written: str, marked: str, near: str, tmp_path: Path
) -> None:
    (wrong,) = [one for one in DOCUMENTS if written in one]
    rest = [one for one in DOCUMENTS if one != wrong]
    there, others = at_mark(tmp_path, wrong.replace(written, marked), *rest)
    name = re.findall(r"§([\w.]+)", marked)[0]
    assert there == [f"error: unknown event type {name!r}; did you mean {near!r}?"]
    assert others == []


def test_a_type_of_the_engines_own_cannot_be_declared(tmp_path: Path) -> None:
    declared = EVENTS + "  §cjo.consnt: {purpose: string}\n"
    there, others = at_mark(tmp_path, TOPOLOGY + declared, ACTION, JOURNEY)
    assert there == ["error: unknown event type 'cjo.consnt'; did you mean 'cjo.consent'?"]
    assert others == []


@pytest.mark.parametrize(
    ("written", "marked", "what", "name", "near"),
    [
        ("event.outcome == 'click'", "event.outcom == 'click'", "attribute of cjo.outcome",
         "outcom", "outcome"),
        ("\"'fee_paid'\", time: row.t, identifiers: {email: row.mail},\n        attributes: {fee:",
         ("\"'cjo.consent'\", time: row.t, identifiers: {email: row.mail},\n        attributes: "
          "{chanel:"), "attribute of cjo.consent", "chanel", "channel"),
        ("journey.goal: {when: event.journey", "journey.goals: {when: event.journey", "event type",
         "journey.goals", "journey.goal"),
    ],
)  # fmt: skip
def test_what_misspells_a_word_of_the_engine_is_a_warning(
    written: str, marked: str, what: str, name: str, near: str, tmp_path: Path
) -> None:
    (wrong,) = [one for one in DOCUMENTS if written in one]
    rest = [one for one in DOCUMENTS if one != wrong]
    found = errors_of(tmp_path, wrong.replace(written, marked), *rest)
    assert [one.partition(": ")[2] for one in found if name in one] == [
        f"warning: unknown {what} {name!r}; did you mean {near!r}?"
    ]
    assert load(tmp_path).warnings


@pytest.mark.parametrize(
    ("type_", "attribute", "what", "near"),
    [
        ("cjo.outcome", "outcome: \"'§clicked'\"", "outcome", "click"),
        ("cjo.outcome", "channel: \"'§desc'\"", "channel", "desk"),
        ("cjo.outcome", "outcome: \"'click' if row.c else '§acept'\"", "outcome", "accept"),
        ("cjo.consent", "status: \"'§grantd'\"", "status", "granted"),
        ("cjo.consent", "channel: \"'§tills'\"", "channel", "till"),
    ],
)
def test_a_fixed_text_of_a_map_that_no_record_can_be_right_with_is_an_error(
    type_: str, attribute: str, what: str, near: str, tmp_path: Path
) -> None:
    mapped = TOPOLOGY.replace("fee_paid'\", time", f"{type_}'\", time")
    there, others = at_mark(tmp_path, mapped.replace("fee: row.fee", attribute), ACTION, JOURNEY)
    name = re.findall(r"§(\w+)", attribute)[0]
    assert there == [f"error: unknown {what} {name!r}; did you mean {near!r}?"]
    assert others == []


@pytest.mark.parametrize(
    ("type_", "attribute"),
    [
        ("cjo.outcome", "outcome: row.o, channel: \"'desk'\""),
        ("cjo.outcome", "action_id: row.id, outcome: row.o, channel: \"'another one'\""),
        ("cjo.outcome", "outcome: \"'click' if row.c else lower(row.o)\""),
        ("cjo.consent", "status: \"'Opted-out'\", channel: \"'ALL'\", purpose: \"'news'\""),
        ("cjo.consent", "status: \"'no'\", channel: \"'Till '\", purpose: \"'news'\""),
        ("cjo.consent", "status: \"'true'\", channel: \"'*'\", purpose: \"'news'\""),
        ("fee_paid", "outcome: \"'clicked'\", status: \"'grantd'\", channel: \"'desc'\""),
    ],
)
def test_a_text_that_a_record_may_be_right_with_is_none(
    type_: str, attribute: str, tmp_path: Path
) -> None:
    mapped = TOPOLOGY.replace("fee_paid'\", time", f"{type_}'\", time")
    assert errors_of(tmp_path, mapped.replace("fee: row.fee", attribute), ACTION, JOURNEY) == []
