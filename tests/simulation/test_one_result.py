"""One log has one result: whatever lives in a task's process and not in its store has no say.

The logs are those of the simulated world, of identities that merge and part, and of carts beside
states that send each other on for ever. Each is run again and again: never restarted; opened anew
after every commit; killed between each produce and its commit; with a cache that forgets every
actor at once; in batches; rolled back in the midst of every step. All effects, all items for
other partitions and the whole store must be the same bytes.
"""

from __future__ import annotations

import functools
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import ActivateSet, Arrive, Deliver, StoreSet, identifier_key
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from cjo_stream.engine.cache import ActorMemory
from cjo_stream.engine.frame import (
    Item,
    control_frame,
    decode_effect_frame,
    decode_frame,
    single_frame,
    tick_frame,
)
from cjo_stream.engine.lane import Numbering
from cjo_stream.engine.outgoing import Outbox
from cjo_stream.engine.port import Log, LogRecord
from cjo_stream.engine.task import Task
from cjo_stream.store.memory import MemoryStore
from tests.simulation import world as worlds
from tests.simulation.identity import KINDS, live
from tests.simulation.world import START_MS
from tests.world.handling import Handler, wrap_handlers
from tests.world.mesh import open_task
from tests.world.stored import pairs

SEEDS = int(os.environ.get("CJO_SIMULATION_SEEDS", "150")) // 30
_PACK = msgspec.msgpack.Encoder().encode

SPINNING = """
topology: spinning
channels: {web: {in: {}}, mail: {out: {address: user}}}
identity: {identifiers: [{type: user, limit: 1}, {type: cookie, limit: 3}]}
---
journey: cart
version: 1
entry: {on: cart}
initial: waiting
states:
  waiting: {on: {cart: waiting, order: done}, after: {3s: reminded}}
  reminded: {enter: [{act: reminder}], on: {cart: waiting}, after: {2s: done}}
  done: {end: done}
---
journey: spin
version: 1
entry: {on: order}
initial: a
on: {cart: z}
states:
  a: {at: [{time: "0", to: b}]}
  b: {at: [{time: "0", to: a}]}
  z: {end: z}
---
action: reminder
class: service
treatments: {mail: {template: reminder}}
"""


class Result(msgspec.Struct):
    """What came of a log: effects, items by receiver, what the store holds."""

    effects: list[bytes]
    sent: dict[int, list[bytes]]
    store: list[tuple[bytes, bytes]]


class Taker:
    """Takes what a task sends, frames cut open."""

    def __init__(self) -> None:
        self.result = Result([], {}, [])

    def take(self, outbox: Outbox) -> None:
        """Take one step's frames."""
        for frame in outbox.effects:
            self.result.effects += [_PACK(item) for item in decode_effect_frame(frame).items]
        for to, frame in outbox.frames:
            for item in decode_frame(frame).items:
                numbers = (item.offset, item.index, item.previous_offset, item.previous_index)
                told = _PACK(Item(0, *numbers, item.to, item.message))
                self.result.sent.setdefault(to, []).append(told)


def run(
    log: list[LogRecord],
    bounds: dict[str, Any],
    *,
    number: int = 0,
    partitions: int = 1,
    most: Callable[[], int] = lambda: 1,
    share: int = 1,
    opened_anew: bool = False,
    killed: bool = False,
) -> Result:
    """Run a log to its end in steps of `most` records, of which `share` share a commit."""
    store = MemoryStore()
    taker = Taker()
    task = open_task(number, partitions, store, **bounds)
    steps: list[list[LogRecord]] = []
    while task.applied + 1 < len(log):
        steps.append(log[task.processed + 1 :][: most()])
        outbox = task.process(steps[-1])
        if killed:  # what it sent is out, and it begins again
            task = open_task(number, partitions, store, **bounds)
            assert [task.process(records) for records in steps][-1] == outbox
        taker.take(outbox)
        if len(steps) < share and not task.must_commit and task.processed + 1 < len(log):
            continue
        task.commit()
        steps.clear()
        if task.must_purge:
            task.purge()
        if opened_anew:
            task = open_task(number, partitions, store, **bounds)
    # In which records figures and purges were committed is of no account.
    taker.result.store = [pair for pair in pairs(store) if pair[0] != b"m"]
    return taker.result


def check(
    log: list[LogRecord],
    number: int,
    partitions: int,
    draw: random.Random,
    given: dict[str, Any] | None = None,
) -> Result:
    """Raise AssertionError where a log has two results by the `given` bounds; return the one."""
    bounds = {**(given or {}), "timers_per_record_max": draw.choice([1, 2, 3, 5])}
    small = {
        **bounds,
        "memory": ActorMemory(draw.choice([1, 20_000])),
        "wakes_max": draw.choice([1, 2, 3]),
    }
    place = {"number": number, "partitions": partitions}
    steady = run(log, bounds, **place)
    assert run(log, bounds, **place, opened_anew=True) == steady
    assert run(log, bounds, **place, share=3, killed=True) == steady
    assert run(log, small, **place) == steady
    assert run(log, small, **place, most=lambda: draw.randint(1, 9), share=20) == steady
    assert run(log, bounds, **place, most=lambda: len(log)) == steady
    with pytest.MonkeyPatch.context() as patch:
        fault = Fault(patch)

        def armed() -> int:
            fault.arm(draw.randint(1, 4))
            return draw.randint(1, 9)

        assert run(log, bounds, **place, most=armed, share=draw.choice([1, 20])) == steady
    return steady


class Fault:
    """Fails an event when half of its work is done: one in each step for which it is armed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._left = 0

        def faulty(handler: Handler) -> Handler:
            def handle(key: str, state: Any, message: Deliver, turn: Turn) -> Any:
                after = handler(key, state, message, turn)
                self._left -= 1
                if self._left == 0:
                    raise ValueError
                return after

            return handle

        wrap_handlers(patch, Deliver, faulty)
        roll_back = Task._roll_back

        def disarm(task: Task) -> None:
            self._left = 0
            roll_back(task)

        patch.setattr(Task, "_roll_back", disarm)  # what fails for another reason is run again

    def arm(self, events: int) -> None:
        """Let the event of this number from now fail."""
        self._left = events


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_log_of_the_simulated_world_has_one_result(seed: int) -> None:
    draw = random.Random(seed)
    world = worlds.run(seed)
    for number, partition in enumerate(world.partitions):
        check(partition.log, number, len(world.partitions), draw, world.bounds)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_log_of_merges_and_unmerges_has_one_result(kind: Any) -> None:
    for seed in range(max(1, SEEDS // 5)):
        draw = random.Random(seed)
        mesh, _ = live(seed, kind)
        for number, partition in enumerate(mesh.partitions):
            check(partition.log, number, len(mesh.partitions), draw, mesh.bounds)


@pytest.mark.parametrize("seed", range(SEEDS // 2))
def test_a_log_of_carts_put_off_and_of_states_that_spin_has_one_result(seed: int) -> None:
    draw = random.Random(seed)
    result = check(list(spun(draw)), 0, 1, draw)
    kinds = [msgspec.msgpack.decode(item)[4][0] for item in result.effects]
    assert kinds.count("action") > 5
    assert kinds.count("transition") > 1_000


@functools.cache
def spinning() -> bytes:
    """Return the set of SPINNING."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "all.yaml").write_text(SPINNING)
        return load(Path(folder)).content


def spun(draw: random.Random) -> Iterator[LogRecord]:
    """Yield a log: carts and orders of a few customers, at times a few ms or seconds apart."""
    numbers = Numbering()
    now = START_MS
    sets = (StoreSet(1, spinning()), ActivateSet(1))
    yield LogRecord(0, now, control_frame([("", message) for message in sets]))
    for offset in range(1, 120):
        now += draw.choice([0, 0, 1, 2, 900, 3000])
        if draw.random() < 0.3:
            yield LogRecord(offset, now, tick_frame())
            continue
        user = draw.randrange(6)
        hash_ = f"{user:012x}{'0' * 20}"
        kind = draw.choice(["cart"] * 6 + ["order", "other"])
        visit = Event(kind, now, {}, f"e{offset}", "web", [Identifier("user", f"u{user}", hash_)])
        visit.offset = offset
        numbers.begin(offset)
        arrive = Arrive(visit)
        frame = single_frame(Log("raw", 0), *numbers.number(0), identifier_key(hash_), arrive)
        yield LogRecord(offset, now, frame)
