"""docs/prediction.md: moments open and close, outcomes teach, `predict.NAME` is read."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.customer import on_show
from cjo_stream.core.identity.field import empty
from cjo_stream.core.learning.feature import features
from cjo_stream.core.learning.posterior import POSITIVES_MIN, Model, learn, prediction_name
from cjo_stream.core.learning.weight import ModelInForce, publish, read
from cjo_stream.core.message import Show
from cjo_stream.core.prediction.moment import join_moments
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer, Moment
from cjo_stream.core.turn import Turn
from cjo_stream.engine.schema import record_schema
from cjo_stream.errors import DefinitionError
from tests.world.redefining import World
from tests.world.scene import HEAD, Scene
from tests.world.schema import faults

DAY = 86_400
PROFILE = """
profile:
  facts: {tier: {type: string, default: basic}}
  traits: {carts: {count: cart}}
predict:
  buys: {on: cart, when: event.total > 0, event: order, within: 2d, prior: 0.25,
         features: [profile.tier]}
  leaves: {on: order, without: order, within: 3d, prior: 0.3}
  arrives: {on: cart, goal: cart, within: 2d, prior: 0.1}
"""
JOURNEY = """
journey: cart
version: 1
entry: {on: cart, reentry: always, when: not (predict.buys > 0.9)}
goal: {on: paid, exit: true}
initial: waiting
states:
  waiting: {enter: [{set: {chance: predict.buys}}]}
"""


def scene_of(folder: Path, predict: str = PROFILE, partitions: int = 1) -> Scene:
    profile = predict.replace("facts: {", "facts: {chance: number, ")
    return Scene(folder, JOURNEY, profile=profile, partitions=partitions)


def told(scene: Scene) -> list[tuple[str, float, float, int]]:
    """Return (prediction, second opened, second told, outcome) of each."""
    return [
        (
            one["predict"],
            (one["opened_at"] - scene.DAY_MS) / 1000,
            (one["time"] - scene.DAY_MS) / 1000,
            one["outcome"],
        )
        for one in scene.driver.predictions()
    ]


def test_it_comes_true_by_an_event_and_is_told_at_the_end(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    scene.send("cart", 10, total=5)
    scene.send("order", 100)
    scene.to(2 * DAY + 9)
    assert told(scene) == []
    scene.to(2 * DAY + 10)
    assert told(scene) == [("buys", 10, 2 * DAY + 10, 1), ("arrives", 10, 2 * DAY + 10, 0)]


def test_the_record_is_as_the_docs_say(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    scene.send("cart", 10, total=5)
    scene.to(5 * DAY)
    one = scene.driver.predictions()[0]
    assert one == {
        "schema": "cjo.prediction.v1",
        "prediction_id": one["prediction_id"],
        "customer_id": one["customer_id"],
        "predict": "buys",
        "definition": one["definition"],
        "probability": 0.25,
        "model_version": 0,
        "features": features([("profile.tier", "basic")]),
        "outcome": 0,
        "opened_at": scene.DAY_MS + 10_000,
        "time": scene.DAY_MS + 10_000 + 2 * DAY * 1000,
    }
    schema = record_schema("cjo.prediction.v1")
    assert not faults(one, schema, schema)


@pytest.mark.parametrize(("at", "outcome"), [(9, 0), (10, 1), (2 * DAY + 9, 1), (2 * DAY + 10, 0)])
def test_only_an_event_within_the_time_counts(tmp_path: Path, at: float, outcome: int) -> None:
    scene = scene_of(tmp_path)
    scene.send("cart", 10, total=5)
    scene.send("order", at)
    scene.to(5 * DAY)
    assert told(scene)[0] == ("buys", 10, 2 * DAY + 10, outcome)


def test_one_moment_is_open_at_a_time(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    for at in (0, DAY, 2 * DAY - 1, 2 * DAY, 3 * DAY):
        scene.send("cart", at, total=5)
    scene.to(9 * DAY)
    assert [one[1] for one in told(scene) if one[0] == "buys"] == [0, 2 * DAY]


def test_a_condition_says_at_which_events(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    scene.send("cart", 1, total=0)
    scene.send("cart", 2, total=1)
    scene.to(9 * DAY)
    assert [one[1] for one in told(scene) if one[0] == "buys"] == [2]


def test_without_is_true_where_nothing_came(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    scene.send("order", 0)  # the event that opens it does not count
    scene.send("order", 4 * DAY)
    scene.send("order", 5 * DAY)
    scene.to(9 * DAY)
    assert told(scene) == [("leaves", 0, 3 * DAY, 1), ("leaves", 4 * DAY, 7 * DAY, 0)]


def test_a_goal_of_a_journey_counts(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    scene.send("cart", 0, total=0)
    scene.send("paid", 5)
    scene.to(9 * DAY)
    assert told(scene) == [("arrives", 0, 2 * DAY, 1)]


def test_an_event_too_late_for_journeys_opens_nothing(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    scene.to(3 * DAY)
    scene.send("cart", 1.5 * DAY, total=5)
    scene.to(9 * DAY)
    assert told(scene) == []


def test_a_merge_keeps_both_moments_and_what_was_noted(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, partitions=3)
    scene.send("cart", 0, identifiers={"device": "d"}, total=5)
    scene.send("order", 1, identifiers={"device": "d"})
    scene.send("cart", 2, identifiers={"user": "u"}, total=5)
    scene.send("hello", 3, identifiers={"user": "u", "device": "d"})
    scene.send("cart", 4, identifiers={"user": "u"}, total=5)
    scene.to(9 * DAY)
    assert {one[1:] for one in told(scene) if one[0] == "buys"} == {
        (0, 2 * DAY, 1),
        (2, 2 * DAY + 2, 0),
    }
    kept = {one["customer_id"] for one in scene.driver.predictions()}
    assert len(kept) == 1


def test_an_unmerge_parts_moments_by_their_events(tmp_path: Path) -> None:
    world = World(
        HEAD + PROFILE.replace("facts: {", "facts: {chance: number, ") + "---\n" + JOURNEY, 3
    )
    world.event("cart", 0, {"device": "d"}, total=5)
    world.event("cart", 1, {"user": "u"}, total=5)
    world.event("hello", 2, {"user": "u", "device": "d"})
    world.unlink("user:u", "device:d")
    world.event("order", 5, {"device": "d"})
    world.to(9 * 24)
    found = [one for one in world.sent("prediction") if one["predict"] == "buys"]
    assert [one["outcome"] for one in found] == [1, 0]
    assert len({one["customer_id"] for one in found}) == 2


def test_an_erasure_takes_the_moments() -> None:
    moment = Moment(9, "p1", "buys", "d", 1, [0], 0.5, 0)
    customer = Customer("c", moments=[moment])
    empty(customer)
    assert customer.moments == []


def test_moments_are_bounded_and_a_join_keeps_those_that_end_last() -> None:
    def moments(*ends: int) -> list[Moment]:
        return [Moment(at, f"p{at}", "buys", "d", 1, [0], 0.5, 0) for at in ends]

    turn = Turn(Program(topology="t", channels={}, identifiers={}), 0, bounds=Bounds(moments=3))
    into, other = Customer("a", moments=moments(1, 5)), Customer("b", moments=moments(5, 3, 4))
    join_moments(into, other, turn)
    assert (into.moments, other.moments) == (moments(3, 4, 5), [])
    assert turn.counts == {("cjo_state_bounds_total", "moments"): 1}


def taught(folder: Path, partitions: int = 1) -> Scene:
    """Golden customers buy in nine of ten cases, the others in one."""
    scene = scene_of(folder, partitions=partitions)
    for number in range(10 * POSITIVES_MIN):
        user, is_gold = f"u{number}", number % 2 == 0
        scene.send("cjo.profile", number, user, tier="gold" if is_gold else "basic")
        scene.send("cart", number + 0.2, user, total=1)
        if (number // 2 % 10 == 0) != is_gold:
            scene.send("order", number + 0.4, user)
    scene.to(9 * DAY)
    return scene


def test_outcomes_teach_and_expressions_read_what_was_learnt(tmp_path: Path) -> None:
    scene = taught(tmp_path)
    for tier in ("gold", "basic"):
        scene.send("cjo.profile", 10 * DAY, tier, tier=tier)
        scene.send("cart", 10 * DAY + 1, tier, total=1)
    chances = {tier: scene.facts(tier)["chance"] for tier in ("gold", "basic")}
    assert chances["gold"] == pytest.approx(0.9, abs=0.06)
    assert chances["basic"] == pytest.approx(0.1, abs=0.06)
    scene.to(20 * DAY)
    last = [one for one in scene.driver.predictions() if one["predict"] == "buys"][-2:]
    assert sorted(one["probability"] for one in last) == sorted(chances.values())
    assert all(one["model_version"] > 0 for one in last)


def test_an_operator_sees_what_the_model_in_force_predicts(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    scene.send("cart", 10, total=5)
    program = scene.driver.program
    state = scene.driver.customers()[0]

    def shown(model: ModelInForce | None) -> Any:
        turn = Turn(program, scene.driver.clock, model=model)
        on_show(state.id, state, Show("question"), turn)
        (reply,) = turn.records
        return msgspec.to_builtins(reply)["body"]["customer"]["predictions"]

    assert shown(None) == {"buys": 0.25, "leaves": 0.3, "arrives": 0.1}
    learnt = Model()
    name = prediction_name("buys", program.predictions["buys"].definition)
    for _ in range(2 * POSITIVES_MIN):
        learn(learnt, name, features([]), positive=True)
    found = shown(read(1, publish(learnt)))
    assert found["buys"] > 0.9
    assert (found["leaves"], found["arrives"]) == (0.3, 0.1)


@pytest.mark.slow
def test_a_log_gives_the_same_predictions_whatever_its_partitions(tmp_path: Path) -> None:
    def sorted_records(scene: Scene) -> list[Any]:
        return sorted(scene.driver.predictions(), key=lambda one: str(one["prediction_id"]))

    places = (tmp_path / name for name in ("one", "three", "again"))
    found = []
    for place, partitions in zip(places, (1, 3, 3), strict=True):
        place.mkdir()
        found.append(sorted_records(taught(place, partitions)))
    assert all(one == other for one, other in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "predict.buys > 0.9",
            "predict.buy > 0.9",
            "no prediction predict.buy; did you mean 'buys'",
        ),
        ("predict.buys > 0.9", "buys > 0.9", "unknown name 'buys'; write predict.buys"),
        ("predict.buys > 0.9", "predict > 0.9", "'predict' alone has no value"),
        ("features: [profile.tier]", "features: [predict.leaves]", "'predict' is not available"),
        ("features: [profile.tier]", "features: [event.total]", "'event' is not available here"),
        ("features: [profile.tier]", "features: [profile.tire]", "did you mean 'tier'"),
        ("{count: cart}", "{max: predict.buys, on: cart}", "'predict' is not available"),
        ("goal: cart, within", "goal: card, within", "did you mean 'cart'"),
        ("goal: {on: paid, exit: true}", "", "journey 'cart' has no goal"),
        ("goal: cart, within", "goal: cart, event: order, within", "exactly one of"),
        ("prior: 0.25", "prior: 25", "0"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in PROFILE + JOURNEY
    profile = PROFILE.replace("facts: {", "facts: {chance: number, ").replace(old, new)
    with pytest.raises(DefinitionError, match=message):
        Scene(tmp_path, JOURNEY.replace(old, new), profile=profile)


def test_a_topology_without_predictions_says_so(tmp_path: Path) -> None:
    profile = "\nprofile:\n  facts: {chance: number}\n"
    with pytest.raises(DefinitionError, match=r"no prediction predict\.buys: the topology has no"):
        Scene(tmp_path, JOURNEY, profile=profile)
