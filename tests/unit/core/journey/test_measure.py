"""docs/measures.md: which records an event leaves, of whom, and what it changes (nothing)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cjo_stream.definition import load
from cjo_stream.engine.schema import record_schema
from cjo_stream.errors import DefinitionError
from tests.world.scene import HEAD, Scene
from tests.world.schema import faults
from tests.world.town import Town

CART = """
journey: cart
version: 2
entry: {on: cart, key: event.cart, reentry: always}
goal: {on: paid, within: 2d}
exit: [{on: order, when: event.cart == key, as: bought}]
initial: waiting
states:
  waiting:
    on: {cart: {when: event.cart == key, to: waiting}, called: {do: {raise: {type: told}}}}
    after: {1h: reminded}
  reminded: {after: {2d: lapsed}}
  lapsed: {end: lapsed}
---
"""
HOUR = 3_600


def scene_of(folder: Path, measure: str, partitions: int = 1) -> Scene:
    return Scene(folder, CART + measure, partitions=partitions)


def told(scene: Scene) -> list[tuple[Any, ...]]:
    """Return (measure, value, journey, state) of each record."""
    rows = scene.driver.measures()
    return [(one["measure"], one["value"], one["journey"], one["state"]) for one in rows]


def test_per_customer_an_event_counts_once_and_its_value_is_taken(tmp_path: Path) -> None:
    scene = scene_of(
        tmp_path, "measure: revenue\non: order\nvalue: event.total\nwhen: event.total > 0"
    )
    scene.send("cart", 10, cart="a")
    scene.send("cart", 11, cart="b")
    scene.send("order", 20, total=12.5, cart="a")
    scene.send("order", 21, total=-3)
    assert told(scene) == [("revenue", 12.5, None, None)]


def test_per_state_each_live_instance_counts_with_the_state_it_is_found_in(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, "measure: orders\non: order\nper: state")
    scene.send("cart", 10, cart="a")
    scene.send("cart", HOUR + 5, cart="b")
    scene.to(HOUR + 100)
    scene.send("order", HOUR + 600, cart="a")
    scene.send("order", HOUR + 700, cart="a")
    first, other, again = scene.driver.measures()
    assert [one["state"] for one in (first, other, again)] == ["reminded", "waiting", "waiting"]
    assert first["instance_id"] != other["instance_id"] == again["instance_id"]


def test_per_journey_the_key_may_choose_the_instance(tmp_path: Path) -> None:
    measure = (
        "measure: revenue\non: order\nvalue: event.total\nwhen: event.cart == key\nper: journey"
    )
    scene = scene_of(tmp_path, measure)
    scene.send("order", 5, total=1, cart="a")
    scene.send("cart", 10, cart="a")
    scene.send("cart", 11, cart="b")
    scene.send("order", 20, total=9, cart="b")
    assert told(scene) == [("revenue", 9.0, "cart", None)]
    moved = scene.driver.transitions()
    assert scene.driver.measures()[0]["instance_id"] == moved[1]["instance_id"]


def test_the_record_is_as_the_docs_say(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, "measure: orders\non: order\nper: state")
    scene.send("cart", 10, cart="a")
    scene.send("order", 20, cart="a", id="o1")
    [one] = scene.driver.measures()
    assert one == {
        "schema": "cjo.measure.v1",
        "customer_id": one["customer_id"],
        "measure": "orders",
        "value": 1.0,
        "time": scene.DAY_MS + 20_000,
        "trigger": {"kind": "event", "id": "o1", "type": "order"},
        "journey": "cart",
        "version": 2,
        "instance_id": one["instance_id"],
        "state": "waiting",
    }
    schema = record_schema("cjo.measure.v1")
    assert not list(faults(one, schema, schema))


def test_a_repeated_event_does_not_count_again(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, "measure: orders\non: order")
    scene.send("order", 20, id="o1")
    scene.send("order", 20, id="o1")
    assert told(scene) == [("orders", 1.0, None, None)]


@pytest.mark.parametrize(
    ("per", "states"),
    [
        ("customer", [None, None, None]),
        ("journey", [None, None]),
        ("state", ["reminded"]),
    ],
)
def test_what_is_too_late_to_move_an_instance_is_not_measured_at_it(
    tmp_path: Path, per: str, states: list[str | None]
) -> None:
    """Of three: within the grace of the state; only of the journey; before the journey."""
    scene = scene_of(tmp_path, f"measure: seen\non: seen\nper: {per}")
    scene.send("cart", 5 * HOUR, cart="a")
    scene.to(6 * HOUR + 900)
    scene.send("seen", 6 * HOUR - 200)
    scene.send("seen", 5 * HOUR + 10)
    scene.send("seen", 4 * HOUR)
    assert [one["state"] for one in scene.driver.measures()] == states


def test_beyond_max_late_only_customers_are_measured(tmp_path: Path) -> None:
    measures = "measure: all\non: seen\n---\nmeasure: by_journey\non: seen\nper: journey"
    scene = scene_of(tmp_path, measures)
    scene.send("cart", 10, cart="a")
    scene.to(47 * HOUR)
    scene.send("seen", 11 * HOUR)
    assert told(scene) == [("all", 1.0, None, None)]


def test_a_value_that_is_no_number_is_counted_and_not_measured(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(
        f"{HEAD}---\nmeasure: revenue\non: order\nvalue: event.total\n"
    )
    town = Town(load(tmp_path).program)
    for given in (
        {},
        {"total": "12"},
        {"total": None},
        {"total": True},
        {"total": 1e300},
        {"total": -(10**15) - 1},
        {"total": 3},
        {"total": -1.5},
        {"total": 0},
    ):
        town.event("order", {"user": "u"}, **given)
    ours = {key: by for key, by in town.counts.items() if "revenue" in "".join(key)}
    assert ours == {
        ("cjo_measures_ignored_total", "revenue"): 6,
        ("cjo_measures_total", "revenue", "", ""): 3,
        ("cjo_measure_value_total", "revenue", "", "", "plus"): 3,
        ("cjo_measure_value_total", "revenue", "", "", "minus"): 1.5,
        ("cjo_expression_errors_total", "measure.revenue"): 2,
        ("cjo_values_unread_total", "measure.revenue", "event.total", "type"): 2,
    }


def test_raised_events_are_measured_before_they_are_handled(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, "measure: told\non: told\nper: state")
    scene.send("cart", 10, cart="a")
    scene.send("called", 20, id="c1")
    [one] = scene.driver.measures()
    assert one["trigger"] == {"kind": "raised", "id": "c1", "type": "told"}
    assert one["state"] == "waiting"


def test_what_the_engine_says_of_an_instance_is_measured_at_that_one(tmp_path: Path) -> None:
    measure = """
measure: life
on: [journey.entered, journey.goal, journey.ended]
value: len(event.journey)
per: state
"""
    scene = scene_of(tmp_path, measure)
    scene.send("cart", 10, cart="a")
    scene.send("cart", 11, cart="b")
    scene.send("order", 20, cart="b")
    scene.send("paid", 30)
    rows = scene.driver.measures()
    found = [(one["trigger"]["type"], one["state"], one["instance_id"][-2:]) for one in rows]
    assert [one[:2] for one in found] == [
        ("journey.entered", "waiting"),
        ("journey.entered", "waiting"),
        ("journey.ended", "waiting"),
        ("journey.goal", "waiting"),
        ("journey.goal", None),
    ]
    a, b = found[0][2], found[1][2]
    assert [one[2] for one in found[2:]] == [b, a, b]
    scene.to(60 * HOUR)
    last = scene.driver.measures()[-1]
    assert (last["trigger"]["type"], last["state"]) == ("journey.ended", "lapsed")
    assert last["trigger"] == {"kind": "raised", "id": None, "type": "journey.ended"}


EAGER = """
journey: eager
version: 1
entry: {on: cart}
initial: one
states:
  one: {always: [{when: event.type == 'journey.ended', to: two}], on: {told: {}}}
  two: {}
---
"""


def test_a_measure_changes_nothing(tmp_path: Path) -> None:
    """Not even where `always` would be tried after an event that only a measure hears."""
    told: list[Any] = []
    for more in ("", "measure: ended\non: [journey.ended, order, told]\nper: state"):
        scene = Scene(tmp_path, EAGER + CART + more)
        scene.send("cart", 10, cart="a")
        scene.send("called", 15)
        scene.send("order", 20, cart="a")
        scene.to(3 * 24 * HOUR)
        told.append((scene.driver.transitions(), scene.driver.decisions()))
    assert scene.driver.measures()
    assert told[0] == told[1]


def test_a_shadow_is_measured_as_it_moves(tmp_path: Path) -> None:
    """It is live, so events count at it; but the engine raises nothing about it."""
    journey = CART.replace("version: 2", "version: 2\nstatus: shadow")
    scene = Scene(tmp_path, journey + "measure: all\non: [order, journey.entered]\nper: journey")
    scene.send("cart", 10, cart="a")
    scene.send("order", 20, cart="a")
    assert [one["trigger"]["type"] for one in scene.driver.measures()] == ["order"]


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("measure: m\non: order\nvalue: event.total > 5", "must be a number"),
        ("measure: m\non: order\nvalue: true", "must be a number"),
        ("measure: m\non: order\nvalue: 1e300", "must be a number up to 1e15"),
        ("measure: m\non: order\nvalue: profile.teir", "did you mean 'tier'"),
        ("measure: m\non: order\nwhen: event.cart == key", "'key' is not available here"),
        ("measure: m\non: order\nwhen: data.n > 1\nper: state", "'data' is not available here"),
        ("measure: m\non: order\nper: states", "did you mean 'state'"),
        ("measure: m\nvalue: 1", "'on'"),
        ("measure: m\non: order\nvalu: 1", "did you mean 'value'"),
        ("measure: m\non: order\n---\nmeasure: m\non: cart", "a second measure 'm'"),
        ("measure: m\non: journey.ended\nvalue: event.jurney", "did you mean 'journey'"),
        ("measure: m\non: ordr", "did you mean 'order'"),
    ],
)
def test_validate_refuses_what_no_measure_can_mean(
    tmp_path: Path, measure: str, message: str
) -> None:
    profile = "events: {cart: {}, order: {total: number, cart: string}}\n"
    profile += "profile: {facts: {tier: string}}\n"
    (tmp_path / "all.yaml").write_text(f"{HEAD}{profile}---\n{measure}\n")
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path)
    assert message in str(caught.value)
