"""The raw partitions of intake: positions, definition sets, and the barrier between two sets.

    next     the offset of the next record to read; everything before it is sent
    end      the end of the log, as last seen: from `next` to there it has no record, only markers
             of transactions, or aborted records
    safe     from here on, no predecessor can have sent anything by the lane's set

Between two sets there is a *barrier*, because they may route differently. A lane is past it once
it was read up to `safe`: after that, nothing more is sent by the old set. A topic that the next
set does not read is switched off there, until a set reads it again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from cjo_stream.engine.codec import UNKNOWN, record_digest
from cjo_stream.engine.intake import SWITCHED_OFF, new_metadata, read_metadata, renumbered
from cjo_stream.engine.port import Log, RawRecord
from cjo_stream.ingest.archive import name as archive
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.position.position import Found, Position, Start, joined

Reads = Callable[[int], Collection[str]]
"""Returns the topics that a definition set reads."""


class Lane:
    """One raw partition that this process reads."""

    __slots__ = (
        "committed",
        "copied",
        "digest",
        "end",
        "last",
        "log",
        "metadata",
        "next",
        "place",
        "safe",
        "set_number",
    )

    def __init__(self, place: Place, log: Log, offset: int, safe: int, set_number: int) -> None:
        self.place = place
        self.log = log
        self.next = self.end = offset
        self.safe = safe
        self.set_number = set_number
        self.metadata = ""
        self.last: RawRecord | None = None
        """The record before `next`, if its digest is not made yet."""
        self.digest = UNKNOWN
        self.committed: Position | None = None
        self.copied: Position | None = None

    @property
    def is_off(self) -> bool:
        """Return whether no set reads the topic: its records are left unread."""
        return self.set_number == SWITCHED_OFF

    @property
    def archived(self) -> archive.Lane:
        """Return the lane as files of an archive name it."""
        return archive.Lane(self.place[0], self.log.topic_id, self.log.partition)

    @property
    def reach(self) -> int:
        """Return the offset up to which the log was read."""
        return max(self.next, self.end)

    def ends_at(self, end: int) -> None:
        """Note the end of the log."""
        if not self.is_off:
            self.end = end

    def position(self, internal_id: str) -> Position:
        """Return the position to commit: everything before it is delivered."""
        if self.last is not None:
            self.digest = record_digest(self.last.time, self.last.value)
            self.last = None
        blank = self.reach - self.next
        return Position(self.next, joined(internal_id, self.metadata, self.digest, blank))


def take_up(found: Found, start: Start, current: int, reads: Reads) -> Lane:
    """Return the lane of a partition that the group has assigned to this process.

    It goes on by the set under which it was committed, if that set reads the topic; otherwise by
    the `current` set, if that one does; otherwise it is switched off.
    """
    topic, partition = found.place
    log = Log(found.topic_id, partition)
    number, safe = SWITCHED_OFF, start.offset
    if start.metadata is not None:
        number, safe = read_metadata(start.metadata).set_number, max(found.end, start.offset)
    if number == SWITCHED_OFF or topic not in reads(number):
        number = set_for(topic, current, reads(current))
    lane = Lane(found.place, log, start.offset, safe, number)
    lane.metadata = renumbered(start.metadata or new_metadata(log, number), number)
    lane.digest = start.digest
    lane.end = start.offset + start.blank
    return lane


def set_for(topic: str, number: int, read: Collection[str]) -> int:
    """Return the set of a topic once set `number`, which reads these topics, is in force."""
    return number if topic in read else SWITCHED_OFF


def waiting(lanes: Iterable[Lane], number: int, read: Collection[str]) -> list[Lane]:
    """Return the lanes that have not yet switched to set `number`, which reads these topics."""
    return [lane for lane in lanes if lane.set_number != set_for(lane.place[0], number, read)]


def is_past(lane: Lane) -> bool:
    """Return whether the lane is past the barrier behind its present set."""
    return lane.is_off or lane.reach >= lane.safe


def routed_topics(routed: Mapping[str, int], kept: Collection[int]) -> set[str]:
    """Return the topics that intake, by its commits, still routes by a set that is `kept`.

    `routed` has set numbers by topic/partition. Of these topics, one that the set in force does
    not read was taken out while no intake ran, and is still to be switched off.
    """
    return {place.rpartition("/")[0] for place, number in routed.items() if number in kept}
