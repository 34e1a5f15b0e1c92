"""What intake, dispatch and learn have in common as processes: from their start to their end.

    hold the slot  ──▶  wait for the broker  ──▶  open  ──▶  turn, turn, …  ──▶  close
                              ▲                                    │
                              └─────────────  abandon  ◀───────────┘ an outage

An outage is waited for in here, however long it is, with /readyz saying so. Who was in the midst
of a step when it came throws all that it holds away, with its clients, and begins anew from what
is committed, as a new process would. Ending instead would do as well, but a supervisor starts what
ended ever more slowly, and each start costs a second or more just when all of them start.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, TypeVar

from cjo_stream.errors import CjoError, Reaction, RetryError, StopError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.noise import muffle
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.process import slot
from cjo_stream.kafka.process.watchdog import Standing, Watchdog, end_process
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Health, Metrics, serving, well

STANDSTILL_S: Final = 8.0
"""Less than the shortest usual session timeout: after that, others may have the partitions."""
GIVE_UP_S: Final = 10.0
"""For what is in flight when the process is asked to stop while the broker is away."""
WATCHDOG_S: Final = 30.0
"""Longer than any one call of ours may block, shorter than anybody's patience."""

ASK_AGAIN_S: Final = 0.5
STEADY_S: Final = 10.0
"""Who has worked for so long was well."""

T = TypeVar("T")

_LOG = logging.getLogger(__package__)


class Process(Protocol):
    """One process of a stage: `open`, then `turn` for as long as it is to work, then `close`."""

    vitals: Vitals

    def not_ready(self) -> str | None:
        """Return what is still waited for; None when it works."""

    def open(self) -> None:
        """Get ready; raises RetryError where the broker is away."""

    def turn(self) -> None:
        """Take one step."""

    def close(self) -> None:
        """Leave in order."""

    def abandon(self) -> None:
        """Let go of the broker; nothing of what is in memory may reach it any more."""


def work(
    settings: Settings, stage: str, make: Callable[[Settings, Metrics, Stopping], Process]
) -> int:
    """Run a process of `stage` until SIGTERM or SIGINT; returns the exit code.

    Raises LockedError where another process on this machine has the slot, and what `make` and the
    process raise; but a broker that is away at the start is waited for.
    """
    muffle()
    stopping, metrics, health = Stopping(), Metrics(), Health()

    def opened() -> Process:
        process = make(settings, metrics, stopping)
        health.live, health.ready = process.vitals.problem, process.vitals.ready(process)
        process.vitals.start()
        try:
            process.open()
        except RetryError:
            process.vitals.stop()
            process.abandon()
            raise
        return process

    with (
        stopping.on_signals(),
        slot.held(slot.folder(settings, stage)),
        serving(settings.metrics_host, settings.metrics_port, metrics, health),
    ):
        while process := once_answered(settings, health, opened, lambda: stopping.asked):
            began_s = time.monotonic()
            try:
                while not stopping.asked:
                    process.turn()
            except CjoError as error:
                process.vitals.stop()
                if stopping.asked or not begins_anew(error, time.monotonic() - began_s):
                    raise
                _LOG.warning("beginning anew: %s", error)
                process.abandon()
            else:
                process.vitals.stop()
                # Only here: after an error, what stands in memory may not be delivered.
                process.close()
    return 0


def begins_anew(error: CjoError, ran_s: float) -> bool:
    """Return whether a process that ran for `ran_s` goes on by beginning anew within itself.

    What an outage does to a client shows late, and not always as one: as a group that has given
    its place away, as a transaction that is over. So it does, once; what comes again soon is the
    supervisor's, which waits longer each time.
    """
    if error.reaction is Reaction.RETRY:
        return True
    return error.reaction is Reaction.STOP and ran_s >= STEADY_S


def once_answered(
    settings: Settings,
    health: Health,
    make: Callable[[], T],
    stopping: Callable[[], bool] = lambda: False,
) -> T | None:
    """Return what `make` gives once the broker answers; None where it is `stopping` before.

    /readyz tells of it meanwhile.
    """
    began_s = time.monotonic()
    while not stopping():
        health.live = well
        health.ready = lambda: f"waiting for the broker for {time.monotonic() - began_s:.0f} s"
        try:
            Admin(settings).ping()
            return make()
        except RetryError as error:
            _LOG.warning("at the start: %s", error)
            time.sleep(ASK_AGAIN_S)
    return None


class Stopping:
    """Whether SIGTERM or SIGINT was seen, and since when."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    @property
    def asked(self) -> bool:
        """Return whether this process is to end."""
        return self._since_s is not None

    def ask(self) -> None:
        """Have the process end."""
        if self._since_s is None:
            self._since_s = time.monotonic()

    def check(self) -> None:
        """Raise StopError where what is in flight has kept an ending process for too long."""
        if self._since_s is not None and time.monotonic() - self._since_s > GIVE_UP_S:
            raise StopError(
                "the broker does not take what is in flight; it is sent again after the next start"
            )

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Listen to signals meanwhile."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {n: signal.signal(n, lambda *_: self.ask()) for n in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Linger:
    """How long to gather records before a step: short when idle, longer under load.

    What the broker is asked costs by the request, not by the record. So the more records come in
    a second, the longer they are gathered, up to `longest_s` at `busy_rate`; a step that is full
    sooner does not wait.
    """

    def __init__(self, shortest_s: float, longest_s: float, busy_rate: float) -> None:
        self._shortest_s = shortest_s
        self._slope = (longest_s - shortest_s) / busy_rate
        self._busy_rate = busy_rate
        self._rate = 0.0
        self._last_s = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return how long to gather now."""
        return self._shortest_s + self._slope * min(self._rate, self._busy_rate)

    def took(self, records: int) -> None:
        """Note that a step of so many records was gathered."""
        now_s = time.monotonic()
        passed_s = max(now_s - self._last_s, 1e-3)
        self._last_s = now_s
        # Half of the weight lies on the last 50 ms, or on the last step, where that took longer.
        weight = passed_s / (passed_s + 0.05)
        self._rate += weight * (records / passed_s - self._rate)


class Standstill:
    """Tells whether this process stood still for too long.

    It was stopped (SIGSTOP, a sleeping machine), or cut off from the broker. Others then may have
    its partitions, and route by another definition set. What it holds must not be sent any more,
    nor what is fetched by it. So no moment goes unseen from one `moved` to the next.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen_s: float | None = None
        """None while it holds nothing."""

    def moved(self) -> None:
        """Note that the process begins a turn; raises StopError as `check`."""
        self.check()
        self._seen_s = self._clock()

    def given(self) -> None:
        """Note that what the process holds was given to it just now, by the group itself."""
        self._seen_s = None

    def check(self) -> None:
        """Raise StopError where too long has passed since its turn began."""
        stood_s = 0.0 if self._seen_s is None else self._clock() - self._seen_s
        if stood_s > STANDSTILL_S:
            raise StopError(
                f"this process stood still for {stood_s:.0f} s, or waited so long for the broker, "
                "and others may have its partitions: it begins anew when it is started again"
            )


class Vitals:
    """Watches a stage: its loop, its progress, its lag, and the topics it reads.

    `standings` gives the next offset of each partition; it is called from another thread.
    """

    def __init__(
        self,
        stage: str,
        admin: Admin,
        standings: Callable[[], Mapping[Place, int]],
        topic_ids: Callable[[], Mapping[str, str]],
        metrics: Metrics,
        stopping: Stopping,
    ) -> None:
        self._stage = stage
        self._admin = admin
        self._standings = standings
        self._topic_ids = topic_ids
        self._metrics = metrics
        self._stopping = stopping
        self._numbers: dict[Place, int] = {}
        self._watchdog = Watchdog(self._numbered, self._ends, {}, WATCHDOG_S)
        self.start = self._watchdog.start
        self.stop = self._watchdog.stop
        self.beat = self._watchdog.beat
        self.turned = self._watchdog.turned
        self.problem = self._watchdog.problem

    def wait(self) -> None:
        """Note that the broker is waited for; raises StopError as `Stopping.check`."""
        self.beat()
        self._stopping.check()

    def go_on(self) -> bool:
        """Do as `wait`; return whether to wait on, for a writer that can leave off."""
        self.wait()
        return not self._stopping.asked

    def ready(self, process: Process) -> Callable[[], str | None]:
        """Return what /readyz asks: what the process waits for, else why it takes no work."""
        return lambda: process.not_ready() or self._watchdog.not_ready()

    def _number(self, place: Place) -> int:
        return self._numbers.setdefault(place, len(self._numbers))

    def _numbered(self) -> dict[int, Standing]:
        return {self._number(p): Standing(at) for p, at in self._standings().items()}

    def _ends(self) -> dict[int, int]:
        standings = self._standings()
        if not standings:
            self._admin.ping()
        ends = self._admin.ends(standings, committed=True)
        known = self._topic_ids()
        there = self._admin.describe(known)
        for name, id_ in known.items():
            if name not in there or there[name].id != id_:
                end_process(f"the topic {name} was deleted or created anew under this process")
        for place, end in ends.items():
            lag = max(0, end - standings[place])
            self._metrics.set("cjo_lag_records", (self._stage, f"{place[0]}/{place[1]}"), lag)
        return {self._number(place): end for place, end in ends.items()}
