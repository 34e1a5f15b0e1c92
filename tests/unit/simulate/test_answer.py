"""What people make of what they are sent: the hidden model, and the answers that come of it."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from cjo_stream.simulate import SOONEST_MS, Faults, Received, Simulated, World, open_world, truth
from cjo_stream.simulate.answer import Address
from cjo_stream.simulate.response import AWAY, ELSEWHERE, Character, Preference, Response
from cjo_stream.simulate.shop.preference import PREFERENCES

START_MS = 1_767_225_600_000
DAY_MS = 86_400_000
PEOPLE = 400

ANN = Character("ann", "shoes", "push", 0.5)
MODEL = Response(
    lambda _: ANN,
    {
        "sneakers": Preference(accept=0.4, brings=(60, 100), tastes=frozenset({"shoes"})),
        "saucepan": Preference(accept=0.4, brings=(60, 100), tastes=frozenset({"home"})),
    },
    {"push": 0.9, "email": 0.3},
)


def test_taste_channel_and_patience_each_take_their_part() -> None:
    best = MODEL.chance(0, "sneakers", "push", 0)
    assert best == 0.4
    assert MODEL.chance(0, "saucepan", "push", 0) == pytest.approx(best * ELSEWHERE)
    assert MODEL.chance(0, "sneakers", "email", 0) == pytest.approx(best * AWAY)
    assert MODEL.chance(0, "sneakers", "push", 3) == pytest.approx(best / 8)
    assert MODEL.chance(0, "a receipt", "push", 0) == 0


def test_nobody_accepts_more_often_than_they_look() -> None:
    eager = Response(lambda _: ANN, {"x": Preference(accept=0.9)}, {"push": 0.2})
    assert eager.chance(0, "x", "push", 0) == 0.2


def test_what_it_brings_on_average_is_the_chance_times_the_worth() -> None:
    assert MODEL.worth(0, "sneakers", "push", 0) == pytest.approx(0.4 * 80)


# --- the shop's people answer


def opened(seed: int = 7, faults: Faults | None = None, haste: float = 1.0) -> World:
    return open_world(
        "shop",
        people=PEOPLE,
        seed=seed,
        start_ms=START_MS,
        duration_ms=4 * DAY_MS,
        faults=faults or Faults(late=0, repeated=0, malformed=0),
        quiet_ms=DAY_MS,
        haste=haste,
    )


def commands(action: str = "sneaker_drop", channel: str = "email") -> list[Received]:
    """Return one command a person, all on the second day."""
    return [
        Received(
            action_id=f"00{'0' * 36}-a{number}",
            action=action,
            channel=channel,
            class_="marketing",
            address=Address("email", one.identifiers["email"][0]),
            issued_at=START_MS + DAY_MS + number,
        )
        for number, one in enumerate(truth("shop", people=PEOPLE, seed=7))
    ]


def records(world: World, told: list[Received]) -> list[Simulated]:
    """Return all that comes when `told` is heard at the end of the window it was issued in."""
    found: list[Simulated] = []
    until_ms = START_MS
    waiting = list(told)
    while not world.is_over:
        until_ms += SOONEST_MS
        found += world.before(until_ms)
        while waiting and waiting[0].issued_at < until_ms:
            world.hear(waiting.pop(0))
    return found


def outcomes(found: list[Simulated]) -> Counter[str]:
    return Counter(
        json.loads(one.value)["attributes"]["outcome"] for one in found if one.is_outcome
    )


def test_the_same_commands_get_the_same_answers() -> None:
    assert records(opened(), commands()) == records(opened(), commands())


def test_everything_comes_in_order_and_no_answer_within_the_window() -> None:
    found = records(opened(), commands())
    assert all(one.arrives_ms <= next_.arrives_ms for one, next_ in pairwise(found))
    first = min(one.time_ms for one in found if one.is_outcome)
    assert first >= START_MS + DAY_MS + SOONEST_MS


def test_in_haste_people_say_the_same_sooner() -> None:
    haste = 60.0
    world = opened(haste=haste)
    begin_ms = START_MS + DAY_MS + PEOPLE
    found = list(world.before(begin_ms))
    for command in commands():
        world.hear(command)
    found += world.before(begin_ms + DAY_MS)
    assert outcomes(found) == outcomes(records(opened(), commands()))
    times = [one.time_ms for one in found if one.is_outcome]
    assert START_MS + DAY_MS + SOONEST_MS / haste <= min(times)
    assert max(times) < begin_ms + DAY_MS / haste + SOONEST_MS


def test_who_hears_nothing_answers_nothing() -> None:
    assert not outcomes(records(opened(), []))


def test_of_many_some_see_it_fewer_click_and_few_accept() -> None:
    found = outcomes(records(opened(), commands()))
    assert PEOPLE * 0.6 < found["impression"] < PEOPLE * 0.8  # of e-mails 0.7 are seen
    assert found["impression"] > found["click"] > found["accept"] > 0
    assert found["reject"] > 0


def test_an_acceptance_tells_its_worth_and_brings_an_order() -> None:
    found = records(opened(), commands())
    accepts = [json.loads(one.value) for one in found if one.is_outcome]
    accepts = [one for one in accepts if one["attributes"]["outcome"] == "accept"]
    worths = {one["attributes"]["value"] for one in accepts}
    assert all(60 <= worth <= 120 for worth in worths)
    totals = {
        json.loads(one.value)["attributes"].get("total")
        for one in found
        if one.channel == "web" and b'"order_placed"' in one.value
    }
    assert worths <= totals


def test_a_notice_is_seen_and_never_accepted() -> None:
    found = outcomes(records(opened(), commands("delay_notice")))
    assert found["impression"]
    assert not found["accept"] + found["reject"]


def test_who_is_sent_much_accepts_less() -> None:
    many = [
        msgspec.structs.replace(one, action_id=f"{one.action_id}{again}")
        for again in range(8)
        for one in commands()
    ]
    many.sort(key=lambda one: one.issued_at)
    told = [
        json.loads(one.value)["attributes"] for one in records(opened(), many) if one.is_outcome
    ]
    accepted = Counter(one["action_id"][-1] for one in told if one["outcome"] == "accept")
    first, last = (sum(accepted[again] for again in agains) for agains in ("0123", "4567"))
    assert last < 0.9 * first


def test_an_address_of_nobody_is_answered_by_nobody() -> None:
    stranger = msgspec.structs.replace(commands()[0], address=Address("email", "x@y.org"))
    nowhere = msgspec.structs.replace(stranger, address=None)
    assert not outcomes(records(opened(), [stranger, nowhere]))


def test_answers_end_with_the_quiet_days() -> None:
    last = max(one.time_ms for one in records(opened(), commands()))
    assert last < START_MS + 5 * DAY_MS


def test_every_taste_has_something_to_buy() -> None:
    tastes = {taste for preference in PREFERENCES.values() for taste in preference.tastes}
    assert {"shoes", "jackets", "trousers", "bags", "sports", "home", "kids", "sale"} <= tastes
