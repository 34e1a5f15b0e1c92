"""Order, back-off and limits of an endpoint's commands, by time that moves by hand."""

import gc
from itertools import pairwise

from cjo_stream.engine.hold import Which
from cjo_stream.webhook.backlog import (
    BYTES_MAX,
    COMMANDS_MAX,
    LATEST_MS,
    OVER_MAX,
    REST_MS,
    STRUCK,
    Backlog,
    Command,
    Limits,
)

NEVER = 10**12


def backlog(parallel: int = 100, **limits: float) -> Backlog:
    return Backlog(Limits(parallel, **limits), lambda: 1.0)


def command(
    number: int,
    customer: str = "",
    until_ms: int = NEVER,
    partition: int = 0,
    body: bytes = b"{}",
    action: str = "hello",
) -> Command:
    name = customer or f"c{number}"
    id_ = f"{name}-a{number}"
    return Command(("t", partition), number, id_, name, until_ms, body, "mail", action)


def numbers(commands: list[Command]) -> list[int]:
    return [one.offset for one in commands]


def test_a_customers_commands_go_one_after_the_other() -> None:
    waiting = backlog()
    for number, customer in enumerate("abaab"):
        waiting.add(command(number, customer), 0)
    first = waiting.next(0)
    assert numbers(first) == [0, 1]
    assert waiting.next(0) == []
    waiting.answered(first[0], 5)
    (third,) = waiting.next(5)
    assert third.offset == 2
    waiting.answered(first[1], 6)
    assert numbers(waiting.next(6)) == [4]


def test_a_command_that_fails_holds_its_customer_and_nobody_else() -> None:
    waiting = backlog()
    for number, customer in enumerate("aab"):
        waiting.add(command(number, customer), 0)
    failing, other = waiting.next(0)
    waiting.answered(other, 0)
    assert waiting.again(failing, 0)
    waiting.add(command(3, "b"), 1)
    assert numbers(waiting.next(1)) == [3]
    assert waiting.next(999) == []
    assert numbers(waiting.next(1_000)) == [0]
    assert waiting.waits == 3


def test_pauses_double_and_are_bounded_and_drawn_from_their_upper_half() -> None:
    for draw, share in ((1.0, 1.0), (0.0, 0.5)):
        waiting = Backlog(Limits(1), lambda draw=draw: draw)
        waiting.add(command(0), 0)
        now, pauses = 0, []
        for _ in range(12):
            (one,) = waiting.next(now)
            waiting.again(one, now)
            waiting._struck = 0
            (due,) = (at for at, _, _ in waiting._due)
            pauses.append(due - now)
            now = due
        wanted = [min(LATEST_MS, 1_000 * 2**n) * share for n in range(12)]
        assert pauses == wanted


def test_a_command_is_given_up_when_it_expires_also_behind_another() -> None:
    waiting = backlog()
    waiting.add(command(0, "a", until_ms=9_000), 0)
    waiting.add(command(1, "a", until_ms=3_000), 0)
    waiting.add(command(2, "a", until_ms=20_000), 0)
    (first,) = waiting.next(0)
    waiting.again(first, 0)
    assert numbers(waiting.given_up(2_999)) == []
    assert numbers(waiting.given_up(3_000)) == [1]
    (first,) = waiting.next(3_000)
    assert waiting.given_up(9_500) == [], "it is on its way"
    assert not waiting.again(first, 9_500), "its time is over"
    assert numbers(waiting.next(9_500)) == [2]
    assert waiting.waits == 1


def test_what_would_be_tried_too_late_is_given_up_at_once() -> None:
    waiting = backlog()
    waiting.add(command(0, until_ms=500), 0)
    (one,) = waiting.next(0)
    assert not waiting.again(one, 0)
    assert waiting.waits == 0
    assert waiting.given_up(1_000) == []


def test_a_command_is_given_up_some_time_after_its_first_attempt() -> None:
    waiting = backlog(give_up_ms=2_500)
    waiting.add(command(0, "a"), 0)
    waiting.add(command(1, "a"), 0)
    assert waiting.given_up(10_000) == [], "nothing was tried"
    (one,) = waiting.next(10_000)
    assert waiting.again(one, 10_000)
    (one,) = waiting.next(11_000)
    assert not waiting.again(one, 11_000), "the next attempt would be at 13,000"
    assert numbers(waiting.next(11_000)) == [1]
    assert waiting.again(waiting_one := waiting._lines["a"][0], 11_000)
    assert numbers(waiting.given_up(13_500)) == [1]
    assert waiting_one.attempts == 1


def test_no_more_are_on_their_way_than_may_be() -> None:
    waiting = backlog(parallel=3)
    for number in range(10):
        waiting.add(command(number), 0)
    first = waiting.next(0)
    assert len(first) == waiting.on_their_way == 3
    assert waiting.next(0) == []
    waiting.answered(first[0], 0)
    assert len(waiting.next(0)) == 1


def test_the_rate_is_kept_over_any_second() -> None:
    waiting = backlog(rate=50)
    for number in range(1_000):
        waiting.add(command(number), 0)
    at: list[int] = []
    for now in range(0, 5_000, 7):
        for one in waiting.next(now):
            waiting.answered(one, now)
            at.append(now)
    assert 240 <= len(at) <= 256
    for begin in range(0, 4_000, 50):
        assert sum(begin <= one < begin + 1_000 for one in at) <= 50 + 6


def test_less_than_one_a_second_is_possible() -> None:
    waiting = backlog(rate=0.5)
    for number in range(5):
        waiting.add(command(number), 0)
    at = [now for now in range(0, 8_001, 100) for one in waiting.next(now)]
    assert at == [0, 2_000, 4_000, 6_000, 8_000]


def test_an_endpoint_that_asks_for_a_pause_gets_it_whole() -> None:
    waiting = backlog()
    for number in range(4):
        waiting.add(command(number), 0)
    one, *others = waiting.next(0)
    waiting.again(one, 0, after_ms=60_000)
    waiting.add(command(9), 10)
    assert waiting.next(59_999) == []
    assert numbers(waiting.next(60_000)) == [9, 0]
    waiting.again(others[0], 60_000)
    waiting.answered(others[1], 60_000)
    assert numbers(waiting.next(61_000)) == [others[0].offset]


def test_an_endpoint_in_trouble_gets_one_request_at_a_time_until_it_answers() -> None:
    waiting = backlog(parallel=10)
    for number in range(100):
        waiting.add(command(number), 0)
    for one in waiting.next(0):
        waiting.again(one, 0)
    now, tries = 0, 0
    while now < 600_000:
        now += 100
        found = waiting.next(now)
        assert len(found) <= 1
        tries += len(found)
        for one in found:
            waiting.again(one, now)
    assert 600_000 / REST_MS <= tries < 600_000 / REST_MS + 10, "it is not asked in a storm"
    while not (found := waiting.next(now)):
        now += 100
    waiting.answered(found[0], now)
    assert len(waiting.next(now)) == 10


def test_an_endpoint_that_comes_back_is_noticed_soon_however_few_commands_wait() -> None:
    waiting = backlog()
    waiting.add(command(0), 0)
    now, at = 0, []
    while now < 3_600_000:
        now += 100
        for one in waiting.next(now):
            at.append(now)
            waiting.again(one, now)
    assert max(b - a for a, b in pairwise(at)) <= REST_MS


def test_one_bad_command_is_no_trouble_of_the_endpoint() -> None:
    waiting = backlog(parallel=2)
    waiting.add(command(0, "bad"), 0)
    now = 0
    for number in range(1, 200):
        waiting.add(command(number), now)
        now += 500
        found = waiting.next(now)
        assert number in numbers(found)
        for one in found:
            if one.customer_id == "bad":
                waiting.again(one, now)
            else:
                waiting.answered(one, now)
    assert waiting.waits == 1
    assert waiting._struck < STRUCK


def test_an_endpoint_that_is_gone_gets_nothing_and_its_commands_expire() -> None:
    waiting = backlog()
    waiting.add(command(0, until_ms=5_000), 0)
    waiting.add(command(1, until_ms=6_000), 0)
    first, second = waiting.next(0)
    waiting.gone(first, 0)
    waiting.answered(second, 0)
    assert waiting.is_gone
    assert waiting.next(4_000) == []
    (given_up,) = waiting.given_up(5_000)
    assert (given_up.offset, given_up.attempts) == (0, 0)


def test_it_is_full_by_number_and_by_bytes() -> None:
    waiting = backlog(parallel=1)
    for number in range(COMMANDS_MAX):
        assert not waiting.is_full
        waiting.add(command(number), 0)
    while waiting.waits > COMMANDS_MAX // 2:
        assert waiting.is_full
        waiting.answered(waiting.next(0)[0], 0)
    assert not waiting.is_full
    large = backlog()
    large.add(command(0, body=b"x" * BYTES_MAX), 0)
    assert large.is_full
    large.drop({("t", 0)})
    assert not large.is_full


def test_partitions_that_go_take_their_commands_with_them() -> None:
    waiting = backlog()
    for number, (customer, partition) in enumerate([("a", 0), ("a", 1), ("b", 0), ("c", 1)]):
        waiting.add(command(number, customer, partition=partition), 0)
    posted = waiting.next(0)
    assert numbers(posted) == [0, 2, 3]
    assert numbers(waiting.on_their_way_of({("t", 0)})) == [0, 2]
    waiting.drop({("t", 0)})
    assert waiting.waits == 2
    waiting.answered(posted[0], 1)
    assert waiting.again(posted[1], 1), "an answer that comes too late changes nothing"
    assert numbers(waiting.next(10_000)) == [1]
    waiting.add(command(0, "a"), 10_000)
    assert waiting.next(10_000) == []
    assert waiting.given_up(NEVER - 1) == []


def test_an_endpoint_that_asks_to_be_left_alone_is_although_it_answers_what_was_posted() -> None:
    waiting = backlog()
    for number in range(3):
        waiting.add(command(number), 0)
    refused, answered, failed = waiting.next(0)
    assert waiting.again(refused, 10, 60_000)
    waiting.answered(answered, 20)
    assert waiting.again(failed, 30)
    waiting.add(command(3), 40)
    assert waiting.next(60_009) == []
    assert numbers(waiting.next(60_010)) == [3, 2, 0]


def test_commands_that_are_over_are_not_kept_until_they_would_expire() -> None:
    waiting = backlog()
    stuck = command(-1)
    waiting.add(stuck, 0)
    for number in range(10 * OVER_MAX):
        waiting.add(command(number), number)
        for one in waiting.next(number):
            if one is not stuck:
                waiting.answered(one, number)
            else:
                assert waiting.again(one, number)
    assert waiting.waits == 1
    kept = sum(isinstance(one, Command) and one.place[0] == "t" for one in gc.get_objects())
    assert kept <= OVER_MAX + 2
    assert waiting.given_up(NEVER) == [stuck]


def test_a_command_that_fails_for_days_takes_no_more_room() -> None:
    waiting, stuck, now_ms = backlog(), command(0), 0
    waiting.add(stuck, 0)
    rooms = []
    for _ in range(1_000):
        now_ms += LATEST_MS
        assert waiting.next(now_ms) == [stuck]
        assert waiting.again(stuck, now_ms)
        rooms.append(room(waiting))
    assert max(rooms) == rooms[0]
    assert waiting.given_up(NEVER) == [stuck]


# --- what an operator holds

MAIL, OFFER = frozenset({Which("mail")}), frozenset({Which(action="offer")})
NOTHING: frozenset[Which] = frozenset()


def test_of_a_held_channel_nothing_is_posted_and_a_release_keeps_the_order() -> None:
    for holds in (MAIL, frozenset({Which()}), MAIL | OFFER, frozenset({Which("mail", "hello")})):
        waiting = backlog()
        for number, customer in enumerate("aab"):
            waiting.add(command(number, customer), 0)
        waiting.heed(holds, 0)
        assert waiting.next(0) == waiting.next(1_000_000) == []
        waiting.add(command(3, "b"), 1_000_000)
        waiting.add(command(4, "c"), 1_000_000)
        assert waiting.next(1_000_000) == []
        assert waiting.held == waiting.waits == 5
        waiting.heed(NOTHING, 1_000_001)
        posted = waiting.next(1_000_001)
        assert numbers(posted) == [0, 2, 4]
        for one in posted:
            waiting.answered(one, 1_000_001)
        assert numbers(waiting.next(1_000_001)) == [1, 3]
        assert waiting.held == 0


def test_a_hold_of_another_channel_or_action_changes_nothing() -> None:
    for which in (Which("push"), Which(action="offer"), Which("mail", "offer")):
        waiting = backlog()
        waiting.heed(frozenset({which}), 0)
        waiting.add(command(0), 0)
        assert numbers(waiting.next(0)) == [0], which


def test_behind_a_held_action_its_customer_waits_and_nobody_else() -> None:
    waiting = backlog()
    waiting.heed(OFFER, 0)
    kinds = [("a", "hello"), ("a", "offer"), ("a", "hello"), ("b", "hello"), ("c", "offer")]
    for number, (customer, action) in enumerate(kinds):
        waiting.add(command(number, customer, action=action), 0)
    first = waiting.next(0)
    assert numbers(first) == [0, 3]
    for one in first:
        waiting.answered(one, 5)
    assert waiting.next(5) == []
    assert (waiting.waits, waiting.held) == (3, 3)
    waiting.heed(NOTHING, 9)
    for wanted in ([4, 1], [2]):
        found = waiting.next(9)
        assert sorted(numbers(found)) == sorted(wanted)
        for one in found:
            waiting.answered(one, 9)
    assert waiting.waits == 0


def test_a_held_command_expires_and_lets_its_customers_next_one_go() -> None:
    waiting = backlog()
    waiting.heed(OFFER, 0)
    waiting.add(command(0, "a", until_ms=5_000, action="offer"), 0)
    waiting.add(command(1, "a"), 0)
    assert waiting.next(0) == waiting.given_up(4_999) == []
    (gone,) = waiting.given_up(5_000)
    assert (gone.offset, gone.attempts) == (0, 0)
    assert numbers(waiting.next(5_000)) == [1]
    waiting.heed(NOTHING, 5_001)
    assert waiting.next(5_001) == [], "it is over"
    assert (waiting.waits, waiting.held) == (1, 0)


def test_the_time_to_give_up_begins_anew_after_a_release() -> None:
    waiting = backlog(give_up_ms=2_500)
    waiting.add(command(0, "a", until_ms=100_000), 0)
    (one,) = waiting.next(0)
    waiting.heed(MAIL, 10)
    assert waiting.held_on_their_way == [one]
    assert waiting.again(one, 1_800), "held: it is not given up for what comes after it"
    assert waiting.held_on_their_way == []
    assert waiting.given_up(50_000) == waiting.next(50_000) == []
    waiting.heed(NOTHING, 60_000)
    assert waiting.given_up(60_000) == []
    assert waiting.next(60_000) == [one]
    assert one.attempts == 2
    assert not waiting.again(one, 61_000), "the next attempt would be at 63,000"


def test_a_held_command_that_was_tried_expires() -> None:
    waiting = backlog(give_up_ms=2_500)
    waiting.add(command(0, until_ms=9_000), 0)
    (one,) = waiting.next(0)
    waiting.heed(MAIL, 10)
    assert waiting.again(one, 8_500)
    assert waiting.given_up(8_999) == []
    assert waiting.given_up(9_000) == [one]
    assert waiting.waits == 0


def test_a_pause_goes_on_over_a_hold() -> None:
    waiting = backlog()
    waiting.add(command(0), 0)
    (one,) = waiting.next(0)
    assert waiting.again(one, 0)
    waiting.heed(MAIL, 10)
    waiting.heed(NOTHING, 20)
    assert waiting.next(999) == []
    assert waiting.next(1_000) == [one]


def test_requests_that_were_broken_off_are_no_trouble_of_the_endpoint() -> None:
    waiting = backlog(parallel=32)
    for number in range(32):
        waiting.add(command(number, action="offer"), 0)
    posted = waiting.next(0)
    waiting.heed(OFFER, 200)
    for number in range(32, 64):
        waiting.add(command(number), 200)
    for one in posted:
        waiting.broken_off(one, 2_200)
    assert numbers(waiting.next(2_200)) == list(range(32, 64)), "all at one time"
    for one in list(waiting._posted.values()):
        waiting.answered(one, 2_300)
    waiting.heed(NOTHING, 5_000)
    again = waiting.next(5_000)
    assert sorted(numbers(again)) == list(range(32))
    assert waiting.again(again[0], 5_000)
    assert waiting.next(5_999) == []
    assert waiting.next(6_000) == [again[0]], "it is the first failure"


def test_a_request_that_was_broken_off_is_over_in_its_time() -> None:
    for holds in (OFFER, NOTHING):
        waiting = backlog()
        waiting.add(command(0, until_ms=9_000, action="offer"), 0)
        (one,) = waiting.next(0)
        waiting.heed(holds, 10)
        assert waiting.given_up(9_000) == [], "it is on its way"
        waiting.broken_off(one, 9_100)
        assert waiting.given_up(9_100) == [one]
        assert one.attempts == 1, "so a failure is reported"
    waiting = backlog()
    waiting.add(command(0), 0)
    (one,) = waiting.next(0)
    waiting.drop({one.place})
    waiting.broken_off(one, 10)
    assert (waiting.on_their_way, waiting.next(10)) == (0, [])


def test_partitions_that_go_take_held_commands_with_them() -> None:
    waiting = backlog()
    waiting.heed(MAIL, 0)
    for number, (customer, partition) in enumerate([("a", 0), ("a", 1), ("b", 0)]):
        waiting.add(command(number, customer, partition=partition), 0)
    assert waiting.next(0) == []
    waiting.drop({("t", 0)})
    assert waiting.next(1) == []
    assert (waiting.waits, waiting.held) == (1, 1)
    waiting.heed(NOTHING, 2)
    assert numbers(waiting.next(2)) == [1]


def test_held_commands_take_no_token_and_no_place_of_others() -> None:
    waiting = backlog(parallel=1, rate=10)
    waiting.heed(OFFER, 0)
    for number in range(50):
        waiting.add(command(number, action="offer"), 0)
    waiting.add(command(50), 0)
    assert numbers(waiting.next(0)) == [50]


def room(waiting: Backlog) -> int:
    """Return how long the lists of a backlog are."""
    inside = gc.get_referents(waiting, *gc.get_referents(waiting))
    return sum(len(one) for one in inside if type(one) is list)
