"""The bundled shop, as its customers meet it: policy and catalogue together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cjo_stream.definition import DefinitionSet, load
from cjo_stream.testing import TopologyDriver

FOLDER = Path(__file__).parents[3] / "topologies" / "shop"
ADA = {"user_id": "u1", "email": "ada@example.com", "cookie": "c1", "phone": "0151 1"}


@pytest.fixture(scope="module")
def shop() -> DefinitionSet:
    return load(FOLDER)


@pytest.fixture
def driver(shop: DefinitionSet) -> TopologyDriver:
    """Return a shop whose one customer may be sold to; a Monday."""
    driver = TopologyDriver(shop)
    consent = {"purpose": "marketing", "channel": "*", "status": "granted"}
    send(driver, "cjo.consent", "2026-03-02T08:00:00Z", attributes=consent)
    return driver


def send(driver: TopologyDriver, type_: str, at: str, channel: str = "web", **given: Any) -> None:
    driver.send(type_, at=at, channel=channel, identifiers=ADA, **given)


def order(driver: TopologyDriver, number: int, at: str, category: str = "shoes") -> None:
    bought = {"order_id": f"o{number}", "cart_id": f"c{number}", "total": 30, "category": category}
    send(driver, "order_placed", at, attributes=bought)


def sent(driver: TopologyDriver, class_: str) -> list[str]:
    return [action["action"] for action in driver.actions() if action["class"] == class_]


def test_transactional_messages_pass_caps_that_marketing_meets(driver: TopologyDriver) -> None:
    for number in range(4):
        order(driver, number, f"2026-03-0{2 + number}T10:00:00Z")
        order(driver, number + 10, f"2026-03-0{2 + number}T10:05:00Z")
        send(driver, "product_viewed", f"2026-03-0{2 + number}T11:00:00Z")
    assert sent(driver, "transactional").count("order_confirmation") == 8
    days = [action["issued_at"] // 86_400_000 for action in driver.actions()
            if action["class"] == "marketing"]  # fmt: skip
    assert days
    assert max(days.count(day) for day in days) <= 2


def test_what_was_just_bought_decides_what_goes_with_it(driver: TopologyDriver) -> None:
    order(driver, 1, "2026-03-02T10:00:00Z", category="shoes")
    (decision,) = [
        one for one in driver.decisions() if one["request"].get("decide", {}).get("group")
    ]
    weights = {(c["action"], c["channel"]): c["C"] for c in decision["candidates"]}
    assert weights["shoe_care", "web"] == 2.5
    assert weights["sports_bottle", "web"] == 1


def test_who_has_a_problem_is_helped_and_not_sold_to(driver: TopologyDriver) -> None:
    ticket = {"ticket_id": "t1", "topic": "complaint"}
    send(driver, "ticket_opened", "2026-03-02T10:00:00Z", channel="desk", attributes=ticket)
    send(driver, "logged_in", "2026-03-02T10:00:01Z")
    assert sent(driver, "marketing") == []
    assert sent(driver, "service") == ["case_status"]


def test_a_text_in_the_night_waits_for_the_morning(driver: TopologyDriver) -> None:
    driver.send("logged_in", at="2026-03-02T21:30:00Z", channel="web",
                identifiers={"user_id": "u2", "phone": "0151 2"})  # fmt: skip
    consent = {"purpose": "marketing", "channel": "*", "status": "granted"}
    driver.send("cjo.consent", at="2026-03-02T21:29:00Z", channel="web",
                identifiers={"user_id": "u3", "phone": "0151 3"}, attributes=consent)  # fmt: skip
    driver.send("logged_in", at="2026-03-02T21:30:00Z", channel="web",
                identifiers={"user_id": "u3", "phone": "0151 3"})  # fmt: skip
    assert not driver.actions()
    assert driver.decisions()[-1]["deferred_until"] == 1_772_521_200_000  # 08:00 in Berlin
    driver.advance("11h")
    assert [action["channel"] for action in driver.actions()] == ["sms"]


def test_actions_of_a_journey_alone_never_compete(driver: TopologyDriver) -> None:
    send(driver, "logged_in", "2026-03-02T10:00:00Z")
    candidates = driver.decisions()[-1]["candidates"]
    alone = {"welcome", "order_confirmation", "cart_reminder", "apology", "tier_reached"}
    assert {c["gate"] for c in candidates if c["action"] in alone} == {"eligible"}
    assert len({c["action"] for c in candidates}) == 32
