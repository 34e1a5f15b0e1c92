"""The commands that wait for one endpoint, and which of them is posted next.

    add ──▶ behind the customer's others ──▶ first ──▶ due ──▶ posted ──▶ answered
                                               ▲                 │
                                               └─── back-off ◀───┘ no answer, or `again`

- A customer's commands are posted one after the other, in their order. So one that fails holds
  that customer's later ones, and nobody else's.
- The pause before the next attempt doubles, up to LATEST_MS, and is drawn from its upper half: so
  commands that failed together do not come back together.
- A command is given up when it expires, or `give_up_ms` after its first attempt.
- Where STRUCK attempts in a row failed, whosever they were, the endpoint itself is in trouble: it
  gets one request at a time, with a pause that doubles up to REST_MS, until one is answered.
- `rate` is kept as a bucket of a tenth of a second, so requests do not bunch.
- A request that was broken off here is no failure: its command is due again at once, if it is not
  held, and nothing is concluded about its endpoint.
- A command that an operator holds is not posted. It waits in its place: its customer's later ones
  wait behind it, and nobody else's. It still expires; a `give_up_ms` that passes meanwhile begins
  anew with the first attempt after the release.

All times are given, in ms of a clock that never jumps; nothing here reads one.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from cjo_stream.engine.hold import Holds, is_held

SOONEST_MS: Final = 1_000
LATEST_MS: Final = 300_000
STRUCK: Final = 5
REST_MS: Final = 30_000
COMMANDS_MAX: Final = 1_000
BYTES_MAX: Final = 16 << 20
"""Of commands that wait for one endpoint: past these, its topic is not read on."""
OVER_MAX: Final = 200
"""Commands that are over, and are still kept until a heap comes to them."""
_BUCKET_S: Final = 0.1

Place = tuple[str, int]


class Limits(msgspec.Struct, frozen=True):
    """The limits of an endpoint."""

    parallel: int
    """Requests at one time."""
    rate: float | None = None
    """Requests a second; None: as many as it answers."""
    give_up_ms: int | None = None
    """From the first attempt; None: until the command expires."""


class Command(msgspec.Struct, eq=False):
    """A command that waits."""

    place: Place
    offset: int
    action_id: str
    customer_id: str
    expires_ms: int
    """When it expires, by the clock of the backlog."""
    body: bytes
    channel: str = ""
    action: str = ""
    trace: dict[str, str] = {}
    """Headers of its trace context, if it came with one."""
    attempts: int = 0
    failures: int = 0
    """Of these attempts; those that were broken off are none."""
    give_up_at_ms: int | None = None
    """When it has been tried for long enough; None: it was not tried, or is held since."""
    is_over: bool = False
    """Whether it is answered, given up or dropped."""

    @property
    def until_ms(self) -> int:
        """Return when it is given up."""
        if self.give_up_at_ms is None:
            return self.expires_ms
        return min(self.expires_ms, self.give_up_at_ms)


class Backlog:
    """The commands of one endpoint; `jitter` draws from 0 to 1."""

    def __init__(self, limits: Limits, jitter: Callable[[], float]) -> None:
        self._limits = limits
        self._jitter = jitter
        self._lines: dict[str, deque[Command]] = {}
        """By customer, in order; the first may be on its way."""
        self._due: list[tuple[int, int, Command]] = []
        self._ends: list[tuple[int, int, Command]] = []
        self._numbers = itertools.count()
        self._posted: dict[int, Command] = {}
        """Each command on its way, by its identity."""
        self._holds: Holds = frozenset()
        self._aside: list[Command] = []
        """Commands that are due, and held."""
        self._bytes = 0
        self._waits = 0
        self._over = 0
        """How many commands are over since the heaps were cleaned."""
        self._struck = 0
        self._rest_until_ms = 0
        self._asked_until_ms = 0
        """Until when the endpoint asks to be left alone, whatever it answers meanwhile."""
        self._tokens = self._most_tokens = max(1.0, (limits.rate or 0.0) * _BUCKET_S)
        self._filled_ms: int | None = None
        self.is_full = False
        """Whether no more is to be added for now: from a bound on, until half of it is free."""
        self.is_gone = False
        """Whether the endpoint said that it takes nothing any more."""

    @property
    def waits(self) -> int:
        """Return how many commands wait, those on their way included."""
        return self._waits

    @property
    def on_their_way(self) -> int:
        """Return how many commands are posted and not answered."""
        return len(self._posted)

    @property
    def held(self) -> int:
        """Return how many of those that wait are held, or behind one of their customer's."""
        if not self._holds:
            return 0
        return sum(len(line) for line in self._lines.values() if self._is_held(line[0]))

    @property
    def held_on_their_way(self) -> list[Command]:
        """Return the commands that were posted before they were held, and are not answered."""
        return [command for command in self._posted.values() if self._is_held(command)]

    def on_their_way_of(self, places: Collection[Place]) -> list[Command]:
        """Return the commands of these partitions that are posted and not answered."""
        return [command for command in self._posted.values() if command.place in places]

    def heed(self, holds: Holds, now_ms: int) -> None:
        """Post no command that one of these is of, from now on, and all others."""
        self._holds = holds
        aside, self._aside = self._aside, []
        for command in aside:
            self._push(self._due, now_ms, command)

    def add(self, command: Command, now_ms: int) -> None:
        """Put a command behind those of its customer."""
        self._waits += 1
        self._bytes += len(command.body)
        if self._waits >= COMMANDS_MAX or self._bytes >= BYTES_MAX:
            self.is_full = True
        self._push(self._ends, command.until_ms, command)
        line = self._lines.setdefault(command.customer_id, deque())
        line.append(command)
        if len(line) == 1:
            self._push(self._due, now_ms, command)

    def given_up(self, now_ms: int) -> list[Command]:
        """Return the commands whose time is over; they wait no longer."""
        found = []
        while self._ends and self._ends[0][0] <= now_ms:
            _, _, command = heapq.heappop(self._ends)
            if command.is_over or id(command) in self._posted:
                continue
            if now_ms < command.expires_ms and self._is_held(command):
                command.give_up_at_ms = None
                self._push(self._ends, command.expires_ms, command)
                continue
            if now_ms < command.until_ms:
                continue  # it was held meanwhile
            self._finish(command, now_ms)
            found.append(command)
        return found

    def next(self, now_ms: int) -> list[Command]:
        """Return the commands to post now; each is on its way until it is answered or put back."""
        self._fill(now_ms)
        found: list[Command] = []
        if self.is_gone or now_ms < max(self._rest_until_ms, self._asked_until_ms):
            return found
        parallel = 1 if self._struck >= STRUCK else self._limits.parallel
        while self._due and self._due[0][0] <= now_ms and len(self._posted) < parallel:
            if self._tokens < 1:
                break
            _, _, command = heapq.heappop(self._due)
            if command.is_over:
                continue
            if self._is_held(command):
                self._aside.append(command)
                continue
            if self._limits.rate is not None:
                self._tokens -= 1
            self._posted[id(command)] = command
            command.attempts += 1
            if command.give_up_at_ms is None and self._limits.give_up_ms is not None:
                command.give_up_at_ms = now_ms + self._limits.give_up_ms
                self._push(self._ends, command.until_ms, command)
            found.append(command)
        return found

    def answered(self, command: Command, now_ms: int) -> None:
        """Note that a command is answered; the customer's next one is due."""
        self._posted.pop(id(command), None)
        self._struck = self._rest_until_ms = 0
        if not command.is_over:
            self._finish(command, now_ms)

    def again(self, command: Command, now_ms: int, after_ms: int | None = None) -> bool:
        """Put a command that failed back; return False if it is given up instead.

        `after_ms`: how long the endpoint asks to be left alone.
        """
        self._posted.pop(id(command), None)
        self._struck += 1
        command.failures += 1
        pause_ms = self._pause_ms(command.failures)
        if after_ms is not None:
            self._asked_until_ms = max(self._asked_until_ms, now_ms + after_ms)
            pause_ms = max(pause_ms, after_ms)
        elif self._struck >= STRUCK:
            rest_ms = min(REST_MS, self._pause_ms(self._struck - STRUCK + 1))
            self._rest_until_ms = max(self._rest_until_ms, now_ms + rest_ms)
            pause_ms = min(pause_ms, rest_ms)
        if command.is_over:
            return True
        if now_ms + pause_ms >= command.until_ms:
            if not self._is_held(command):
                self._finish(command, now_ms)
                return False
            self._push(self._ends, command.until_ms, command)
        self._push(self._due, now_ms + pause_ms, command)
        return True

    def broken_off(self, command: Command, now_ms: int) -> None:
        """Put a command back whose request was broken off here."""
        self._posted.pop(id(command), None)
        self._put_back(command, now_ms)

    def gone(self, command: Command, now_ms: int) -> None:
        """Note that the endpoint takes nothing any more; commands wait until they expire."""
        self._posted.pop(id(command), None)
        self.is_gone = True
        command.attempts -= 1
        self._put_back(command, now_ms)

    def drop(self, places: Collection[Place]) -> None:
        """Forget the commands of partitions; the answers to those on their way change nothing."""
        for customer_id, line in list(self._lines.items()):
            kept = deque(command for command in line if command.place not in places)
            if len(kept) == len(line):
                continue
            for command in line:
                if command.place in places:
                    self._forget(command)
            if not kept:
                del self._lines[customer_id]
                continue
            self._lines[customer_id] = kept
            if kept[0] is not line[0]:
                self._push(self._due, 0, kept[0])

    # --- inside

    def _is_held(self, command: Command) -> bool:
        return is_held(self._holds, command.channel, command.action)

    def _push(self, heap: list[tuple[int, int, Command]], at_ms: int, command: Command) -> None:
        heapq.heappush(heap, (at_ms, next(self._numbers), command))

    def _put_back(self, command: Command, now_ms: int) -> None:
        """Let a command be due that was on its way, if it still waits."""
        if not command.is_over:
            self._push(self._due, now_ms, command)
            self._push(self._ends, command.until_ms, command)

    def _forget(self, command: Command) -> None:
        command.is_over = True
        self._waits -= 1
        self._bytes -= len(command.body)
        if self._waits <= COMMANDS_MAX // 2 and self._bytes <= BYTES_MAX // 2:
            self.is_full = False
        self._over += 1
        if self._over > OVER_MAX:
            self._clean()

    def _clean(self) -> None:
        """Drop what is over from the heaps: it may expire days later."""
        self._over = 0
        self._aside = [command for command in self._aside if not command.is_over]
        for heap in (self._due, self._ends):
            heap[:] = [one for one in heap if not one[2].is_over]
            heapq.heapify(heap)

    def _finish(self, command: Command, now_ms: int) -> None:
        """Take a command out of its line; if it was the first, the next is due."""
        self._forget(command)
        line = self._lines[command.customer_id]
        was_first = line[0] is command
        line.remove(command)
        if not line:
            del self._lines[command.customer_id]
        elif was_first:
            self._push(self._due, now_ms, line[0])

    def _pause_ms(self, attempts: int) -> int:
        longest = min(LATEST_MS, SOONEST_MS << min(attempts - 1, 20))
        return int(longest * (0.5 + 0.5 * self._jitter()))

    def _fill(self, now_ms: int) -> None:
        """Let time fill the bucket."""
        rate, before_ms = self._limits.rate, self._filled_ms
        self._filled_ms = now_ms
        if rate is not None and before_ms is not None:
            gained = max(0, now_ms - before_ms) / 1000 * rate
            self._tokens = min(self._most_tokens, self._tokens + gained)
