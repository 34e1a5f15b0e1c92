"""Sequences of small runs, written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.governance.backtest import comparison
from cjo_stream.governance.backtest.comparison import Changed, First, Side, compare, judge
from cjo_stream.governance.backtest.group import group
from cjo_stream.governance.backtest.trace import RECORDS, named, trace

NAMES = ("identities", "transitions", "decisions", "actions", "customers")


def ran(folder: Path, **files: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    for name in NAMES:
        rows = files.get(name, [])
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def customer(id_: str, *identifiers: str) -> dict[str, Any]:
    return {"customer_id": id_, "identifiers": {"email": list(identifiers)} if identifiers else {}}


def moved(customer_id: str, time: int, to: str = "b") -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "journey": "j",
        "from": "a",
        "to": to,
        "reason": "moved",
        "outcome": None,
        "time": time,
    }


def chose(customer_id: str, time: int, suppressed: str | None = None) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "time": time,
        "journey": None,
        "chosen": {"action": "x", "channel": "c"},
        "suppressed": suppressed,
    }


def merged(customer_id: str, *absorbed: str, time: int = 1) -> dict[str, Any]:
    return {
        "kind": "merged",
        "customer_id": customer_id,
        "absorbed": list(absorbed),
        "identifiers": [],
        "reason": None,
        "time": time,
    }


def command(customer_id: str, payload: Any, template: str = "t") -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "channel": "c",
        "action": "x",
        "template": template,
        "payload": payload,
        "issued_at": 1,
        "expires_at": 2,
    }


def changed(live: Path, candidate: Path) -> tuple[list[Changed], int]:
    sides = [trace(live), trace(candidate)]
    found = group(
        *(
            [
                [*(v for values in row.identifiers.values() for v in values)] or [row.customer_id]
                for row in named(out)
            ]
            for out in (live, candidate)
        )
    )
    members = found.members()
    verdict = judge(found, members, *sides)
    of = (Side(sides[0], live, found.live), Side(sides[1], candidate, found.candidate))
    return list(compare(verdict.changed, members, *of)), verdict.commands


def record_at(out: Path, kind: Any, offset: int | None) -> dict[str, Any] | None:
    if offset is None:
        return None
    return json.loads((out / RECORDS[kind]).read_bytes()[offset:].splitlines()[0])


def test_records_of_absorbed_customers_belong_to_the_final_one_in_order(tmp_path: Path) -> None:
    people = [customer("a", "x"), customer("d", "y")]
    merges = [merged("b", "c"), merged("a", "b")]
    live = ran(
        tmp_path / "live",
        customers=people,
        identities=merges,
        transitions=[moved("c", 1), moved("a", 2), moved("d", 2), moved("b", 3)],
    )
    candidate = ran(
        tmp_path / "candidate",
        customers=people,
        identities=merges,
        transitions=[moved("a", 1), moved("b", 2), moved("a", 3), moved("d", 2)],
    )
    assert changed(live, candidate) == ([], 0)


def test_sequences_part_at_the_first_index_that_differs(tmp_path: Path) -> None:
    live = ran(
        tmp_path / "live",
        customers=[customer("a", "x")],
        transitions=[moved("a", 1), moved("a", 5, "c"), moved("a", 9)],
    )
    candidate = ran(
        tmp_path / "candidate",
        customers=[customer("a", "x")],
        transitions=[moved("a", 1), moved("a", 9)],
    )
    [one], _ = changed(live, candidate)
    assert one.first is not None
    assert one.first[:2] == (5, "transition")
    assert record_at(live, "transition", one.first.live) == moved("a", 5, "c")
    assert record_at(candidate, "transition", one.first.candidate) == moved("a", 9)


def test_at_one_time_a_transition_comes_before_an_action(tmp_path: Path) -> None:
    live = ran(
        tmp_path / "live",
        customers=[customer("a", "x")],
        transitions=[moved("a", 4)],
        decisions=[chose("a", 4)],
    )
    candidate = ran(tmp_path / "candidate", customers=[customer("a", "x")])
    [one], _ = changed(live, candidate)
    assert one.first == First(4, "transition", 0, None)


def test_an_action_that_is_suppressed_on_one_side_differs(tmp_path: Path) -> None:
    live = ran(tmp_path / "live", customers=[customer("a", "x")], decisions=[chose("a", 4)])
    held = [chose("a", 4, "holdout")]
    candidate = ran(tmp_path / "candidate", customers=[customer("a", "x")], decisions=held)
    [one], _ = changed(live, candidate)
    assert one.first == First(4, "action", 0, 0)


def test_a_decision_that_chose_nothing_is_no_action(tmp_path: Path) -> None:
    nothing = chose("a", 4) | {"chosen": None}
    live = ran(tmp_path / "live", customers=[customer("a", "x")], decisions=[nothing])
    candidate = ran(tmp_path / "candidate", customers=[customer("a", "x")])
    assert changed(live, candidate) == ([], 0)


def test_a_group_that_is_joined_is_changed_also_without_a_record(tmp_path: Path) -> None:
    live = ran(tmp_path / "live", customers=[customer("a", "x"), customer("b", "y")])
    candidate = ran(tmp_path / "candidate", customers=[customer("a", "x", "y")])
    [one], _ = changed(live, candidate)
    assert ([*one.live], [*one.candidate], one.first) == ([0, 1], [0], None)


def test_identity_changes_count_only_where_a_group_is_not_one_to_one(tmp_path: Path) -> None:
    live = ran(
        tmp_path / "live",
        customers=[customer("a", "x")],
        identities=[merged("a", "z", time=3)],
        transitions=[moved("a", 1)],
    )
    same = ran(tmp_path / "same", customers=[customer("a", "x")], transitions=[moved("a", 1)])
    assert changed(live, same) == ([], 0)
    split = ran(
        tmp_path / "split",
        customers=[customer("a", "x"), customer("b", "x")],
        transitions=[moved("b", 1)],
    )
    [one], _ = changed(live, split)
    assert one.first == First(3, "identity", 0, None)


def test_customers_without_identifiers_are_grouped_by_their_ids(tmp_path: Path) -> None:
    live = ran(tmp_path / "live", customers=[customer("a")], transitions=[moved("a", 1)])
    candidate = ran(tmp_path / "candidate", customers=[customer("a")])
    [one], _ = changed(live, candidate)
    assert one.first == First(1, "transition", 0, None)


def test_commands_count_where_template_payload_or_expiry_alone_differ(tmp_path: Path) -> None:
    people = [customer("a", "x"), customer("b", "y")]
    live = ran(
        tmp_path / "live",
        customers=people,
        actions=[command("a", {"n": 1.0, "m": [2]}), command("b", {})],
    )
    alike = ran(
        tmp_path / "alike",
        customers=people,
        actions=[command("a", {"m": [2.0], "n": 1}), command("b", {})],
    )
    assert changed(live, alike) == ([], 0)
    other = ran(
        tmp_path / "other",
        customers=people,
        actions=[command("a", {"n": 2}), command("b", {}, template="u")],
    )
    assert changed(live, other) == ([], 2)


def test_records_of_a_customer_without_a_line_are_kept(tmp_path: Path) -> None:
    out = ran(tmp_path / "live", identities=[merged("b", "a")], transitions=[moved("a", 1)])
    found = trace(out)
    assert (found.customers, found.unlisted) == (1, ["b"])
    assert found.sequences["transition"].lengths == [1]


def test_many_places_are_compared_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [customer(name, name) for name in "abcde"]
    live = ran(
        tmp_path / "live",
        customers=people,
        transitions=[moved(name, time) for time in (1, 2) for name in "abcde"],
    )
    candidate = ran(
        tmp_path / "candidate",
        customers=people,
        transitions=[moved(name, time) for time in (1, 3) for name in "abcde"],
    )
    whole = changed(live, candidate)
    monkeypatch.setattr(comparison, "PLACES_MAX", 5)
    assert changed(live, candidate) == whole
    assert [one.first and one.first.time for one in whole[0]] == [2] * 5
