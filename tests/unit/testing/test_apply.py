"""A case may put other definitions in force, and look at what becomes of who is inside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.definition.case import read_cases
from cjo_stream.errors import DefinitionError
from cjo_stream.testing.suite import run_cases
from tests.world.cases import CART, TOPOLOGY, case, unmet, write

APPLY = "apply: ../next"


def folders(tmp_path: Path, text: str, *steps: str) -> Path:
    """Write a topology with one case, and beside it what the case applies."""
    (tmp_path / "now").mkdir()
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "t.yaml").write_text(text)
    return write(tmp_path / "now", one=case(*steps))


def test_who_is_inside_finishes_on_the_version_entered_with_todays_templates(
    tmp_path: Path,
) -> None:
    text = TOPOLOGY.replace("version: 1", "version: 2", 1).replace("30m: reminded", "1h: sooner")
    text = text.replace("  reminded:\n", "  sooner:\n").replace("template: mail", "template: new")
    folder = folders(
        tmp_path,
        text,
        CART,
        APPLY,
        CART.replace("c1", "c2"),
        "expect: {state: {cart: [waiting, waiting]}, transitions: [{version: 1}, {version: 2}]}",
        "advance: 30m",
        "expect: {actions: [{action: reminder, template: new}]}",
        "advance: 30m",
        "expect: {transitions: [{journey: cart, version: 2, to: sooner}]}",
    )
    assert unmet(run_cases(folder)) == []


def test_a_set_that_may_not_follow_fails_the_case_and_says_why(tmp_path: Path) -> None:
    text = TOPOLOGY.replace("30m: reminded", "31m: reminded")
    folder = folders(tmp_path, text, CART, APPLY, "expect: {state: {cart: waiting}}")
    (found,) = unmet(run_cases(folder))
    assert found.part == "apply"
    assert found.at.line == 6
    assert "without a new version" in " ".join(found.hints)


def test_actions_and_channels_that_the_next_set_does_not_have(tmp_path: Path) -> None:
    text = TOPOLOGY.replace("web: {in: {}}", "site: {in: {}}")
    text = re.sub(r"action: dear\n.*?---\n", "", text, flags=re.DOTALL)
    cart = CART.replace("ada@", "e3@")
    deny = "event: {type: cjo.consent, identifiers: {email: e3@example.com}, attributes: "
    folder = folders(
        tmp_path,
        text,
        cart,
        deny + "{purpose: marketing, status: denied}}",
        "advance: 26h",
        "expect: {not_sent: [{action: dear, gate: consent}]}",
        APPLY,
        cart.replace("c1", "c2"),
        "advance: 26h",
        "expect: {not_sent: [{action: cheap, channel: email, gate: consent}], refused: []}",
    )
    assert unmet(run_cases(folder)) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "does not exist"), ("topology: t\n", "error CJO109"), ("journey: j\n", "error")],
)
def test_a_set_that_does_not_load_is_an_error_at_its_step(
    tmp_path: Path, text: str | None, told: str
) -> None:
    folder = folders(tmp_path, text or "", APPLY, APPLY, "expect: {actions: []}")
    if text is None:
        (tmp_path / "next" / "t.yaml").unlink()
        (tmp_path / "next").rmdir()
    with pytest.raises(DefinitionError) as caught:
        read_cases(folder, load(folder).program)
    first, second = caught.value.diagnostics
    assert (first.line, second.line) == (5, 6)
    assert told in first.message
    assert "does not load, as said above" in second.message


def test_names_of_both_sets_are_known_once_it_is_applied(tmp_path: Path) -> None:
    text = TOPOLOGY.replace("version: 1", "version: 2", 1).replace("bought", "sold")
    good = "expect: {transitions: [{journey: cart, to: sold}]}"
    folder = folders(tmp_path, text, CART, good, APPLY, good)
    with pytest.raises(DefinitionError) as caught:
        read_cases(folder, load(folder).program)
    assert [found.line for found in caught.value.diagnostics] == [6]
    (folder / "one.test.yaml").write_text(
        case(CART, APPLY, "expect: {state: {cart: bought}, profile: {carts: 1}}")
    )
    assert read_cases(folder, load(folder).program).cases
