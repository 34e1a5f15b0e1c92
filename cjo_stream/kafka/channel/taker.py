"""A member of a group that takes commands of channels, and answers them out of order.

    gather  ──▶  commands  ──▶  answered, in any order  ──▶  commit, now and then
                                                             behind what is answered (`reached`)

A topic that is `halted` is not read on, and others are. After a crash, or where another member
takes a partition over, what was answered since the last commit is taken again, and nothing else.

                                                    a partition begins
    nothing committed, or a topic created anew      with the first record that the topic holds
    committed                                       there; behind it, where that is gone
    committed beyond the end: the log lost some     with the first record: again rather than never
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from cjo_stream.errors import RefusalError, StopError
from cjo_stream.kafka.channel.reached import Reached
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import belonging, committing, group_id, is_end
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.permission import Rights, refusal
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.position.position import Found, Position, Start, committed_positions
from cjo_stream.kafka.process.stage import Linger, Vitals
from cjo_stream.kafka.stage.member import Member
from cjo_stream.kafka.stage.raw import headers_of
from cjo_stream.settings import Settings

COMMIT_S: Final = 0.25
COMMIT_AGAIN_S: Final = 60.0
"""A position whose commit was refused is committed again after this time at the latest."""
LINGER_S: Final = 0.002

_LOG = logging.getLogger(__package__)


class Record(NamedTuple):
    """One record of a topic of commands."""

    place: Place
    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Taker:
    """One member of the group of a stage.

    `leave` is called with partitions before another member has them: it settles what it can, and
    forgets the rest. `lost` is called with a topic and the number of offsets that it no longer
    holds though nobody has read them.
    """

    def __init__(
        self,
        settings: Settings,
        stage: str,
        admin: Admin,
        vitals: Vitals,
        leave: Callable[[Collection[Place]], None],
        lost: Callable[[str, int], None],
    ) -> None:
        self._group = group_id(settings, stage)
        self._belonging = belonging(settings, stage)
        self._committing = functools.partial(committing, settings, stage)
        self._admin = admin
        self._leave = leave
        self._lost = lost
        self._reached: dict[Place, Reached] = {}
        self._committed: dict[Place, tuple[int, str]] = {}
        self._new: list[Place] = []
        """Partitions that were never committed, and are before anything of them is taken."""
        self._halted: frozenset[str] = frozenset()
        self._commit_due_s = self._again_due_s = 0.0
        self.begun = 0
        """How many partitions have begun here."""
        self.heeded = 0
        """Before which offset of the topic of holds every record is heeded; it is committed."""
        self._member = Member(
            settings,
            stage,
            self,
            vitals,
            begin=self._begin,
            linger=Linger(LINGER_S, LINGER_S, 1.0),
            on_commit=self._on_commit,
        )
        self.subscribe = self._member.subscribe

    @property
    def is_joined(self) -> bool:
        """Return whether the group has assigned partitions."""
        return self._member.is_joined

    @property
    def topic_ids(self) -> dict[str, str]:
        """Return the topics that are read, each with its id; for any thread."""
        return {place[0]: one.topic_id for place, one in list(self._reached.items())}

    def standings(self) -> dict[Place, int]:
        """Return the offset to read next of each partition; for any thread."""
        return {place: one.next for place, one in list(self._reached.items())}

    def is_halted(self, place: Place) -> bool:
        """Return whether a partition is not read on; for any thread."""
        return place[0] in self._halted

    def gather(self, most: int, idle_s: float) -> list[Record]:
        """Return the next commands that are to be answered; waits `idle_s` for the first."""
        self._member.turned()
        messages = self._member.gather(most, idle_s)
        if messages is None:
            # So whoever asks which partitions heed a hold knows of these.
            self._commit(self._new, wait=True)
            self._new.clear()
            self._member.resume()
            return []
        found = []
        for message in messages:
            place = (message.topic() or "", message.partition() or 0)
            reached = self._reached.get(place)
            offset, error = message.offset() or 0, message.error()
            if is_end(message):
                if reached is not None:
                    reached.ends_at(offset)
            elif error is not None:
                check_consumed(error, place[0], self._belonging)
            elif reached is not None and reached.take(offset):
                value = message.value() or b""
                found.append(Record(place, offset, value, headers_of(message)))
        return found

    def answer(self, place: Place, offset: int) -> None:
        """Note that a command needs nothing more."""
        if (reached := self._reached.get(place)) is not None:
            reached.answer(offset)

    def check(self) -> None:
        """Raise StopError if, after a standstill, others may have this member's partitions."""
        self._member.check()

    def halt(self, topics: Collection[str]) -> None:
        """Read on in all topics but these."""
        wanted = frozenset(topics)
        if wanted != self._halted:
            self._halted = wanted
            # Not `pause`: where that follows an assignment, librdkafka may never read on.
            self._member.assign()

    def commit_when_due(self) -> None:
        """Commit moved positions when it is time; does not wait for the broker's answer."""
        now_s = time.monotonic()
        if now_s >= self._again_due_s:
            self._again_due_s = now_s + COMMIT_AGAIN_S
            self._committed.clear()
        if now_s >= self._commit_due_s:
            self._commit_due_s = now_s + COMMIT_S
            self._commit(self._reached, wait=False)

    def close(self) -> None:
        """Commit, and close cleanly. The membership of the group stays."""
        try:
            self._commit(self._reached, wait=True)
        except StopError as error:
            _LOG.warning("at the end: %s", error)
        finally:
            self._member.consumer.close()

    def abandon(self) -> None:
        """Disconnect without a commit."""
        self._reached.clear()
        self._member.consumer.close()

    # --- the group -----------------------------------------------------------------------------

    def take_up(self, found: Found, start: Start) -> None:
        """Begin with a partition."""
        at = found.committed if start.metadata is not None else None
        begun = Position(start.offset, "") if at is None else at
        reached = Reached(found.topic_id, begun.offset, begun.metadata, start.offset)
        self._reached[found.place] = reached
        self.begun += 1
        self._committed.pop(found.place, None)
        if found.committed is None:
            self._new.append(found.place)
        if reached.lost:
            self._lost(found.place[0], reached.lost)

    def let_go(self, places: Sequence[Place], *, are_lost: bool) -> None:
        """Give up partitions; commit what was answered, for the next members with them."""
        self._leave(places)
        if not are_lost:
            try:
                self._commit(places, wait=True)
            except StopError as error:
                _LOG.warning("on a rebalance: %s", error)
        for place in places:
            self._reached.pop(place, None)

    def next_offsets(self) -> Mapping[Place, int]:
        """Return the offset to read next of each partition that is read now."""
        return {p: at for p, at in self.standings().items() if not self.is_halted(p)}

    def _begin(
        self, consumer: Consumer, partitions: list[TopicPartition]
    ) -> list[tuple[Found, Start]]:
        places = [(one.topic, one.partition) for one in partitions]
        topics = self._admin.require(topic for topic, _ in places)
        firsts, ends = self._admin.firsts(places), self._admin.ends(places, committed=True)
        begun = []
        for place, at in committed_positions(consumer, partitions, self._belonging).items():
            topic_id, first, end = topics[place[0]].id, firsts[place], ends[place]
            found = Found(place, topic_id, "", first, end, self._group, at, None)
            begun.append((found, start_of(found)))
        return begun

    # --- inside --------------------------------------------------------------------------------

    def _commit(self, places: Iterable[Place], *, wait: bool) -> None:
        known = {place: self._reached[place] for place in places if place in self._reached}
        moved = {
            place: at
            for place, one in known.items()
            if (at := one.position(self.heeded)) != self._committed.get(place)
        }
        if not moved:
            return
        self._committed |= moved
        offsets = [TopicPartition(*place, *at) for place, at in moved.items()]
        if not wait:
            self._member.consumer.commit(offsets=offsets, asynchronous=True)
            return
        try:
            answers = self._member.consumer.commit(offsets=offsets, asynchronous=False) or []
        except KafkaException as error:
            raise _uncommitted(error, self._committing(offsets)) from error
        if refused := [one.error for one in answers if one.error is not None]:
            raise _uncommitted(refused[0], self._committing(offsets))

    def _on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        refused = error or next((one.error for one in places if one.error is not None), None)
        if refused is None:
            return
        needed = self._committing(places)
        if (forbidden := refusal(refused, "to commit positions", needed)) is not None:
            raise forbidden
        # A fenced member gets an error instead of its next record.
        _LOG.warning("positions were not committed: %s", refused)
        self._committed.clear()


def start_of(found: Found) -> Start:
    """Return where a partition begins; metadata is None where nothing goes on."""
    at = found.committed
    topic_id, _, _ = (at.metadata if at is not None else "").partition(" ")
    if at is None or topic_id != found.topic_id or at.offset > found.end:
        return Start(found.first, None)
    return Start(max(at.offset, found.first), at.metadata)


def _uncommitted(error: KafkaException | KafkaError, rights: Rights) -> RefusalError | StopError:
    return refusal(error, "to commit positions", rights) or StopError(
        f"positions could not be committed ({error}): this process goes on from those before, "
        "when it is started again, and takes again what was answered since"
    )
