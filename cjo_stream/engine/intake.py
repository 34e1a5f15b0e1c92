"""Intake: raw records become frames for the partitions of their anchors.

A lane is one raw partition. The items that a raw record sends to one receiver have the numbers
(raw offset, 1 - n) to (raw offset, 0): mostly it sends one, and the last is always 0. The position
of the lane at each receiver travels as text beside the committed offset:

    topic id, set number, distances     separated by blanks

A receiver's distance is the committed offset less the last offset sent to it; 0 if none was sent.
Distances stand in the order of the receivers, without the zeros at the end. All take as many bytes
as the largest needs: the text has that width as one digit, then all distances in base 85. So with
PARTITIONS_MAX receivers the text has room for distances of six bytes, more records than a
partition ever holds; a broker keeps 4,096 bytes (`offset.metadata.max.bytes`). Earlier releases
committed `receiver:distance` pairs in base 36.

A last word `?7` says that the record 7 before the committed offset was refused for a reason that
may change, so predecessors before it are in doubt (`lane`). It stays, and costs nothing.

The set's number names the definitions by which records from that offset on are routed. A restart
uses the same set, so that a record sent again goes to the same receiver.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from cjo_stream.core.event import Event
from cjo_stream.core.message import (
    CUSTOMER_ID_DIGITS,
    Arrive,
    Deliver,
    Message,
    customer_key,
    identifier_key,
    partition_of,
)
from cjo_stream.core.record import DeadLetter
from cjo_stream.engine.frame import FrameWriter, Position
from cjo_stream.engine.lane import Numbering
from cjo_stream.engine.port import Decode, Decoded, DecodedRecord, Log, RawRecord
from cjo_stream.errors import InputError, InvariantError, RefusalError

METADATA_BYTES_MAX: Final = 4_000
_DOUBT: Final = "?"
PARTITIONS_MAX: Final = 512
"""Partitions of the internal topic: as many as the metadata has room for."""


class IntakeStep(msgspec.Struct):
    """The result of one batch of raw records. Deliver all of it, then commit `positions`."""

    frames: list[tuple[int, bytes]]
    """(partition of the internal topic, frame), in order."""
    dead_letters: list[DeadLetter]
    positions: dict[Log, tuple[int, str]]
    """Next offset of each raw partition, and its metadata."""
    letters_first: bool = False
    """Whether the dead letters must be delivered before the frames. If a refusal changes, a task
    that has taken what follows the record drops it: its dead letter must be there then."""
    accepted: list[DecodedRecord] = []
    """The records that became events, in order, for an archive; empty without one."""


class Committed(msgspec.Struct, frozen=True):
    """The metadata of a committed offset, decoded."""

    topic_id: str
    set_number: int
    distances: dict[int, int]
    doubt: int = 0
    """The distance of the last record that was refused for a reason that may change; 0: none."""


def read_metadata(metadata: str) -> Committed:
    """Return what intake wrote beside an offset; raises RefusalError."""
    try:
        topic_id, number, *rest = metadata.split(" ")
        doubt = int(rest.pop()[1:]) if rest and rest[-1].startswith(_DOUBT) else 0
        packed = len(rest) == 1 and ":" not in rest[0]
        distances = _unpacked(rest[0]) if packed else _paired(rest)
        return Committed(topic_id, int(number), distances, doubt)
    except ValueError as error:
        raise RefusalError(
            "intake's committed offset carries metadata that intake did not write: another "
            "consumer uses its group. Stop that consumer, delete the group's offsets "
            "(kafka-consumer-groups.sh), and start intake once with --restore-offsets"
        ) from error


def new_metadata(log: Log, set_number: int) -> str:
    """Return the metadata of a lane that has sent nothing yet."""
    return f"{log.topic_id} {set_number}"


def renumbered(metadata: str, set_number: int) -> str:
    """Return the metadata of the same place in a lane, by another definition set."""
    topic_id, _, *distances = metadata.split(" ")
    return " ".join([topic_id, str(set_number), *distances])


def moved_on(metadata: str, by: int) -> str:
    """Return the metadata of the same lane `by` records further on, none of which was sent."""
    committed = read_metadata(metadata)
    further = {to: away + by for to, away in committed.distances.items()}
    words = [committed.topic_id, str(committed.set_number)]
    return " ".join(words + _numbers(further, committed.doubt and committed.doubt + by))


SWITCHED_OFF: Final = 0
"""The set number of a topic that the set in force does not read."""


class Routed(NamedTuple):
    """Where an event goes: the partition and actor, and its number in the lane."""

    receiver: int
    position: Position
    previous: Position
    """The number of the item before it from this lane to this receiver."""
    to: str
    message: Message


class Router:
    """Gives the events of any number of lanes their receivers and their numbers."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._lanes: dict[Log, Numbering] = {}
        self._doubts: dict[Log, int] = {}

    def resume(
        self, log: Log, last: dict[int, Position] | None = None, doubt: int | None = None
    ) -> None:
        """Take over a lane; `last` is the last number sent to each receiver, `doubt` as below."""
        self._lanes[log] = Numbering(last)
        if doubt is not None:
            self.doubt(log, doubt)

    def release(self, log: Log) -> None:
        """Give up a lane, which another process has now."""
        self._lanes.pop(log, None)
        self._doubts.pop(log, None)

    def doubt(self, log: Log, offset: int) -> None:
        """Note that the record at `offset` was refused, but may have been sent before."""
        self._doubts[log] = offset
        self._lanes[log].doubt(offset)

    def doubt_of(self, log: Log) -> int | None:
        """Return the offset of the last such record of a lane, if there was one."""
        return self._doubts.get(log)

    def knows(self, log: Log) -> bool:
        """Return whether a lane was taken over."""
        return log in self._lanes

    def last(self, log: Log) -> dict[int, Position]:
        """Return the last number that a lane sent to each receiver."""
        return self._lanes[log].last()

    def route(
        self, log: Log, offset: int, event: Event | list[Event]
    ) -> list[Routed] | InputError:
        """Return where the events of a raw record go; offsets of a lane ascend."""
        numbers = self._lanes[log]
        if not isinstance(event, list):
            to = address(event)
            if isinstance(to, InputError):
                return to
            receiver = partition_of(to[0], self._partitions)
            numbers.begin(offset)
            return [Routed(receiver, *numbers.number(receiver), *to)]
        addressed = []
        for one in event:
            to = address(one)
            if isinstance(to, InputError):
                return to
            addressed.append((partition_of(to[0], self._partitions), *to))
        several = Counter(receiver for receiver, *_ in addressed)
        numbers.begin(offset, {receiver: 1 - count for receiver, count in several.items()})
        return [
            Routed(receiver, *numbers.number(receiver), to, message)
            for receiver, to, message in addressed
        ]


class Intake:
    """Routes the records of any number of raw partitions by one definition set."""

    def __init__(
        self, decode: Decode, partitions: int, set_number: int, *, is_archived: bool = False
    ) -> None:
        """`is_archived`: each step has its accepted records too."""
        self._decode = decode
        self._is_archived = is_archived
        self._set_number = set_number
        self._router = Router(partitions)
        self._counts: dict[tuple[str, ...], int] = {}

    def resume(self, log: Log, offset: int = 0, metadata: str | None = None) -> None:
        """Take over a raw partition at its committed offset; without metadata, a new lane."""
        committed = read_metadata(metadata) if metadata else Committed("", 0, {})
        last = {to: (offset - away, 0) for to, away in committed.distances.items()}
        self._router.resume(log, last, offset - committed.doubt if committed.doubt else None)

    def release(self, log: Log) -> None:
        """Give up a raw partition, which another process has now."""
        self._router.release(log)

    def process(self, records: Sequence[RawRecord]) -> IntakeStep:
        """Decode and route a batch; records of one raw partition stand in order of offset."""
        writers: dict[int, FrameWriter] = {}
        dead_letters: list[DeadLetter] = []
        ends: dict[Log, int] = {}
        letters_first = False
        accepted: list[DecodedRecord] = []
        for record in records:
            log = Log(record.topic_id, record.partition)
            ends[log] = record.offset + 1
            decoded = self._decode(record)
            routed = (
                decoded
                if isinstance(decoded, InputError)
                else self._router.route(log, record.offset, decoded)
            )
            if isinstance(routed, InputError):
                if routed.may_change:
                    self._router.doubt(log, record.offset)
                    letters_first = True
                dead_letters.append(dead_letter_of(record, routed))
                self._count("cjo_dead_letters_total", routed.reason)
                continue
            if self._is_archived and routed:
                accepted.append((record, decoded))
            for one in routed:
                writer = writers.get(one.receiver)
                if writer is None:
                    writer = writers[one.receiver] = FrameWriter()
                writer.add(log, one.position, one.previous, one.to, one.message)
        frames = [(to, frame) for to, writer in writers.items() for frame in writer.frames(0)]
        positions = {log: (end, self._metadata(log, end)) for log, end in ends.items()}
        return IntakeStep(frames, dead_letters, positions, letters_first, accepted)

    def take_counts(self) -> dict[tuple[str, ...], int]:
        """Return the counts since the last call."""
        counts, self._counts = self._counts, {}
        return counts

    def _metadata(self, log: Log, end: int) -> str:
        distances = {to: end - at[0] for to, at in self._router.last(log).items()}
        doubt = self._router.doubt_of(log)
        numbers = _numbers(distances, 0 if doubt is None else end - doubt)
        metadata = " ".join([new_metadata(log, self._set_number), *numbers])
        if len(metadata) > METADATA_BYTES_MAX:
            raise InvariantError(
                f"the metadata of an offset takes {len(metadata)} bytes; brokers keep 4096. "
                f"An installation has at most {PARTITIONS_MAX} internal partitions"
            )
        return metadata

    def _count(self, *key: str) -> None:
        self._counts[key] = self._counts.get(key, 0) + 1


def address(event: Event) -> tuple[str, Message] | InputError:
    """Return the actor that an event goes to, with its message.

    The actor is the event's anchor. For an outcome without identifiers it is the customer whose id
    begins the `action_id`.
    """
    if event.identifiers:
        return identifier_key(event.identifiers[0].hash), Arrive(event)
    action_id = event.attributes.get("action_id")
    if isinstance(action_id, str):
        customer = action_id[:CUSTOMER_ID_DIGITS]
        if len(customer) == CUSTOMER_ID_DIGITS and all(c in "0123456789abcdef" for c in customer):
            return customer_key(customer), Deliver(event)
    return InputError("invalid", "the action_id of an outcome does not begin with a customer id")


def events_of(decoded: Decoded) -> list[Event]:
    """Return the events of a record; none of one that was refused."""
    if isinstance(decoded, InputError):
        return []
    return decoded if isinstance(decoded, list) else [decoded]


def refusal_of(decoded: Decoded) -> InputError | None:
    """Return why a record is a dead letter; None if all of its events have a receiver."""
    if isinstance(decoded, InputError):
        return decoded
    for event in events_of(decoded):
        addressed = address(event)
        if isinstance(addressed, InputError):
            return addressed
    return None


def dead_letter_of(record: RawRecord, error: InputError) -> DeadLetter:
    """Return the dead letter of a raw record: its original bytes and coordinates."""
    return DeadLetter(
        reason=error.reason,
        detail=error.detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        value=record.value,
        key=record.key,
    )


def _numbers(distances: Mapping[int, int], doubt: int) -> list[str]:
    """Return the words of metadata that move with the offset."""
    packed = [_packed(distances)] if distances else []
    return [*packed, f"{_DOUBT}{doubt}"] if doubt else packed


def _packed(distances: Mapping[int, int]) -> str:
    """Return distances as text.

    >>> _unpacked(_packed({1: 300, 0: 7}))
    {0: 7, 1: 300}
    """
    width = (max(distances.values()).bit_length() + 7) // 8
    numbers = (distances.get(to, 0) for to in range(max(distances) + 1))
    whole = b"".join(number.to_bytes(width, "big") for number in numbers)
    return f"{width}{base64.b85encode(whole).decode()}"


def _unpacked(text: str) -> dict[int, int]:
    """Return what `_packed` wrote; raises ValueError on anything else."""
    width, whole = int(text[:1]), base64.b85decode(text[1:])
    if not width or len(whole) % width:
        raise ValueError(text)
    numbers = (
        int.from_bytes(whole[start : start + width], "big")
        for start in range(0, len(whole), width)
    )
    return {to: number for to, number in enumerate(numbers) if number}


def _paired(pairs: Sequence[str]) -> dict[int, int]:
    """Return what an earlier release wrote; raises ValueError on anything else."""
    split = (pair.split(":") for pair in pairs)
    return {int(to, 36): int(distance, 36) for to, distance in split}
