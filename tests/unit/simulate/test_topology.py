"""Simulated traffic and the bundled topology of its name understand each other."""

from pathlib import Path

import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.program.program import Program
from cjo_stream.definition import load
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import decoder
from cjo_stream.simulate import Simulated, models, traffic, truth

TOPOLOGIES = Path(__file__).resolve().parents[3] / "topologies"
START_MS = 1_767_225_600_000
DAY_MS = 86_400_000
PEOPLE = {"shop": 300, "federation": 300, "lending": 300, "telco": 200}


def program(topology: str) -> Program:
    return load(TOPOLOGIES / topology).program


def decoded(topology: str, days: int) -> list[tuple[Simulated, Event | InputError]]:
    decode = decoder(program(topology), b"key of the tests")
    records = traffic(
        topology,
        people=PEOPLE[topology],
        seed=7,
        start_ms=START_MS,
        duration_ms=days * DAY_MS,
    )
    return [
        (one, decode(RawRecord("t", "t", 0, n, one.arrives_ms, one.value, channel=one.channel)))
        for n, one in enumerate(records)
    ]


@pytest.mark.parametrize("topology", models())
def test_a_bundled_topology_loads_without_a_warning(topology: str) -> None:
    assert not load(TOPOLOGIES / topology).warnings


@pytest.mark.parametrize("topology", models())
def test_what_is_broken_is_refused_and_nothing_else(topology: str) -> None:
    for one, event in decoded(topology, days=30):
        assert isinstance(event, InputError) == (one.fault == "malformed"), one


@pytest.mark.parametrize("topology", models())
def test_an_event_is_read_as_it_happened_and_of_whom(topology: str) -> None:
    people = {one.person: one for one in truth(topology, people=PEOPLE[topology], seed=7)}
    for one, event in decoded(topology, days=30):
        if isinstance(event, Event):
            assert (event.time, event.channel) == (one.time_ms, one.channel)
            person = people[one.person]
            for told in event.identifiers:
                own = person.identifiers.get(told.type, [])
                assert told.value in own + person.shared.get(told.type, [])


@pytest.mark.parametrize("topology", models())
def test_every_event_type_that_a_journey_waits_for_comes(topology: str) -> None:
    """But for those that only the engine, a journey, or a rarity outside of the model brings."""
    known = program(topology)
    waited = {type_ for journey in known.journeys.values() for type_ in journey.listens}
    waited |= known.entries_on.keys()
    come = {event.type for _, event in decoded(topology, days=60) if isinstance(event, Event)}
    rare = {"journey.ended", "customer_unhappy", "account_closed", "order_cancelled"}
    assert waited - come - rare == set()
