"""A position is committed only when all before it is delivered, however much is on its way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from cjo_stream.engine.port import Log
from cjo_stream.errors import StopError
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.position.position import Position
from cjo_stream.kafka.stage.committer import Committer
from cjo_stream.kafka.stage.lane import Lane
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from tests.world.measurement import shown

PLACE = ("web", 0)


class Broker:
    """Takes records and acknowledges them at the next poll, or refuses them; takes commits."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.refuses = False
        self._reports: list[Callable[[KafkaError | None], None]] = []

    def produce(self, topic: str, *given: Any, headers: Any) -> None:
        self.did.append(f"sent to {topic}")
        self._reports.append(lambda error: given[-1](error, SimpleNamespace(topic=lambda: topic)))

    def poll(self, _: float) -> None:
        error = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE) if self.refuses else None
        self.did.append("refused" if error else "delivered")
        reports, self._reports = self._reports, []
        for report in reports:
            report(error)

    def commit(self, offsets: Sequence[TopicPartition], *, asynchronous: bool) -> list[Any] | None:
        self.did.append(f"committed {offsets[0].offset}")
        return None if asynchronous else []


class World:
    """A committer over one lane."""

    def __init__(self) -> None:
        self.broker = Broker()
        self.metrics = Metrics()
        settings = Settings(kafka={"bootstrap_servers": "127.0.0.1:1"})
        self.sender = Sender(settings)
        self.sender._producer = cast(Producer, self.broker)
        self.lane = Lane(PLACE, Log("id", 0), 5, 9, 1)
        self.lanes = {PLACE: self.lane}
        self.committer = Committer(
            settings,
            self.lanes,
            cast(Consumer, self.broker),
            self.sender,
            self.metrics,
            lambda lane: Position(lane.next, ""),
        )
        self.committer.commit_when_due()
        self.broker.did.clear()

    def timed(self) -> float | None:
        """Return how many commits were timed."""
        return shown(self.metrics).get('cjo_commit_seconds_count{stage="intake"}')

    def step(self, to: int) -> None:
        """Read up to an offset, and send what that gives."""
        self.lane.next = to
        self.sender.begin([Outgoing("internal", b"a frame", 0)])


COMMITS: dict[str, Callable[[Committer], None]] = {
    "when due": lambda committer: when_due(committer),
    "at once": Committer.commit,
    "before a revoke": Committer.commit_before_revoke,
}


def when_due(committer: Committer) -> None:
    committer._commit_due_s = 0.0
    committer.commit_when_due()


@pytest.mark.parametrize("commit", COMMITS)
def test_a_commit_waits_for_what_is_on_its_way(commit: str) -> None:
    world = World()
    world.step(to=7)
    assert world.broker.did == ["sent to internal"]
    COMMITS[commit](world.committer)
    assert world.broker.did[:3] == ["sent to internal", "delivered", "committed 7"]
    if commit == "when due":
        assert world.timed() is None
        world.committer.on_commit(None, [TopicPartition(*PLACE, 7)])
    assert world.timed() == 1


def test_a_commit_that_the_broker_refuses_is_asked_for_again_and_not_timed() -> None:
    world = World()
    world.step(to=7)
    when_due(world.committer)
    world.committer.on_commit(KafkaError(KafkaError._FAIL), [])
    when_due(world.committer)
    assert [what for what in world.broker.did if what == "committed 7"] == ["committed 7"] * 2
    assert world.timed() is None
    world.committer.on_commit(None, [TopicPartition(*PLACE, 7)])
    assert world.timed() == 1


@pytest.mark.parametrize("commit", COMMITS)
def test_nothing_is_committed_behind_a_frame_that_was_refused(commit: str) -> None:
    world = World()
    world.step(to=7)
    world.broker.refuses = True
    if commit == "before a revoke":
        COMMITS[commit](world.committer)
    else:
        with pytest.raises(StopError, match="not delivered"):
            COMMITS[commit](world.committer)
    assert not [what for what in world.broker.did if what.startswith("committed")]
    with pytest.raises(StopError, match="not delivered"):
        world.sender.finish()


def test_between_two_commits_nothing_is_waited_for() -> None:
    world = World()
    world.step(to=7)
    world.committer.commit_when_due()
    assert world.broker.did == ["sent to internal"]


def test_after_a_sender_is_closed_a_lane_that_is_given_up_asks_nothing_of_it() -> None:
    world = World()
    world.step(to=7)
    world.lanes.clear()
    del world.sender._producer
    world.committer.commit_before_revoke()
    assert world.broker.did == ["sent to internal"]
