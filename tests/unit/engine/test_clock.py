"""Clocks that are too far ahead: refused, and let pass by an operator's word."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.message import ActivateSet, Arrive, StoreSet, identifier_key
from cjo_stream.definition import DefinitionSet, compile_content, load
from cjo_stream.embedded.installation import open_installation
from cjo_stream.engine.frame import (
    control_frame,
    decode_effect_frame,
    decode_frame,
    single_frame,
    tick_frame,
)
from cjo_stream.engine.lane import Numbering
from cjo_stream.engine.port import AcceptedClock, Log, LogRecord
from cjo_stream.engine.task import CLOCK_AHEAD_MAX_MS, Task
from cjo_stream.errors import ClockError
from cjo_stream.store.memory import MemoryStore
from tests.world.partition import START_MS, hash_of
from tests.world.stored import pairs

HOUR_MS = 3_600_000
TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user, limit: 1}, {type: cookie, limit: 9}]}
---
journey: visit
version: 1
entry: {on: visit}
initial: here
states:
  here: {on: {visit: here}, after: {30m: gone}}
  gone: {end: gone}
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> DefinitionSet:
    folder = tmp_path_factory.mktemp("clock")
    (folder / "all.yaml").write_text(TOPOLOGY)
    return load(folder)


class Pair:
    """Two partitions: an event names a user of the first and a cookie of the second."""

    def __init__(self, loaded: DefinitionSet) -> None:
        self.logs: list[list[LogRecord]] = [[], []]
        self.stores = [MemoryStore(), MemoryStore()]
        self.accepted: list[list[AcceptedClock]] = [[], []]
        self.effects: list[list[bytes]] = [[], []]
        self._numbers = Numbering()
        self._events = 0
        self.tasks = [self.open(0), self.open(1)]
        for number in (0, 1):
            sets = [StoreSet(1, loaded.content), ActivateSet(1)]
            self.append(number, control_frame([("", message) for message in sets]), START_MS)
            self.step(number, START_MS)

    def open(self, number: int) -> Task:
        """Return a task over a partition's store, as after a restart."""
        return Task(
            number,
            2,
            Log("internal", number),
            self.stores[number],
            compile_content,
            accepted=self.accepted[number],
        )

    def append(self, to: int, frame: bytes, now: int) -> None:
        self.logs[to].append(LogRecord(len(self.logs[to]), now, frame))

    def step(self, number: int, now: int) -> None:
        task = self.tasks[number]
        outbox = task.process(self.logs[number][task.applied + 1 :])
        for to, frame in outbox.frames:
            self.append(to, frame, now)
        for frame in outbox.effects:
            self.effects[number] += [
                item.effect.value for item in decode_effect_frame(frame).items
            ]
        task.commit()

    def visit(self, now: int) -> None:
        """Append a visit of a user with a cookie of its own to the first partition."""
        self._events += 1
        user, cookie = hash_of(2 * self._events), hash_of(2 * self._events + 1)
        named = [Identifier("user", user, user), Identifier("cookie", cookie, cookie)]
        event = Event("visit", now, {}, f"e{self._events}", "web", named)
        self._numbers.begin(self._events)
        to = identifier_key(user)
        frame = single_frame(Log("raw", 0), *self._numbers.number(0), to, Arrive(event))
        self.append(0, frame, now)

    def rest(self, now: int) -> None:
        """Step until no frame is on its way."""
        while any(t.applied + 1 < len(log) for t, log in zip(self.tasks, self.logs, strict=True)):
            for number in (0, 1):
                self.step(number, now)

    def replayed(self, number: int) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
        """Return the effects of a partition's log, and the store, run again record by record."""
        store = MemoryStore()
        task = Task(
            number,
            2,
            Log("internal", number),
            store,
            compile_content,
            accepted=self.accepted[number],
        )
        effects = []
        for record in self.logs[number]:
            for frame in task.process([record]).effects:
                effects += [item.effect.value for item in decode_effect_frame(frame).items]
            task.commit()
        return effects, pairs(store)


def wedged(loaded: DefinitionSet) -> tuple[Pair, int]:
    """Return two partitions of which the second stopped, and at which record."""
    pair = Pair(loaded)
    # The leader of the first has a clock two hours ahead, for one record.
    pair.append(0, tick_frame(), START_MS + 2 * HOUR_MS)
    pair.step(0, START_MS + 1_000)
    pair.visit(START_MS + 2_000)
    pair.step(0, START_MS + 2_000)
    with pytest.raises(ClockError, match="cjo-stream clock accept 1 1"):
        pair.step(1, START_MS + 3_000)
    return pair, 1


def test_a_partition_that_stopped_at_a_clock_goes_on_by_an_operators_word(
    loaded: DefinitionSet,
) -> None:
    pair, offset = wedged(loaded)
    clock = decode_frame(pair.logs[1][offset].value).clock
    assert clock == START_MS + 2 * HOUR_MS
    pair.accepted[1].append(AcceptedClock(offset, clock))
    pair.tasks[1] = pair.open(1)
    now = START_MS + 4_000
    pair.rest(now)
    # The receiver is an hour ahead of the append times, and no more.
    assert pair.tasks[1].clock == now + CLOCK_AHEAD_MAX_MS
    for minute in range(0, 180, 7):
        # What the sender says until real time has caught up passes by the same word.
        now = START_MS + minute * 60_000 + 5_000
        pair.visit(now)
        pair.append(1, tick_frame(), now)
        pair.rest(now)
    told = b"".join(pair.effects[0] + pair.effects[1])
    assert told.count(b'"kind":"linked"') == told.count(b'"reason":"entered"') == 27
    assert pair.tasks[0].clock == pair.tasks[1].clock == now
    for number in (0, 1):
        effects, store = pair.replayed(number)
        assert effects == pair.effects[number]
        assert [p for p in store if p[0] != b"m"] == [
            p for p in pairs(pair.stores[number]) if p[0] != b"m"
        ]


@pytest.mark.parametrize(("later", "higher"), [(1, 0), (0, -1)])
def test_the_word_holds_from_its_record_on_and_for_clocks_no_higher(
    loaded: DefinitionSet, later: int, higher: int
) -> None:
    pair, offset = wedged(loaded)
    clock = START_MS + 2 * HOUR_MS
    pair.accepted[1].append(AcceptedClock(offset + later, clock + higher))
    pair.tasks[1] = pair.open(1)
    with pytest.raises(ClockError):
        pair.step(1, START_MS + 3_000)


def test_embedded_time_that_ran_on_without_events_stops_nobody(
    loaded: DefinitionSet, tmp_path: Path
) -> None:
    def visit(number: int, time: int) -> Event:
        user, cookie = hash_of(2 * number), hash_of(2 * number + 1)
        named = [Identifier("user", user, user), Identifier("cookie", cookie, cookie)]
        return Event("visit", time, {}, f"e{number}", "web", named)

    for run in range(3):
        with open_installation(
            loaded, tmp_path / f"out{run}", state=tmp_path / "state", partitions=2
        ) as one:
            # The log's time is that of the run before, drained for ten days.
            for number in (2 * run, 2 * run + 1):
                one.runtime.offer("lane", number, visit(number + 1, START_MS + 1_000 * number))
            one.runtime.advance(START_MS + 240 * HOUR_MS)
        assert (tmp_path / f"out{run}" / "identities.jsonl").read_text().count("linked") == 2
