"""docs/journeys.md: who enters, under which key, with which data."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.core.bounds import Bounds
from cjo_stream.definition import load
from tests.unit.core.journey.notes import NOTES, note, notes, payloads
from tests.world.scene import HEAD, Scene
from tests.world.town import Town

KEYED = """
journey: keyed
version: 1
entry: {on: begin, key: event.k}
initial: open
states:
  open: {on: {begin: {when: event.end, to: shut}}}
  shut: {end: shut}
"""


@pytest.mark.parametrize(("key", "entered"), [(7, 1), (7.0, 1), ("7", 1), ("7.0", 2), (8, 2)])
def test_keys_are_compared_as_text(tmp_path: Path, key: object, entered: int) -> None:
    scene = Scene(tmp_path, KEYED)
    scene.send("begin", 0, k=7)
    scene.send("begin", 1, k=key)
    assert len(scene.moves()) == entered
    assert scene.driver.transitions()[-1]["key"] == (key if entered == 2 else 7)


@pytest.mark.parametrize("key", [None, [1], {"a": 1}])
def test_what_is_neither_text_nor_number_is_no_key(tmp_path: Path, key: object) -> None:
    scene = Scene(tmp_path, KEYED)
    scene.send("begin", 0, k=key)
    assert scene.moves() == []


def test_key_is_null_without_a_key(tmp_path: Path) -> None:
    scene = Scene(tmp_path, RULES_WITHOUT_KEY)
    scene.send("begin", 0, key="x")
    (transition,) = scene.driver.transitions()
    assert transition["key"] is None
    assert payloads(scene)[0].get("key") is None


RULES_WITHOUT_KEY = (
    NOTES
    + f"""
journey: plain
version: 1
entry: {{on: begin, reentry: never}}
initial: open
states:
  open: {{enter: [{note("in")}], after: {{1d: shut}}}}
  shut: {{end: shut}}
"""
)


def test_reentry_never_remembers_the_last_1000_keys(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        """
journey: once
version: 1
entry: {on: begin, key: event.k, reentry: never}
initial: done
states:
  done: {end: done}
""",
    )
    for number in range(1001):
        scene.send("begin", number, k=number)
    scene.send("begin", 1001, k=1)
    assert len(scene.moves()) == 1001
    scene.send("begin", 1002, k=0)
    assert len(scene.moves()) == 1002


def test_a_refusal_by_the_bound_is_null_to_null_at_the_events_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path, KEYED)
    for number in range(25):
        scene.send("begin", 10 + number, k=number)
    scene.send("begin", 20, k="late")
    refused = scene.driver.transitions()[-1]
    assert refused["reason"] == "refused"
    assert (refused["from"], refused["to"], refused["key"]) == (None, None, "late")
    assert refused["time"] == Scene.DAY_MS + 20_000
    assert refused["instance_id"] is None


def test_data_is_evaluated_once_at_entry_and_entry_stays_readable(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        NOTES
        + """
journey: told
version: 1
entry: {on: begin, key: event.k}
data: {n: event.x}
initial: open
states:
  open:
    on: {next: {do: [{act: note}, {act: {action: note, data: {n: entry.x + entry.type}}}]}}
    after: {1d: shut}
  shut: {end: shut}
""",
    )
    scene.send("begin", 0, k=1, x="a")
    scene.send("next", 1, x="b")
    assert notes(scene) == ["a", "abegin"]


def test_an_event_opens_the_next_instance_after_it_ended_the_one_before(tmp_path: Path) -> None:
    scene = Scene(tmp_path, KEYED)
    scene.send("begin", 0, k=7)
    scene.send("begin", 1, k="7", end=True)
    assert [m[4] for m in scene.moves()] == ["entered", "ended", "entered"]


def test_an_instance_is_refused_where_its_customer_has_no_room_and_that_is_counted(
    tmp_path: Path,
) -> None:
    (tmp_path / "all.yaml").write_text(HEAD + "---" + KEYED)
    town = Town(load(tmp_path).program)
    town.bounds = Bounds(instances=2)
    for key in ("a", "b", "c"):
        town.event("begin", {"user": "u"}, k=key)
    assert [one.key for one in town.customer("user:u").instances] == ["a", "b"]
    assert [move[1] for move in town.moves()] == ["entered", "entered", "refused"]
    assert town.counts["cjo_journey_refusals_total", "keyed", "bound"] == 1


def test_each_type_error_of_an_event_is_counted(tmp_path: Path) -> None:
    data = 'data: {a: event.x + 1, b: event.x + 2, c: "[event.x + 3]"}\ninitial'
    (tmp_path / "all.yaml").write_text(HEAD + "---" + KEYED.replace("initial", data))
    town = Town(load(tmp_path).program)
    town.event("begin", {"user": "u"}, k="a", x="text")
    assert town.counts["cjo_expression_errors_total", "journey.keyed"] == 3
