"""Which holds the backlog of an endpoint heeds, and when they are in force."""

from typing import cast

from cjo_stream.engine.hold import Holds, Which, is_held
from cjo_stream.kafka.hold.order import HoldLog
from cjo_stream.webhook.backlog import Backlog, Command, Limits
from cjo_stream.webhook.hold import BREAK_OFF_S, POLL_S, Heeding, holds_for


def test_a_hold_of_the_channel_is_of_all_that_its_endpoint_gets() -> None:
    holds = frozenset({Which("mail"), Which("push", "offer"), Which(action="card")})
    mail = holds_for("mail", holds)
    assert mail == {Which(), Which("push", "offer"), Which(action="card")}
    assert is_held(mail, "its_former_name", "hello")
    push = holds_for("push", holds)
    assert is_held(push, "its_former_name", "offer")
    assert is_held(push, "push", "card")
    assert not is_held(push, "push", "hello")


def test_a_hold_of_a_former_name_is_still_of_its_commands() -> None:
    post = holds_for("post", frozenset({Which("mail")}))
    assert is_held(post, "mail", "hello")
    assert not is_held(post, "post", "hello")


class Topic:
    """The topic of holds, as operators write it."""

    def __init__(self) -> None:
        self.seen = 0
        self.holds: Holds = frozenset()
        self._written: list[Holds] = []

    def write(self, *holds: Which) -> None:
        """Let these be all holds from the next poll on."""
        self._written.append(frozenset(holds))

    def read(self) -> None:
        """Read to the end, as `poll` does here."""
        self.poll()

    def poll(self) -> None:
        """Read what has been written."""
        if self._written:
            self.seen, self.holds = len(self._written), self._written[-1]

    def close(self) -> None:
        """Stay as it is."""


HELLO, OFFER = Which(action="hello"), Which(action="offer")


def posted(*actions: str) -> tuple[Backlog, list[Command]]:
    """Return a backlog whose commands, of these actions, are on their way."""
    backlog = Backlog(Limits(100), lambda: 1.0)
    for number, action in enumerate(actions):
        id_ = f"c{number}"
        backlog.add(Command(("t", 0), number, id_, id_, 10**12, b"{}", "mail", action), 0)
    return backlog, backlog.next(0)


def heeding(topic: Topic, backlog: Backlog, broken_off: list[Command]) -> Heeding:
    return Heeding(lambda: cast(HoldLog, topic), {"mail": backlog}, broken_off.append)


def test_a_hold_is_in_force_when_nothing_that_it_is_of_is_on_its_way() -> None:
    topic, broken_off = Topic(), list[Command]()
    backlog, (hello, offer) = posted("hello", "offer")
    one = heeding(topic, backlog, broken_off)
    one.heed(1, 0.0)
    topic.write(HELLO)
    one.heed(1, POLL_S)
    assert (one.in_force, broken_off) == (0, [])
    one.heed(1, POLL_S + BREAK_OFF_S - 0.01)
    assert (one.in_force, broken_off) == (0, [])
    one.heed(1, POLL_S + BREAK_OFF_S)
    assert (one.in_force, broken_off) == (0, [hello])
    backlog.broken_off(hello, 2_300)
    one.heed(1, 2.3)
    assert one.in_force == 1
    assert backlog.next(2_300) == []
    assert backlog.on_their_way == 1, offer


def test_each_request_gets_its_time_also_where_another_was_held_before() -> None:
    topic, broken_off = Topic(), list[Command]()
    backlog, (hello, offer) = posted("hello", "offer")
    one = heeding(topic, backlog, broken_off)
    topic.write(HELLO)
    one.heed(1, 0.0)
    topic.write(HELLO, OFFER)
    one.heed(1, 1.5)
    one.heed(1, 2.0)
    assert broken_off == [hello]
    backlog.broken_off(hello, 2_000)
    one.heed(1, 3.4)
    assert (one.in_force, broken_off) == (0, [hello])
    one.heed(1, 3.5)
    assert broken_off == [hello, offer]
    backlog.answered(offer, 3_600)
    one.heed(1, 3.6)
    assert one.in_force == 2
