"""All records and events of an installation, read from given places on.

For one who keeps the places, and so needs no consumer group: the sink of insight. Only committed
records are read. Events are decoded by the definition set in force.

    lane      topic/topic id/partition, so a topic that was created anew has other lanes
    lost      what a topic no longer held when it was to be read is counted
    held      a lane whose next record cannot be given yet is not read on; the others are:
                an event whose schema the registry has not given yet
                the record of an erasure, until the topics of events are read up to where they
                ended when it was met. So what came before the erasure is known when it is given
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from cjo_stream.core.catalogue import ACTION, IDENTITY, RecordKind
from cjo_stream.engine.port import DecodedRecord, Log
from cjo_stream.errors import RefusalError
from cjo_stream.installation.known import KnownSet, known_sets
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import is_end, reader, reading
from cjo_stream.kafka.client.error import check_consumed, is_out_of_range
from cjo_stream.kafka.client.place import Place, Topic
from cjo_stream.kafka.definition.log import DefinitionLog
from cjo_stream.kafka.stage import raw
from cjo_stream.kafka.stage.route import Routes
from cjo_stream.kafka.topic.name import Names
from cjo_stream.registry.text import Texts
from cjo_stream.settings import Settings

EVENT: Final = "event"
"""The kind under which the places of events are kept."""
_ERASED: Final = b'"erased"'

_LOG = logging.getLogger(__package__)

Positions = Mapping[str, Mapping[str, int]]
"""By kind and lane, where it goes on."""


class Given(msgspec.Struct, gc=False):
    """One record, and its place. `event` is set for those of topics of events."""

    kind: str
    lane: str
    topic: str
    next: int
    """Where the lane goes on after it."""
    value: bytes | None
    event: DecodedRecord | None


class Gap(NamedTuple):
    """What a topic lacks: offsets that it no longer held, or all that it had before."""

    topic: str
    lost: int
    is_anew: bool


class Lane:
    """One partition that is read."""

    __slots__ = ("channel", "held", "kind", "log", "name", "next", "place", "ready")

    def __init__(
        self, kind: str, topic: Topic, partition: int, offset: int, channel: str | None
    ) -> None:
        self.kind = kind
        self.name = lane_name(topic, partition)
        self.place: Place = (topic.name, partition)
        self.log = Log(topic.id, partition)
        self.channel = channel
        self.next = offset
        self.held: deque[Message] = deque()
        """What was read and is not given yet."""
        self.ready: Callable[[], bool] | None = None
        """Whether the first of these can be given; None where nothing is held."""


class Follower:
    """Reads every topic of some kinds of record, and those of events.

    All methods raise RetryError where the broker is away, RefusalError where a topic is missing.
    """

    def __init__(self, settings: Settings, admin: Admin, kinds: Sequence[RecordKind]) -> None:
        self._settings = settings
        self._admin = admin
        self._kinds = kinds
        self._names = Names(settings.topic_prefix)
        admin.require([self._names.definition])
        self._definitions = DefinitionLog(settings)
        self._definitions.read()
        self._routes = Routes(settings, self._definitions)
        self._texts = Texts(settings)
        self._consumer: Consumer | None = None
        self._lanes: dict[Place, Lane] = {}
        self._number = 0
        self._is_cut = False
        """Whether some topic no longer holds what is to be read next."""
        self.topic_ids: dict[str, str] = {}

    # --- what is read --------------------------------------------------------------------------

    def wait(self, timeout_s: float) -> bool:
        """Return whether a definition set is in force, after waiting for one."""
        return bool(self._definitions.pointer.number) or self._definitions.poll(timeout_s)

    def open(self, positions: Positions) -> list[Gap]:
        """Begin to read, by the set in force; return what is not there any more."""
        self._number, self._is_cut = self._definitions.pointer.number, False
        self._definitions.check_libraries(self._number)
        self._routes.keep_only(self._number)
        wanted = self._wanted(positions)
        topics = self._admin.require(wanted)
        self.topic_ids = {name: topic.id for name, topic in topics.items()}
        places = [(name, p) for name, topic in topics.items() for p in range(topic.partitions)]
        firsts = self._admin.firsts(places)
        ends = self._admin.ends(places)
        self._lanes, gaps = {}, []
        for place in places:
            topic = topics[place[0]]
            kind, channel = wanted[topic.name]
            known = positions.get(kind, {})
            at = known.get(lane_name(topic, place[1]))
            others = (lane for lane in known if not lane.startswith(f"{topic.name}/{topic.id}/"))
            is_anew = at is None and any(topic_of(lane) == topic.name for lane in others)
            if at is not None and at > ends[place]:
                raise RefusalError(
                    f"{place[0]}/{place[1]} ends at {ends[place]}, and the layer has its records "
                    f"up to {at}: the log lost its end. Bring it back, or make the layer anew in "
                    "an empty folder"
                )
            lost = max(0, firsts[place] - (at or 0))
            if lost or is_anew:
                gaps.append(Gap(topic.name, lost, is_anew))
            start = max(at or 0, firsts[place])
            self._lanes[place] = Lane(kind, topic, place[1], start, channel)
        if self._consumer is not None:
            self._consumer.close()
        starts = {place: lane.next for place, lane in self._lanes.items()}
        self._consumer = reader(self._settings, starts)
        return gaps

    def _wanted(self, positions: Positions) -> dict[str, tuple[str, str | None]]:
        """Return the topics to read, each with its kind and its channel."""
        program = self._definitions.program(self._number)
        found: dict[str, tuple[str, str | None]] = {
            self._names.out(kind): (kind.name, None) for kind in self._kinds if kind is not ACTION
        }
        targets = {self._names.target(channel) for channel in program.channels.values()}
        # Commands of channels that were taken out meanwhile are records as before.
        before = {topic_of(lane) for lane in positions.get(ACTION.name, {})}
        commands = {*self._admin.describe(before), *filter(None, targets)}
        found |= dict.fromkeys(commands, (ACTION.name, None))
        sources = self._routes.channels(self._number)
        for name in {topic_of(lane) for lane in positions.get(EVENT, {})} - set(sources):
            _LOG.warning("%s is read no more: the set in force has no such channel", name)
        return found | {name: (EVENT, channel) for name, channel in sources.items()}

    @property
    def dedupe_ms(self) -> int:
        """How long the set in force remembers an event's id."""
        return self._definitions.program(self._number).dedupe_ms

    def has_changed(self) -> bool:
        """Return whether to `open` anew: another set is in force, or a topic was cut."""
        self._definitions.poll()
        return self._is_cut or self._definitions.pointer.number != self._number

    def sets(self) -> list[KnownSet]:
        """Return the sets that are kept, the oldest first."""
        return known_sets({n: one.content for n, one in self._definitions.sets.items()})

    # --- reading -------------------------------------------------------------------------------

    def read(self, records_max: int, wait_s: float) -> Iterator[Given]:
        """Yield the next records, in the order of each lane; take all of them."""
        assert self._consumer is not None, "open comes first"
        for lane in self._lanes.values():
            if lane.ready is not None and lane.ready():
                yield from self._release(lane)
        for message in self._consumer.consume(records_max, wait_s):
            error = message.error()
            lane_or_none = self._lanes.get((message.topic() or "", message.partition() or 0))
            if error is not None:
                if lane_or_none is not None and is_end(message):
                    if lane_or_none.ready is None:
                        lane_or_none.next = max(lane_or_none.next, message.offset() or 0)
                elif is_out_of_range(error):
                    self._is_cut = True
                else:
                    check_consumed(error, message.topic(), reading(self._settings))
            elif lane_or_none is not None:
                if lane_or_none.ready is not None:
                    lane_or_none.held.append(message)
                elif (given := self._given(lane_or_none, message)) is not None:
                    yield given

    def _release(self, lane: Lane) -> Iterator[Given]:
        """Yield what was held, up to the next record that cannot be given yet."""
        held, lane.held, lane.ready = lane.held, deque(), None
        is_first = True
        while held:
            given = self._given(lane, held[0], is_awaited=is_first)
            if given is None:
                lane.held.extend(held)  # `_given` has put its first there
                lane.held.popleft()
                return
            held.popleft()
            yield given
            is_first = False
        assert self._consumer is not None
        self._consumer.resume([TopicPartition(*lane.place)])

    def _given(self, lane: Lane, message: Message, *, is_awaited: bool = False) -> Given | None:
        """Return a record; None if its lane is held by it."""
        offset = message.offset() or 0
        value = message.value()
        value = value.encode() if isinstance(value, str) else value
        event: DecodedRecord | None = None
        if lane.kind == EVENT:
            record = raw.record_of(message, lane.log, lane.channel)
            if self._routes.lacks(self._number, record) is not None:
                self._hold(lane, message, lambda: self._routes.knows(record.value))
                return None
            event = record, self._routes.decode(self._number, record)
        elif lane.kind == IDENTITY.name and not is_awaited and value and _ERASED in value:
            self._hold(lane, message, self._events_are_read())
            return None
        elif lane.kind == ACTION.name and value is not None:
            value = self._texts.text(value)
        lane.next = offset + 1
        return Given(lane.kind, lane.name, lane.place[0], lane.next, value, event)

    def _hold(self, lane: Lane, message: Message, ready: Callable[[], bool]) -> None:
        assert self._consumer is not None
        lane.held.append(message)
        lane.ready = ready
        self._consumer.pause([TopicPartition(*lane.place)])

    def _events_are_read(self) -> Callable[[], bool]:
        """Return whether the topics of events, read on from now, are past their present ends."""
        lanes = [lane for lane in self._lanes.values() if lane.kind == EVENT]
        ends = self._admin.ends([lane.place for lane in lanes], committed=True)
        return lambda: all(
            lane.next >= ends[lane.place] or lane.ready is not None for lane in lanes
        )

    # --- where it stands -----------------------------------------------------------------------

    def positions(self) -> Iterator[tuple[str, str, int]]:
        """Yield of each lane its kind, its name, and where it goes on."""
        for lane in self._lanes.values():
            yield lane.kind, lane.name, lane.next

    def standings(self) -> dict[Place, int]:
        """Return the next offset of each partition; for any thread."""
        return {place: lane.next for place, lane in list(self._lanes.items())}

    def is_held(self, place: Place) -> bool:
        """Return whether a partition waits for something that a restart would not bring."""
        lane = self._lanes.get(place)
        return lane is not None and lane.ready is not None

    def why_held(self) -> str | None:
        """Return what lanes of events wait for; None if none waits."""
        held = sum(lane.kind == EVENT and lane.ready is not None for lane in self._lanes.values())
        return f"{held} partitions wait for {self._routes.why_halted()}" if held else None

    def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            self._consumer.close()
        self._definitions.close()
        self._routes.close()


def lane_name(topic: Topic, partition: int) -> str:
    """Return the name of a partition of one incarnation of a topic."""
    return f"{topic.name}/{topic.id}/{partition}"


def topic_of(lane: str) -> str:
    """Return the name of a lane's topic."""
    return lane.partition("/")[0]
