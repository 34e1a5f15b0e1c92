"""How a customer stands, and what each message does in which standing."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from cjo_stream.core import actor
from cjo_stream.core.edge import Edge, Incarnation
from cjo_stream.core.message import (
    Absorb,
    Accept,
    CustomerMessage,
    IdentifierMessage,
    Purge,
    Reject,
    Seed,
    Seeded,
    identifier_key,
)
from cjo_stream.core.program.program import Program
from cjo_stream.core.standing import CHANGING, PRESENT, Standing, standing_of
from cjo_stream.core.state import Customer, Membership, Reservation
from cjo_stream.core.turn import Turn
from cjo_stream.errors import InvariantError

END = Incarnation("user", "ann", "0" * 32, 0)
EDGE = Edge(END, END, "name", 0)
STATES: dict[Standing, Customer | None] = {
    Standing.NOBODY: None,
    Standing.UNSEEDED: Customer(id="x", membership=Membership(is_seeded=False)),
    Standing.ROOT: Customer(id="x"),
    Standing.FROZEN: Customer(id="x", membership=Membership(pending=EDGE)),
    Standing.RESERVING: Customer(
        id="x", membership=Membership(reserved={"y": Reservation({}, {})})
    ),
    Standing.SEEDING: Customer(id="x", membership=Membership(seeding=["y"])),
    Standing.REDIRECT: Customer(id="x", redirect="y"),
    Standing.ERASED: Customer(id="x", erased_at=7),
}
ONLY_IN: dict[Any, set[Standing]] = {
    Accept: {Standing.FROZEN},
    Reject: {Standing.FROZEN},
    Absorb: {Standing.RESERVING},
    Seed: {Standing.NOBODY, Standing.UNSEEDED},
    Seeded: set(PRESENT),
}
"""Answers and pieces of a protocol, which come to nobody else."""


@pytest.mark.parametrize("standing", Standing)
def test_a_standing_is_read_from_the_state(standing: Standing) -> None:
    assert standing_of(STATES[standing]) is standing


@pytest.mark.parametrize("message", get_args(CustomerMessage), ids=lambda one: one.__name__)
def test_each_message_to_a_customer_is_handled_wherever_it_can_come(message: type) -> None:
    handled = set(actor.OF_CUSTOMERS[message])
    if message in ONLY_IN:
        assert handled == ONLY_IN[message]
    else:
        assert handled >= set(Standing) - {Standing.UNSEEDED}


def test_each_message_to_an_identifier_has_its_handler() -> None:
    assert set(actor.OF_IDENTIFIERS) == set(get_args(IdentifierMessage))


@pytest.mark.parametrize("standing", sorted(set(Standing) - {Standing.FROZEN}, key=str))
def test_a_message_that_the_protocol_rules_out_stops_the_process(standing: Standing) -> None:
    with pytest.raises(InvariantError, match=f"a Accept for {standing.value}"):
        actor.receive("px", STATES[standing], Accept("y"), turn())


def test_a_message_for_an_actor_of_the_other_kind_stops_the_process() -> None:
    with pytest.raises(InvariantError, match="a Purge for an identifier"):
        actor.receive(identifier_key("0" * 32), None, Purge(), turn())


def test_while_a_change_is_under_way_the_next_waits() -> None:
    for standing in CHANGING:
        for message in get_args(CustomerMessage):
            handlers = actor.OF_CUSTOMERS[message]
            if handlers.get(Standing.ROOT) is actor.change.on_change:
                assert handlers[standing] is actor.change.on_change_in_queue


def turn() -> Turn:
    return Turn(Program(topology="t", channels={}, identifiers={}), 0)
