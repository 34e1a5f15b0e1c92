"""The shelves of the partitions that a dispatch has, and the holds in force.

    are_known  ──▶  release  ──▶  take, take, …  ──▶  records  ──▶  one transaction

Everything here changes in memory first. `records` has it written in the transaction that sends
what left the shelves and moves the positions; where that fails, the process begins anew from what
was committed.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from cjo_stream.engine.frame import Effect
from cjo_stream.engine.hold import Holds, Shelf, encode
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import is_end, reader, reading
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.sender import Outgoing
from cjo_stream.kafka.hold.order import HoldLog
from cjo_stream.kafka.hold.shelf import SHELF, command_in, is_shelf, read_shelves, settled
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics

POLL_S: Final = 0.2
"""How often it is asked for new holds."""
RELEASE_RECORDS_MAX: Final = 4_000
"""In one step: more than come onto shelves in one, so that a shelf gets empty under any load."""
_WAIT_S: Final = 0.05

_LOG = logging.getLogger(__package__)


class Shelves:
    """What waits in the partitions of this process. `open` it first."""

    def __init__(self, settings: Settings, admin: Admin, metrics: Metrics) -> None:
        self._settings = settings
        self._admin = admin
        self._metrics = metrics
        self._topic = Names(settings.topic_prefix).held
        self._log = HoldLog(settings)
        self._poll_due_s = 0.0
        self._shelves: dict[int, Shelf] = {}
        self._unknown: set[int] = set()
        self._changed: set[int] = set()
        self._deleted: dict[int, int] = {}
        """By partition, up to where it was deleted."""
        self._shown: set[str] = set()
        """The channels whose number of held commands is shown."""
        self._reader: Consumer | None = None
        self._through: dict[int, int] = {}
        """By partition, up to where the reader has come."""
        self._passing: Holds = frozenset()
        """The holds of the pass that the reader makes."""

    def open(self) -> None:
        """Read the holds in force; raises RetryError, and RefusalError for one that is none."""
        self._log.read()

    def close(self) -> None:
        """Leave the topics."""
        self._stop_reading()
        self._log.close()

    def take_up(self, number: int) -> None:
        """Begin with a partition."""
        self._unknown.add(number)

    def let_go(self, number: int) -> None:
        """Forget a partition."""
        for kept in (self._unknown, self._changed):
            kept.discard(number)
        self._shelves.pop(number, None)
        self._deleted.pop(number, None)
        self._stop_reading()
        self._show()

    def are_known(self) -> bool:
        """Read what is new; return whether it is known of every partition what waits there.

        It is not known while a transaction of another process is open.
        """
        if time.monotonic() >= self._poll_due_s:
            self._poll_due_s = time.monotonic() + POLL_S
            self._log.poll()
        if self._unknown:
            known = settled(self._admin, self._topic, self._unknown)
            self._shelves |= read_shelves(self._settings, self._topic, known)
            self._unknown -= known
            self._show()
        for number, shelf in self._shelves.items():
            if shelf.seen != self._log.seen:
                shelf.seen = self._log.seen
                self._changed.add(number)
        return not self._unknown

    def take(self, number: int, effects: list[Effect]) -> tuple[list[Effect], list[Outgoing]]:
        """Return a partition's effects that go out, and the records of commands that wait."""
        out, held = self._shelves[number].take(effects, self._log.holds)
        if held:
            self._changed.add(number)
        return out, [Outgoing(self._topic, encode(command), number) for command in held]

    def release(self) -> list[Effect]:
        """Return commands that wait no longer."""
        holds = self._log.holds
        leaving = {n for n, shelf in self._shelves.items() if shelf.leaving(holds)}
        if not leaving:
            self._stop_reading()
            return []
        if self._reader is None or self._passing != holds or leaving - self._through.keys():
            self._read_from(holds, leaving)
        assert self._reader is not None
        found: dict[int, list[tuple[int, Effect]]] = {}
        for message in self._reader.consume(RELEASE_RECORDS_MAX, _WAIT_S):
            number, offset = message.partition() or 0, message.offset() or 0
            if is_end(message):
                if number in leaving and number not in found:
                    self._check_end(number, offset)
            elif (error := message.error()) is not None:
                check_consumed(error, self._topic, reading(self._settings))
            elif number in leaving:
                self._through[number] = offset + 1
                if not is_shelf(message):
                    found.setdefault(number, []).append((offset, command_in(message)))
        out: list[Effect] = []
        for number, commands in found.items():
            out += self._release(number, commands, holds)
        return out

    def changed(self) -> set[int]:
        """Return the partitions whose shelves have changed since they were last written."""
        return set(self._changed)

    def records(self) -> list[Outgoing]:
        """Return the records of the shelves that have changed, to be written now."""
        written = [
            Outgoing(self._topic, encode(self._shelves[number]), number, SHELF)
            for number in sorted(self._changed)
        ]
        self._changed.clear()
        if written:
            self._show()
        return written

    def delete(self) -> None:
        """Let the broker delete what no longer waits, once that has been committed."""
        done = {
            number: shelf.low
            for number, shelf in self._shelves.items()
            if shelf.low > self._deleted.get(number, 0)
        }
        if not done:
            return
        self._deleted |= done
        places = [TopicPartition(self._topic, number, low) for number, low in done.items()]
        for future in self._admin.client.delete_records(places).values():
            future.add_done_callback(_note_failure)

    def _release(
        self, number: int, commands: list[tuple[int, Effect]], holds: Holds
    ) -> list[Effect]:
        shelf = self._shelves[number]
        expired = shelf.expired
        now_ms = int(time.time() * 1000)
        out = shelf.release(commands, self._through[number], holds, now_ms)
        if by := shelf.expired - expired:
            self._metrics.add({("cjo_suppressed_total", "expired"): by})
        self._changed.add(number)
        return out

    def _read_from(self, holds: Holds, leaving: set[int]) -> None:
        self._stop_reading()
        self._passing = holds
        places = [(self._topic, number) for number in leaving]
        firsts = self._admin.firsts(places)
        starts = {
            place: max(firsts[place], self._shelves[place[1]].start(holds)) for place in places
        }
        self._through = {number: start for (_, number), start in starts.items()}
        self._reader = reader(self._settings, starts)

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _check_end(self, number: int, end: int) -> None:
        """Go on without commands that should wait before the end of a shelf and do not."""
        place = (self._topic, number)
        if self._admin.ends([place])[place] > end:
            return  # a transaction of ours, of which the reader has not heard yet
        _LOG.error(
            "%s/%d has lost %d commands that waited: they are not sent. Find who deletes there",
            *place,
            self._shelves[number].lose(),
        )
        self._changed.add(number)

    def _show(self) -> None:
        """Set the metric."""
        totals = dict.fromkeys(self._shown, 0)
        for shelf in self._shelves.values():
            for channel, actions in shelf.waiting.items():
                totals[channel] = totals.get(channel, 0) + sum(actions.values())
        self._shown = set(totals)
        for channel, number in totals.items():
            self._metrics.set("cjo_held_commands", (channel,), number)


def _note_failure(future: Future[object]) -> None:
    if (error := future.exception()) is not None:
        _LOG.warning("commands that no longer wait were not deleted: %s", error)
