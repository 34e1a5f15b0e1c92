"""What was chosen in shadow, beside what was sent to the same customers."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.record import (
    Address,
    Choice,
    Decision,
    IdentityChange,
    JourneyRef,
    Suppressed,
    Transition,
    Trigger,
)
from cjo_stream.insight.shadow import NEAR_MS, Shadows, Unsent


def decision(
    customer: str,
    at: int,
    suppressed: Suppressed | None = "shadow",
    chosen: Choice | None = Choice("hello", "email"),  # noqa: B008 - it is never changed
) -> Decision:
    return Decision(
        decision_id=f"{customer}-{at}",
        customer_id=customer,
        time=at,
        trigger=Trigger("timer", None, None),
        request={"act": "hello"},
        journey=JourneyRef("greet", 2, f"{customer}-i1", "greeted"),
        candidates=[],
        chosen=chosen,
        suppressed=suppressed,
        probability=1.0,
        deferred_until=None,
    )


def counted(*records: Decision | Transition | IdentityChange) -> list[tuple[int, int, int]]:
    shadows = Shadows()
    for record in records:
        shadows.add(record)
    return [(one.choices, one.customers, one.near) for one in shadows.rows()]


def test_choices_are_counted_by_version_action_and_channel() -> None:
    shadows = Shadows()
    for one in (
        decision("ann", 0),
        decision("ann", 5),
        decision("bob", 0),
        decision("bob", 1, chosen=Choice("hello", "sms")),
        decision("bob", 2, chosen=None),
        decision("bob", 3, "holdout"),
        decision("cid", 0, None),
    ):
        shadows.add(one)
    assert shadows.rows() == [
        Unsent("greet", 2, "hello", "email", 3, 2, 0),
        Unsent("greet", 2, "hello", "sms", 1, 1, 0),
    ]
    assert shadows.sent == {"email": 1}


def test_a_customer_got_another_message_within_a_day_either_way() -> None:
    at = 5 * NEAR_MS
    for sent, near in (
        (at - NEAR_MS - 1, 0),
        (at - NEAR_MS, 1),
        (at, 1),
        (at + NEAR_MS, 1),
        (at + NEAR_MS + 1, 0),
    ):
        assert counted(decision("ann", at), decision("ann", sent, None)) == [(1, 1, near)]
    assert counted(decision("ann", at), decision("bob", at, None)) == [(1, 1, 0)]


def test_merged_customers_are_one() -> None:
    merged = IdentityChange(kind="merged", customer_id="ann", absorbed=["bob"], time=1)
    found = counted(decision("ann", 0), decision("bob", 0), decision("bob", 1, None), merged)
    assert found == [(2, 1, 1)]


def changed(kind: Any, customer: str, at: int, name: str = "", **of: Any) -> IdentityChange:
    named = [Address("user", name)] if name else []
    return IdentityChange(kind=kind, customer_id=customer, identifiers=named, time=at, **of)


def test_an_unmerge_parts_them_and_takes_along_what_has_moved() -> None:
    changes = [
        changed("created", "ann", 0, "a"),
        changed("created", "bob", 0, "b"),
        changed("merged", "ann", 1, "b", absorbed=["bob"]),
    ]
    of_both = decision("ann", 2)
    assert of_both.journey is not None
    of_both.journey.instance_id = "bob-i1"
    chosen = [decision("ann", 0), decision("bob", 0), of_both, decision("bob", 1, None)]
    assert counted(*changes, *chosen) == [(3, 1, 1)]
    changes.append(changed("unmerged", "bob2", 3, "b", reason="from ann"))
    assert counted(*changes, *chosen) == [(3, 2, 1)]
    # Who was sent nothing but has what was chosen for both: whose it is shows by the instance.
    moved = Transition(
        transition_id="t", customer_id="bob2", journey="greet", version=2, instance_id="bob-i1",
        key=None, from_=None, to=None, reason="moved", outcome=None, time=4,
        trigger=Trigger("timer", None, None), holdout=False,
    )  # fmt: skip
    alone = [of_both, decision("bob", 1, None)]
    assert counted(*changes, *alone) == [(1, 1, 0)]
    assert counted(*changes, *alone, moved) == [(1, 1, 1)]
    erased = changed("erased", "bob2", 9, absorbed=["bob"])
    assert counted(*changes, *chosen, moved, erased) == [(1, 1, 0)]
