"""A customer base leaves an installation on Kafka: it is exported.

    intake's positions  ──▶  each partition's state  ──▶  the rest  ──▶  is all as it was?

The installation must be at rest: what keeps it from that is said, of each partition. Nothing is
changed. So an export is a backup, too, and the same processes may go on behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import cjo_stream
from cjo_stream.core.message import ActivateModel, ActivateSet, customer_key
from cjo_stream.engine.frame import NO_LANE, Frame, Item, decode_frame
from cjo_stream.engine.hold import encode
from cjo_stream.engine.moving import NotAtRestError, Pair, Part, actors_of, joined, part_of
from cjo_stream.errors import InputError, RefusalError, UsageError
from cjo_stream.installation.customer_base import (
    AppliedSet,
    CustomerBase,
    Learnt,
    LogPlace,
)
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.client.contents import contents, table
from cjo_stream.kafka.client.place import Place, Topic
from cjo_stream.kafka.definition.log import DefinitionLog, read_definitions, shut_out
from cjo_stream.kafka.hold import order
from cjo_stream.kafka.hold.shelf import command_in, is_shelf, read_shelves
from cjo_stream.kafka.moving import kept, source
from cjo_stream.kafka.position import redriven
from cjo_stream.kafka.position.position import DISPATCH
from cjo_stream.kafka.stage.memory import Reached, remembered
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.store.export import Manifest, NewExport

STILL_S: Final = 2.5
"""A worker writes into each idle partition more often than that."""
_PROBLEMS_SHOWN: Final = 10


def export(
    settings: Settings, folder: Path, on_step: Callable[[str], None] = lambda _: None
) -> Manifest:
    """Write the customer base of an installation into a new `folder`; return what is in it.

    Raises UsageError where nothing is applied, RefusalError with what is missing where it is not
    at rest, or has another tenant key; LockedError while a worker runs here, RetryError where
    broker or checkpoint store are away.
    """
    settings.require_tenant_key()
    names, admin = Names(settings.topic_prefix), Admin(settings)
    topics = require_log(admin, settings, names.internal, names.effect, names.held)
    topics |= admin.require([names.definition, names.cursor, names.hold, names.model])
    internal = topics[names.internal]
    began_s, before = time.monotonic(), _ends(admin, names, internal)
    definitions = read_definitions(settings, even_shut=True)
    if definitions.shut is not None and definitions.shut.export:
        raise shut_out(names.definition, definitions.shut)
    number = definitions.pointer.number
    if not number:
        raise UsageError("nothing is applied yet: there are no customers to export")
    program = definitions.program(number)
    lanes = source.lanes_of(settings, admin, program, internal.id)
    new = NewExport(folder)
    parts: list[Part] = []
    for partition in range(internal.partitions):
        on_step(f"partition {partition} of {internal.partitions}")
        with kept.newest(settings, internal, partition) as store:
            parts.append(part_of(store, partition))
            new.add_partition(partition, actors_of(store))
    problems = [
        *_not_processed(settings, admin, internal, parts),
        *_not_sent(settings, admin, names, internal.partitions),
        *source.taken_beyond(lanes, parts),
        *_not_applied(definitions, number, parts),
    ]
    learnt = _learnt(settings, names, problems)
    try:
        common = joined(parts)
    except NotAtRestError as error:
        problems += error.problems
    if problems:
        raise _not_at_rest(problems)
    new.add_held(_held(settings, names.held, internal.partitions))
    base = CustomerBase(
        common=common,
        partitions=internal.partitions,
        topology=definitions.topology or "",
        fingerprint=definitions.fingerprint or "",
        sets=_sets(definitions, number),
        learnt=learnt,
        holds=order.read_holds(settings).all,
        lanes=lanes,
        letters=redriven.marks_in(table(settings, names.cursor)),
    )
    time.sleep(max(0.0, began_s + STILL_S - time.monotonic()))
    if _ends(admin, names, internal) != before:
        raise _not_at_rest(["its logs grew meanwhile, so that a process still runs"])
    return new.close(base, cjo_stream.__version__, settings.topic_prefix)


def _not_at_rest(problems: list[str]) -> RefusalError:
    shown = "; ".join(problems[:_PROBLEMS_SHOWN])
    more = len(problems) - _PROBLEMS_SHOWN
    return RefusalError(
        f"the installation is not at rest: {shown}{f'; and {more} more' if more > 0 else ''}. "
        "Nothing was exported. Start its processes again, without intake, until cjo_lag_records "
        "is 0 and `cjo-stream status` shows no set on its way; then end worker, dispatch and "
        "learn by SIGTERM, in this order, and export again"
    )


def _ends(admin: Admin, names: Names, internal: Topic) -> dict[Place, int]:
    numbers = range(internal.partitions)
    return admin.ends((name, n) for name in (names.internal, names.effect) for n in numbers)


def _not_processed(
    settings: Settings, admin: Admin, internal: Topic, parts: list[Part]
) -> Iterator[str]:
    """Yield the partitions whose state is not behind all that is in their log."""
    places = [(internal.name, number) for number in range(internal.partitions)]
    firsts, ends = admin.firsts(places), admin.ends(places)
    for place, part in zip(places, parts, strict=True):
        applied, number = part.meta.applied, place[1]
        if applied + 1 < firsts[place] or applied >= ends[place]:
            yield (
                f"the newest state of partition {number} that is found here ends at {applied}, "
                f"and its log holds {firsts[place]} to {ends[place] - 1}"
            )
            continue
        waiting = 0
        for message in contents(settings, place, applied + 1):
            value = message.value()
            try:
                frame = decode_frame(value if isinstance(value, bytes) else b"")
            except InputError:
                waiting += 1  # its dead letter is still to come
            else:
                waiting += _items(frame)
        if waiting:
            yield f"partition {number} has {waiting} items in its log that are not processed"


def _items(frame: Frame) -> int:
    """Return how many items a frame has that change anything."""
    return sum(not _only_asks(item) for item in frame.items)


def _only_asks(item: Item) -> bool:
    message = item.message
    return (
        item.lane == NO_LANE
        and isinstance(message, ActivateSet | ActivateModel)
        and message.number == 0
    )


def _not_sent(settings: Settings, admin: Admin, names: Names, partitions: int) -> Iterator[str]:
    """Yield the partitions of whose effects dispatch has not sent all."""
    places = [(names.effect, number) for number in range(partitions)]
    ends = admin.ends(places)
    committed = admin.committed(group_id(settings, DISPATCH), places)
    for place in places:
        sent = committed[place].offset if place in committed else 0
        if lacking := ends[place] - sent:
            yield f"dispatch has {lacking} records of partition {place[1]} to send"


def _not_applied(definitions: DefinitionLog, number: int, parts: list[Part]) -> Iterator[str]:
    """Yield that an `apply` was interrupted."""
    newest = definitions.newest
    active = max(part.meta.active for part in parts)
    if (newest is not None and newest.number > number) or active > number:
        yield "an `apply` was interrupted: give it again"


def _sets(definitions: DefinitionLog, in_force: int) -> list[AppliedSet]:
    return [
        AppliedSet(number, one.digest, one.content)
        for number, one in sorted(definitions.sets.items())
        if number <= in_force
    ]


def _learnt(settings: Settings, names: Names, problems: list[str]) -> Learnt | None:
    """Return what the learner remembers, None if there is none; add what it has not learnt."""
    model, standing = remembered(names.model, table(settings, names.model))
    if standing is None:
        return None
    reached = {names.reward: standing.of_rewards}
    if isinstance(standing.predictions, Reached):
        reached[names.prediction] = standing.predictions
    for topic, at in reached.items():
        unread = contents(settings, (topic, 0), max(at.offset, at.end))
        if lacking := sum(1 for _ in unread):
            problems.append(f"learn has {lacking} records of {topic} to learn from")
    return Learnt(
        model=model,
        number=standing.number,
        digest=standing.digest,
        rewards_at=_place(standing.of_rewards),
        predictions_at=_place(reached[names.prediction]) if names.prediction in reached else None,
    )


def _place(reached: Reached) -> LogPlace:
    return LogPlace(reached.topic_id, reached.offset, reached.last, reached.end)


def _held(settings: Settings, topic: str, partitions: int) -> Iterator[Pair]:
    """Yield the commands that wait, in each partition in order."""
    shelves = read_shelves(settings, topic, range(partitions))
    for number, shelf in sorted(shelves.items()):
        if not shelf.number():
            continue
        for message in contents(settings, (topic, number), shelf.low):
            if not is_shelf(message):
                command = command_in(message)
                if shelf.has(message.offset() or 0, command):
                    yield customer_key(command.key).encode(), encode(command)
