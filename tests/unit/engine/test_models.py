"""A learnt model on its way into force in a task: stored in parts, activated, kept."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.learning.feature import BIAS
from cjo_stream.core.learning.posterior import Model, learn
from cjo_stream.core.learning.weight import read
from cjo_stream.core.message import ActivateModel, Message, StoreModel
from cjo_stream.core.record import Reward
from cjo_stream.engine import codec
from cjo_stream.engine.learner import Learner
from cjo_stream.engine.models import Models
from cjo_stream.store.memory import MemoryStore
from tests.world.partition import Partition, event


def learner_of(rewards: int, number: int = 0) -> Learner:
    model = Model()
    for one in range(rewards):
        learn(model, f"a{one % 3}/mail", [BIAS, 1 + one], positive=one % 2 == 0)
    return Learner(model, number)


def messages(number: int, rewards: int = 9) -> list[Message]:
    publication = learner_of(rewards, number - 1).publish()
    assert publication is not None
    assert publication.number == number
    return list(publication.messages())


def replies(partition: Partition) -> list[Any]:
    return [reply["body"] for reply in partition.sent("reply")]


def stored(store: MemoryStore) -> list[tuple[int, int]]:
    return [codec.read_model_key(key) for key, _ in store.scan(*codec.MODELS)]


def test_a_model_is_in_force_once_it_is_activated_and_after_a_restart() -> None:
    partition = Partition()
    partition.control(*messages(1))
    partition.step()
    assert partition.task.model_number == 1
    assert partition.open().model_number == 1
    models = Models(partition.store, 1)
    in_force = models.in_force()
    assert in_force is not None
    assert (in_force.number, sorted(in_force.treatments)) == (1, ["a0/mail", "a1/mail", "a2/mail"])


def test_a_step_that_is_not_committed_leaves_the_model_before_in_force() -> None:
    partition = Partition()
    partition.control(*messages(1))
    partition.step()
    partition.control(*messages(2, rewards=20))
    partition.process()
    assert partition.open().model_number == 1
    partition.step()
    assert partition.task.model_number == 2
    assert stored(partition.store) == [(2, 0)]


def test_a_step_run_again_after_a_failure_takes_the_model_once() -> None:
    store = MemoryStore()
    models = Models(store, 0)
    for number in (1, 2):
        for message in messages(number, rewards=number):
            if isinstance(message, StoreModel):
                models.store(message.number, message.part, message.parts, message.content)
        models.activate(number)
        if number == 1:
            store.write(models.batch())
            models.settle()
    models.reset()
    assert models.active == 1
    in_force = models.in_force()
    assert in_force is not None
    assert in_force == read(
        1, [m.content for m in messages(1, rewards=1) if isinstance(m, StoreModel)]
    )
    assert models.batch() == []


def test_a_model_without_all_its_parts_is_not_activated() -> None:
    partition = Partition()
    partition.control(StoreModel(1, 0, 2, b"\x90"), ActivateModel(1, "ask"))
    partition.step()
    assert partition.task.model_number == 0
    (answer,) = replies(partition)
    assert answer["model"] == 0
    assert "in full" in answer["error"]


def test_what_is_no_model_is_refused_and_the_one_before_stays() -> None:
    partition = Partition()
    partition.control(*messages(1), StoreModel(2, 0, 1, b"nonsense"), ActivateModel(2, "ask"))
    partition.step()
    assert partition.task.model_number == 1
    assert "cannot be read" in replies(partition)[0]["error"]


def test_lower_numbers_are_ignored_and_a_part_that_comes_again_counts() -> None:
    partition = Partition()
    first, *_ = messages(3, rewards=4)
    partition.control(first, *messages(3), *messages(2, rewards=2), ActivateModel(0, "ask"))
    partition.step()
    assert partition.task.model_number == 3
    assert replies(partition) == [{"model": 3, "error": None}]
    in_force = Models(partition.store, 3).in_force()
    assert in_force == read(3, [m.content for m in messages(3) if isinstance(m, StoreModel)])


def test_decisions_tell_the_model_they_went_by() -> None:
    partition = Partition()
    partition.event(event(1))
    partition.control(*messages(1), at=1)
    partition.run()
    partition.tick(10_000)
    partition.run()
    told = {decision["model_version"] for decision in partition.sent("decision")}
    assert told == {1}


# --- the learner


def reward(number: int, features: list[int] | None) -> Reward:
    return Reward(
        decision_id="d",
        action_id=f"a{number}",
        customer_id="c",
        action="card",
        channel="mail",
        features=features,
        probability=1.0,
        outcome=None,
        value=None,
        reward=0,
        issued_at=0,
        time=0,
    )


def test_a_learner_publishes_only_what_is_new_and_tells_who_learnt() -> None:
    learner = Learner()
    assert learner.publish() is None
    learner.learn(reward(1, None))
    assert learner.publish() is None
    learner.learn(reward(2, [BIAS]))
    publication = learner.publish()
    assert publication is not None
    assert publication.number == 1
    assert learner.publish() is None
    assert (learner.taught(), learner.taught()) == (["card/mail"], [])
    resumed = Learner(learner.model, learner.number, learner.digest)
    assert resumed.publish() is None
    resumed.learn(reward(3, [BIAS]))
    following = resumed.publish()
    assert following is not None
    assert following.number == 2
