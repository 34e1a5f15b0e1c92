"""Where intake and dispatch begin: committed positions, checked before they are used.

    committed metadata, intake      internal topic's id, the digest and the blank, then the
                                      engine's (engine/intake.py)
    committed metadata, dispatch    effect topic's id and the digest, then the engine's
                                      (engine/dispatch.py)
    the digest                      of the last record before the position (position/loss.py), in
                                      hexadecimal after a colon; left out before the first record
    the blank                       the number of offsets without a record from the position on, in
                                      hexadecimal after another colon; left out if it is 0

                                        intake                      dispatch
    committed, of this log              goes on there, or from a    goes on there
                                        copy that is further
    committed, of a topic since         a new lane, from the        from the first record, compared
      created anew                      first record                with the cursor
    committed, out of the log's range   refused; if no set read     refused
                                        the topic, from the first
                                        record
    committed, behind a record that     refused                     refused
      differs from the one read
    nothing committed, but a copy       refused: offsets are gone;  refused: offsets are gone
                                        if no set read the topic,
                                        goes on from the copy
    nothing at all                      a new lane, from the        new, from offset 0; refused
                                        first record                if the log begins later

A channel that was taken out leaves its topic's position at the set number SWITCHED_OFF. If the
channel comes back, records that retention has deleted meanwhile are no loss: the lane goes on with
the first record there is. As the group did not read the topic meanwhile, its offset expires after
some days; the lane then goes on from the copy.

A transaction's marker takes an offset, and so does each record of an aborted one. So the log of a
raw topic that is written in transactions ends in a *blank*: once retention has deleted all
records, the log begins behind the position, and yet nothing is missing.

A *copy* is a record of the compacted cursor topic; committed offsets expire, copies do not. So a
copy distinguishes an installation that lost its offsets from a new one, and an operator may go on
from it: dispatch writes its copy in the transaction of its offsets, and tasks drop what intake
sends again from an earlier position. An operator may also go on without records that are gone for
good: intake's lane goes on behind them, dispatch passes over the hole that they leave.

A repeated commit of intake may arrive late, and move the offset back to records that another set
has routed since. Before a set routes, its position is written as a copy, and copies keep their
order. So a copy that is as far as the committed position, or further, wins. (`transaction` guards
dispatch's position.)
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from cjo_stream.engine.codec import UNKNOWN
from cjo_stream.engine.intake import SWITCHED_OFF, Committed, moved_on, read_metadata
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.client.admin import TIMEOUT_S, Admin
from cjo_stream.kafka.client.consumer import belonging, group_id
from cjo_stream.kafka.client.contents import foreign, table
from cjo_stream.kafka.client.error import away
from cjo_stream.kafka.client.permission import Rights, of_topic
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Outgoing
from cjo_stream.kafka.position import loss
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

INTAKE: Final = "intake"
DISPATCH: Final = "dispatch"

_READ_ANEW: Final = (
    "or delete the topic and run `cjo-stream topics create TOPOLOGY`: the new one is read from "
    "its beginning"
)


class Position(msgspec.Struct, frozen=True):
    """A next offset and the metadata beside it: a committed position, or its copy."""

    offset: int
    metadata: str


class Found(msgspec.Struct, frozen=True):
    """The facts about one partition before it is read."""

    place: Place
    topic_id: str
    internal_id: str
    first: int
    end: int
    group: str
    committed: Position | None
    copy: Position | None


class Start(msgspec.Struct, frozen=True):
    """Where to begin; `metadata` is the engine's, None for a new lane or log."""

    offset: int
    metadata: str | None
    digest: int = UNKNOWN
    """Of the record before `offset`, as it was when it was read."""
    blank: int = 0
    """The number of offsets from `offset` on that are known to have no record."""


class Words(msgspec.Struct, frozen=True):
    """An operator's options for a start."""

    restore: bool = False
    """If committed offsets are gone, go on from their copies."""
    without_lost: bool = False
    """If records are gone that were never read, go on without them."""


NO_WORDS: Final = Words()


def joined(owner: str, metadata: str, digest: int = UNKNOWN, blank: int = 0) -> str:
    """Return the metadata to commit: a topic's id, digest and blank, then the engine's."""
    known = "" if digest == UNKNOWN else f":{digest:x}"
    if blank:
        known = f"{known or ':'}:{blank:x}"
    return f"{owner}{known} {metadata}"


def start_of_intake(found: Found, words: Words = NO_WORDS) -> Start:
    """Return where intake begins a raw partition; raises RefusalError."""
    position = found.committed
    if position is None:
        if found.copy is None or _lane(found, found.copy).topic_id != found.topic_id:
            return Start(found.first, None)
        if _lane(found, found.copy).set_number != SWITCHED_OFF and not words.restore:
            raise _gone(found)
        position = found.copy
    elif found.copy is not None and _is_put_back(found, position, found.copy):
        position = found.copy
    metadata = _engines(position)
    topic_id = _lane(found, position).topic_id
    if _owner(position) != found.internal_id:
        raise RefusalError(
            f"{_named(found.place)}: its position belongs to another internal topic: that was "
            "created anew. This is a new installation now: give it a prefix of its own "
            f"(CJO_TOPIC_PREFIX), or delete the group {found.group} and create the cursor topic "
            "anew too"
        )
    if topic_id != found.topic_id:
        return Start(found.first, None)
    digest, blank = _known(found, position, INTAKE)
    gone = found.first - position.offset
    is_unread = _lane(found, position).set_number == SWITCHED_OFF or words.without_lost
    if gone > 0 and (is_unread or gone <= blank):
        # The lane goes on, so the tasks find no hole.
        return Start(found.first, moved_on(metadata, gone), blank=max(0, blank - gone))
    _check_range(found, position, INTAKE)
    return Start(position.offset, metadata, digest, blank)


def start_of_dispatch(found: Found, words: Words = NO_WORDS) -> Start:
    """Return where dispatch begins an effect partition; raises RefusalError."""
    position = found.committed
    if position is None and found.copy is not None and _owner(found.copy) == found.topic_id:
        if not words.restore:
            raise _gone(found)
        position = found.copy
    if position is not None and not position.metadata:
        raise _foreign(found, DISPATCH)
    if position is not None and _owner(position) == found.topic_id:
        if words.without_lost and not found.first <= position.offset <= found.end:
            # The cursor drops what is read again.
            return Start(found.first, _engines(position))
        _check_range(found, position, DISPATCH)
        digest, _ = _known(found, position, DISPATCH)
        return Start(position.offset, _engines(position), digest)
    if found.first > 0 and not words.without_lost:
        raise RefusalError(
            f"{_named(found.place)} begins at offset {found.first}, and what stood before was "
            "never sent: dispatch was down for longer than the log is kept. See `cjo-stream "
            f"debug replay` for what is missing, and {_without(DISPATCH)}"
        )
    before = position or found.copy
    cursor = _engines(before) if before else ""
    # If only the effect topic is new, the tasks' lane goes on, so a hole would be seen.
    return Start(found.first, cursor if cursor.partition(" ")[0] == found.internal_id else None)


def _lane(found: Found, position: Position) -> Committed:
    metadata = _engines(position)
    if not metadata:
        raise _foreign(found, INTAKE)
    return read_metadata(metadata)


def _is_put_back(found: Found, committed: Position, copy: Position) -> bool:
    """Return whether the copy is as far as the committed position of the same log, or further."""
    return (
        _owner(copy) == _owner(committed) == found.internal_id
        and _lane(found, copy).topic_id == _lane(found, committed).topic_id == found.topic_id
        and _reach(found, copy) >= _reach(found, committed)
    )


def _owner(position: Position) -> str:
    return position.metadata.partition(" ")[0].partition(":")[0]


def _engines(position: Position) -> str:
    return position.metadata.partition(" ")[2]


def _known(found: Found, position: Position, stage: str) -> tuple[int, int]:
    """Return the digest and the blank."""
    known = position.metadata.partition(" ")[0].partition(":")[2]
    digest, _, blank = known.partition(":")
    try:
        return int(digest, 16) if digest else UNKNOWN, int(blank, 16) if blank else 0
    except ValueError as error:
        raise _foreign(found, stage) from error


def _reach(found: Found, position: Position) -> int:
    """Return how far the log was read."""
    return position.offset + _known(found, position, INTAKE)[1]


def _check_range(found: Found, position: Position, stage: str) -> None:
    range_ = (
        f"{_named(found.place)} holds offsets {found.first} to {found.end}, but the position to "
        f"go on from is {position.offset}"
    )
    if position.offset < found.first:
        raise RefusalError(
            f"{range_}: records are gone that were never read, for {stage} was down for longer "
            f"than they are kept. Bring them back, or {_without(stage)}"
        )
    if position.offset > found.end:
        mend = _READ_ANEW if stage == INTAKE else f"or {_without(stage)}"
        raise RefusalError(f"{range_}: the log lost its end. Bring it back, {mend}")


def _without(stage: str) -> str:
    return f"start {stage} once with --without-lost, which goes on without what is gone"


def _foreign(found: Found, stage: str) -> RefusalError:
    return RefusalError(
        f"{_named(found.place)}: the group {found.group} has an offset that {stage} did not "
        "commit. Stop who did, and bring the group's offsets back, or delete the group's "
        f"offsets and start {stage} once with --restore-offsets"
    )


def _gone(found: Found) -> RefusalError:
    return RefusalError(
        f"{_named(found.place)}: the committed offsets of group {found.group} are gone, though "
        "this installation is not new. Bring them back, or start once with --restore-offsets, "
        "which goes on from their copy in the cursor topic"
    )


def _named(place: Place) -> str:
    return f"{place[0]}/{place[1]}"


# --- facts about partitions ----------------------------------------------------------------------


def starts(
    settings: Settings,
    admin: Admin,
    stage: str,
    internal_id: str,
    consumer: Consumer,
    partitions: list[TopicPartition],
    *,
    words: Words,
) -> list[tuple[Found, Start]]:
    """Return where to begin each partition that the group has assigned to `consumer`.

    Raises RefusalError where it would be wrong to begin, RetryError where the broker is away.
    """
    places = [(partition.topic, partition.partition) for partition in partitions]
    topics = admin.require(topic for topic, _ in places)
    firsts, ends = admin.firsts(places), admin.ends(places, committed=True)
    committed = committed_positions(consumer, partitions, belonging(settings, stage))
    wanted = stage == INTAKE or None in committed.values()
    copies = read_copies(settings, stage) if wanted else {}
    start_of = start_of_intake if stage == INTAKE else start_of_dispatch
    begun: list[tuple[Found, Start]] = []
    for place in places:
        found = Found(
            place,
            topics[place[0]].id,
            internal_id,
            firsts[place],
            ends[place],
            group_id(settings, stage),
            committed[place],
            copies.get(place),
        )
        begun.append((found, start_of(found, words)))
    loss.check(
        [loss.Taken(found.place, start.offset - 1, start.digest) for found, start in begun],
        functools.partial(loss.look, settings, admin),
        _READ_ANEW,
    )
    return begun


def committed_positions(
    consumer: Consumer, partitions: list[TopicPartition], group: Rights
) -> dict[Place, Position | None]:
    """Return what a member's group has committed of partitions; raises RetryError.

    `group`: the right on it that the member needs.
    """
    try:
        offsets = consumer.committed(partitions, TIMEOUT_S)
    except KafkaException as error:
        raise away(error, "to see the offsets of its group", group) from error
    found: dict[Place, Position | None] = {}
    for place in offsets:
        if place.error is not None:
            what = f"to see the offsets of {place.topic}"
            needed = {**group, **of_topic("Describe", place.topic)}
            raise away(KafkaException(place.error), what, needed)
        known = place.offset >= 0
        found[place.topic, place.partition] = (
            Position(place.offset, place.metadata or "") if known else None
        )
    return found


# --- copies --------------------------------------------------------------------------------------


def copy_record(settings: Settings, stage: str, place: Place, position: Position) -> Outgoing:
    """Return the record that keeps a copy of a position."""
    return Outgoing(
        Names(settings.topic_prefix).cursor,
        msgspec.json.encode(position),
        0,
        f"{stage}/{_named(place)}".encode(),
    )


def read_copies(settings: Settings, stage: str) -> dict[Place, Position]:
    """Return a stage's copies; raises RetryError. Reads the whole cursor topic."""
    topic = Names(settings.topic_prefix).cursor
    # Intake's copies are in no transaction; one of dispatch that is open must not hide them.
    records = table(settings, topic, committed=stage == DISPATCH)
    return copies_of(topic, stage, records)


def copies_of(topic: str, stage: str, records: Mapping[bytes, bytes]) -> dict[Place, Position]:
    """Return a stage's copies among the records of the cursor topic, by key.

    Raises RefusalError for a record of this stage that it did not write.
    """
    copies: dict[Place, Position] = {}
    for key, value in records.items():
        whose, _, named = key.decode(errors="replace").partition("/")
        if whose != stage:
            continue
        name, _, number = named.rpartition("/")
        try:
            copies[name, int(number)] = msgspec.json.decode(value, type=Position)
        except (msgspec.MsgspecError, ValueError) as error:
            raise foreign(topic, key, stage, error) from error
    return copies


def reaches(admin: Admin, group: str) -> dict[Place, int]:
    """Return how far intake has come by its committed positions; raises RetryError."""
    found = {}
    for place, at in admin.committed(group, admin.places()).items():
        known = (at.metadata or "").partition(" ")[0].split(":")
        blank = int(known[2], 16) if len(known) > 2 else 0
        found[place] = at.offset + blank
    return found


def set_numbers(admin: Admin, group: str) -> dict[str, int]:
    """Return the definition set that intake has committed for each topic/partition.

    Raises RetryError, and RefusalError where the broker forbids the question: without the answer
    nobody knows which sets intake still needs.
    """
    numbers = {}
    for (topic, partition), at in admin.committed(group, admin.places()).items():
        metadata = (at.metadata or "").partition(" ")[2]
        if metadata:
            numbers[f"{topic}/{partition}"] = read_metadata(metadata).set_number
    return dict(sorted(numbers.items()))
