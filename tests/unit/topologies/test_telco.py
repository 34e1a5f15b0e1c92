"""The bundled telco, as its subscribers meet it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cjo_stream.definition import DefinitionSet, load
from cjo_stream.testing import TopologyDriver

FOLDER = Path(__file__).parents[3] / "topologies" / "telco"
ADA = {"account": "acc1", "line": "bl1", "email": "ada@example.com", "phone": "0170 0000 0001"}
SALES = {"sales", "retention"}


@pytest.fixture(scope="module")
def telco() -> DefinitionSet:
    return load(FOLDER)


@pytest.fixture
def driver(telco: DefinitionSet) -> TopologyDriver:
    """Return a telco whose one subscriber has broadband and may be sold to; a Monday."""
    driver = TopologyDriver(telco)
    facts = {"products": ["broadband"], "first_name": "Ada"}
    send(driver, "cjo.profile", "2026-03-02T08:00:00Z", channel="crm", attributes=facts)
    consent = {"purpose": "marketing", "channel": "*", "status": "granted"}
    send(driver, "cjo.consent", "2026-03-02T08:00:01Z", channel="crm", attributes=consent)
    return driver


def send(driver: TopologyDriver, type_: str, at: str, channel: str = "app", **given: Any) -> None:
    driver.send(type_, at=at, channel=channel, identifiers=ADA, **given)


def look(driver: TopologyDriver, at: str) -> None:
    send(driver, "page_viewed", at, attributes={"topic": "tv"})


def sold(driver: TopologyDriver) -> list[str]:
    return [action["action"] for action in driver.actions() if action["issue"] in SALES]


def gates(driver: TopologyDriver) -> dict[str, str | None]:
    """Return the gate that stopped each e-mail of the latest decision over the catalogue."""
    last = [one for one in driver.decisions() if "decide" in one["request"]][-1]
    return {c["action"]: c["gate"] for c in last["candidates"] if c["channel"] == "email"}


def test_an_open_fault_stops_sales_in_the_event_that_opens_it(driver: TopologyDriver) -> None:
    fault = {"fault_id": "f1", "area": "north"}
    send(driver, "fault_opened", "2026-03-02T10:00:00Z", channel="network", attributes=fault)
    look(driver, "2026-03-02T10:00:00Z")
    assert not sold(driver)
    assert gates(driver)["tv_pack"] == "service_gate"


def test_the_event_that_resolves_it_lets_sales_through_again(driver: TopologyDriver) -> None:
    fault = {"fault_id": "f1", "area": "north"}
    send(driver, "fault_opened", "2026-03-02T10:00:00Z", channel="network", attributes=fault)
    send(driver, "fault_resolved", "2026-03-02T11:00:00Z", channel="network", attributes=fault)
    look(driver, "2026-03-02T11:00:00Z")
    assert gates(driver)["tv_pack"] is None
    assert len(sold(driver)) == 1


def test_two_faults_are_two_cases(driver: TopologyDriver) -> None:
    for number in ("f1", "f2"):
        fault = {"fault_id": number, "area": "north"}
        send(driver, "fault_opened", "2026-03-02T10:00:00Z", channel="network", attributes=fault)
    first = {"fault_id": "f1", "area": "north"}
    send(driver, "fault_resolved", "2026-03-02T11:00:00Z", channel="network", attributes=first)
    look(driver, "2026-03-02T11:00:01Z")
    assert gates(driver)["tv_pack"] == "service_gate"


def test_of_a_fault_everybody_is_told_at_once_whatever_the_hour(driver: TopologyDriver) -> None:
    fault = {"fault_id": "f1", "area": "north"}
    send(driver, "fault_opened", "2026-03-02T23:00:00Z", channel="network", attributes=fault)
    assert [(a["action"], a["channel"]) for a in driver.actions()] == [("fault_notice", "sms")]
    driver.advance("9h")
    send(driver, "fault_resolved", "2026-03-03T08:00:00Z", channel="network", attributes=fault)
    told = [action["action"] for action in driver.actions()]
    assert told == ["fault_notice", "fault_delay", "fault_over", "fault_credit"]


def leads(driver: TopologyDriver) -> list[str]:
    return [one["channel"] for one in driver.actions() if one["action"] == "lead"]


def test_a_lead_that_nobody_acknowledges_goes_to_the_next_owner(driver: TopologyDriver) -> None:
    asked = {"lead_id": "l1", "product": "fibre"}
    send(driver, "lead_requested", "2026-03-02T10:00:00Z", channel="crm", attributes=asked)
    assert leads(driver) == ["sales"]
    driver.advance_to("2026-03-02T12:59:59Z")
    assert leads(driver) == ["sales"]
    driver.advance_to("2026-03-02T13:00:00Z")
    assert leads(driver) == ["sales", "partners"]
    driver.advance_to("2026-03-02T16:00:00Z")
    assert leads(driver) == ["sales", "partners", "call"]


def test_a_lead_acknowledged_in_time_stays_where_it_is(driver: TopologyDriver) -> None:
    asked = {"lead_id": "l1", "product": "fibre"}
    send(driver, "lead_requested", "2026-03-02T10:00:00Z", channel="crm", attributes=asked)
    taken = {"lead_id": "l1"}
    send(driver, "lead_acknowledged", "2026-03-02T12:00:00Z", channel="sales", attributes=taken)
    driver.advance("10h")
    assert leads(driver) == ["sales"]
    assert ("lead_handover", "owned") in driver.states("account:acc1")


def test_the_acknowledgement_of_another_lead_is_none(driver: TopologyDriver) -> None:
    asked = {"lead_id": "l1", "product": "fibre"}
    send(driver, "lead_requested", "2026-03-02T10:00:00Z", channel="crm", attributes=asked)
    other = {"lead_id": "l2"}
    send(driver, "lead_acknowledged", "2026-03-02T10:30:00Z", channel="sales", attributes=other)
    driver.advance_to("2026-03-02T13:00:00Z")
    assert leads(driver) == ["sales", "partners"]


def test_who_is_in_debt_is_not_sold_fibre_until_it_is_paid(driver: TopologyDriver) -> None:
    bill = {"bill_id": "b1", "amount": 35}
    send(driver, "bill_overdue", "2026-03-02T10:00:00Z", channel="billing", attributes=bill)
    look(driver, "2026-03-02T10:00:01Z")
    assert gates(driver)["fibre_upgrade"] == "suitable"
    send(driver, "bill_paid", "2026-03-03T10:00:00Z", channel="billing", attributes=bill)
    look(driver, "2026-03-05T10:00:00Z")
    assert gates(driver)["fibre_upgrade"] is None


def test_a_slow_line_makes_fibre_the_better_word(driver: TopologyDriver) -> None:
    slow = {"mbit": 12}
    send(driver, "speed_test", "2026-03-02T10:00:00Z", attributes=slow)
    (weighed,) = [
        c["C"]
        for c in driver.decisions()[-1]["candidates"]
        if (c["action"], c["channel"]) == ("fibre_upgrade", "email")
    ]
    assert weighed == 2


def test_where_somebody_answered_is_known_from_then_on(driver: TopologyDriver) -> None:
    look(driver, "2026-03-02T10:00:00Z")
    (command,) = driver.actions()
    outcome = {"action_id": command["action_id"], "outcome": "click"}
    driver.send(
        "cjo.outcome",
        at="2026-03-02T11:00:00Z",
        channel="email",
        identifiers={},
        attributes=outcome,
    )
    row = driver.customer("account:acc1")
    assert row is not None
    assert row["traits"]["answered_on"] == command["channel"]
