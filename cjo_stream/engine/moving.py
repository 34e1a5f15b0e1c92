"""What becomes of the tasks' stores when a customer base moves, maybe to other partitions.

    in a store (codec)    after the move
    s, h, t               in the partition that its actor has now, byte for byte
    l i, l o              gone: the new logs have lanes of their own, whose numbers begin anew
    d, w                  in every partition
    m: clock              the highest of all partitions: no actor sees time go back
       active, model, verdicts, the set that customers have reached      in every partition
       sweeps, decider    with the first partition's task, which alone has them
       events             their sum, with the first partition's task
       live               counted anew
       purges             gone: what was erased does not move
       the rest           of the new log

A base moves only at rest (`joined`): all that tasks sent each other has arrived, and no set is on
its way to sleeping customers. Everything else (timers, waits, links that are asked for, customers
that are being joined or parted) stands in the actors' states, and goes on where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import msgspec

from cjo_stream.core.message import Verdict, partition_of
from cjo_stream.engine import codec
from cjo_stream.engine.decider import Decider
from cjo_stream.engine.frame import START, Position
from cjo_stream.engine.governor import GOVERNOR, Sweeps
from cjo_stream.engine.lane import Cursors, Numbering
from cjo_stream.engine.outgoing import EFFECTS
from cjo_stream.engine.port import Batch, Log, Store
from cjo_stream.engine.position import count_live
from cjo_stream.engine.rollout import Rollout

Pair = tuple[bytes, bytes]
"""A key of a store and its value."""
_ACTORS: Final = ((b"s", b"t"), (b"h", b"i"), codec.TIMERS)
_KEYED: Final = {b"s": 1, b"h": 1, b"t": 9}
"""Where the actor's key begins in a store's key."""
_WRITTEN_AT_ONCE: Final = 5_000
_HASHED: Final = 15
"""So much of an actor's key says in which partition it is."""


class Common(msgspec.Struct, kw_only=True):
    """What all partitions have alike, or the first one's task has for all."""

    behaviour: int
    clock: int
    active: int
    revision: int
    """Of the set that all customers have reached."""
    model: int
    verdicts: list[Verdict]
    events: dict[str, int]
    applied: int
    """The last set of which there is a governance record."""
    decider: Decider
    sets: dict[int, bytes]
    models: list[tuple[int, int, int, bytes]]
    """The parts of the model in force: number, part, how many parts, content."""


class Part(msgspec.Struct, frozen=True):
    """What a store says of itself, besides its actors.

    All partitions have the same sets and models, so only the first one's are read.
    """

    meta: codec.Meta
    sets: Mapping[int, bytes]
    models: Sequence[tuple[int, int, int, bytes]]
    accepted: Mapping[Log, Position]
    """The cursors."""
    sent: Mapping[int, Position]


class NotAtRestError(Exception):
    """The base cannot move now; `problems` say of each partition what is missing."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


def part_of(store: Store, number: int) -> Part:
    """Return what the store of a partition says of itself; a new one says nothing."""
    value = store.get(codec.META_KEY)
    sets, models = (
        (store.scan(*codec.SETS), store.scan(*codec.MODELS)) if number == GOVERNOR else ((), ())
    )
    return Part(
        codec.decode_meta(value) if value is not None else codec.Meta(),
        {codec.read_set_key(key): codec.decode_set(found) for key, found in sets},
        [(*codec.read_model_key(key), *codec.decode_model_part(part)) for key, part in models],
        Cursors.of(store).all(),
        Numbering.of(store).last(),
    )


def joined(parts: Sequence[Part]) -> Common:
    """Return what the partitions have in common; raises NotAtRestError."""
    metas = [part.meta for part in parts]
    first = metas[GOVERNOR]
    problems = [*_governed(metas), *_on_their_way(parts)]
    if problems:
        raise NotAtRestError(problems)
    revisions = first.rollout.revisions or [0]
    events: dict[str, int] = {}
    for meta in metas:
        for result, number in meta.events.items():
            events[result] = events.get(result, 0) + number
    return Common(
        behaviour=first.behaviour,
        clock=max(meta.clock for meta in metas),
        active=first.active,
        revision=revisions[-1],
        model=first.model,
        verdicts=first.verdicts,
        events=events,
        applied=first.sweeps.applied,
        decider=first.decider,
        sets={n: found for n, found in parts[GOVERNOR].sets.items() if n <= first.active},
        models=[one for one in parts[GOVERNOR].models if one[0] == first.model],
    )


def _governed(metas: Sequence[codec.Meta]) -> Iterator[str]:
    """Yield where partitions differ in the set, the verdicts and the model by which they run."""
    first = metas[GOVERNOR]
    for number, meta in enumerate(metas):
        if not meta.active:
            yield f"partition {number} has no definition set in force"
        elif (meta.active, meta.verdicts) != (first.active, first.verdicts):
            yield f"partition {number} has another definition set in force than partition 0"
        elif meta.rollout.after is not None:
            yield (
                f"partition {number} still brings sleeping customers up to set {meta.active}, "
                f"{meta.rollout.reached} so far"
            )
        if meta.model != first.model:
            yield f"partition {number} has another learnt model in force than partition 0"
        if meta.behaviour != codec.BEHAVIOUR and not meta.clean:
            yield (
                f"partition {number} was left in the middle by a release of behaviour "
                f"{meta.behaviour}; this one is {codec.BEHAVIOUR}"
            )
    if first.sweeps.under_way:
        yield "not every partition has said that the set has reached all its customers"


def _on_their_way(parts: Sequence[Part]) -> Iterator[str]:
    """Yield the partitions to which another sent what they have not taken."""
    for sender, part in enumerate(parts):
        lane = Log(part.meta.topic_id, sender)
        for receiver, position in part.sent.items():
            if receiver == EFFECTS or receiver >= len(parts):
                continue
            if parts[receiver].accepted.get(lane, START) < position:
                yield f"partition {receiver} has not taken all that partition {sender} sent"


def actors_of(store: Store) -> Iterator[Pair]:
    """Yield the actors of a store: states, timelines, and when each is due."""
    for start, end in _ACTORS:
        yield from store.scan(start, end)


def partition_now(key: bytes, partitions: int) -> int:
    """Return the partition, of so many, of the actor to which a store's key belongs."""
    begin = _KEYED[key[:1]]
    return partition_of(key[begin : begin + _HASHED].decode(), partitions)


def partition_of_held(customer_key: bytes, partitions: int) -> int:
    """Return the partition, of so many, on whose shelf a customer's command waits."""
    return partition_of(customer_key.decode(), partitions)


def write_actors(actors: Iterator[Pair], stores: Mapping[int, Store], partitions: int) -> None:
    """Write the actors that belong to one of these stores, of so many partitions."""
    while chunk := list(islice(actors, _WRITTEN_AT_ONCE)):
        batches: dict[int, Batch] = {}
        for key, value in chunk:
            number = partition_now(key, partitions)
            if number in stores:
                batches.setdefault(number, []).append((key, value))
        for number, batch in batches.items():
            stores[number].write(batch)


def complete(
    store: Store, common: Common, log: Log, partitions: int, *, applied: int = -1, digest: int
) -> None:
    """Make a store, into which actors were written, that of a partition: its task may begin.

    `applied` is the last record of the log that the state has behind it, `digest` that record's.
    """
    is_first = log.partition == GOVERNOR
    meta = codec.Meta(
        topic_id=log.topic_id,
        partition=log.partition,
        partitions=partitions,
        applied=applied,
        digest=digest,
        clock=common.clock,
        active=common.active,
        clean=True,
        model=common.model,
        events=common.events if is_first else {},
        live=count_live(store),
        rollout=Rollout([common.revision] if common.revision else []),
        verdicts=common.verdicts,
    )
    if is_first:
        reached = dict.fromkeys(range(partitions), common.revision)
        meta.sweeps = Sweeps(common.applied, [], reached)
        meta.decider = common.decider
    writes: Batch = [
        (codec.set_key(number), codec.encode_set(content))
        for number, content in common.sets.items()
    ]
    writes += [
        (codec.model_key(number, part), codec.encode_model_part(parts, content))
        for number, part, parts, content in common.models
    ]
    store.write([*writes, (codec.META_KEY, codec.encode_meta(meta))])
