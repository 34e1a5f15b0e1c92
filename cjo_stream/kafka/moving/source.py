"""The topics of events: how far the old installation read them, and where the new one goes on.

                                        the new installation
    the same topic (by its id)          goes on behind the last record that the old one took
    a topic of the same name, another   refused, until the operator says which it is:
      one by its id                       mirrored, with the same offsets    goes on there
                                          another                            from its beginning
    it does not read the topic          needs none of it, if the old one read it to its end;
                                          else refused
    a topic that only the new one has   from its beginning

Positions are committed as intake would, with copies (`position.position`). A lane begins anew,
as the new log knows none: nothing was sent before its first record.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from cjo_stream.core.program.program import Program
from cjo_stream.engine.codec import UNKNOWN
from cjo_stream.engine.intake import SWITCHED_OFF, new_metadata, read_metadata
from cjo_stream.engine.moving import Part
from cjo_stream.engine.port import Log
from cjo_stream.errors import RefusalError, RetryError
from cjo_stream.installation.customer_base import SourceLane
from cjo_stream.kafka.client.admin import RETRY_S, Admin
from cjo_stream.kafka.client.consumer import committing, group_id, offset_keeper
from cjo_stream.kafka.client.error import away
from cjo_stream.kafka.client.permission import check_allowed
from cjo_stream.kafka.client.place import Place, Topic
from cjo_stream.kafka.client.sender import Outgoing
from cjo_stream.kafka.position.position import (
    INTAKE,
    NO_WORDS,
    Position,
    copy_record,
    joined,
    read_copies,
    starts,
)
from cjo_stream.kafka.stage.route import sources
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

AFTER_SESSION_S: Final = 3.0
"""The broker looks for members that are gone now and then."""
_MEMBERS_THERE: Final = (
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
)
"""What the broker answers to who commits for a group whose members are there."""


class Sources(enum.Enum):
    """What an operator says of topics of events that have the names of the old ones."""

    THE_SAME = enum.auto()
    MIRRORED = enum.auto()
    FROM_BEGINNING = enum.auto()


def lanes_of(
    settings: Settings, admin: Admin, program: Program, internal_id: str
) -> list[SourceLane]:
    """Return how far intake has read each topic of events; raises what intake would at a start."""
    names = Names(settings.topic_prefix)
    group = group_id(settings, INTAKE)
    known = {topic for topic, _ in admin.committed(group, admin.places())}
    known |= {topic for topic, _ in read_copies(settings, INTAKE)}
    topics = admin.describe(known | set(sources(program, names)))
    wanted = [
        TopicPartition(name, number)
        for name, topic in sorted(topics.items())
        for number in range(topic.partitions)
    ]
    keeper = offset_keeper(settings, INTAKE)
    try:
        found = starts(settings, admin, INTAKE, internal_id, keeper, wanted, words=NO_WORDS)
    finally:
        keeper.close()
    return [
        SourceLane(
            topic=at.place[0],
            partition=at.place[1],
            topic_id=at.topic_id,
            offset=start.offset,
            set_number=read_metadata(start.metadata).set_number,
            digest=start.digest,
            blank=start.blank,
            unread=max(0, at.end - start.offset - start.blank),
        )
        for at, start in found
        if start.metadata is not None
    ]


def taken_beyond(lanes: Sequence[SourceLane], parts: Sequence[Part]) -> Iterator[str]:
    """Yield the lanes of which tasks have taken more than intake has committed."""
    ends = {Log(lane.topic_id, lane.partition): lane.offset for lane in lanes}
    names = {Log(lane.topic_id, lane.partition): lane for lane in lanes}
    for log, end in ends.items():
        if any(part.accepted.get(log, (-1, 0))[0] >= end for part in parts):
            lane = names[log]
            yield (
                f"intake was killed before it noted how far it had read {lane.topic}/"
                f"{lane.partition}: start it, and end it by SIGTERM"
            )


def positions(
    lanes: Sequence[SourceLane],
    topics: Mapping[str, Topic],
    read: Collection[str],
    internal_id: str,
    said: Sources,
    ranges: Mapping[Place, tuple[int, int]],
) -> dict[Place, Position]:
    """Return where intake begins in each partition that the old one had read.

    `topics` are those of the lanes' names that there are, `read` the names that the new one reads;
    `ranges` has their first offsets and ends. Raises RefusalError where events would be lost, or
    taken twice.
    """
    found: dict[Place, Position] = {}
    for lane in lanes:
        place, topic = (lane.topic, lane.partition), topics.get(lane.topic)
        is_same = topic is not None and topic.id == lane.topic_id
        if lane.set_number == SWITCHED_OFF and not is_same:
            continue  # left unread on purpose
        if lane.topic not in read and lane.set_number != SWITCHED_OFF:
            _check_read(lane, ranges[place][1] if is_same else None)
        elif topic is not None and is_same:
            found[place] = _position(lane, topic.id, internal_id, lane.digest)
        elif topic is not None and said is Sources.MIRRORED:
            first, end = ranges.get(place, (0, -1))
            if not first <= lane.offset <= end + lane.blank:
                raise RefusalError(
                    f"{lane.topic}/{lane.partition} is no copy with the same offsets: it holds "
                    f"{first} to {end}, and the old installation had come to {lane.offset}. Wait "
                    "until the mirror has caught up; or give --from-beginning"
                )
            # The append times of copies may be others, and the digest is of them, too.
            found[place] = _position(lane, topic.id, internal_id, UNKNOWN)
        elif topic is not None and said is Sources.THE_SAME:
            raise RefusalError(
                f"{lane.topic} is another topic here than the old installation read. Give "
                "--mirrored if its records have the offsets that they had there, or "
                "--from-beginning if all that it holds is new"
            )
    return found


def commit(settings: Settings, found: Mapping[Place, Position]) -> None:
    """Commit positions for intake; raises RetryError while it runs, or the broker is away.

    An intake that has ended keeps its place in the group for a session's time: that is waited for.
    """
    if not found:
        return
    offsets = [
        TopicPartition(*place, position.offset, position.metadata)
        for place, position in found.items()
    ]
    keeper: Consumer = offset_keeper(settings, INTAKE)
    until_s = time.monotonic() + settings.session_timeout_ms / 1000 + AFTER_SESSION_S
    try:
        while (refused := _refusal(keeper, offsets)) is not None:
            group = group_id(settings, INTAKE)
            what = f"to commit offsets of the group {group}"
            check_allowed(refused, what, committing(settings, INTAKE, offsets))
            if time.monotonic() >= until_s:
                if refused.args[0].code() not in _MEMBERS_THERE:
                    raise away(refused, what) from refused
                raise RetryError(
                    f"the positions of intake were not committed ({refused}): is an intake of "
                    "this prefix running? End it, then give the command again"
                ) from refused
            time.sleep(RETRY_S)
    finally:
        keeper.close()


def _refusal(keeper: Consumer, offsets: list[TopicPartition]) -> KafkaException | None:
    """Commit; return why the broker refuses, if it does."""
    try:
        results = keeper.commit(offsets=offsets, asynchronous=False) or []
    except KafkaException as error:
        return error
    return next((KafkaException(one.error) for one in results if one.error is not None), None)


def copies(settings: Settings, found: Mapping[Place, Position]) -> list[Outgoing]:
    """Return the records that keep copies of positions."""
    return [copy_record(settings, INTAKE, *one) for one in found.items()]


def _position(lane: SourceLane, topic_id: str, internal_id: str, digest: int) -> Position:
    metadata = new_metadata(Log(topic_id, lane.partition), lane.set_number)
    return Position(lane.offset, joined(internal_id, metadata, digest, lane.blank))


def _check_read(lane: SourceLane, end: int | None) -> None:
    """Raise RefusalError if a topic that only the old installation reads has unread records."""
    unread = lane.unread if end is None else max(0, end - lane.offset - lane.blank)
    if unread:
        raise RefusalError(
            f"of {lane.topic}/{lane.partition} the old installation had {unread} records "
            "unread, and the new one does not read that topic: they would be lost. Let the old "
            "intake read it to its end (nobody may write to it any more), and export again"
        )
