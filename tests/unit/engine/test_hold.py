"""Holds: what is held waits, all else goes on, and nothing is lost, doubled or overtaken."""

from __future__ import annotations

import json
import random
from collections import defaultdict

import msgspec
import pytest

from cjo_stream.engine.frame import Effect
from cjo_stream.engine.hold import (
    Hold,
    Shelf,
    Which,
    decode_command,
    decode_hold,
    decode_shelf,
    encode,
    encode_hold,
)

MAIL, BELL, ALL = Which("mail"), Which("bell"), Which()


def command(number: int, channel: str = "mail", action: str = "hello", expires: int = 0) -> Effect:
    value = json.dumps({"number": number, "action": action}).encode()
    return Effect("action", "customer", value, channel, expires_at=expires)


def number(effect: Effect) -> int:
    return int(json.loads(effect.value)["number"])


class Partition:
    """A shelf and its log, as a shell keeps them; every step begins from what is written."""

    def __init__(self) -> None:
        self.log: list[bytes] = []
        self.written = encode(Shelf())
        self.out: list[Effect] = []

    @property
    def shelf(self) -> Shelf:
        return decode_shelf(self.written)

    def come(self, *effects: Effect, holds: frozenset[Which] = frozenset()) -> None:
        shelf = self.shelf
        out, held = shelf.take(list(effects), holds)
        self.out += out
        self.log += [encode(one) for one in held]
        self.written = encode(shelf)

    def release(self, holds: frozenset[Which], *, most: int = 1_000, now_ms: int = 0) -> bool:
        """Take one step of a pass; return whether there was something to send."""
        shelf = self.shelf
        if not shelf.leaving(holds):
            return False
        start = shelf.start(holds)
        found = [(n, decode_command(self.log[n])) for n in range(start, len(self.log))][:most]
        assert found, "what waits is not on the shelf"
        self.out += shelf.release(found, start + len(found), holds, now_ms)
        self.written = encode(shelf)
        return True

    def numbers(self) -> list[int]:
        return [number(effect) for effect in self.out]


def test_what_is_held_waits_and_everything_else_goes_on() -> None:
    partition = Partition()
    decision = Effect("decision", "customer", b"{}")
    holds = frozenset([MAIL, Which(action="offer")])
    partition.come(
        command(1), command(2, "bell"), command(3, "bell", "offer"), decision, holds=holds
    )
    assert partition.out == [command(2, "bell"), decision]
    assert partition.shelf.waiting == {"mail": {"hello": 1}, "bell": {"offer": 1}}
    assert partition.shelf.number(MAIL) == 1
    assert partition.shelf.number() == 2
    assert partition.shelf.number(without=frozenset([MAIL])) == 1


def test_a_hold_of_both_is_of_an_action_on_a_channel_and_of_none_of_all() -> None:
    both = Which("mail", "offer")
    assert [both.is_of(*one) for one in [("mail", "offer"), ("mail", "x"), ("bell", "offer")]] == [
        True,
        False,
        False,
    ]
    assert ALL.is_of("bell", "offer")
    assert [str(one) for one in (both, MAIL, ALL)] == [
        "channel mail action offer",
        "channel mail",
        "all commands",
    ]


def test_what_was_released_comes_before_what_comes_meanwhile_and_other_channels_do_not_wait() -> (
    None
):
    partition = Partition()
    partition.come(command(1), command(2), holds=frozenset([MAIL]))
    partition.come(command(3), command(4, "bell"))
    assert partition.numbers() == [4]
    assert partition.release(frozenset(), most=2)
    partition.come(command(5))
    assert partition.numbers() == [4, 1, 2]
    assert partition.release(frozenset())
    partition.come(command(6))
    assert partition.numbers() == [4, 1, 2, 3, 5, 6]
    assert partition.shelf == Shelf(low=4, sent=4)


def test_what_expired_meanwhile_is_dropped_and_counted() -> None:
    partition = Partition()
    partition.come(command(1, expires=99), command(2, expires=101), holds=frozenset([ALL]))
    partition.release(frozenset(), now_ms=100)
    assert partition.numbers() == [2]
    assert (partition.shelf.sent, partition.shelf.expired) == (1, 1)


def test_a_release_that_a_hold_breaks_off_sends_nothing_again() -> None:
    partition = Partition()
    mail = frozenset([MAIL])
    partition.come(*(command(n) for n in range(6)), holds=mail)
    partition.release(frozenset(), most=3)
    assert not partition.release(mail)
    partition.come(command(6), holds=mail)
    partition.release(frozenset(), most=2)
    partition.release(frozenset())
    assert partition.numbers() == list(range(7))


def test_of_two_holds_of_a_command_one_is_enough() -> None:
    partition = Partition()
    offer = Which(action="offer")
    partition.come(command(1, action="offer"), command(2), holds=frozenset([MAIL, offer]))
    partition.release(frozenset([offer]))
    assert partition.numbers() == [2]
    assert not partition.release(frozenset([offer]))
    partition.release(frozenset())
    assert partition.numbers() == [2, 1]


def test_what_is_gone_is_told_and_not_waited_for() -> None:
    shelf = Shelf(waiting={"mail": {"hello": 2}, "bell": {"x": 1}}, oldest_set=2)
    assert shelf.lose() == 3
    assert not shelf.leaving(frozenset())
    assert shelf.oldest_set == 0


def test_the_oldest_set_that_decided_what_waits_is_known_until_all_has_gone() -> None:
    partition = Partition()
    for set_number in (0, 5, 3, 4):
        one = msgspec.structs.replace(command(set_number), set_number=set_number)
        partition.come(one, holds=frozenset([MAIL]))
    assert partition.shelf.oldest_set == 3
    assert partition.release(frozenset(), most=3)
    assert partition.shelf.oldest_set == 3
    assert partition.release(frozenset())
    assert partition.shelf.oldest_set == 0


@pytest.mark.parametrize("seed", range(300))
def test_whatever_operators_do_each_command_goes_out_once_and_overtakes_none(seed: int) -> None:
    """Commands that the same holds are of keep their order; at the end all have gone."""
    draw = random.Random(seed)
    partition = Partition()
    holds: set[Which] = set()
    some = [MAIL, BELL, ALL, Which(action="a"), Which("mail", "b")]
    came = 0
    for _ in range(draw.randrange(5, 60)):
        step = draw.random()
        if step < 0.3:
            holds ^= {draw.choice(some)}
        elif step < 0.7:
            for _ in range(draw.randrange(4)):
                one = command(came, draw.choice(["mail", "bell"]), draw.choice("abc"))
                before = len(partition.out)
                partition.come(one, holds=frozenset(holds))
                if any(which.is_of(one.channel or "", json.loads(one.value)["action"])
                       for which in holds):  # fmt: skip
                    assert len(partition.out) == before, "it was held"
                came += 1
        else:
            before = len(partition.out)
            partition.release(frozenset(holds), most=draw.randrange(1, 5))
            for gone in partition.out[before:]:
                action = json.loads(gone.value)["action"]
                assert not any(which.is_of(gone.channel or "", action) for which in holds)
        assert len(partition.out) + partition.shelf.number() == came
    while partition.release(frozenset(), most=draw.randrange(1, 5)):
        pass
    assert sorted(partition.numbers()) == list(range(came))
    kinds = defaultdict(list)
    for effect in partition.out:
        kinds[effect.channel, json.loads(effect.value)["action"]].append(number(effect))
    assert all(numbers == sorted(numbers) for numbers in kinds.values())
    assert partition.shelf.waiting == {}
    assert partition.shelf.passes == []


def test_the_bytes_are_those_that_a_later_release_must_read() -> None:
    shelf = Shelf(7, [], {"mail": {"hello": 2}}, 3, 1, 12, 4)
    written = bytes.fromhex("97079081a46d61696c81a568656c6c6f0203010c04")
    assert encode(shelf) == written
    assert decode_shelf(written) == shelf
    hold = Hold(Which("mail", ""), "ann", "wrong price", 5)
    text = b'{"which":["mail",""],"who":"ann","why":"wrong price","at":5}'
    assert encode_hold(hold) == text
    assert decode_hold(text) == hold
    assert hold.key == b'["mail","","ann"]'
