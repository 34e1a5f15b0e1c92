"""What a customer is due for has its effect once, or fails once: it is never due for ever."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cjo_stream.core import customer
from cjo_stream.core.command.window import close_windows
from cjo_stream.core.customer import drop_due, wake_ms
from cjo_stream.core.event import Event
from cjo_stream.core.profile.publication import (
    mark_profile,
    publish_profile,
    withdraw_profile,
)
from cjo_stream.core.program.recording import Recording
from cjo_stream.core.record import Withdrawal
from cjo_stream.core.state import Customer, Instance, Timer, Waiting, Window
from cjo_stream.core.turn import Due, Turn
from tests.world.partition import LOADED, Partition, event

SECOND = 1_000
NOW = 5_000


def instance(due: int) -> Instance:
    return Instance("i", "j", 1, None, "s", 0, 0, {}, Event("x", 0, {}), [Timer(due, 0)])


def waiting(due: int) -> Waiting:
    return Waiting(due, {"act": "a"}, "j", 1, "i", "s", 0, 0, None, None, False)


def window(closes_at: int) -> Window:
    return Window(closes_at, "a", "d", "act", "mail", 0, features=[0])


def due_at(at: int) -> dict[str, dict[str, Any]]:
    """Return the parts of a customer that are due at a time, by what they are due for."""
    return {
        "timer": {"instances": [instance(at)]},
        "request": {"waiting": [waiting(at)]},
        "window": {"windows": [window(at)]},
        "profile": {"profile_due": at},
    }


FAILED = {
    "timer": Due.JOURNEYS,
    "request": Due.JOURNEYS,
    "window": Due.WINDOWS,
    "profile": Due.PROFILE,
}


@pytest.mark.parametrize("what", FAILED)
def test_what_failed_is_not_due_again_and_the_rest_still_is(what: str) -> None:
    for other in [name for name in FAILED if FAILED[name] is not FAILED[what]]:
        state = Customer("c", **due_at(NOW)[what], **due_at(NOW)[other])
        turn = Turn(LOADED.program, NOW)
        (row,) = drop_due(state, FAILED[what], turn)
        assert (row["customer_id"], row["due"]) == ("c", NOW)
        assert wake_ms(state) == NOW
        (rest,) = drop_due(state, FAILED[other], turn)
        assert rest["due"] == NOW
        assert wake_ms(state) is None


@pytest.mark.parametrize("what", FAILED)
@pytest.mark.parametrize("failed", list(Due))
def test_a_failure_that_is_nobodys_drops_all_that_is_due(what: str, failed: Due) -> None:
    state = Customer("c", **due_at(NOW)[what])
    (row,) = drop_due(state, failed, Turn(LOADED.program, NOW))
    assert (row["customer_id"], row["due"]) == ("c", NOW)
    assert wake_ms(state) is None


@pytest.mark.parametrize("what", FAILED)
def test_what_is_due_later_stays(what: str) -> None:
    state = Customer("c", **due_at(NOW + 1)[what])
    assert drop_due(state, FAILED[what], Turn(LOADED.program, NOW)) == []
    assert wake_ms(state) == NOW + 1


@pytest.mark.parametrize("step", ["publish_profile", "close_windows", "finish"])
def test_a_due_that_always_fails_is_one_dead_letter(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    partition = Partition()
    for at in range(2):
        partition.event(event(1, at * SECOND))
    partition.run()

    def faulty(*_: object) -> None:
        raise KeyError("always")

    monkeypatch.setattr(customer, step, faulty)
    before = len(partition.log)
    for second in range(2, 400):
        partition.tick(second * SECOND)
    partition.run()
    assert len(partition.log) == before + 398
    # One each: the cart's timer (or what is due at its time), the profile.
    assert 1 <= len(partition.letters()) <= 2
    assert partition.task.next_due is None


def test_a_profile_that_was_due_before_profiles_are_switched_off_is_not_published() -> None:
    program = msgspec.structs.replace(LOADED.program, recording=Recording(profile=False))
    state = Customer("c", is_recorded=True, profile_due=NOW, profile_at=NOW - 1)
    turn = Turn(program, NOW)
    publish_profile(state, turn)
    mark_profile(state, turn)
    assert (turn.records, wake_ms(state)) == ([], None)
    withdraw_profile(state, turn)
    assert turn.records == [Withdrawal(customer_id="c")]


def test_a_window_that_was_open_before_rewards_are_switched_off_is_not_recorded() -> None:
    program = msgspec.structs.replace(LOADED.program, recording=Recording(reward=False))
    state, turn = Customer("c", windows=[window(NOW)]), Turn(program, NOW)
    close_windows(state, turn)
    assert (turn.records, wake_ms(state)) == ([], None)
