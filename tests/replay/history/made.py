"""A history of this release, made of one walk."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.core import cut, size, timeline
from cjo_stream.core.bounds import BOUNDS
from cjo_stream.definition.content import decode, digest
from cjo_stream.engine import codec, frame
from cjo_stream.engine.task import CLOCK_AHEAD_MAX_MS, TIMERS_PER_RECORD_MAX
from cjo_stream.ingest.tenant import fingerprint
from cjo_stream.kafka.definition.log import TENANT_KEY, Fingerprint, Pointer, Published
from cjo_stream.kafka.position.folder import Folder, record_key
from cjo_stream.kafka.position.position import Position, joined
from cjo_stream.store.memory import MemoryStore
from tests.replay.history import folder
from tests.replay.history.contents import ALL, met_in_store
from tests.replay.history.kept import GIVEN, KEY, PARTITIONS, History, Pairs, Partition, Run, Step
from tests.replay.history.layout import drawn
from tests.replay.history.told import (
    ended,
    learnt,
    open_task,
    positions_of,
    told,
)
from tests.replay.history.walk import START_MS, TOPOLOGY, NotingStore, Walk, sets

RUN_EVENTS: Final = 60
REWARD_WINDOW_MS: Final = 30_000
PREDICTED_MS: Final = 20_000
INTERNAL_ID, EFFECT_ID = "internal", "effect"


def run_killed() -> Run:
    """Return the `run --state` of every history."""
    with tempfile.TemporaryDirectory() as place:
        topology = (TOPOLOGY / "topology.yaml").read_text()
        return folder.killed_run(topology, _run_events(), Path(place))


def make(walk: Walk, run: Run) -> History:
    """Return a history: how a walk went that has come to its end, and what it left."""
    at = _places(walk)
    partitions = [_partition(walk, number, at[number]) for number in range(PARTITIONS)]
    learning = learnt(walk.rewards, _learnt_at(walk))
    with tempfile.TemporaryDirectory() as place:
        first = min(partitions[0].stores)
        checkpoint = folder.checkpoint_of(partitions[0].stores[first], Path(place))
    return History(
        behaviour=codec.BEHAVIOUR,
        given=dict(GIVEN),
        product=product(),
        layout=drawn(*ALL),
        partitions=partitions,
        taken=walk.taken,
        learnt=learning,
        topics={
            "definition": _definition(),
            "cursor": _cursor(walk, partitions),
            "model": learning.memory[-1][1],
        },
        checkpoint=checkpoint,
        run=run,
    )


def product() -> dict[str, int]:
    """Return the product's bounds, numbers and sizes: what goes beyond one is a result."""
    sizes = {
        f"{module.__name__.removeprefix('cjo_stream.')}.{name}": value
        for module in (cut, frame, size, timeline)
        for name, value in vars(module).items()
        if name.endswith("_MAX") and isinstance(value, int)
    }
    bounds = sizes | msgspec.structs.asdict(BOUNDS)
    return {**bounds, "timers": TIMERS_PER_RECORD_MAX, "clock_ahead_ms": CLOCK_AHEAD_MAX_MS}


def _places(walk: Walk) -> list[set[int]]:
    """Return by partition the offsets at which its store holds, all in all, everything met."""
    met: dict[tuple[int, int], set[str]] = {}
    for number, log in enumerate(walk.logs):
        store = NotingStore()
        task = open_task(number, store)
        for record in log:
            store.written.clear()
            task.process([record])
            task.commit()
            met[number, record.offset] = set(met_in_store(store.written))
            if task.must_purge:
                task.purge()
    left = set().union(*met.values())
    at: list[set[int]] = [set() for _ in walk.logs]
    while left:
        number, offset = max(met, key=lambda place: len(met[place] & left))
        left -= met[number, offset]
        at[number].add(offset)
    for number, log in enumerate(walk.logs):
        at[number].add(len(log) // 2)
    return at


def _partition(walk: Walk, number: int, at: set[int]) -> Partition:
    store = MemoryStore()
    task = open_task(number, store)
    log = walk.logs[number]
    steps: list[Step] = []
    stores: dict[int, Pairs] = {}
    for record, (outbox, pairs) in zip(log, told(task, store, log), strict=True):
        steps.append(
            Step(
                time=record.time,
                value=record.value,
                frames=outbox.frames,
                effects=outbox.effects,
            )
        )
        if record.offset in at:
            stores[record.offset] = pairs
    positions = [position for position, _ in positions_of(steps, number)]
    return Partition(steps=steps, stores=stores, end=ended(task, store), positions=positions)


def _learnt_at(walk: Walk) -> list[int]:
    """Return after how many rewards the learner publishes, or only remembers."""
    return sorted({*(number for number, _ in walk.published), len(walk.rewards)})


def _run_events() -> list[str]:
    """Return the events of the run: some hours of three customers, who answer what they get."""
    events = []
    for number in range(RUN_EVENTS):
        user = number % 3
        identifiers = {"user": f"u{user}", "device": f"d{user}", "email": f"u{user}@example.com"}
        given = dict(list(identifiers.items())[number % 2 :])
        at = START_MS + number * 150_000
        type_ = ("order", "cart", "order", "ticket_closed", "cjo.profile")[number % 5]
        attributes = {"cart": f"c{number % 2}", "total": number % 7, "tier": "gold", "ticket": "T"}
        events.append((type_, at, given, attributes))
        if type_ == "order":
            answer = {"action": "nudge", "outcome": ("accept", "reject")[number % 2], "value": 4.5}
            events.append(("cjo.outcome", at + 4_000, given, answer))
        if number == 23:
            # Nobody answers, and the window closes as the learner learns: that reward waits.
            last = START_MS + 3_600_000 - REWARD_WINDOW_MS
            events.append(("order", last, given, attributes))
            # So does an outcome of a prediction.
            last = START_MS + 3_600_000 - PREDICTED_MS
            events.append(("cart", last, given, attributes))
    return [
        json.dumps({"type": t, "time": at, "channel": "web", "identifiers": i, "attributes": a})
        + "\n"
        for t, at, i, a in events
    ]


def _definition() -> dict[str, bytes]:
    records: dict[str, bytes] = {
        TENANT_KEY: msgspec.json.encode(Fingerprint(fingerprint(KEY))),
    }
    for number, one in enumerate(sets(), 1):
        name = digest(decode(one.content))
        records[f"kept/{number}"] = msgspec.json.encode(Published(number, name, one.content))
        records["kept"] = msgspec.json.encode(Pointer(number, name))
    return records


def _cursor(walk: Walk, partitions: list[Partition]) -> dict[str, bytes]:
    """Return copies of positions, as intake and dispatch would keep them, folders and a clock."""
    records: dict[str, bytes] = {}
    for row in walk.taken:
        offset, metadata = row.position
        digest_ = codec.record_digest(row.time, row.value)
        position = Position(offset, joined(INTERNAL_ID, metadata, digest_, blank=row.lane))
        records[f"intake/cjo.event.web.v1/{row.lane}"] = msgspec.json.encode(position)
    for number, partition in enumerate(partitions):
        offset, metadata = partition.positions[-1]
        position = Position(offset, joined(EFFECT_ID, metadata, number))
        records[f"dispatch/cjo.effect.v1/{number}"] = msgspec.json.encode(position)
        one = Folder("a", f"{number:04}", number, "host", f"/cjo-data/a/{number:04}", number > 0)
        records[record_key("a", one.name).decode()] = msgspec.json.encode(one)
    records[f"clock/{INTERNAL_ID}/3/70"] = msgspec.json.encode(walk.clock)
    return records
