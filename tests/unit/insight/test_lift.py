"""docs/learning.md, lift: held out and treated compared."""

from __future__ import annotations

import random

import pytest

from cjo_stream.core.record import (
    Address,
    Candidate,
    Choice,
    Decision,
    IdentityChange,
    JourneyRef,
    Transition,
    Trigger,
)
from cjo_stream.insight.cohort import Cohorts, Lift
from cjo_stream.insight.estimate import Estimate
from cjo_stream.insight.lift import Difference, Group, Mixed, compare_rates, compare_values

TRIGGER = Trigger("event", None, None)


def group(customers: int, goals: int) -> Group:
    return Group(customers, goals)


def test_the_interval_is_newcombes() -> None:
    """56 of 70 against 48 of 80: the paper's first example, method 10."""
    found = compare_rates(group(70, 56), group(80, 48))
    assert found is not None
    assert found.lift.value == pytest.approx(0.2)
    assert found.lift.low == pytest.approx(0.0524, abs=5e-5)
    assert found.lift.high == pytest.approx(0.3339, abs=5e-5)
    assert found.is_seen


@pytest.mark.parametrize(
    ("low", "high", "seen"),
    [(0.0, 1.0, False), (-1.0, 0.0, False), (0.1, 1.0, True), (-1.0, -0.1, True)],
)
def test_a_difference_is_seen_where_its_interval_leaves_out_zero(
    low: float, high: float, seen: bool
) -> None:
    assert Difference(0.0, 0.0, Estimate(0.0, low, high), 0.0).is_seen is seen


def test_groups_without_a_goal_have_an_interval_too() -> None:
    found = compare_rates(group(10, 0), group(10, 0))
    assert found is not None
    assert found.lift.low < 0 < found.lift.high
    assert not found.is_seen


def test_an_empty_group_is_not_compared() -> None:
    assert compare_rates(group(10, 1), group(0, 0)) is None
    assert compare_values(group(10, 1), group(1, 0)) is None
    assert compare_values(group(1, 0), group(10, 1)) is None


def test_in_100_worlds_the_interval_of_the_rates_covers_the_true_lift_in_90() -> None:
    covered = seen = 0
    for seed in range(100):
        chance = random.Random(seed)
        treated, held_out = Group(), Group()
        for _ in range(2_000):
            held = chance.random() < 0.1
            goal = chance.random() < (0.05 if held else 0.12)
            (held_out if held else treated).add(goal=goal)
        found = compare_rates(treated, held_out)
        assert found is not None
        covered += found.lift.low <= 0.07 <= found.lift.high
        seen += found.is_seen
    assert covered >= 90
    assert seen >= 80


def test_in_100_worlds_the_interval_of_the_values_covers_the_true_lift_in_90() -> None:
    covered = 0
    for seed in range(100):
        chance = random.Random(seed)
        treated, held_out = Group(), Group()
        for _ in range(1_000):
            held = chance.random() < 0.2
            value = chance.expovariate(1 / 50) if chance.random() < (0.2 if held else 0.3) else 0.0
            (held_out if held else treated).add(goal=bool(value), value=value)
        found = compare_values(treated, held_out)
        assert found is not None
        covered += found.lift.low <= 5.0 <= found.lift.high
    assert covered >= 90


def test_a_lift_of_the_detectable_size_is_seen_in_four_of_five_worlds() -> None:
    size = compare_rates(group(1_000, 100), group(1_000, 100))
    assert size is not None
    seen = 0
    for seed in range(200):
        chance = random.Random(seed)
        fewer = sum(chance.random() < 0.1 for _ in range(1_000))
        more = sum(chance.random() < 0.1 + size.detectable for _ in range(1_000))
        found = compare_rates(group(1_000, more), group(1_000, fewer))
        assert found is not None
        seen += found.is_seen
    assert 140 <= seen <= 185


# --- who is compared


def chose(customer: str, at: int, *, held: bool = False, journey: str = "j") -> Decision:
    return Decision(
        decision_id=f"{customer}-d{at}",
        customer_id=customer,
        time=at,
        trigger=TRIGGER,
        request={},
        journey=JourneyRef(journey, 1, f"{customer}-{journey}", "s"),
        candidates=[Candidate(action="a", channel="mail", gate=None)],
        chosen=Choice("a", "mail"),
        suppressed="holdout" if held else None,
    )


def moved(customer: str, at: int, reason: str = "entered", **more: object) -> Transition:
    journey = str(more.get("journey", "j"))
    return Transition(
        transition_id=f"{customer}-t{at}",
        customer_id=customer,
        journey=journey,
        version=1,
        instance_id=f"{customer}-{journey}",
        key=None,
        from_=None,
        to=None,
        reason=reason,
        outcome=None,
        time=at,
        trigger=TRIGGER,
        holdout=bool(more.get("held", False)),
    )


def merged(stays: str, goes: str) -> IdentityChange:
    return IdentityChange(kind="merged", customer_id=stays, absorbed=[goes], time=50)


def compared(*records: Decision | Transition | IdentityChange) -> list[Lift]:
    cohorts = Cohorts()
    for record in records:
        cohorts.add(record)
    return cohorts.compare()


def figures(lift: Lift) -> tuple[tuple[int, int], tuple[int, int], int]:
    treated, held_out = lift.treated, lift.held_out
    return (
        (treated.customers, treated.goals),
        (held_out.customers, held_out.goals),
        lift.mixed.customers,
    )


def test_customers_count_from_their_first_choice_and_goals_from_then_on() -> None:
    (lift,) = compared(
        *(moved(c, 1) for c in ("t1", "t2", "t3")),
        *(moved(c, 1, held=True) for c in ("h1", "h2")),
        moved("t1", 20, "goal"),
        moved("t2", 5, "goal"),
        moved("t3", 20, "goal"),  # was never sent anything: not compared
        moved("h1", 20, "goal", held=True),
        chose("t1", 10),
        chose("t2", 10),
        chose("h1", 10, held=True),
        chose("h2", 10, held=True),
    )
    assert lift.journey == "j"
    assert figures(lift) == ((2, 1), (2, 1), 0)


def test_a_journey_without_held_out_customers_is_not_compared() -> None:
    assert compared(moved("t", 1), chose("t", 10), moved("t", 20, "goal")) == []


def test_a_held_out_customer_sent_something_transactional_stays_held_out() -> None:
    (lift,) = compared(moved("h", 1, held=True), chose("h", 5), chose("h", 10, held=True))
    assert figures(lift) == ((0, 0), (1, 0), 0)


def test_customers_who_merged_are_one_and_left_out_where_they_were_both() -> None:
    records = [
        *(moved(c, 1) for c in ("t1", "t2")),
        *(moved(c, 1, held=True) for c in ("h1", "h2")),
        chose("t1", 10),
        chose("t2", 10),
        chose("h1", 10, held=True),
        chose("h2", 10, held=True),
        merged("t1", "h1"),
        merged("a", "h2"),
        moved("a", 60, "goal"),
    ]
    (lift,) = compared(*records)
    assert figures(lift) == ((1, 0), (1, 1), 1)
    # Both were chosen for at the same time: then it counts as held out first.
    assert lift.mixed == Mixed(0, 1)
    earlier = compared(*records, moved("t1", 1), chose("t1", 9))
    assert earlier[0].mixed == Mixed(1, 0)


def test_customers_who_parted_are_two_again_with_what_moved() -> None:
    """Before the unmerge they are one, of both groups; after it, each is of the own one."""
    named = [Address(type="user", value="h")]
    records = [
        IdentityChange(kind="created", customer_id="h1", identifiers=named, time=0),
        moved("t1", 1),
        moved("h1", 1, held=True),
        chose("t1", 10),
        chose("h1", 10, held=True),
        merged("t1", "h1"),
        moved("t1", 60, "goal"),
        moved("h2", 90, "goal", held=True),
    ]
    parted = IdentityChange(
        kind="unmerged", customer_id="h2", identifiers=named, reason="from t1", time=80
    )
    (joined,) = compared(*records[:-1], moved("x", 1, held=True), chose("x", 10, held=True))
    assert figures(joined) == ((0, 0), (1, 0), 1)
    # In any order of arrival.
    for given in ([*records, parted], [parted, *reversed(records)]):
        (lift,) = compared(*given)
        assert figures(lift) == ((1, 1), (1, 1), 0)
    erased = IdentityChange(kind="erased", customer_id="h2", absorbed=["h1"], time=99)
    assert compared(*records, parted, erased) == []


def asked(customer: str, action: str, gate: str | None, at: int = 10) -> Decision:
    return Decision(
        decision_id=f"{customer}-d{at}",
        customer_id=customer,
        time=at,
        trigger=TRIGGER,
        request={},
        journey=JourneyRef("j", 1, "i", "s"),
        candidates=[Candidate(action=action, channel="mail", gate=gate)],
        chosen=None,
    )


def test_the_universal_holdout_is_told_by_its_gate_and_compares_those_who_were_asked() -> None:
    (lift,) = compared(
        asked("h", "offer", "holdout"),
        asked("t1", "offer", None),
        asked("t2", "offer", "consent"),
        asked("s", "receipt", None),  # no marketing: says nothing
        moved("t2", 20, "goal", journey="other"),
    )
    assert lift.journey is None
    assert figures(lift) == ((2, 1), (1, 0), 0)


def test_values_are_compared_where_they_are_given() -> None:
    cohorts = Cohorts()
    for name in ("t1", "t2", "h1", "h2"):
        held = name.startswith("h")
        cohorts.add(moved(name, 1, held=held))
        cohorts.add(chose(name, 10, held=held))
    (lift,) = cohorts.compare({"t1": 10.0, "t2": 20.0, "h1": 4.0})
    assert lift.value is not None
    assert (lift.value.treated, lift.value.held_out) == (15.0, 2.0)


def grouped(treated: int, held_out: int) -> Cohorts:
    cohorts = Cohorts()
    for number in range(treated + held_out):
        name, held = f"c{number}", number >= treated
        cohorts.add(moved(name, 1, held=held))
        cohorts.add(chose(name, 10, held=held))
        if number % 2:
            cohorts.add(moved(name, 20, "goal", held=held))
    return cohorts


def test_in_all_is_the_lift_times_the_treated_customers() -> None:
    cohorts = grouped(30, 10)
    (lift,) = cohorts.compare(
        {f"c{number}": float(number < 30) * 8 + number % 3 for number in range(40)}
    )
    assert lift.rate is not None
    assert lift.value is not None
    for difference, in_all in ((lift.rate, lift.goals_gained), (lift.value, lift.value_gained)):
        assert in_all is not None
        of_one = difference.lift
        assert (in_all.value, in_all.low, in_all.high) == pytest.approx(
            (30 * of_one.value, 30 * of_one.low, 30 * of_one.high)
        )
    assert (lift.share, lift.chance, lift.is_withheld) == (None, None, False)


def test_groups_of_other_sizes_than_the_share_are_not_compared() -> None:
    cohorts = grouped(300, 100)
    (lift,) = cohorts.compare({}, {"j": 0.25, None: 0.9})
    assert (lift.chance, lift.is_withheld) == (1.0, False)
    assert lift.rate is not None
    (lift,) = cohorts.compare({}, {"j": 0.15})
    assert lift.is_withheld
    # 100 of 400 are off by 40 from 60, at a deviation of 7.141: 5.6 of them.
    assert lift.chance == pytest.approx(2.1e-8, rel=0.1)
    assert (lift.rate, lift.value, lift.goals_gained, lift.value_gained) == (None,) * 4
    (lift,) = cohorts.compare({}, {"k": 0.01})
    assert lift.chance is None
