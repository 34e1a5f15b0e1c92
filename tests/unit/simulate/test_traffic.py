"""What simulated traffic promises, whatever the topology."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import islice, pairwise

import pytest

from cjo_stream.errors import UsageError
from cjo_stream.simulate import Faults, Simulated, models, traffic, truth

START_MS = 1_767_225_600_000
DAY_MS = 86_400_000
NO_FAULTS = Faults(late=0, repeated=0, malformed=0)
CHANNELS = {
    "shop": {"web", "app", "store", "parcel", "email", "desk"},
    "lending": {"cases"},
    "federation": {"billing", "portal", "phone"},
    "telco": {"portal", "app", "crm", "sales", "network", "billing"},
}


def simulate(topology: str, days: float = 14, **given: object) -> list[Simulated]:
    asked = {"people": 300, "seed": 7, "start_ms": START_MS, **given}
    return list(traffic(topology, duration_ms=int(days * DAY_MS), **asked))


def digest(records: list[Simulated]) -> str:
    return hashlib.sha256(repr(records).encode()).hexdigest()


@pytest.mark.parametrize("topology", models())
def test_the_same_seed_gives_the_same_traffic_in_any_process(topology: str) -> None:
    program = (
        "import hashlib; from cjo_stream.simulate import traffic;"
        f"records = list(traffic({topology!r}, people=300, seed=7, start_ms={START_MS},"
        f" duration_ms={2 * DAY_MS}));"
        "print(hashlib.sha256(repr(records).encode()).hexdigest())"
    )
    there = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    assert there == {digest(simulate(topology, days=2))}


@pytest.mark.parametrize("topology", models())
def test_another_seed_gives_other_people(topology: str) -> None:
    assert not {record.person for record in simulate(topology)} & {
        record.person for record in simulate(topology, seed=8)
    }


@pytest.mark.parametrize("topology", models())
def test_records_come_in_order_of_arrival_and_never_before_they_happened(topology: str) -> None:
    records = simulate(topology)
    assert all(one.arrives_ms <= next_.arrives_ms for one, next_ in pairwise(records))
    assert all(record.time_ms < record.arrives_ms for record in records)
    assert all(START_MS <= record.time_ms < START_MS + 14 * DAY_MS for record in records)


@pytest.mark.parametrize("topology", models())
def test_every_channel_has_traffic(topology: str) -> None:
    assert {record.channel for record in simulate(topology)} == CHANNELS[topology]


def test_faults_befall_their_share_of_records() -> None:
    faults = Faults(late=0.05, repeated=0.03, malformed=0.02)
    records = simulate("shop", people=600, faults=faults)
    counts = Counter(record.fault for record in records)
    good = counts[""] + counts["late"]
    assert counts["late"] / good == pytest.approx(0.05, rel=0.2)
    assert counts["repeated"] / good == pytest.approx(0.03, rel=0.25)
    assert counts["malformed"] / good == pytest.approx(0.02, rel=0.3)


def test_late_records_are_an_hour_to_four_days_late() -> None:
    late = [r for r in simulate("shop") if r.fault == "late"]
    delays = [r.arrives_ms - r.time_ms for r in late]
    assert min(delays) >= DAY_MS / 24
    assert 2 * DAY_MS < max(delays) < 4 * DAY_MS + 120_000


def test_repeated_records_are_byte_for_byte_what_came_before() -> None:
    seen: set[tuple[str, bytes]] = set()
    repeated = 0
    for record in simulate("shop"):
        if record.fault == "repeated":
            repeated += 1
            assert (record.channel, record.value) in seen
        seen.add((record.channel, record.value))
    assert repeated


def test_without_faults_no_value_comes_twice() -> None:
    values = [record.value for record in simulate("shop", faults=NO_FAULTS)]
    assert len(values) == len(set(values))


def test_traffic_is_made_as_it_is_taken() -> None:
    years = traffic("shop", people=50, seed=1, start_ms=START_MS, duration_ms=3_650 * DAY_MS)
    assert len(list(islice(years, 100))) == 100


@pytest.mark.parametrize(
    ("topology", "people"),
    [("shop", 2_000), ("federation", 600), ("lending", 600), ("telco", 3_000)],
)
def test_a_wanted_rate_is_met_about(topology: str, people: int) -> None:
    records = simulate(topology, people=people, days=1 / 48, rate=10, faults=NO_FAULTS)
    if topology == "shop":
        assert len(records) / (DAY_MS / 48 / 1000) == pytest.approx(10, rel=0.25)
    else:
        assert records


def test_a_topology_without_a_model_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(UsageError, match=r"`acme`, only for: federation, lending, shop, telco"):
        traffic("acme", people=1, seed=1, start_ms=0, duration_ms=1)
    with pytest.raises(UsageError, match="acme"):
        truth("acme", people=1, seed=1)


@pytest.mark.parametrize(
    "wrong",
    [{"people": 0}, {"duration_ms": 0}, {"rate": 0.0}, {"faults": Faults(late=0.9, repeated=0.2)}],
)
def test_arguments_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    asked = {"people": 1, "seed": 1, "start_ms": 0, "duration_ms": 1, **wrong}
    with pytest.raises(UsageError):
        traffic("shop", **asked)  # type: ignore[arg-type] # wrong on purpose


# --- the shop's people


def identifiers_of(record: Simulated) -> dict[str, str]:
    """Return the identifiers told by a good record of the shop, as they are written."""
    row = json.loads(record.value)
    if record.channel == "app":
        device = row["context"]["device"]["id"]
        traits = row["context"].get("traits", {})
        told = {"user_id": row.get("userId"), "device": device, "email": traits.get("email")}
    elif record.channel == "store":
        told = {"loyalty_id": row["card"], "email": row.get("mail")}
    elif record.channel == "parcel":
        told = {"user_id": row.get("customer"), "email": row["mail"]}
    else:
        told = row["identifiers"]
    return {type_: value for type_, value in told.items() if value is not None}


def normal(type_: str, value: str) -> str:
    if type_ == "email":
        return value.lower()
    return "+49" + value[1:].replace(" ", "") if type_ == "phone" else value


def test_every_identifier_told_is_one_of_the_persons_own_or_shared() -> None:
    people = {one.person: one for one in truth("shop", people=300, seed=7)}
    assert len(people) == 300
    for record in simulate("shop"):
        if record.fault == "malformed":
            continue
        person = people[record.person]
        for type_, value in identifiers_of(record).items():
            own, shared = person.identifiers.get(type_, []), person.shared.get(type_, [])
            assert normal(type_, value) in own + shared


def test_only_what_is_shared_is_anybody_elses() -> None:
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    sharers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in truth("shop", people=1_000, seed=7):
        for kind, given in ((owners, one.identifiers), (sharers, one.shared)):
            for type_, values in given.items():
                for value in values:
                    kind[type_, value].add(one.person)
    assert all(len(people) == 1 for people in owners.values())
    typed = {"test@test.com", "nobody@example.com"}
    assert {len(who) for (_, value), who in sharers.items() if value not in typed} == {2, 5}
    assert all(len(sharers["email", value]) > 10 for value in typed)
    assert not owners.keys() & sharers.keys()


def test_people_have_several_identifiers_and_some_log_in_on_several_devices() -> None:
    devices: dict[str, set[str]] = defaultdict(set)
    for record in simulate("shop", faults=NO_FAULTS):
        told = identifiers_of(record)
        if "user_id" in told:
            devices[told["user_id"]] |= {told.get("cookie", ""), told.get("device", "")} - {""}
    assert max(map(len, devices.values())) >= 3


def test_the_shops_events_are_those_that_its_journeys_wait_for() -> None:
    types: Counter[str] = Counter()
    for record in simulate("shop", people=1_500, days=30, faults=NO_FAULTS):
        row = json.loads(record.value)
        if record.channel == "app":
            types[row.get("event", row["type"])] += 1
        elif record.channel == "store":
            types["returned" if row["sum"] < 0 else "receipt"] += 1
        else:
            types[row.get("status") or row["type"]] += 1
    assert set(types) == {
        *("Product Viewed", "Cart Updated", "Order Placed", "identify"),
        *("receipt", "returned", "SHIPPED", "DELAYED", "DELIVERED", "LOST"),
        *("product_viewed", "cart_updated", "order_placed", "order_returned", "review_written"),
        *("account_created", "logged_in", "cjo.profile", "cjo.consent"),
        *("email_opened", "email_clicked", "ticket_opened", "ticket_closed", "survey_answered"),
    }


# --- the federation's customers


def test_two_weeks_one_after_the_other_are_both_in_one() -> None:
    weeks = [simulate("federation", days=7, start_ms=START_MS + n * 7 * DAY_MS) for n in (0, 1)]
    assert all(weeks)
    arrived = sorted(simulate("federation", days=14), key=lambda one: (one.time_ms, one.value))
    assert sorted([*weeks[0], *weeks[1]], key=lambda one: (one.time_ms, one.value)) == arrived
