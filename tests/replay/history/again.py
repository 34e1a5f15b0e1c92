"""The adversary's: kept histories and new walks, told again in random batches, with crashes."""

from __future__ import annotations

import functools
import random
from collections import Counter

from cjo_stream.core.journey.rollout import concerns
from cjo_stream.core.program.program import VERDICTS_MAX
from cjo_stream.core.state import Customer
from cjo_stream.engine.codec import (
    BEHAVIOUR,
    META_KEY,
    Meta,
    decode_actor,
    decode_meta,
    set_key,
)
from cjo_stream.engine.port import LogRecord
from cjo_stream.engine.sets import OLDER_KEPT
from cjo_stream.engine.task import Task
from cjo_stream.store.memory import MemoryStore
from tests.adversary.limit import failure_of
from tests.replay.history import kept
from tests.replay.history.kept import open_task
from tests.replay.history.told import Pairs, effects_in, ended, pairs_of, records_from, store_of
from tests.replay.history.walk import Walk

BATCH_MAX = 20
CRASHES = 0.1
WALK_EVENTS = (10, 120)


def run_kept(seed: int) -> Counter[str]:
    """Continue a partition of the kept history from one of its stores to the next, or the end."""
    draw = random.Random(seed)
    partitions = kept.read(BEHAVIOUR).partitions
    number = draw.randrange(len(partitions))
    partition = partitions[number]
    after = draw.choice([-1, *partition.stores])
    later = sorted(offset for offset in partition.stores if offset > after)
    to = later[0] if later else len(partition.steps) - 1
    records = records_from(partition, after)[: to - after]
    store = store_of(partition.stores[after] if after >= 0 else [])
    met, effects, pairs = _told(draw, number, store, records, is_end=not later)
    frames = [frame for step in partition.steps[after + 1 : to + 1] for frame in step.effects]
    assert effects == effects_in(frames), f"partition {number} from {after}: other effects"
    expected = partition.stores[to] if later else partition.end
    is_same = _purged(number, pairs) == _purged(number, expected)
    assert is_same, f"partition {number} from {after}: another store at {to}"
    return met


def run_walk(seed: int) -> Counter[str]:
    """Let a walk happen, and tell each of its logs again."""
    return _walked(seed, random.Random(f"events {seed}").randint(*WALK_EVENTS))


def smallest_walk(seed: int) -> str:
    """Return the fewest events with which the walk of a seed breaks a promise."""
    for events in range(1, WALK_EVENTS[1] + 1):
        failure = failure_of(functools.partial(_walked, seed, events))
        if failure is not None:
            return f"walk {seed} of {events} events: {failure}"
    return f"walk {seed} breaks nothing"


def _walked(seed: int, events: int) -> Counter[str]:
    draw = random.Random(f"again {seed}")
    walk = Walk(seed, events)
    walk.run()
    met: Counter[str] = Counter()
    for number, log in enumerate(walk.logs):
        found, effects, pairs = _told(draw, number, MemoryStore(), log, is_end=False)
        assert effects == effects_in(walk.effects[number]), f"partition {number}: other effects"
        expected = _purged(number, pairs_of(walk.stores[number]))
        assert _purged(number, pairs) == expected, f"partition {number}: another store"
        met += found
    return met


def _purged(number: int, pairs: Pairs) -> list[tuple[bytes, object]]:
    """Return a store without what depends on where its batches ended.

    That is what it still had to purge; sets that nobody lacks any more, which go when the next one
    comes into force; that a customer is known to lack no set, which is written with the next
    change; and the order of the states in which instances are counted: one without instances is
    left out where a batch ends, and comes back behind the others.
    """
    store = store_of(pairs)
    task = open_task(number, store)
    if task.must_purge:
        task.purge()
    meta = decode_meta(dict(pairs_of(store))[META_KEY])
    spare = _spare_sets(meta, store)
    found: list[tuple[bytes, object]] = []
    for key, value in pairs_of(store):
        if key[:2] == b"sp":
            found.append((key, _brought_up(key[1:].decode(), value, task)))
        elif key not in spare:
            found.append((key, meta if key == META_KEY else value))
    return found


def _brought_up(key: str, value: bytes, task: Task) -> object:
    """Return a customer, of the revision in force where none that it may lack concerns it."""
    customer = decode_actor(key, value)
    assert isinstance(customer, Customer)
    if not any(concerns(customer, program) for program in task._turns.lacking(customer.revision)):
        customer.revision = max(task._state.sets.revision, customer.revision)
    return customer


def _spare_sets(meta: Meta, store: MemoryStore) -> list[bytes]:
    """Return the keys of sets that are not kept: neither needed nor among the newest."""
    needed = min((one // VERDICTS_MAX for one in meta.rollout.revisions), default=meta.active)
    older = [key for number in range(meta.active) if store.get(key := set_key(number)) is not None]
    return [key for key in older[:-OLDER_KEPT] if key < set_key(needed)]


def _told(
    draw: random.Random, number: int, store: MemoryStore, records: list[LogRecord], *, is_end: bool
) -> tuple[Counter[str], list[object], Pairs]:
    """Return what was met, what went out and the store, where a task takes records and dies."""
    met: Counter[str] = Counter()
    effects: list[object] = []
    task = open_task(number, store)
    if task.must_purge:
        task.purge()
    left, pairs = list(records), pairs_of(store)
    while left:
        batch = left[: draw.randint(1, BATCH_MAX)]
        outbox = task.process(batch)
        if draw.random() < CRASHES:
            met["dies before it writes"] += 1
            task = open_task(number, store)
            continue
        effects += effects_in(outbox.effects)
        task.commit()
        pairs = pairs_of(store)
        del left[: len(batch)]
        if task.must_purge:
            met["must purge"] += 1
            if left and draw.random() < CRASHES:
                met["dies before it purges"] += 1
                task = open_task(number, store)
            task.purge()
        if draw.random() < CRASHES:
            met["dies after it has written"] += 1
            task = open_task(number, store)
    return met, effects, ended(task, store) if is_end else pairs
