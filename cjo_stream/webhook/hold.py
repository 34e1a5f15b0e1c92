"""What operators hold, heeded by the backlogs of this process.

    the topic of holds  ──▶  no backlog posts what is held  ──▶  what was on its way is answered,
                                                                 or broken off  ──▶  in force

A request is on its way for as long as its endpoint's `timeout`, and may reach an endpoint that
comes back meanwhile. So a hold is in force only when nothing that it is of is on its way; after
BREAK_OFF_S that is broken off. A request gets that time also where another was held before.

Whoever had a partition before may have said of it that a hold is in force. So where partitions
begin, the topic of holds is read again to its end before anything is posted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cjo_stream.engine.hold import Holds, Which
from cjo_stream.kafka.hold.order import HoldLog
from cjo_stream.webhook.backlog import Backlog, Command

POLL_S: Final = 0.2
"""How often it is asked for new holds."""
BREAK_OFF_S: Final = 2.0
"""How long a command that is held, and on its way, may be answered."""


class Heeding:
    """The holds that the backlogs, by channel, heed; `break_off` ends a request.

    `begin` returns the topic of holds, to be read. Times are of a clock that never jumps. Its
    methods raise RetryError, and RefusalError for a record that is no hold.
    """

    def __init__(
        self,
        begin: Callable[[], HoldLog],
        backlogs: Mapping[str, Backlog],
        break_off: Callable[[Command], None],
    ) -> None:
        self._begin = begin
        self._backlogs = backlogs
        self._break_off = break_off
        self._log: HoldLog | None = None
        self._begun = 0
        self._poll_due_s = 0.0
        self._break_off_due_s: dict[Command, float] = {}
        """Of each command that was on its way when it was held."""
        self._heeded = 0
        self.in_force = 0
        """Before which offset of the topic every hold and release is in force."""

    def heed(self, begun: int, now_s: float) -> None:
        """Let the backlogs heed what is held; `begun`: how many partitions have begun here."""
        if self._log is None or self._begun != begun:
            self._read()
            self._begun = begun
        elif now_s >= self._poll_due_s:
            self._log.poll()
            self._poll_due_s = now_s + POLL_S
        assert self._log is not None
        if self._log.seen != self._heeded:
            self._heeded = self._log.seen
            for channel, backlog in self._backlogs.items():
                backlog.heed(holds_for(channel, self._log.holds), int(now_s * 1000))
        if self._heeded != self.in_force:
            self._settle(now_s)

    def close(self) -> None:
        """Leave the topic."""
        if self._log is not None:
            self._log.close()

    def _read(self) -> None:
        self.close()
        self._log = self._begin()
        self._log.read()

    def _settle(self, now_s: float) -> None:
        """Note that the holds are in force once nothing that they are of is on its way."""
        self._break_off_due_s = {
            command: self._break_off_due_s.get(command, now_s + BREAK_OFF_S)
            for backlog in self._backlogs.values()
            for command in backlog.held_on_their_way
        }
        if not self._break_off_due_s:
            self.in_force = self._heeded
        for command, due_s in self._break_off_due_s.items():
            if now_s >= due_s:
                self._break_off(command)


def holds_for(channel: str, holds: Holds) -> Holds:
    """Return the holds as the backlog of a channel's endpoint heeds them.

    A hold of the channel is of all that its endpoint gets, also of commands that were decided when
    the channel had another name.
    """
    return frozenset(Which("", one.action) if one.channel == channel else one for one in holds)
