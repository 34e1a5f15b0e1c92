"""Findings in a small shop: which, since when, in whom; and from no record behind them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from cjo_stream.errors import UsageError
from cjo_stream.insight.friction import rank
from cjo_stream.insight.friction.finding import Finding, findings
from tests.unit.insight.friction import small_shop
from tests.unit.insight.friction.small_shop import DAY_MS, DEFECT_MS, HOUR_MS, connection, world


class Wanted(NamedTuple):
    """What is to be found: the kind at a place."""

    kind: str
    place: str


DEFECTS = {
    "error": [Wanted("error", "event:checkout_error")],
    "loop": [Wanted("repeats", "event:cart_updated"), Wanted("loop", "cart.filling")],
    "slow": [Wanted("dwell", "event:order_placed"), Wanted("dwell", "cart.filling")],
    "drop": [Wanted("dwell", "cart.filling")],
    "stall": [Wanted("drop", "event:parcel_delivered"), Wanted("dwell", "cart.sent")],
    "exits": [Wanted("exits", "cart.filling")],
}


def key(one: Finding) -> tuple[str, str, int, int]:
    return one.kind, one.place, one.began, one.detected


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found_at_its_place_within_a_day_and_in_those_whom_it_struck(
    defect: str,
) -> None:
    of = world(defect)
    found = findings(connection(of))
    by_place = {(one.kind, one.place): one for one in found}
    for wanted in DEFECTS[defect]:
        one = by_place[wanted]
        assert abs(one.began - DEFECT_MS) <= 6 * HOUR_MS
        assert DEFECT_MS < one.detected <= DEFECT_MS + DAY_MS
        assert wanted.place in one.sentence
        assert one.example in one.customers
        assert one.path
    for one in found:
        assert one.began > DEFECT_MS - DAY_MS
        assert len(of.struck & set(one.customers)) > 0.5 * len(one.customers)
    assert [one.finding for one in found] == list(range(1, len(found) + 1))
    sizes = [len(one.customers) for one in found]
    assert sizes == sorted(sizes, reverse=True)


def test_ranks_show_that_all_wait_longer_though_few_wait_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the other pace a wait of 30 to 120 seconds takes 54 to 216: none takes 5 minutes."""
    of = world("pace", share=1.0)
    by_place = {one.place: one for one in findings(connection(of))}
    for place in ("event:order_placed", "cart.filling"):
        assert by_place[place].kind == "dwell"
        assert " waits of 2 minutes or longer, " in by_place[place].sentence
        assert set(by_place[place].customers) <= of.struck
    monkeypatch.setattr(rank, "chances", lambda lengths, *_: np.full(len(lengths), np.nan))
    assert findings(connection(of)) == []


@pytest.mark.parametrize("seed", range(4))
def test_where_nothing_changed_nothing_is_found(seed: int) -> None:
    assert findings(connection(world(seed=seed))) == []


@pytest.mark.parametrize("defect", ["error", "stall", "loop"])
def test_what_was_found_depends_on_no_later_record(defect: str) -> None:
    of = world(defect)
    for one in findings(connection(of)):
        cut = findings(connection(of, before_ms=one.detected + 1))
        assert key(one) in map(key, cut)
        before = findings(connection(of, before_ms=one.detected))
        assert one.place not in [other.place for other in before]


def test_the_same_layer_gives_the_same_findings() -> None:
    of = world("stall")
    assert findings(connection(of)) == findings(connection(of))


def test_events_of_too_many_years_are_refused_until_they_are_of_fewer() -> None:
    of = connection(world())
    of.execute(
        "INSERT INTO event (customer_id, type, time) VALUES ('p1', 'paid', 2305843009213693952)"
    )
    with pytest.raises(UsageError, match="the events of 400 customers are of 73,"):
        findings(of)
    of.execute("DELETE FROM event WHERE type = 'paid'")
    assert findings(of) == []


def test_without_a_baseline_nothing_is_found() -> None:
    of = world("error")
    young = small_shop.World(
        [one for one in of.events if one[3] >= DEFECT_MS - 5 * DAY_MS], [], of.struck
    )
    assert findings(connection(young)) == []
    assert findings(connection(small_shop.World([], [], set()))) == []


def test_the_value_lost_is_what_customers_brought_on_such_days_less_what_they_brought() -> None:
    of = world("drop", share=0.9)
    plain = findings(connection(of))
    valued = findings(connection(of), "order_placed.total")
    assert {one.lost_value for one in plain} == {None}
    for one in valued:
        listed = set(one.customers)
        base = [e for e in of.events if one.began - 14 * DAY_MS <= e[3] < one.began]
        here = [e for e in of.events if one.began <= e[3] < one.until and e[0] in listed]
        a_day = sum(e[4] for e in base if e[1] == "order_placed") / len(
            {(e[0], e[3] // DAY_MS) for e in base}
        )
        days = len({(e[0], e[3] // DAY_MS) for e in here})
        brought = sum(e[4] for e in here if e[1] == "order_placed")
        assert one.lost_value == round(max(0.0, a_day * days - brought), 2)
    assert valued[0].lost_value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("order_place.total", "did you mean order_placed.ATTRIBUTE?"),
        ("order_placed.sum", "has a number at `sum`"),
    ],
)
def test_a_value_that_no_event_has_is_refused_until_it_is_named(text: str, says: str) -> None:
    of = connection(world())
    with pytest.raises(UsageError, match=says.replace("?", "[?]")):
        findings(of, text)
    assert findings(of, "order_placed.total") == []
