"""The learner on a real broker: the same log, the same weights, whatever is killed."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from cjo_stream.core.learning.posterior import Model
from cjo_stream.core.record import Prediction, Reward
from cjo_stream.engine.learner import Learner
from cjo_stream.kafka.stage.memory import Standing
from tests.world.chain import Chain
from tests.world.scene import ACTIONS, ASK, HEAD, PROFILE

pytestmark = pytest.mark.kafka

WITHIN_S = 120.0
PREDICT = """
predict:
  answers: {on: ask, event: cjo.outcome, within: 3s, prior: 0.4, features: [profile.asks]}
"""
FOREIGN = b"somebody else's, which is passed over"


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    folder = tmp_path / "topology"
    folder.mkdir()
    more = ASK.replace("EXPLORE", "explore: {thompson: true}").replace("HOLDOUT", "holdout: 20%")
    more = more.replace("reward_window: 2d", "reward_window: 3s")
    profile = f"{PROFILE}  traits: {{asks: {{count: ask}}}}\n{PREDICT}"
    (folder / "all.yaml").write_text(f"{HEAD}{profile}{ACTIONS}---\n{more}")
    return folder


@pytest.fixture
def chain(
    bootstrap: str, tmp_path: Path, topology: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Chain]:
    monkeypatch.setenv("CJO_LEARN_INTERVAL_S", "0.5")
    chain = Chain(bootstrap, tmp_path, partitions=2)
    chain.names.append("learn")
    chain.create(topology)
    chain.start(topology)
    yield chain
    chain.stop()


def remembered(chain: Chain) -> tuple[Model, Standing] | None:
    """Return what lies in the learner's topic, latest of each key."""
    latest = {m.key().decode(): m.value() for m in chain.read("model.v1")[0]}
    if "learner" not in latest:
        return None
    standing = msgspec.msgpack.decode(latest.pop("learner"), type=Standing)
    treatments = {
        name.removeprefix("treatment/"): msgspec.msgpack.decode(value)
        for name, value in sorted(latest.items())
    }
    raw = msgspec.msgpack.encode([standing.rewards, treatments])
    return msgspec.msgpack.decode(raw, type=Model), standing


def learner(chain: Chain) -> Standing:
    """Return where the learner is."""
    found = remembered(chain)
    assert found is not None
    return found[1]


def learnt(chain: Chain, through: Standing) -> Model:
    """Return the model that the two logs give up to there: first the one, then the other."""
    learner = Learner()
    assert through.predictions
    for message in chain.read("prediction.v1")[0]:
        if message.offset() < through.predictions.offset and message.value() != FOREIGN:
            learner.learn_outcome(msgspec.json.decode(message.value(), type=Prediction))
    for message in chain.read("reward.v1")[0]:
        if message.offset() < through.offset and message.value() != FOREIGN:
            learner.learn(msgspec.json.decode(message.value(), type=Reward))
    model = learner.model
    return Model(model.rewards, dict(sorted(model.treatments.items())))


def decisions(chain: Chain) -> list[dict[str, Any]]:
    found = [json.loads(m.value()) for ms in chain.read("decision.v1").values() for m in ms]
    return sorted(found, key=lambda one: one["time"])


def until(condition: Callable[[], Any]) -> Any:
    end_s = time.monotonic() + WITHIN_S
    while not (found := condition()):
        assert time.monotonic() < end_s, "it did not come to pass"
        time.sleep(0.3)
    return found


def ask(chain: Chain, seconds: float, chance: random.Random) -> None:
    """Have customers be asked, and accept a card where they are in the mood."""
    producer = Producer({"bootstrap.servers": chain.bootstrap, "log_level": 0})
    topic = f"{chain.prefix}event.web.v1"
    end_s = time.monotonic() + seconds
    number = chance.randrange(10**9)
    while time.monotonic() < end_s:
        number += 1
        user = f"u{chance.randrange(50)}"
        mood = chance.choice(["fine", "sad"])
        told = [("ask", {"k": number, "mood": mood})]
        if chance.random() < (0.7 if mood == "fine" else 0.05):
            told.append(("cjo.outcome", {"action": "card", "outcome": "accept"}))
        for type_, attributes in told:
            event = {
                "type": type_,
                "time": int(time.time() * 1000),
                "identifiers": {"user": user, "email": f"{user}@example.com"},
                "attributes": attributes,
            }
            producer.produce(topic, json.dumps(event).encode(), user.encode())
            producer.flush(10)
            time.sleep(0.01)


def test_the_same_log_gives_the_same_weights_whatever_is_killed(chain: Chain) -> None:
    chance = random.Random(3)
    producer = Producer({"bootstrap.servers": chain.bootstrap, "log_level": 0})
    producer.produce(f"{chain.prefix}reward.v1", FOREIGN)
    producer.produce(f"{chain.prefix}prediction.v1", FOREIGN)
    producer.flush(10)
    for _ in range(4):
        ask(chain, 4, chance)
        chain.kill("learn")
    ask(chain, 4, chance)
    rewards = until(lambda: len(_settled(chain)))
    assert rewards > 200
    model, standing = until(lambda: _remembered_through(chain, rewards))
    assert msgspec.msgpack.encode(model) == msgspec.msgpack.encode(learnt(chain, standing))
    predicted = [m for m in chain.read("prediction.v1")[0] if m.value() != FOREIGN]
    outcomes = {msgspec.json.decode(m.value(), type=Prediction).outcome for m in predicted}
    assert outcomes == {0, 1}
    assert standing.rewards == len(predicted) + sum(
        msgspec.json.decode(m.value(), type=Reward).features is not None
        for m in chain.read("reward.v1")[0]
        if m.value() != FOREIGN
    )
    later = [msgspec.json.decode(m.value(), type=Prediction) for m in predicted[-20:]]
    assert max(one.model_version for one in later) > 0
    assert chain.restarts["learn"] >= 4

    # All age out, with the marker of the last one's transaction: no reward is missed.
    end = chain.height("reward.v1")
    until(lambda: learner(chain).end == end > learner(chain).offset)
    chain.hold_down("learn")
    reward = TopicPartition(f"{chain.prefix}reward.v1", 0, end)
    admin = AdminClient({"bootstrap.servers": chain.bootstrap})
    admin.delete_records([reward])[reward].result(10)
    chain.let_up("learn")

    # Decisions go by it, and the numbers never go back.
    ask(chain, 2, chance)
    made = until(lambda: decisions(chain))
    assert made[-1]["model_version"] >= standing.number > 4
    by_customer: dict[str, int] = {}
    for decision in made:
        number = decision["model_version"] or 0
        assert number >= by_customer.get(decision["customer_id"], 0)
        by_customer[decision["customer_id"]] = number
    moods = {c["P"] for d in made[-60:] for c in d["candidates"] if c["action"] == "card"}
    assert max(moods) > 2 * min(moods)

    (lift,) = json.loads(chain.command("report", "lift", "--json"))
    assert lift["journey"] == "ask"
    assert lift["treated"]["customers"] + lift["held_out"]["customers"] == 50
    assert lift["held_out"]["customers"] > 0

    until(lambda: learner(chain).rewards > standing.rewards)

    # A memory that was deleted begins anew, above the numbers that the tasks have.
    chain.hold_down("learn")
    memory = f"{chain.prefix}model.v1"
    admin.delete_topics([memory])[memory].result(10)
    until(lambda: memory not in admin.list_topics(timeout=10).topics)
    chain.create(chain.folder / "topology")
    chain.let_up("learn")
    _, again = until(lambda: remembered(chain))
    assert again.number > standing.number


def _settled(chain: Chain) -> list[Any]:
    """Return the rewards, once none has come for longer than a window."""
    before = chain.read("reward.v1")[0]
    time.sleep(5)
    after = chain.read("reward.v1")[0]
    return after if len(after) == len(before) else []


def _remembered_through(chain: Chain, rewards: int) -> tuple[Model, Standing] | None:
    found = remembered(chain)
    messages = chain.read("reward.v1")[0]
    if found is None or found[1].offset <= messages[rewards - 1].offset():
        return None
    theirs = found[1].predictions
    assert theirs
    is_whole = theirs.offset > chain.read("prediction.v1")[0][-1].offset()
    return found if is_whole else None
