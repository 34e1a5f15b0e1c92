"""A comparison with what a term never is, is a warning with the nearest word, or the type."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.definition.test_errors import errors_of

TOPOLOGY = """\
topology: compared
channels:
  web: {in: {}, out: {address: user}}
  mail: {in: {}, out: {address: user}}
identity: {identifiers: [{type: user}]}
profile:
  facts: {age: number, vip: boolean, tier: string, renewal: time, products: list}
  traits:
    visits: {count: seen}
    seen_things: {distinct: event.thing, on: seen}
    thing: {last: event.thing, on: seen}
"""
EVENTS = """\
events:
  seen: {total: number, thing: string, on_at: time, tags: list, is_new: boolean}
  sold: {total: number, thing: number}
  told: {total: number}
"""
ACTION = """\
action: reminder
applicable: CONDITION
treatments: {web: {template: t}}
"""
JOURNEY = """\
journey: compared
version: 1
entry: {on: ON, when: "CONDITION"}
initial: waiting
states: {waiting: {enter: [{raise: {type: told}}], after: {1d: done}}, done: {end: done}}
"""


def found(folder: Path, condition: str, on: str = "seen") -> list[str]:
    """Return what is said of a condition of an entry, without its place and severity."""
    journey = JOURNEY.replace("ON", on, 1).replace("CONDITION", condition)
    action = ACTION.replace("CONDITION", "true")
    said = errors_of(folder, TOPOLOGY + EVENTS, action, journey)
    assert all(": warning: " in one for one in said), said
    return [one.partition(": warning: ")[2] for one in said]


@pytest.mark.parametrize(
    ("on", "condition", "message"),
    [
        ("seen", "weekday() not in ['saturday', 'sun']", "unknown weekday 'saturday'; known: fri"),
        ("seen", "weekday(now) == 'Mon'", "unknown weekday 'Mon'; did you mean 'mon'?"),
        ("seen", "event.channel == 'wbe'", "unknown channel 'wbe'; did you mean 'web'?"),
        ("seen", "'wbe' == profile.last_channel", "unknown channel 'wbe'; did you mean 'web'?"),
        ("cjo.outcome", "event.outcome == 'clicked'",
         "unknown outcome 'clicked'; did you mean 'click'?"),
        ("cjo.outcome", "event.attributes.outcome in ['click', 'acept']",
         "unknown outcome 'acept'; did you mean 'accept'?"),
        ("cjo.outcome", "event.action == 'remindr'",
         "unknown action 'remindr'; did you mean 'reminder'?"),
        ("cjo.outcome", "event['attributes']['channel'] == 'wbe'",
         "unknown channel 'wbe'; did you mean 'web'?"),
        ("cjo.consent", "event.status == 'withdrawn'",
         "unknown status 'withdrawn'; known: denied, granted, revoked"),
        ("journey.ended", "event.journey == 'compard'",
         "unknown journey 'compard'; did you mean 'compared'?"),
        ("seen", "profile.vip != 'true'", "`profile.vip` is a boolean, and `'true'` is a text"),
        ("seen", "profile.vip == 1", "`profile.vip` is a boolean, and `1` is a number"),
        ("seen", "profile.age > '18'", "`profile.age` is a number, and `'18'` is a text"),
        ("seen", "'18' < profile.age", "`profile.age` is a number, and `'18'` is a text"),
        ("seen", "profile['age'] in [18, '19']",
         "`profile['age']` is a number, and `'19'` is a text"),
        ("seen", "profile.tier == true", "`profile.tier` is a text, and `true` is a boolean"),
        ("seen", "profile.products == 'dsl'",
         "`profile.products` is a list, and `'dsl'` is a text"),
        ("seen", "profile.tier == ['a']", "`profile.tier` is a text, and `['a']` is a list"),
        ("seen", "profile.renewal < '2026-03-01'",
         "`profile.renewal` is a time, a number of ms, and `'2026-03-01'` is a text"),
        ("seen", "hour() == '9'", "`hour()` is a number, and `'9'` is a text"),
        ("seen", "len(profile.visits) > 2",
         "`profile.visits` is a number, and len() takes a text or a list"),
        ("seen", "contains(profile.age, '1')",
         "`profile.age` is a number, and contains() takes a text or a list"),
        ("seen", "'a' in profile.vip",
         "`profile.vip` is a boolean, and `in` takes a text or a list"),
        ("seen", "event.total >= '20'", "`event.total` is a number, and `'20'` is a text"),
        ("[seen, sold]", "event.total >= '20'", "`event.total` is a number, and `'20'` is a text"),
        ("seen", "event.is_new == 'yes'", "`event.is_new` is a boolean, and `'yes'` is a text"),
        ("seen", "1 < profile.age < '9'", "`profile.age` is a number, and `'9'` is a text"),
    ],
)  # fmt: skip
def test_what_a_term_never_is_is_a_warning(
    on: str, condition: str, message: str, tmp_path: Path
) -> None:
    said = [one for one in found(tmp_path, condition, on) if "needs 'when'" not in one]
    assert len(said) == 1, said
    assert said[0].startswith(message)


@pytest.mark.parametrize(
    ("on", "condition"),
    [
        ("seen", "weekday() in ['sat', 'sun'] and hour() >= 9"),
        ("seen", "'sat' in weekday()"),
        ("cjo.outcome", "event.outcome == 'click' and event.action == 'reminder'"),
        ("cjo.outcome", "event.attributes.channel == 'mail' or event.value > 3"),
        ("[cjo.outcome, seen]", "event.channel == 'web' and event.outcome == 'clicked'"),
        ("cjo.consent", "event.status != 'granted' and event.attributes.channel in ['*', 'web']"),
        ("cjo.consent", "event.purpose == 'newsletter'"),
        ("seen", "profile.vip == true and not profile.vip"),
        ("seen", "profile.thing == 3 or profile.thing == 'x'"),
        ("seen", "profile.seen_things == [] or 'a' in profile.seen_things"),
        ("seen", "'dsl' in profile.products and len(profile.products) > 1"),
        ("seen", "profile.age > -1 and profile.age != profile.visits"),
        ("seen", "str(profile.age) == '18' and float(event.thing) > 2"),
        ("seen", "event.on_at > 5 or event.on_at == '2026-03-01T00:00:00Z'"),
        ("[seen, sold]", "event.thing == '20' or event.thing == 20"),
        ("told", "event.total == '20'"),
        ("seen", "profile.tier == event.thing and 'a' in event.tags and len(event.thing) > 1"),
        ("seen", "has(profile.vip) == true and now > 5"),
        ("cjo.outcome", "event.action == 'gone'"),
        ("journey.ended", "event.journey == 'gone'"),
    ],
)
def test_what_a_term_may_be_is_none(on: str, condition: str, tmp_path: Path) -> None:
    assert found(tmp_path, condition, on) == []


def test_an_action_is_held_against_its_candidates_too(tmp_path: Path) -> None:
    action = ACTION.replace("CONDITION", "candidate.channel == 'wbe'")
    (one,) = errors_of(tmp_path, TOPOLOGY, action)
    assert one.endswith("warning: unknown channel 'wbe'; did you mean 'web'?")


def test_of_what_could_not_be_read_nothing_is_said(tmp_path: Path) -> None:
    """Facts, channels and actions that are not known are no reason to doubt a word."""
    journey = JOURNEY.replace("ON", "seen", 1).replace("CONDITION", "event.channel == 'x'")
    assert not [one for one in errors_of(tmp_path, journey) if "channel" in one]
