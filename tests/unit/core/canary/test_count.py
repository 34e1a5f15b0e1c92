"""What guards count at a customer, and who decides once they are decided."""

from __future__ import annotations

import math
from typing import Any

import pytest

from cjo_stream.core.canary.count import VALUE_MAX, join_trials
from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.core.state import Customer, Trial
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load, succeed
from cjo_stream.engine import turns
from cjo_stream.engine.codec import META_KEY, decode_meta
from tests.world.canary import GUARDS, topology, write
from tests.world.partition import Partition, event

CANARY = GUARDS.replace("50%", "99.99%").replace("}]", "}, {metric: spent, worse_than: 10%}]")
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A set, and one whose canary is guarded; nearly everybody is inside."""
    found: list[bytes] = []
    for text in (topology(), topology(2, CANARY, least=2)):
        folder = write(tmp_path_factory.mktemp("set"), text)
        found.append(succeed(load(folder), found[-1] if found else None))
    return found


def guarded(contents: list[bytes], **more: Any) -> Partition:
    partition = Partition(sets=False, **more)
    for number, content in enumerate(contents, 1):
        partition.control(StoreSet(number, content), ActivateSet(number))
    partition.run()
    return partition


def counted(partition: Partition, at: int = 60 * MINUTE_MS) -> dict[str, tuple[float, ...]]:
    """Return what is counted of who is inside, once the minutes are over."""
    partition.run()
    partition.tick(at)
    partition.run()
    value = partition.store.get(META_KEY)
    assert value is not None
    (canary,) = decode_meta(value).decider.canaries
    assert canary.outside == {}
    return {metric: (one.number, one.total, one.squares) for metric, one in canary.inside.items()}


def signed_up(user: int, at: int) -> Any:
    return event(user, at, "signed_up")


def test_each_value_is_counted_once(contents: list[bytes]) -> None:
    partition = guarded(contents)
    partition.event(event(9, 10, "bought", total=3))  # nobody's
    for user in range(3):
        partition.event(signed_up(user, 1_000 + user))
    partition.event(signed_up(0, 1_500))  # no second instance
    partition.event(event(0, 2_000, "bought", total=5))
    partition.event(event(0, 2_500, "bought", total=4))  # the goal is marked
    partition.event(event(1, 3_000, "bought", total=1))  # no goal
    partition.event(event(1, 4_000, "left"))
    for at, status in ((5_000, "granted"), (6_000, "revoked"), (7_000, "denied")):
        partition.event(event(2, at, "cjo.consent", purpose="marketing", status=status))
    partition.event(event(2, 8_000, "cjo.consent", purpose="service", status="denied"))
    assert counted(partition) == {
        "goal_rate": (3, 1, 1),
        "exit_rate": (3, 1, 1),
        "unsubscribe_rate": (3, 1, 1),
        "dead_letters": (3, 0, 0),
        "spent": (3, 10, 82),
    }


@pytest.mark.parametrize("total", [1e200, -1e200])
def test_a_value_of_any_size_harms_no_event(contents: list[bytes], total: float) -> None:
    partition = guarded(contents)
    partition.event(signed_up(1, 1_000))
    for at in (2_000, 3_000):
        partition.event(event(1, at, "bought", total=total))
    found = counted(partition)
    assert partition.letters() == []
    assert found["spent"] == (1, math.copysign(VALUE_MAX, total), VALUE_MAX * VALUE_MAX)


def test_who_was_in_the_journey_before_is_not_counted(contents: list[bytes]) -> None:
    partition = Partition(sets=False)
    partition.control(StoreSet(1, contents[0]), ActivateSet(1))
    partition.event(signed_up(1, 0))
    partition.control(StoreSet(2, contents[1]), ActivateSet(2), at=500)
    partition.event(event(1, 1_000, "bought", total=9))
    partition.event(event(1, 2_000, "cjo.consent", purpose="marketing", status="denied"))
    assert counted(partition) == {}


def test_a_dead_letter_is_counted_although_its_event_has_no_effect(
    contents: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = guarded(contents)
    partition.event(signed_up(1, 1_000))
    partition.run()
    receive = turns.actor.receive

    def faulty(key: str, state: Any, message: Any, turn: Turn) -> Any:
        found = receive(key, state, message, turn)
        if type(found) is Customer and getattr(message, "event", None) is not None:
            raise ValueError("a fault")
        return found

    monkeypatch.setattr(turns.actor, "receive", faulty)
    for at in (2_000, 3_000):
        partition.event(event(1, at, "bought", total=5))
        partition.run()
    monkeypatch.undo()
    found = counted(partition)
    assert found["dead_letters"] == (1, 2, 4)
    assert found["goal_rate"] == (1, 0, 0)


@pytest.mark.parametrize("crash_at", range(1, 14))
def test_counts_and_the_verdict_are_the_same_after_a_crash(
    contents: list[bytes], crash_at: int
) -> None:
    def run(crash: int | None) -> tuple[list[Any], list[Any]]:
        partition = guarded(contents)
        for user in range(4):
            partition.event(signed_up(user, 1_000 + user))
        partition.event(event(1, 2_000, "bought", total=5))
        partition.tick(8 * 86_400_000)
        for _ in range(crash or 0):
            if partition.task.applied + 1 < len(partition.log):
                partition.step(1)
        if crash is not None and partition.task.applied + 1 < len(partition.log):
            partition.process(1)  # its frames are out, and nothing is written
        partition.open()
        partition.run(1)
        sent = {(item.offset, item.index): item.effect for item in partition.out}
        value = partition.store.get(META_KEY)
        assert value is not None
        meta = decode_meta(value)
        assert [(one.journey, one.verdict) for one in meta.verdicts] == [("welcome", "promote")]
        verdicts = [one.value for one in sent.values() if b'"verdict"' in one.value]
        return verdicts, [one.inside for one in meta.decider.canaries]

    assert run(crash_at) == run(None)


def test_a_customer_who_is_absorbed_counts_no_more(contents: list[bytes]) -> None:
    partition = guarded(contents)
    program = partition.task.program
    assert program is not None
    turn = Turn(program, 0)
    into = Customer(id="a", trials={"welcome": Trial(2, True, values={"spent": 1.0})})
    other = Customer(id="b", trials={"welcome": Trial(2, False, True, 2, {"spent": 3.0})})
    join_trials(into, other, turn)
    assert into.trials["welcome"].is_inside
    told = [
        (one.metric, one.is_inside, one.number, one.total, one.squares) for one in turn.tallies
    ]
    assert told == [
        ("unsubscribe_rate", False, -1, -1, -1),
        ("dead_letters", False, -1, -2, -4),
        ("spent", False, -1, -3, -9),
    ]
    newcomer, turn = Customer(id="c"), Turn(program, 0)
    join_trials(newcomer, other, turn)
    assert (newcomer.trials, turn.tallies) == (other.trials, [])
