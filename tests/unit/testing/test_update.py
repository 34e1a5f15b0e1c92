"""`--update` writes what came, and leaves every other character as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.errors import DefinitionError, UsageError
from cjo_stream.testing.suite import run_cases
from cjo_stream.testing.update import update
from tests.world.cases import ADA, CART, GIVEN, case, play, write

HEAD = f"test: a case   # of a cart\nat: 2026-03-02T10:00:00Z\n{GIVEN}steps:\n  - {CART}\n"
_, *_SECTIONS = (Path(__file__).parent / "rewritten.txt").read_text().split("=====\n")
REWRITTEN = [section.split("-----\n") for section in _SECTIONS]


@pytest.mark.parametrize(("before", "after"), REWRITTEN)
def test_only_what_differs_is_written(tmp_path: Path, before: str, after: str) -> None:
    folder = write(tmp_path, one=HEAD + before + "# the end\n")
    report = run_cases(folder, updates=True)
    assert (folder / "one.test.yaml").read_text() == HEAD + after + "# the end\n"
    assert not report.failed
    assert report.written.files == [str(folder / "one.test.yaml")]
    assert report.written.expectations == 1
    assert not run_cases(folder, updates=True).written.files


def test_what_is_met_stays_as_it_is_written(tmp_path: Path) -> None:
    text = (
        HEAD.replace("\n", "\r\n") + "  - expect: {state: {cart: [waiting]},  actions: [ ] }\r\n"
    )
    folder = write(tmp_path)
    (folder / "one.test.yaml").write_bytes(text.encode())
    assert not run_cases(folder, updates=True).written.files
    assert (folder / "one.test.yaml").read_bytes() == text.encode()


def test_a_long_list_is_broken_into_lines(tmp_path: Path) -> None:
    steps = [CART.replace("ada@", f"a{n}@").replace("c1", f"c{n}") for n in range(6)]
    report = play(tmp_path, *steps, "advance: 30m", "expect: {actions: []}", updates=True)
    assert not report.failed
    text = (tmp_path / "one.test.yaml").read_text()
    assert "  - expect: {actions: [\n      {action: reminder, channel: email},\n" in text
    assert not run_cases(tmp_path).failed


def test_several_cases_and_files_are_written(tmp_path: Path) -> None:
    both = case(CART, "expect:", name="one") + "---\n" + case(CART, "expect:", name="two")
    report = run_cases(write(tmp_path, a=both, b=case(CART, "expect:")), updates=True)
    assert [Path(name).name for name in report.written.files] == ["a.test.yaml", "b.test.yaml"]
    assert report.written.expectations == 3


def test_only_chosen_cases_are_written(tmp_path: Path) -> None:
    bad = "expect: {state: {cart: lapsed}}"
    both = case(CART, bad, name="one") + "---\n" + case(CART, bad, name="two")
    folder = write(tmp_path, a=both)
    assert not run_cases(folder, ["two"], updates=True).failed
    assert [result.case.name for result in run_cases(folder).failed] == ["one"]


def test_a_case_that_is_not_chosen_may_wait_to_be_filled_in(tmp_path: Path) -> None:
    both = case(CART, "expect:", name="one") + "---\n" + case(CART, "expect:", name="two")
    report = run_cases(write(tmp_path, a=both), ["one"], updates=True)
    assert not report.failed
    assert (tmp_path / "a.test.yaml").read_text().count("expect:\n") == 1


def test_an_expectation_that_two_cases_share_is_written_if_both_agree(tmp_path: Path) -> None:
    shared = "&then {state: {cart: lapsed}}"
    text = case(CART, f"expect: {shared}", "advance: 1s", "expect: *then")
    assert not run_cases(write(tmp_path, a=text), updates=True).failed
    assert "&then {state: {cart: waiting}}" in (tmp_path / "a.test.yaml").read_text()
    text = case(CART, f"expect: {shared}", "advance: 30m", "expect: *then")
    with pytest.raises(UsageError, match=r"a.test.yaml:6: several cases share this by an alias"):
        run_cases(write(tmp_path, a=text), updates=True)
    assert (tmp_path / "a.test.yaml").read_text() == text


def test_whose_a_row_is_is_written_by_name(tmp_path: Path) -> None:
    head = "customers: {ada: {email: ada@example.com}}\n" + GIVEN
    bob = CART.replace("ada@", "bob@")
    rows = (
        "[{customer: {email: bob@example.com}, action: reminder}, {customer: ada, channel: push}]"
    )
    steps = (CART, bob, "advance: 30m", f"expect: {{actions: {rows}}}")
    report = play(tmp_path, *steps, head=head, updates=True)
    assert not report.failed
    text = (tmp_path / "one.test.yaml").read_text()
    assert "{customer: ada, " in text
    assert "{customer: {email: bob@example.com}, " in text
    assert "channel: email}" in text


def test_an_anchor_stays(tmp_path: Path) -> None:
    text = case(CART, "expect: {actions: &none [dear]}", "expect: {actions: *none}")
    report = run_cases(write(tmp_path, a=text), updates=True)
    assert not report.failed
    assert "{actions: &none []}" in (tmp_path / "a.test.yaml").read_text()


def test_a_refused_event_cannot_be_written_away(tmp_path: Path) -> None:
    nobody = "event: {type: cart_updated, identifiers: {email: nobody}}"
    report = play(tmp_path, nobody, "expect: {actions: []}", updates=True)
    assert report.failed
    assert not report.written.files


def test_a_file_that_cannot_be_written_is_written_once_it_can_be(tmp_path: Path) -> None:
    report = play(tmp_path, CART, "expect: {state: {cart: lapsed}}")
    moved = tmp_path.rename(tmp_path.with_name("away"))
    with pytest.raises(UsageError, match=r"one.test.yaml cannot be written: No such file"):
        update(report.results)
    moved.rename(tmp_path)
    assert update(report.results).expectations == 1
    assert not run_cases(tmp_path).failed


def test_without_update_nothing_is_written(tmp_path: Path) -> None:
    text = case(CART, "expect: {state: {cart: lapsed}}")
    assert run_cases(write(tmp_path, a=text)).failed
    assert (tmp_path / "a.test.yaml").read_text() == text
    with pytest.raises(DefinitionError, match="names nothing to compare"):
        run_cases(write(tmp_path, a=case(CART, "expect:")))


def test_values_of_every_kind_are_read_back(tmp_path: Path) -> None:
    odd = [
        "no",
        "12",
        "a: b",
        "# x",
        "",
        "ü\\n",
        "\u00a0",
        "[x",
        "true",
        "-",
        "2026-03-02",
        "it's",
    ]
    for text in odd:
        event = f"event: {{type: cjo.profile, identifiers: {ADA}, attributes: {{tier: {text!r}}}}}"
        if "\\" in text or "'" in text:
            event = event.replace(repr(text), '"it\'s a\\\\b"')
        report = play(tmp_path, event, "expect: {profile: {tier: other}}", updates=True)
        assert not report.failed, text
        assert report.written.expectations == 1
