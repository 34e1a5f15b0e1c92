"""`cjo.profile.v1`: the latest profile of each customer, and a null value when there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.message import Erase, Find, identifier_key
from cjo_stream.core.profile.publication import PAUSE_MS
from cjo_stream.engine.schema import record_schema
from tests.world.partition import Partition, event, hash_of
from tests.world.scene import Scene
from tests.world.schema import faults

NOTHING = """
action: nothing
treatments: {mail: {template: t}}
"""
PROFILE = """
profile:
  facts: {tier: string}
  traits: {carts: {count: cart}}
"""
DAY = 86_400


def scene(folder: Path, partitions: int = 1) -> Scene:
    return Scene(folder, NOTHING, profile=PROFILE, partitions=partitions)


def values(scene: Scene) -> list[Any]:
    return [row["value"] for row in scene.driver.profiles()]


def test_a_profile_has_identifiers_facts_and_traits(tmp_path: Path) -> None:
    one = scene(tmp_path)
    one.send("cart", 1)
    one.send("cjo.profile", 301, tier="gold")
    first, second = one.driver.profiles()
    assert first["key"] == second["key"] == second["value"]["customer_id"]
    assert second["value"]["identifiers"] == {"user": ["u"], "email": ["u@example.com"]}
    assert second["value"]["facts"] == {"tier": "gold"}
    assert second["value"]["traits"] == {"carts": 1}
    schema = record_schema("cjo.profile.v1")
    assert not faults(second["value"], schema, schema)


def test_a_burst_is_told_at_its_begin_and_once_in_five_minutes_with_its_last_state(
    tmp_path: Path,
) -> None:
    one = scene(tmp_path)
    for second in range(0, 750, 5):
        one.send("cart", second)
    one.to(DAY)
    told = [(v["time"] - Scene.DAY_MS, v["traits"]["carts"]) for v in values(one)]
    assert told == [(0, 1), (300_000, 60), (600_000, 120), (900_000, 150)]
    assert PAUSE_MS == 300_000


def test_what_does_not_change_the_profile_tells_nothing(tmp_path: Path) -> None:
    one = scene(tmp_path)
    one.send("cart", 1)
    one.to(100)
    before = len(values(one))
    for second in range(100, 1_000, 100):
        one.send("other", second)
    assert len(values(one)) == before


@pytest.mark.parametrize("partitions", [1, 3])
def test_an_absorbed_customers_profile_is_withdrawn(tmp_path: Path, partitions: int) -> None:
    one = scene(tmp_path, partitions)
    one.send("cart", 1, identifiers={"cookie": "c"})
    one.send("cart", 2, identifiers={"user": "u"})
    cookie, user = (row["key"] for row in one.driver.profiles())
    one.send("cart", 3, identifiers={"user": "u", "cookie": "c"})
    assert one.driver.profiles()[2:] == [{"key": cookie, "value": None}]
    one.to(DAY)
    last = one.driver.profiles()[-1]
    assert last["key"] == user
    assert last["value"]["identifiers"] == {"user": ["u"], "cookie": ["c"]}
    assert last["value"]["traits"] == {"carts": 3}


def test_a_profile_that_an_identifier_has_left_is_published_without_it(tmp_path: Path) -> None:
    shared = {"type: device, limit: 5": "type: device, limit: 5, shared_after: 1"}
    one = Scene(tmp_path, NOTHING, profile=PROFILE, head=shared)
    for day, user in enumerate("uv"):
        one.send("cart", day * DAY, identifiers={"user": user, "device": "d"})
        one.to((day + 1) * DAY - 1)
    newest = {value["customer_id"]: value["identifiers"] for value in values(one)}
    assert [newest[id_] for id_ in newest] == [{"user": ["u"]}, {"user": ["v"]}]
    assert values(one)[0]["identifiers"] == {"user": ["u"], "device": ["d"]}


def test_one_who_was_never_told_is_not_withdrawn(tmp_path: Path) -> None:
    one = scene(tmp_path)
    one.send("cart", 1, identifiers={"user": "u", "cookie": "c"})
    assert None not in values(one)


def erased() -> Partition:
    """Return a partition in which one of two customers was erased an hour later."""
    one = Partition()
    for at in (0, 1_000, 70_000):
        one.event(event(1, at))
        one.event(event(2, at))
    order = Find(Erase("command", True))
    one.control(order, at=3_600_000, to=identifier_key(hash_of(1)))
    one.run()
    return one


def profiles(one: Partition) -> list[tuple[str, bytes]]:
    return [(i.effect.key, i.effect.value) for i in one.out if i.effect.kind == "profile"]


def test_an_erased_customers_profile_is_withdrawn_and_not_told_again() -> None:
    one = erased()
    key = next(key for key, _ in profiles(one))
    of_key = [value for of, value in profiles(one) if of == key]
    assert of_key[-1] == b""
    assert all(of_key[:-1])
    one.tick(7_200_000)
    one.event(event(1, 1_000), at=7_300_000)  # of before the erasure
    one.run()
    assert len([value for of, value in profiles(one) if of == key]) == len(of_key)
    one.event(event(1, 7_400_000))
    one.run()
    after = profiles(one)[-1]
    assert after[0] != key, "who comes back is somebody new"
    assert after[1]


def test_a_replay_tells_the_same_profiles_and_changes() -> None:
    one = erased()
    again = Partition(sets=False)
    again.log = one.log
    again.run(most=1)

    def told(of: Partition) -> list[tuple[str, bytes]]:
        kinds = ("profile", "identity")
        return [(i.effect.key, i.effect.value) for i in of.out if i.effect.kind in kinds]

    assert told(again) == told(one)
    assert [key for key, value in profiles(again) if not value]
