"""Which purposes of consent a topology asks for: a statement about another has no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.definition import load
from tests.unit.definition.test_errors import errors_of

TOPOLOGY = """
topology: asked
channels:
  web: {out: {address: user}, in: {format: mapped, map: {type: row.type, time: row.t,
    identifiers: {user: row.user}, attributes: {purpose: row.purpose}}}}
identity: {identifiers: [{type: user}]}
profile: {traits: {seen: {count: seen, when: "WHEN"}}}
---
policy: contact
consent: {marketing: opt_in}
"""


@pytest.mark.parametrize(
    ("when", "asked", "unasked"),
    [
        ("event.n > 1", ["marketing"], ["service", "newsletter"]),
        ("event.purpose == 'Newsletter'", ["marketing", "newsletter", "any"], []),
        ("event['purpose'] in ['a', 'b']", ["marketing", "any"], []),
        ("event.purpose != 'service' and event.status == 'revoked'", ["newsletter"], []),
    ],
)
def test_a_topology_knows_the_purposes_that_it_asks_for(
    tmp_path: Path, when: str, asked: list[str], unasked: list[str]
) -> None:
    (tmp_path / "topology.yaml").write_text(TOPOLOGY.replace("WHEN", when))
    program = load(tmp_path).program
    assert [one for one in (*asked, *unasked) if program.asks_for(one)] == asked


@pytest.mark.parametrize(
    ("purpose", "asked", "unasked"),
    [
        ("'News'", "news", "newsletter"),
        ("data.topic", "newsletter", None),
        ("'a' if " + " or ".join("data.a<1" for _ in range(32)) + " else 'b'", "any", None),
    ],
)
def test_an_expression_may_ask_for_a_purpose_of_its_own(
    tmp_path: Path, purpose: str, asked: str, unasked: str | None
) -> None:
    action = f"action: hello\neligible: consented({purpose}, 'web')\ntreatments: {{web: {{}}}}\n"
    text = TOPOLOGY.replace("WHEN", "event.n > 1")
    (tmp_path / "topology.yaml").write_text(f"{text}---\n{action}")
    program = load(tmp_path).program
    assert program.asks_for(asked)
    assert unasked is None or not program.asks_for(unasked)


def test_a_guard_of_unsubscriptions_asks_for_marketing(tmp_path: Path) -> None:
    journey = """---
journey: welcome
version: 2
canary: {share: 50%, guards: {metric: METRIC, worse_than: 10%}, then: back, for: 7d}
entry: {on: signed_up}
initial: over
states: {over: {end: over}}
"""
    base = TOPOLOGY.partition("---")[0].replace("WHEN", "event.n > 1")
    for metric, is_asked in (("unsubscribe_rate", True), ("exit_rate", False)):
        (tmp_path / "topology.yaml").write_text(base + journey.replace("METRIC", metric))
        assert load(tmp_path).program.asks_for("marketing") is is_asked


JOURNEY = """---
journey: revoked
version: 1
entry: {on: cjo.consent, when: "event.status == 'revoked'"}
initial: over
states: {over: {end: over}}
"""


def test_who_listens_for_consent_may_ask_for_any_purpose(tmp_path: Path) -> None:
    base = TOPOLOGY.replace("WHEN", "event.n > 1")
    for text in (base + JOURNEY, base.replace("count: seen,", "count: [seen, cjo.consent],")):
        (tmp_path / "topology.yaml").write_text(text)
        assert load(tmp_path).program.asks_for("newsletter")
    (tmp_path / "topology.yaml").write_text(base)
    assert not load(tmp_path).program.asks_for("newsletter")


ELIGIBLE = """---
action: hello
eligible: consented(ARGUMENTS)
treatments: {web: {}}
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("'marketing', 'wbe'", "error: unknown channel 'wbe'; did you mean 'web'?"),
        ("event.topic, 'fax'", "error: unknown channel 'fax'; known: web"),
        ("'marketting', 'web'", "warning: unknown class 'marketting'; did you mean 'marketing'?"),
        ("'Services', 'web'", "warning: unknown class 'Services'; did you mean 'service'?"),
    ],
)
def test_a_channel_that_nobody_has_is_an_error(tmp_path: Path, arguments: str, said: str) -> None:
    text = TOPOLOGY.replace("WHEN", "event.n > 1") + ELIGIBLE.replace("ARGUMENTS", arguments)
    (one,) = errors_of(tmp_path, text)
    assert one.endswith(said)


@pytest.mark.parametrize(
    "arguments",
    [
        "'Marketing', 'WEB'",
        "'news', '*'",
        "'service', 'all'",
        "'x', event.where",
        "event.a, 'web'",
    ],
)
def test_what_may_be_asked_is_no_finding(tmp_path: Path, arguments: str) -> None:
    text = TOPOLOGY.replace("WHEN", "event.n > 1") + ELIGIBLE.replace("ARGUMENTS", arguments)
    assert errors_of(tmp_path, text) == []
