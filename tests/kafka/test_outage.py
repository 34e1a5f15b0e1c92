"""`up` on a broker of its own: without topics, with simulated people, through an outage."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from cjo_stream.kafka.local.broker import Broker
from cjo_stream.kafka.process.ending import REFUSED
from tests.kafka.supervised import Listener, Supervised
from tests.world.broker import start_broker
from tests.world.chain import Chain

pytestmark = pytest.mark.kafka

SHOP = Path(__file__).parents[2] / "topologies" / "shop"
WITHIN_S = 90.0
DOWN_S = 14.0
"""Longer than the group's session, than a call into a transaction, than readiness allows."""
BACK_WITHIN_S = 10.0
TRAFFIC = "simulate shop --kafka --rate 100"
ENDS_WITHIN_S = 10.0
"""Twice what is promised: the machine may be busy."""
ANSWER = "simulate shop --kafka --answer --json --people 300 --haste 3600 --rate 60 --duration"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with start_broker(tmp_path_factory.mktemp("outage")) as broker:
        yield broker


def until(condition: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it did not come to pass in time"
        time.sleep(0.1)


def test_missing_topics_end_up_with_the_word_of_who_missed_them(
    broker: Broker, tmp_path: Path
) -> None:
    chain = Chain(broker.bootstrap, tmp_path, partitions=2)
    with Supervised(chain) as up:
        assert up.process.wait(WITHIN_S) == REFUSED
        last = up.lines()[-1]
        assert "cannot work, and all are ended. It said: error: " in last["message"]
        assert "cjo-stream topics create" in last["message"]
        assert any(line.get("process") == "intake" for line in up.lines())


def test_people_are_answered_explained_and_learnt_from_and_an_outage_is_waited_for(
    broker: Broker, tmp_path: Path
) -> None:
    chain = Chain(broker.bootstrap, tmp_path, partitions=2)
    chain.create(SHOP)
    with Supervised(chain) as up:
        chain.command("apply", str(SHOP), "--yes", timeout=120)
        until(lambda: up.all_are("readyz", 200))
        listener = Listener(chain, "action.email.v1")
        try:
            _people_answer(chain, listener)
            _a_decision_is_explained(chain, listener)
            _an_outage_is_waited_for(broker, chain, up, listener)
        finally:
            listener.close()
        assert set(up.starts().values()) == {1}
        assert up.stop() == 0


def _people_answer(chain: Chain, listener: Listener) -> None:
    told = json.loads(chain.command(*ANSWER.split(), "20s", timeout=WITHIN_S))
    assert told["commands"] > 0
    assert told["channels"]["outcomes"] > 0
    came = [m.value() for messages in chain.read("outcome.v1").values() for m in messages]
    assert len(came) == told["channels"]["outcomes"]
    # On its way an outcome may be repeated, byte for byte, or broken.
    outcomes = {value: one for value in came if (one := _told(value))}
    sent = [
        message.headers()[0][1].decode()
        for channel in ("email", "push", "web", "sms")
        for messages in chain.read(f"action.{channel}.v1").values()
        for message in messages
    ]
    assert len(set(sent)) == len(sent), "a command was sent twice"
    assert {outcome["action_id"] for outcome in outcomes.values()} <= set(sent)
    said = [(outcome["action_id"], outcome["outcome"]) for outcome in outcomes.values()]
    assert len(set(said)) == len(said), "nobody says the same twice"
    # What they answered was taken: commands bear their outcomes, and none was refused.
    letters = [m.value() for messages in chain.read("dead_letter.v1").values() for m in messages]
    assert not outcomes.keys() & set(letters)


def _told(value: bytes) -> dict[str, str] | None:
    """Return what an outcome says; None if it broke on its way."""
    try:
        return cast("dict[str, str]", json.loads(value)["attributes"])
    except (ValueError, KeyError, TypeError):
        return None


def _a_decision_is_explained(chain: Chain, listener: Listener) -> None:
    until(lambda: bool(listener.heard))
    command = next(one for _, one in listener.heard)
    explained = chain.command("decisions", "explain", command["decision_id"])
    assert command["action"] in explained
    record = json.loads(chain.command("decisions", "explain", command["decision_id"], "--json"))
    assert record["chosen"] == {"action": command["action"], "channel": "email"}
    for kind in ("decision", "action"):
        written = map(json.loads, chain.command("records", kind).splitlines())
        assert command["decision_id"] in {one["decision_id"] for one in written}


def _an_outage_is_waited_for(
    broker: Broker, chain: Chain, up: Supervised, listener: Listener
) -> None:
    broker.kill()
    down_s = time.monotonic()
    until(lambda: up.all_are("readyz", 503), within_s=DOWN_S)
    while time.monotonic() < down_s + DOWN_S:
        assert up.all_are("healthz", 200), up.answers("healthz")
        time.sleep(0.5)
    assert up.all_are("readyz", 503), up.answers("readyz")
    broker.start()
    until(lambda: up.all_are("readyz", 200), within_s=3 * BACK_WITHIN_S)
    back_s = time.monotonic()
    chain.command(*ANSWER.split(), "6s", timeout=WITHIN_S)
    assert listener.first_after(back_s, within_s=WITHIN_S) is not None


def test_a_signal_ends_all_soon_while_the_broker_is_away(broker: Broker, tmp_path: Path) -> None:
    """However short a time ago it went: its clients are in the middle of their calls."""
    chain = Chain(broker.bootstrap, tmp_path, partitions=2)
    chain.create(SHOP)
    with Supervised(chain) as up:
        chain.command("apply", str(SHOP), "--yes", timeout=120)
        until(lambda: up.all_are("readyz", 200))
        traffic = subprocess.Popen(
            [sys.executable, "-m", "cjo_stream", *TRAFFIC.split()],
            env=chain.env(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: any(chain.read("action.email.v1").values()))
            broker.kill()
            time.sleep(2)
            began_s = time.monotonic()
            assert up.stop() == 0
            assert time.monotonic() - began_s < ENDS_WITHIN_S
        finally:
            traffic.kill()
            traffic.wait()
        assert "killed" not in up.log.read_text()
