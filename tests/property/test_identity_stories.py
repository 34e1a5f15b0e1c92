"""Stories of customers met under several identifiers: embedded, and under any interleaving."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import msgspec
import pytest

from cjo_stream.core.identifier import hold, pointer
from cjo_stream.core.profile.identifier import values_of
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.turn import Turn
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import decoder
from cjo_stream.testing.driver import TopologyDriver
from tests.simulation.identity_story import STORIES, Ending, Story, Visit, topology
from tests.world.mesh import START_MS, Mesh, Retold
from tests.world.situation import Witness
from tests.world.stored import actor_states

SEEDS = int(os.environ.get("CJO_IDENTITY_SEEDS", "300")) // 10
EVERY_STORY = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


@EVERY_STORY
@pytest.mark.parametrize("partitions", [1, 4])
def test_embedded(story: Story, partitions: int) -> None:
    driver = TopologyDriver(topology(), partitions)
    at = START_MS
    for visit in (visit for phase in story.phases for visit in phase):
        at += 1000
        driver.send(visit.type, at=at, channel="web", identifiers=visit.named())
    driver.advance("2d")
    customers = [row.identifiers for row in driver._runtime.rows()]
    story.told(_ending(driver.actions(), driver.transitions(), customers))


@EVERY_STORY
def test_under_any_interleaving(story: Story) -> None:
    assert _live_in_many_orders(story, SEEDS) > SEEDS


def test_without_the_hold_of_events_the_reminder_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def let_go(state: Identifier, turn: Turn) -> None:
        while state.held:
            hold._deliver_first(state, turn)

    for room in (hold, pointer):
        monkeypatch.setattr(room, "release", let_go)
    with pytest.raises(AssertionError):
        _live_in_many_orders(STORIES[0], 100)


def _live_in_many_orders(story: Story, seeds: int) -> int:
    """Let a story happen in so many orders; return the crashes."""
    return sum(_live(story, seed) for seed in range(seeds))


def _live(story: Story, seed: int) -> int:
    """Let a story happen in an order drawn from `seed`, and check it; return the crashes."""
    rng = random.Random(f"{story.name} {seed}")
    mesh = Mesh(rng, [topology().content], partitions=4)
    decode = decoder(topology().program, b"a key for tests")
    number = 0
    for phase in story.phases:
        for visit in phase:
            number += 1
            event = decode(_raw(visit, number, mesh.clock))
            assert not isinstance(event, InputError)
            mesh.feed(event)
            for _ in range(rng.choice((0, 0, 3, 30))):
                mesh.step()
        mesh.rest()
        mesh.pause(1000)
    mesh.run_out()
    told = Retold(mesh)
    for _ in told.records(Witness()):
        pass
    customers = [
        values_of(state)
        for _, state in actor_states(told.stores)
        if isinstance(state, Customer) and not state.redirect and state.events
    ]
    story.told(_ending(told.rows("action"), told.rows("transition"), customers))
    return mesh.crashes


def _raw(visit: Visit, number: int, clock: int) -> RawRecord:
    body = {"type": visit.type, "time": clock, "identifiers": visit.named()}
    return RawRecord("web", "raw", 0, number, clock, msgspec.json.encode(body), channel="web")


def _ending(
    actions: list[dict[str, Any]], transitions: list[dict[str, Any]], customers: Any
) -> Ending:
    return Ending(
        [action["action"] for action in actions],
        Counter((move["journey"], move["reason"]) for move in transitions),
        customers,
    )
