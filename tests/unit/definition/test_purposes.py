"""Which purposes of consent a topology asks for: a statement about another has no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.definition import load

TOPOLOGY = """
topology: asked
channels: {web: {in: {}, out: {address: user}}}
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
        ("event.purpose == 'Newsletter'", ["marketing", "newsletter"], ["service"]),
        ("event['purpose'] in ['a', 'b']", ["marketing", "a", "b"], ["service"]),
        ("event.purpose == event.other", ["marketing", "newsletter"], []),
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
    [("'News'", "news", "newsletter"), ("data.topic", "newsletter", None)],
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
