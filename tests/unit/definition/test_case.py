"""What is wrong in a test file is told at its place, all at once, before anything is played."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from cjo_stream.definition import load
from cjo_stream.definition.case import read_cases
from cjo_stream.definition.schema import schema
from cjo_stream.errors import DefinitionError, Diagnostic, UsageError
from tests.world.cases import CART, case, write
from tests.world.schema import faults

EXPECT = "expect: {actions: []}"


def wrong(folder: Path, text: str) -> list[Diagnostic]:
    """Return what is wrong in a test file."""
    write(folder, one=text)
    with pytest.raises(DefinitionError) as caught:
        read_cases(folder, load(folder).program)
    return [found for found in caught.value.diagnostics if found.severity == "error"]


@pytest.mark.parametrize(
    ("step", "message", "suggestion"),
    [
        ("expect: {stat: {}}", "unknown key of an expectation 'stat'", "state"),
        ("expect: {state: {crat: waiting}}", "unknown journey 'crat'", "cart"),
        ("expect: {state: {cart: wating}}", "unknown state of cart 'wating'", "waiting"),
        ("expect: {state: {cart: [waiting, wating]}}", "unknown state of cart", "waiting"),
        ("expect: {state: {}}", "must not be empty", ""),
        ("expect: {state: waiting}", "must be a mapping", ""),
        ("expect: {actions: [remindr]}", "unknown action 'remindr'", "reminder"),
        ("expect: {actions: [{actoin: x}]}", "unknown key of a message that was sent", "action"),
        ("expect: {actions: [{channel: pussh}]}", "unknown channel 'pussh'", "push"),
        ("expect: {actions: [{action: thanks, channel: push}]}", "unknown channel of thanks", ""),
        ("expect: {actions: [{payload: {totl: 1}}]}", "unknown value of the payload", "total"),
        ("expect: {actions: [{action: dear, group: offer}]}", "unknown group 'offer'", "offers"),
        ("expect: {actions: [{class: markting}]}", "unknown class 'markting'", "marketing"),
        ("expect: {actions: [{at: yesterday}]}", "'yesterday' is not a time", ""),
        ("expect: {actions: [{at: 2026-03-02T10:00:00}]}", "is not a time, as 2026-", ""),
        ("expect: {not_sent: [{gate: cap}]}", "unknown gate 'cap'", "caps"),
        ("expect: {not_sent: [{gate: caps, rule: two_day}]}", "unknown rule of caps", "two_a_day"),
        ("expect: {suppressed: [{why: shadw}]}", "unknown reason 'shadw'", "shadow"),
        ("expect: {transitions: [{journey: cart, to: wating}]}", "unknown state of", "waiting"),
        ("expect: {transitions: [{outcome: emptid}]}", "unknown outcome 'emptid'", "emptied"),
        ("expect: {transitions: [{reason: enterd}]}", "unknown reason 'enterd'", "entered"),
        ("expect: {priorities: []}", "must not be empty", ""),
        ("expect: {priorities: [{priority: high}]}", "must be a number, not text", ""),
        ("expect: {profile: {cart: 1}}", "unknown fact or trait 'cart'", "carts"),
        ("expect: {identifiers: {emial: x}}", "unknown identifier type 'emial'", "email"),
        ("expect: {data: {cart: {totl: 1}}}", "unknown variable of cart 'totl'", "total"),
        ("expect: {customer: ada, actions: []}", "unknown customer of this case 'ada'", ""),
        ("expect: {customer: {emial: x}, actions: []}", "unknown identifier type", "email"),
        ("expect: {actions: [{customer: ada}]}", "unknown customer of this case", ""),
        ("expect: {}", "names nothing to compare", ""),
        ("expect:", "names nothing to compare", ""),
        ("expect: {customer: {email: x}}", "names nothing to compare", ""),
        ("advance: 30", "not a duration", ""),
        ("advance: -30m", "time only moves forward", ""),
        ("advance: 2026-03-02T09:59:59Z", "the clock stands at 2026-03-02 10:00:00Z", ""),
        ("advance: [30m]", "must be a duration", ""),
        ("event: {type: Cart, identifiers: {email: a}}", "'Cart' is not an event type", ""),
        ("event: {type: x}", "needs 'identifiers', or a 'customer'", ""),
        ("event: {type: x, identifiers: {}}", "must not be empty", ""),
        ("event: {type: x, identifiers: {emial: a}}", "unknown identifier type", "email"),
        ("event: {type: x, channel: wep, identifiers: {email: a}}", "takes events 'wep'", "web"),
        ("event: {type: x, channel: push, identifiers: {email: a}}", "takes events 'push'", ""),
        ("event: {type: x, customer: ada}", "unknown customer of this case 'ada'", ""),
        ("event: {type: x, time: now, identifiers: {email: a}}", "'now' is not a time", ""),
        ("event: {identifiers: {email: a}}", "an event needs 'type'", ""),
        ("record: {channel: wep, value: {}}", "takes events 'wep'", "web"),
        ("record: {channel: web}", "a record needs 'value'", ""),
        ("wait: 30m", "unknown key of a step of a case 'wait'", ""),
        ("{advance: 30m, expect: {actions: []}}", "has exactly one of event, record", ""),
        ("event", "must be a mapping", ""),
    ],
)  # fmt: skip
def test_a_wrong_step_is_told_at_its_place(
    tmp_path: Path, step: str, message: str, suggestion: str
) -> None:
    found = wrong(tmp_path, case(step, EXPECT))
    assert len(found) == 1, found
    assert message in found[0].message
    assert found[0].suggestion == suggestion
    assert found[0].file.endswith("one.test.yaml")
    assert found[0].line == 5


@pytest.mark.parametrize(
    ("head", "message", "suggestion"),
    [
        ("given: {profil: {}}\n", "unknown key of what is given 'profil'", "profile"),
        ("given: {profile: {teir: gold}}\n", "unknown fact 'teir'", "tier"),
        ("given: {profile: {tier: 7}}\n", "the fact tier is a string", ""),
        ("given: {profile: {since: soon}}\n", "the fact since is a time", ""),
        ("given: {profile: {carts: 1}}\n", "'carts' cannot be given: send the events", ""),
        ("given: {consent: {status: granted}}\n", "needs 'purpose'", ""),
        ("given: {consent: {purpose: m, status: grantd}}\n", "unknown consent status", "granted"),
        ("given: {consent: {purpose: m, status: granted, channel: pus}}\n", "channel", "push"),
        ("customers: {ada: {emial: x}}\n", "unknown identifier type 'emial'", "email"),
        ("customers: {Ada: {email: x}}\n", "'Ada' is not a name", ""),
        ("gievn: {}\n", "unknown key of a case 'gievn'", "given"),
    ],
)
def test_a_wrong_head_is_told_at_its_place(
    tmp_path: Path, head: str, message: str, suggestion: str
) -> None:
    (found,) = wrong(tmp_path, case(EXPECT, head=head))
    assert message in found.message
    assert found.suggestion == suggestion
    assert found.line in (3, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no case: begin one with `test:"),
        ("# nothing\n---\n", "no case: begin one with `test:"),
        ("[1, 2]\n", "must be a mapping (a case)"),
        ("journey: j\n", "unknown key of a case 'journey'"),
        ("test: a\nat: 2026-03-02T10:00:00Z\nsteps: []\n", "must not be empty"),
        ("test: a\nsteps: [{expect: {actions: []}}]\n", "a case needs 'at'"),
        ("test: a\nat: 7\nsteps: [{advance: 1m}]\n", "a case without `expect` shows nothing"),
        ("test: a\nat: 2026-03-02\nsteps: [{expect: {actions: []}}]\n", "is not a time"),
        ("test: a\nat: -7\nsteps: [{expect: {actions: []}}]\n", "between 1970 and 9999"),
        ("test: {\n", "not YAML"),
        ("test: !x a\n", "tags are not allowed"),
        ("test: &a [*a]\n", "contains itself"),
        (case(EXPECT) + "---\n" + case(EXPECT), "a second case 'a case', after line 1"),
        (case("advance: 365000d", "advance: 365000d", "advance: 365000d", "advance: 365000d",
              "advance: 365000d", "advance: 365000d", "advance: 365000d", "advance: 365000d",
              "advance: 365000d", EXPECT), "beyond the year 9999"),
    ],
)  # fmt: skip
def test_a_file_that_shows_nothing_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in found.message for found in wrong(tmp_path, text))


def test_everything_is_told_at_once(tmp_path: Path) -> None:
    bad = case("expect: {stat: {}}", name="one") + "---\n" + case("advance: x", EXPECT, name="two")
    write(tmp_path, zero="")
    assert len(wrong(tmp_path, bad)) == 3


def test_no_test_file_is_an_error_that_says_where_one_should_be(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(UsageError, match=r"has no test: write one into NAME.test.yaml, in this"):
        read_cases(tmp_path, load(tmp_path).program)


def test_anchors_and_aliases_are_read(tmp_path: Path) -> None:
    shared = case(f"&cart {{{CART}}}", "*cart", EXPECT)
    assert len(read_cases(write(tmp_path, one=shared), load(tmp_path).program).cases[0].steps) == 3


def test_doubtful_steps_are_warnings(tmp_path: Path) -> None:
    odd = "event: {type: cart_updatd, identifiers: {email: a@example.com}}"
    found = read_cases(write(tmp_path, one=case(odd, EXPECT, CART)), load(tmp_path).program)
    first, second = (one.message for one in found.warnings)
    assert "no definition listens to it: unknown event type 'cart_updatd'; did you mean" in first
    assert "no `expect` looks at what comes of the last steps" in second


def test_declared_events_are_checked(tmp_path: Path) -> None:
    write(tmp_path)
    text = (tmp_path / "t.yaml").read_text()
    declared = "events: {cart_updated: {cart_id: string, total: number}, order_placed: {total: number, cart_id: string}, cart_emptied: {cart_id: string}}\n"  # noqa: E501 - one line of YAML
    for attributes, near in (("{totl: 4}", "total"), ("{total: 4}", None)):
        event = (
            f"event: {{type: cart_updated, identifiers: {{email: a}}, attributes: {attributes}}}"
        )
        (tmp_path / "one.test.yaml").write_text(case(event, EXPECT))
        (tmp_path / "t.yaml").write_text(text.replace("profile:\n", declared + "profile:\n", 1))
        if near is None:
            assert read_cases(tmp_path, load(tmp_path).program).cases
            continue
        with pytest.raises(DefinitionError) as caught:
            read_cases(tmp_path, load(tmp_path).program)
        assert caught.value.diagnostics[0].suggestion == near


def test_the_schema_takes_the_cases_of_the_bundled_topologies() -> None:
    drawn = schema("test")
    number = 0
    for path in sorted((Path(__file__).parents[3] / "topologies").rglob("*.test.yaml")):
        for document in YAML(typ="safe", pure=True).load_all(path.read_text()):
            plain = json.loads(json.dumps(document, default=str))
            assert not faults(plain, drawn, drawn), document["test"]
            number += 1
    assert number > 50
    assert faults({"test": "a", "at": "x", "steps": [{"wait": 1}]}, drawn, drawn)


def test_every_field_of_the_schema_has_a_description() -> None:
    def bare(part: object, path: str) -> list[str]:
        if isinstance(part, list):
            return [found for one in part for found in bare(one, path)]
        if not isinstance(part, dict):
            return []
        missing = [
            f"{path}.{name}"
            for name, one in part.get("properties", {}).items()
            if not one.get("description")
        ]
        return missing + [
            found for name, one in part.items() for found in bare(one, f"{path}.{name}")
        ]

    drawn = schema("test")
    assert drawn["required"] == ["test", "at", "steps"]
    assert bare(drawn, "test") == []
