"""What an event costs grows only with what the event concerns: lines of the engine are counted."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.definition import load
from tests.world.partition import Partition, event

PEOPLE = 4
LINES_MAX = 16
"""Of a few loops over a customer's instances: which timer is next, who is still watched."""
HEAD = """\
topology: simulated
channels:
  web: {in: {}}
  mail: {out: {address: user}}
identity:
  identifiers:
    - {type: user, limit: 1}
profile:
  traits:
    carts: {count: cart}
---
journey: cart
version: 1
entry: {on: cart}
initial: waiting
states:
  waiting:
    on: {cart: waiting}
    after: {90d: done}
  done: {end: done}
"""
OTHER = """\
---
journey: other_NUMBER
version: 1
entry: {on: begins_NUMBER, when: event.total > 3}
exit: {on: ends_NUMBER, as: over}
initial: waiting
states:
  waiting:
    on: {goes_on_NUMBER: waiting}
    after: {1h: done}
  done: {end: done}
"""
STAYING = """\
---
journey: staying
version: 1
entry: {on: stays, key: event.total, reentry: always}
initial: waiting
states:
  waiting:
    on: {moved: waiting}
    after: {90d: done}
  done: {end: done}
"""


def opened(folder: Path, topology: str) -> Partition:
    folder.mkdir()
    (folder / "topology.yaml").write_text(topology)
    partition = Partition(sets=False)
    partition.control(StoreSet(1, load(folder).content), ActivateSet(1))
    partition.step()
    return partition


def lines(partition: Partition) -> int:
    """Return how many lines of the engine a step runs for a cart of each of the people."""
    at = partition.task.clock % 1_000_000 + 1_000
    for user in range(PEOPLE):
        partition.event(event(user, at + user))
    count = 0

    def note(frame: FrameType, kind: str, _: Any) -> Any:
        nonlocal count
        if "cjo_stream" not in frame.f_code.co_filename:
            return None
        count += kind == "line"
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        partition.step()
    finally:
        sys.settrace(before)
    return count


def test_journeys_that_do_not_concern_an_event_cost_it_nothing(tmp_path: Path) -> None:
    found = []
    for number in (10, 200):
        others = "".join(OTHER.replace("NUMBER", str(one)) for one in range(number))
        partition = opened(tmp_path / str(number), HEAD + others)
        lines(partition)  # everybody enters
        found.append(lines(partition))
    assert found[0] > 100
    assert found[1] == found[0]


def test_instances_that_cannot_hear_an_event_are_not_asked(tmp_path: Path) -> None:
    found = []
    for number in (2, 24):
        partition = opened(tmp_path / str(number), HEAD + STAYING)
        for user in range(PEOPLE):
            for total in range(number):
                partition.event(event(user, total, "stays", total=total))
        partition.step()
        lines(partition)
        found.append(lines(partition))
    more = (found[1] - found[0]) / PEOPLE / (24 - 2)
    assert more <= LINES_MAX, "lines an event for each instance that does not hear it"
