"""The common scaffold of intake, dispatch and learn, from their start to their end.

    hold the slot  ──▶  wait for the broker  ──▶  open  ──▶  turn, turn, …  ──▶  close
                              ▲                                    │
                              └─────────────  abandon  ◀───────────┘ an outage

An outage is waited out in here, however long it is, and /readyz reports it. A process in the
middle of a step discards all that it holds, clients included, and begins anew from what is
committed, as a new process would. Ending instead would be correct, too, but a supervisor restarts
ever more slowly, and each start costs a second or more just when all processes start.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, TypeVar

from cjo_stream.definition.content import libraries_here
from cjo_stream.errors import CjoError, Reaction, RetryError, StopError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.handshake import wait_until_away
from cjo_stream.kafka.client.noise import muffle
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.outlook import clock
from cjo_stream.kafka.process import slot
from cjo_stream.kafka.process.watchdog import Standing, Watchdog, end_process
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Health, Metrics, access_of, serving, well

STANDSTILL_S: Final = 8.0
"""Less than the shortest usual session timeout: after that, others may have the partitions."""
GIVE_UP_S: Final = 10.0
"""For records in flight, if the process is asked to stop and the broker is slow."""
WATCHDOG_S: Final = 30.0
"""Longer than any one call of ours may block."""

ASK_AGAIN_S: Final = 0.5
STEADY_S: Final = 10.0
"""A process that has worked for so long counts as healthy."""

T = TypeVar("T")

_LOG = logging.getLogger(__package__)


class Process(Protocol):
    """One process of a stage: `open`, then `turn` again and again, then `close`."""

    vitals: Vitals

    def not_ready(self) -> str | None:
        """Return what the process still waits for; None when it works."""

    def open(self) -> None:
        """Get ready; raises RetryError where the broker is away."""

    def turn(self) -> None:
        """Take one step."""

    def close(self) -> None:
        """Close cleanly."""

    def abandon(self) -> None:
        """Disconnect from the broker; nothing in memory may reach it any more."""


def work(
    settings: Settings, stage: str, make: Callable[[Settings, Metrics, Stopping], Process]
) -> int:
    """Run a process of `stage` until SIGTERM or SIGINT; return the exit code.

    Raises LockedError if another process on this machine has the slot, and the errors of `make`
    and the process; but a broker that is away at the start is waited for.
    """
    muffle()
    stopping = Stopping(lambda: end_once_away(settings))
    metrics, health = measuring(stage), Health()

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
        served(settings, metrics, health),
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
                metrics.add({("cjo_begun_anew_total",): 1})
                process.abandon()
            else:
                process.vitals.stop()
                # Only here: after an error, what is in memory may not be delivered.
                process.close()
    return 0


def measuring(stage: str) -> Metrics:
    """Return the metrics of a process of `stage`, which say what it is."""
    metrics = Metrics()
    metrics.set("cjo_stage_info", (stage,), 1)
    for library, version in libraries_here().items():
        metrics.set("cjo_library_info", (library, version), 1)
    return metrics


@contextlib.contextmanager
def served(settings: Settings, metrics: Metrics, health: Health) -> Iterator[None]:
    """Serve metrics and health during the `with` block, where the settings ask for it.

    Raises UsageError for a certificate that cannot be used.
    """
    host, port, access = settings.metrics_host, settings.metrics_port, access_of(settings)
    with serving(host, port, metrics, health, settings.data_dir, access):
        asking = clock.watching(settings, metrics)
        if port is not None:
            asking.start()
        try:
            yield
        finally:
            asking.stop()


def begins_anew(error: CjoError, ran_s: float) -> bool:
    """Return whether a process that ran for `ran_s` handles an error by beginning anew.

    The effect of an outage on a client shows late, and often as another error: the group has given
    its place away, a transaction is over. So a process begins anew once. If the error comes again
    soon, the process ends, and its supervisor waits longer each time.
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
    """Return the result of `make` once the broker answers; None if `stopping` before that.

    /readyz reports the waiting, and why.
    """
    began_s, why = time.monotonic(), ""

    def waiting() -> str:
        return f"waiting for the broker for {time.monotonic() - began_s:.0f} s{why}"

    while not stopping():
        health.live, health.ready = well, waiting
        try:
            Admin(settings).ping()
            return make()
        except RetryError as error:
            why = f": {error}"
            _LOG.warning("at the start: %s", error)
            time.sleep(ASK_AGAIN_S)
    return None


def end_once_away(settings: Settings) -> None:
    """End this process once the broker is away, whatever call it waits in.

    Several calls of librdkafka wait for as long as they were told to.
    """

    def watch() -> None:
        wait_until_away(settings)
        end_process(
            "it was asked to, and the broker is away; what is in memory is done again after the "
            "next start",
            code=0,
        )

    threading.Thread(target=watch, name="is the broker away?", daemon=True).start()


class Stopping:
    """Whether SIGTERM or SIGINT was seen, and since when; `on_ask` is called then."""

    def __init__(self, on_ask: Callable[[], None] = lambda: None) -> None:
        self._on_ask = on_ask
        self._since_s: float | None = None

    @property
    def asked(self) -> bool:
        """Return whether this process was asked to end."""
        return self._since_s is not None

    def ask(self) -> None:
        """Ask the process to end."""
        if self._since_s is None:
            self._since_s = time.monotonic()
            self._on_ask()

    def check(self) -> None:
        """Raise StopError if records in flight have delayed the end for too long."""
        if self._since_s is not None and time.monotonic() - self._since_s > GIVE_UP_S:
            raise StopError(
                "the broker does not take what is in flight; it is sent again after the next start"
            )

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Handle signals during the `with` block."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {n: signal.signal(n, lambda *_: self.ask()) for n in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Linger:
    """How long to gather records before a step: short when idle, longer under load.

    The broker's cost depends on the number of requests, not of records. So the more records come
    in a second, the longer they are gathered, up to `longest_s` at `busy_rate`; a step that is
    full sooner does not wait. What came during the step before has waited: its time counts.
    """

    def __init__(
        self,
        shortest_s: float,
        longest_s: float,
        busy_rate: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shortest_s = shortest_s
        self._slope = (longest_s - shortest_s) / busy_rate
        self._busy_rate = busy_rate
        self._rate = 0.0
        self._clock = clock
        self._last_s = clock()

    @property
    def seconds(self) -> float:
        """Return how long to gather now."""
        whole_s = self._shortest_s + self._slope * min(self._rate, self._busy_rate)
        return max(self._shortest_s, whole_s - (self._clock() - self._last_s))

    def took(self, records: int) -> None:
        """Note that a step of this many records was gathered."""
        now_s = self._clock()
        passed_s = max(now_s - self._last_s, 1e-3)
        self._last_s = now_s
        # Half of the weight lies on the last 50 ms, or on the last step, where that took longer.
        weight = passed_s / (passed_s + 0.05)
        self._rate += weight * (records / passed_s - self._rate)


class Standstill:
    """Detects that this process stood still for too long.

    It may have been stopped (SIGSTOP, a sleeping machine), or cut off from the broker. Other
    processes may then have its partitions, and route by another definition set, so it must not
    send what it holds or has fetched. The time from one `moved` to the next is checked without a
    gap.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen_s: float | None = None
        """None while the process holds nothing."""

    def moved(self) -> None:
        """Note that the process begins a turn; raises StopError as `check`."""
        self.check()
        self._seen_s = self._clock()

    def given(self) -> None:
        """Note that the group has just confirmed what the process holds."""
        self._seen_s = None

    def check(self) -> None:
        """Raise StopError if too long has passed since the turn began."""
        stood_s = 0.0 if self._seen_s is None else self._clock() - self._seen_s
        if stood_s > STANDSTILL_S:
            raise StopError(
                f"this process stood still for {stood_s:.0f} s, or waited so long for the broker, "
                "and others may have its partitions: it begins anew when it is started again"
            )


class Vitals:
    """Watches a stage: its loop, its progress, its lag, and the topics it reads.

    `standings` gives the next offset of each partition; it is called from another thread, and so
    is `halted`: whether a partition waits for something that a restart would not bring.
    """

    def __init__(
        self,
        stage: str,
        admin: Admin,
        standings: Callable[[], Mapping[Place, int]],
        topic_ids: Callable[[], Mapping[str, str]],
        metrics: Metrics,
        stopping: Stopping,
        halted: Callable[[Place], bool] = lambda _: False,
    ) -> None:
        self._halted = halted
        self._stage = stage
        self._admin = admin
        self._standings = standings
        self._topic_ids = topic_ids
        self._metrics = metrics
        self._stopping = stopping
        self._numbers: dict[Place, int] = {}
        self._shown: set[Place] = set()
        """Partitions whose lag is published; of those before a process began anew, none is."""
        metrics.forget("cjo_lag_records")
        self._watchdog = Watchdog(self._numbered, self._ends, {}, WATCHDOG_S)
        self.start = self._watchdog.start
        self.stop = self._watchdog.stop
        self.beat = self._watchdog.beat
        self.turned = self._watchdog.turned
        self.problem = self._watchdog.problem

    def wait(self) -> None:
        """Note that the process waits for the broker; raises StopError as `Stopping.check`."""
        self.beat()
        self._stopping.check()

    def go_on(self) -> bool:
        """Do as `wait`; return False if the process was asked to end, so that a writer stops."""
        self.wait()
        return not self._stopping.asked

    def ready(self, process: Process) -> Callable[[], str | None]:
        """Return the check of /readyz: broker away, what it waits for, why it takes no work."""
        watchdog = self._watchdog
        return lambda: watchdog.away() or process.not_ready() or watchdog.not_ready()

    def _number(self, place: Place) -> int:
        return self._numbers.setdefault(place, len(self._numbers))

    def _numbered(self) -> dict[int, Standing]:
        return {
            self._number(p): Standing(at)
            for p, at in self._standings().items()
            if not self._halted(p)
        }

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
        for topic, number in self._shown - set(ends):
            self._metrics.forget("cjo_lag_records", (self._stage, f"{topic}/{number}"))
        for (topic, number), end in ends.items():
            lag = max(0, end - standings[topic, number])
            self._metrics.set("cjo_lag_records", (self._stage, f"{topic}/{number}"), lag)
        self._shown = set(ends)
        return {self._number(place): end for place, end in ends.items()}
