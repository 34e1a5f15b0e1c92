"""A task says what a set would do to its customers, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cjo_stream.core.message import Foresee
from cjo_stream.definition import compile_stored, load, succeed
from cjo_stream.engine import codec
from cjo_stream.engine.prospect import Foreseen, People, together
from tests.world import TOPOLOGY
from tests.world.partition import LOADED, Partition, event

CUSTOMERS = 5


@pytest.fixture
def candidate(tmp_path: Path) -> bytes:
    for path in sorted(Path(TOPOLOGY).rglob("*.yaml")):
        text = path.read_text().replace("journey: cart\n", "journey: cart\nstatus: retired\n")
        (tmp_path / path.name).write_text(text)
    return succeed(load(tmp_path), LOADED.content)


def asked(partition: Partition, content: bytes, after: str, most: int) -> Foreseen:
    before = list(partition.store.scan(*codec.CUSTOMERS))
    partition.control(Foresee(content, after, most, "question"))
    partition.step()
    assert list(partition.store.scan(*codec.CUSTOMERS)) == before
    return msgspec.convert(partition.sent("reply")[-1]["body"], Foreseen)


@pytest.mark.parametrize("most", [1, 2, 5, 6])
def test_questions_about_some_are_together_one_about_all(candidate: bytes, most: int) -> None:
    partition = Partition()
    for user in range(CUSTOMERS):
        partition.event(event(user, user))
    partition.run()
    parts: list[People] = []
    after: str | None = ""
    while after is not None:
        answer = asked(partition, candidate, after, most)
        parts.append(answer.people)
        after = answer.after
    whole = asked(partition, candidate, "", 100).people
    assert together(parts) == whole
    assert (whole.customers, whole.changed) == (CUSTOMERS, CUSTOMERS)
    (row,) = whole.instances
    assert (row.journey, row.live, row.fate, row.outcome) == ("cart", CUSTOMERS, "end", "retired")
    assert partition.task.active_number == 1
    assert compile_stored(candidate).retired


def test_a_set_that_does_not_compile_is_said_to(candidate: bytes) -> None:
    partition = Partition()
    answer = asked(partition, b"no set", "", 10)
    assert "does not compile here" in str(answer.error)
    assert answer.people == People()
