"""What operators order, where the protocol has not come to rest, or nobody has come yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.actor import receive
from cjo_stream.core.answer import Nobody
from cjo_stream.core.edge import Edge, Incarnation
from cjo_stream.core.message import (
    Drop,
    Erase,
    Propose,
    Reject,
    Unlink,
    customer_id,
    customer_key,
)
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Reply
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from tests.world.scene import HEAD

ACTION = """---
action: nothing
treatments: {mail: {template: t}}
"""
COOKIE = Incarnation("cookie", "c", "cc" * 16, 0)
DEVICE = Incarnation("device", "d", "dd" * 16, 0)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "all.yaml").write_text(HEAD + ACTION)
    return load(tmp_path).program


def key_of(incarnation: Incarnation, program: Program) -> str:
    rank = program.identifiers[incarnation.type].rank
    return customer_key(customer_id(rank, incarnation.hash, incarnation.epoch))


@pytest.mark.parametrize("order", [Erase("o", True), Unlink("o", COOKIE.hash, None, True)])
def test_an_order_about_a_customer_of_whom_no_event_came_is_answered(
    program: Program, order: Erase | Unlink
) -> None:
    turn = Turn(program, 1)
    assert receive(key_of(COOKIE, program), None, order, turn) is None
    assert turn.records == [Reply(command_id="o", body=Nobody())]


def test_an_identifier_that_left_before_its_customer_was_born_is_no_member_of_it(
    program: Program,
) -> None:
    key = key_of(DEVICE, program)
    turn = Turn(program, 1)
    left: Any = receive(key, None, Drop(DEVICE, "shared"), turn)
    assert left == Customer(id=key[1:])
    assert turn.records == []
    edge = Edge(DEVICE, COOKIE, COOKIE.hash, 0)
    turn = Turn(program, 2)
    receive(key, left, Propose(key_of(COOKIE, program)[1:], {}, {}, DEVICE, edge), turn)
    assert turn.messages == [(key_of(COOKIE, program), Reject("stale"))]
