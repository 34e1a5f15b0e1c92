"""Instances that have ended are kept only as long as their goals can be marked."""

from __future__ import annotations

import pytest

from cjo_stream.core.event import Event
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.journey.instance import forget_unwatchable
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer, Instance
from cjo_stream.core.turn import Turn


@pytest.mark.parametrize("others", [0, 1])
def test_an_ended_instance_is_forgotten_once_no_late_event_can_mark_its_goal(others: int) -> None:
    """Whether or not others are live beside it."""
    program = Program(topology="t", channels={}, identifiers={})
    event = Event("begin", 0, {}, "e", "web", [])
    ended = Instance("i0", "gone", 1, None, None, 0, 0, {}, event)
    live = [Instance("i1", "gone", 1, 1, "open", 0, 0, {}, event) for _ in range(others)]
    customer = Customer("c", instances=[ended, *live])
    forget_unwatchable(Cascade(customer, Turn(program, 2 * 86_400_000), None))
    assert customer.instances == live
