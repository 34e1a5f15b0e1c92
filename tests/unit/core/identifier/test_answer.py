"""What an identifier keeps of the answers to its links."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.core.actor import receive
from cjo_stream.core.edge import Edge, Incarnation
from cjo_stream.core.message import Linked, Refused, identifier_key
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Identifier
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from tests.world.scene import HEAD

COOKIE = Incarnation("cookie", "c", "cc" * 16, 0)
DEVICE = Incarnation("device", "d", "dd" * 16, 0)
KEY = identifier_key(COOKIE.hash)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "all.yaml").write_text(
        HEAD + "---\naction: nothing\ntreatments: {mail: {template: t}}\n"
    )
    return load(tmp_path).program


def test_a_link_made_after_all_is_refused_no_more(program: Program) -> None:
    edge = Edge(COOKIE, DEVICE, DEVICE.hash, 0)
    state = Identifier(refused={edge.name: 3_600_000, "another": 3_600_000})
    linked = receive(KEY, state, Linked(edge), Turn(program, 1))
    assert isinstance(linked, Identifier)
    assert list(linked.refused) == ["another"]
    assert edge.name in linked.known


def test_a_refused_order_changes_nothing_of_the_identifier(program: Program) -> None:
    edge = Edge(COOKIE, DEVICE, DEVICE.hash, 0, command_id="order")
    turn = Turn(program, 1)
    state = Identifier()
    assert receive(KEY, state, Refused(edge, "limit"), turn) is state
    assert state == Identifier()
    assert not turn.changed
    assert len(turn.records) == 1
