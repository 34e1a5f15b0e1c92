"""A history told by this release: what it keeps is held against what comes of it now."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cjo_stream.core.record import Prediction, Reward
from cjo_stream.engine import codec
from cjo_stream.engine.dispatch import Dispatch
from cjo_stream.engine.effect import effect_of
from cjo_stream.engine.frame import Effect, EffectFrame, decode_effect_frame
from cjo_stream.engine.intake import Intake
from cjo_stream.engine.learner import Learner, Publication
from cjo_stream.engine.outgoing import Outbox
from cjo_stream.engine.port import Log, LogRecord, RawRecord, Store
from cjo_stream.engine.task import Task
from cjo_stream.ingest import decoder
from cjo_stream.ingest.trace import TraceReader
from cjo_stream.kafka.definition.log import Published
from cjo_stream.kafka.stage.memory import Reached, Standing, records_of, remembered
from cjo_stream.store.memory import MemoryStore
from tests.replay.history.kept import (
    KEY,
    PARTITIONS,
    History,
    Learnt,
    Pairs,
    Partition,
    Step,
    Taken,
    compile_kept,
    open_task,
)

RAW = "cjo.event.web.v1"
REWARDS = Log("rewards", 0)
PREDICTIONS = Log("predictions", 0)


def store_of(pairs: Pairs) -> MemoryStore:
    """Return a store with these pairs."""
    store = MemoryStore()
    store.write(pairs)
    return store


def pairs_of(store: Store) -> Pairs:
    """Return everything in a store."""
    return list(store.scan(b"", b"\xff"))


def records_from(partition: Partition, after: int) -> list[LogRecord]:
    """Return the records of an internal log beyond offset `after`."""
    return [
        LogRecord(offset, step.time, step.value)
        for offset, step in enumerate(partition.steps)
        if offset > after
    ]


def told(task: Task, store: Store, records: list[LogRecord]) -> Iterator[tuple[Outbox, Pairs]]:
    """Let a task take the records one by one; yield what it sent and its store, before a purge."""
    for record in records:
        outbox = task.process([record])
        task.commit()
        yield outbox, pairs_of(store)
        if task.must_purge:
            task.purge()


def ended(task: Task, store: Store) -> Pairs:
    """Return the store of a task that is stopped in order."""
    task.mark_clean()
    return pairs_of(store)


def differences(history: History, number: int, after: int) -> Iterator[str]:
    """Yield where a partition, continued from its store at `after` (-1: from nothing), differs.

    From nothing it goes to the end; from a store to the next one, from where that one goes on.
    """
    partition = history.partitions[number]
    later = [offset for offset in partition.stores if offset > after >= 0]
    store = store_of(partition.stores[after] if after >= 0 else [])
    task = open_task(number, store, history.given)
    if task.must_purge:
        task.purge()
    records = records_from(partition, after)
    if later:
        records = records[: min(later) - after]
    for record, (outbox, pairs) in zip(records, told(task, store, records), strict=True):
        step, place = partition.steps[record.offset], f"partition {number}, record {record.offset}"
        if outbox.frames != step.frames:
            yield f"{place}: other frames to other tasks"
        if without_details(outbox.effects) != without_details(step.effects):
            yield f"{place}: other effects{_told(outbox.effects, step.effects)}"
        kept = partition.stores.get(record.offset, pairs)
        if pairs != kept:
            yield f"{place}: another store{_keys(pairs, kept)}"
    if not later and (end := ended(task, store)) != partition.end:
        yield f"partition {number}: another store at the end{_keys(end, partition.end)}"


def _told(now: list[bytes], then: list[bytes]) -> str:
    one, other = effects_in(now), effects_in(then)
    for new, old in zip(one, other, strict=False):
        if new != old:
            return f": {new.kind} {new.value[:300]!r} in place of {old.kind} {old.value[:300]!r}"
    return f": {len(one)} in place of {len(other)}"


def _keys(now: Pairs, then: Pairs) -> str:
    one, other = dict(now), dict(then)
    keys = sorted(k for k in {*one, *other} if one.get(k) != other.get(k))
    return f": {len(keys)} keys, the first {keys[0]!r}" if keys else ""


def without_details(frames: list[bytes]) -> list[EffectFrame]:
    """Return effect frames without the texts in `detail` of their dead letters: no result.

    Programs go by the reason. Everything else of a letter is compared.
    """
    decoded = [decode_effect_frame(frame) for frame in frames]
    for item in (item for frame in decoded for item in frame.items):
        item.effect.headers = [
            (name, b"" if name == "detail" else value) for name, value in item.effect.headers
        ]
    return decoded


def effects_in(frames: list[bytes]) -> list[Effect]:
    """Return the effects of frames, in order, without the texts in `detail`."""
    return [item.effect for frame in without_details(frames) for item in frame.items]


# --- intake


def taken_again(history: History, first: int) -> Iterator[Taken]:
    """Take the raw records from the `first` one on, intake resumed where it stood before."""
    rows, positions = history.taken, dict[int, tuple[int, str]]()
    for row in rows[:first]:
        positions[row.lane] = row.position
    ends = {lane: position[0] for lane, position in positions.items()}
    contents = contents_of(history)
    intake, number = None, 0
    for row in rows[first:]:
        if intake is None or row.set != number:
            number = row.set
            program = compile_kept(number, contents[number])
            intake = Intake(decoder(program, KEY, traces=TraceReader()), PARTITIONS, number)
            for lane in {one.lane for one in rows}:
                intake.resume(Log("raw", lane), *positions.get(lane, (0, None)))
        offset = ends.get(row.lane, 0)
        ends[row.lane] = offset + 1
        record = RawRecord(
            RAW, "raw", row.lane, offset, row.time, row.value, None, row.headers, "web"
        )
        step = intake.process([record])
        positions[row.lane] = position = step.positions[Log("raw", row.lane)]
        letters = [effect_of(letter) for letter in step.dead_letters]
        yield msgspec.structs.replace(
            row,
            frames=step.frames,
            letters=[(letter.headers, letter.value) for letter in letters],
            position=position,
        )


def contents_of(history: History) -> dict[int, bytes]:
    """Return the definition sets of a history, by number."""
    published = [
        msgspec.json.decode(value, type=Published)
        for key, value in history.topics["definition"].items()
        if "/" in key.lstrip("/")
    ]
    return {one.number: one.content for one in published}


# --- dispatch


def positions_of(
    steps: list[Step], number: int, first: int = 0, metadata: str | None = None
) -> Iterator[tuple[tuple[int, str], list[Effect]]]:
    """Yield dispatch's position after each effect frame from the `first` on, and what it sent."""
    dispatch = Dispatch("effect")
    dispatch.resume(number, metadata)
    frames = [frame for step in steps for frame in step.effects]
    for offset, frame in enumerate(frames[first:], first):
        step = dispatch.process(number, [LogRecord(offset, 0, frame)])
        yield step.position, step.effects


# --- the learner


def learnt(rewards: list[bytes], at: list[int], before: dict[str, bytes] | None = None) -> Learnt:
    """Let the learner of Kafka take records that teach, publish at those numbers, and remember.

    `before`: its memory at the first of those numbers; else it begins with nothing.
    """
    model, standing = remembered("model", {k.encode(): v for k, v in (before or {}).items()})
    if standing is None:
        standing = Standing(REWARDS.topic_id, 0)
    learner = Learner(model, standing.number, standing.digest)
    kept, published, memory = dict(before or {}), [], []
    for number in range(standing.rewards, len(rewards) + 1):
        if number in at:
            publication: Publication | None = learner.publish()
            if publication is not None:
                published.append((number, publication.parts))
            ours, theirs = (_read_to(log, rewards[:number]) for log in (REWARDS, PREDICTIONS))
            standing = Standing(
                ours.topic_id,
                ours.offset,
                number,
                learner.number,
                learner.digest,
                ours.last,
                ours.end,
                theirs,
            )
            taught = {name: learner.model.treatments[name] for name in learner.taught()}
            kept.update(records_of(taught, standing))
            memory.append((number, dict(kept)))
        if number < len(rewards):
            teach(learner, rewards[number])
    return Learnt(rewards=rewards, published=published, memory=memory)


def teach(learner: Learner, value: bytes) -> None:
    """Let a learner take a record that teaches: a reward, or a prediction."""
    if _log_of(value) is REWARDS:
        learner.learn(msgspec.json.decode(value, type=Reward))
    else:
        learner.learn_outcome(msgspec.json.decode(value, type=Prediction))


def _log_of(value: bytes) -> Log:
    schema = msgspec.json.decode(value)["schema"]
    return REWARDS if schema == "cjo.reward.v1" else PREDICTIONS


def _read_to(log: Log, values: list[bytes]) -> Reached:
    """Return how far a log was read after these values of both."""
    own = [value for value in values if _log_of(value) is log]
    digest = codec.record_digest(0, own[-1]) if own else codec.UNKNOWN
    return Reached(log.topic_id, len(own), digest, len(own) + 1)  # a marker stands behind it
