"""All Kafka processes of one machine under one supervisor: intake, workers, dispatch, learn.

So is the sink of insight, if it is asked for.

A child that ends is started again: at once the first time, then with doubling pauses, short ones
if its exit code says that the broker is away. After a minute of running the pauses begin anew. If
the code says that no start can succeed (`ending` has the table), all children are ended, because
waiting would not help. A signal ends all, stage by stage in the order of the data, so that records
in flight still flow out; all at once if the broker is away, where nothing flows. A child ends with
its supervisor, however that ends: Linux kills it (PR_SET_PDEATHSIG), and its successor repeats the
unfinished work.

The supervisor passes on the children's output, each line with the name of its child.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from cjo_stream.kafka.process.ending import AWAY, REFUSED, USAGE
from cjo_stream.settings import SUPERVISED

PAUSE_FIRST_S: Final = 0.5
PAUSE_MAX_S: Final = 30.0
AWAY_PAUSE_MAX_S: Final = 2.0
"""For a child that ended because the broker is away: once started, it waits for the broker."""
REFUSALS_MAX: Final = 2
"""So many refusals in a row are believed."""
REFUSED_PAUSE_S: Final = 10.0
"""Between two of them, at least: rights that are being replaced are gone for a moment, and a
broker that has just come may not know its topics yet."""
STEADY_S: Final = 60.0
"""A child that ran for so long is healthy: its next end starts the pauses anew."""
STOP_WITHIN_S: Final = 20.0
"""For the children of one stage to end, before they are killed."""
LOOK_S: Final = 0.2
"""Between two looks whether the end need not be in order."""

READ_BYTES_MAX: Final = 64 << 10
LINE_BYTES_MAX: Final = 256 << 10

PR_SET_PDEATHSIG: Final = 1

_LOG = logging.getLogger(__package__)


Say = Callable[[str, str], None]
"""Called with the name of a child and a line of its output."""


class Child(msgspec.Struct, frozen=True):
    """One process to keep running. Children of a lower `stage` are stopped first."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = {}
    stage: int = 0


class Restarts:
    """Decides when a child is started again, by its exit codes."""

    def __init__(self) -> None:
        self._pause_s = 0.0
        self._refusals = 0

    def after(self, code: int, ran_s: float) -> float | None:
        """Return the pause, in seconds, after an end with `code`; None: do not start it again.

        `ran_s` is the time that the child had run.
        """
        if ran_s >= STEADY_S:
            self._pause_s, self._refusals = 0.0, 0
        self._refusals = self._refusals + 1 if code == REFUSED else 0
        if code == USAGE or self._refusals >= REFUSALS_MAX:
            return None
        if code == AWAY:
            self._pause_s = min(self._pause_s, AWAY_PAUSE_MAX_S)
        pause_s = self._pause_s
        self._pause_s = min(max(2 * pause_s, PAUSE_FIRST_S), PAUSE_MAX_S)
        return max(pause_s, REFUSED_PAUSE_S) if code == REFUSED else pause_s


class _Running:
    """A child, its process if it has one, and when it may be started next."""

    def __init__(self, child: Child, say: Say) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.started_s = 0.0
        self.due_s = 0.0
        self.refused = 0
        """The exit code that means that no start can succeed; 0 before there is one."""
        self.last_line = ""
        self.speaks = False
        self._say = say
        self._unfinished = b""
        self._restarts = Restarts()

    def start(self, now_s: float) -> None:
        """Start the process."""
        self.process = subprocess.Popen(  # noqa: S603 - our own program, with our own arguments
            self.child.arguments,
            env={**os.environ, SUPERVISED: "1", **self.child.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # The supervisor passes a Ctrl-C on the terminal on, stage by stage.
            start_new_session=True,
            preexec_fn=_dies_with(os.getpid()),
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self.speaks = True
        self.started_s = now_s
        _LOG.info("%s: started, process %d", self.child.name, self.process.pid)

    def pass_on(self) -> None:
        """Pass on the output up to now, in whole lines."""
        assert self.process is not None
        assert self.process.stdout is not None
        while True:
            try:
                output = os.read(self.process.stdout.fileno(), READ_BYTES_MAX)
            except BlockingIOError:
                return
            *lines, self._unfinished = (self._unfinished + output).split(b"\n")
            if not output or len(self._unfinished) > LINE_BYTES_MAX:
                lines, self._unfinished = [*lines, self._unfinished], b""
            for line in filter(None, lines):
                self.last_line = line.decode(errors="replace")
                self._say(self.child.name, self.last_line)
            if not output:
                self.speaks = False
                return

    def ended(self, code: int, now_s: float) -> None:
        """Note that the process has ended, and when to start it again."""
        assert self.process is not None
        assert self.process.stdout is not None
        self.pass_on()
        self.process.stdout.close()
        self.process, self.speaks = None, False
        pause_s = self._restarts.after(code, now_s - self.started_s)
        if pause_s is None:
            self.refused = code
            return
        self.due_s = now_s + pause_s
        _LOG.warning("%s: ended with code %d; again in %.1f s", self.child.name, code, pause_s)


def children(
    program: Sequence[str],
    workers: int,
    slot: str,
    metrics_port: int | None,
    environment: Mapping[str, str] = {},
    layer: str | None = None,
    webhooks: Path | None = None,
) -> list[Child]:
    """Return intake, `workers` workers, dispatch and learn, each with its own metrics port.

    With `layer`, the sink of insight that fills it comes after them; with `webhooks`, a file of
    endpoints, the process that posts to these.

    `program` is the command line of this program, with its options, up to the name of a command;
    `environment` is for all children.
    """
    planned = [("intake", "intake", 0)]
    planned += [(f"worker-{number}", "worker", 1) for number in range(workers)]
    planned += [("dispatch", "dispatch", 2), ("learn", "learn", 3)]
    options: dict[str, tuple[str, ...]] = {}
    if layer is not None:
        planned.append(("insight", "insight", 4))
        options["insight"] = ("sink", "--layer", layer)
    if webhooks is not None:
        planned.append(("webhook", "webhook", 4))
        options["webhook"] = (str(webhooks),)
    result = []
    for number, (name, command, stage) in enumerate(planned):
        own = dict(environment)
        if command == "worker":
            own["CJO_SLOT"] = f"{slot}-{number - 1}"
        if metrics_port:
            own["CJO_METRICS_PORT"] = str(metrics_port + number)
        result.append(Child(name, (*program, command, *options.get(command, ())), own, stage))
    return result


def supervise(
    wanted: Sequence[Child],
    say: Say,
    on_state: Callable[[Mapping[str, int | None]], None] | None = None,
    wait_until_away: Callable[[], None] | None = None,
) -> int:
    """Keep the children running until SIGINT or SIGTERM; return the exit code.

    It is 0, or that of a child that can never succeed, USAGE or REFUSED: then all are ended.
    `say` is called with each line of each child; `on_state` with the process id of each (None: not
    running) when that changes; `wait_until_away`, in another thread, at the end: it returns once
    the broker is away.
    """
    running = [_Running(child, say) for child in wanted]
    with _wakeups(running) as (stopping, wait):
        refused = None
        while not stopping() and refused is None:
            now_s = time.monotonic()
            changed = _tend(running, now_s)
            if changed and on_state is not None:
                on_state({r.child.name: r.process.pid if r.process else None for r in running})
            refused = next((one for one in running if one.refused), None)
            if refused is None:
                dues = [one.due_s for one in running if one.process is None]
                wait(max(0.0, min(dues) - now_s) if dues else None)
        _stop(running, wait, wait_until_away)
    if refused is None:
        return 0
    _LOG.error(
        "%s cannot work, and all are ended. It said: %s", refused.child.name, refused.last_line
    )
    return refused.refused


def _tend(running: list[_Running], now_s: float) -> bool:
    """Note which children have ended, start those that are due; return whether any changed."""
    changed = False
    for one in running:
        if one.process is not None and (code := one.process.poll()) is not None:
            one.ended(code, now_s)
            changed = True
        if one.process is None and not one.refused and one.due_s <= now_s:
            one.start(now_s)
            changed = True
    return changed


def _stop(
    running: list[_Running],
    wait: Callable[[float | None], None],
    wait_until_away: Callable[[], None] | None,
) -> None:
    """End all children, stage by stage, or all at once; kill those that take too long."""
    away = threading.Event()
    if wait_until_away is not None:
        _set_after(wait_until_away, away)
    for stage in sorted({one.child.stage for one in running}):
        _end([one for one in running if one.child.stage == stage], wait, away.is_set)
    _end(running, wait)
    for one in running:
        if one.speaks:
            one.pass_on()


def _set_after(waits: Callable[[], None], event: threading.Event) -> None:
    """Set an event once a call has returned, in a thread of its own."""

    def call() -> None:
        waits()
        event.set()

    threading.Thread(target=call, name="is the broker away?", daemon=True).start()


def _end(
    those: Sequence[_Running],
    wait: Callable[[float | None], None],
    is_enough: Callable[[], bool] = lambda: False,
) -> None:
    """End some children; return earlier, with some of them alive, once `is_enough`."""
    alive = [one for one in those if one.process is not None and one.process.poll() is None]
    for one in alive:
        _signal(one, signal.SIGTERM)
    until_s = time.monotonic() + STOP_WITHIN_S
    while alive and (left_s := until_s - time.monotonic()) > 0:
        if is_enough():
            return
        alive = [one for one in alive if one.process and one.process.poll() is None]
        if alive:
            wait(min(left_s, LOOK_S))
    for one in alive:
        _LOG.warning("%s: takes more than %.0f s to end: killed", one.child.name, STOP_WITHIN_S)
        _signal(one, signal.SIGKILL)
        if one.process:
            one.process.wait()


def _signal(one: _Running, number: signal.Signals) -> None:
    if one.process is not None:
        with contextlib.suppress(ProcessLookupError):
            one.process.send_signal(number)


@contextlib.contextmanager
def _wakeups(
    running: Sequence[_Running],
) -> Iterator[tuple[Callable[[], bool], Callable[[float | None], None]]]:
    """Yield `stopping()` and `wait(seconds)`.

    A signal or a child's end cuts the wait short; the children's output is passed on meanwhile.
    """
    stop: list[int] = []
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wait(seconds: float | None) -> None:
        until_s = None if seconds is None else time.monotonic() + seconds
        woken = False
        while not woken:
            with selectors.DefaultSelector() as selector:
                selector.register(reader, selectors.EVENT_READ)
                for one in running:
                    if one.speaks and one.process is not None and one.process.stdout is not None:
                        selector.register(one.process.stdout, selectors.EVENT_READ, one)
                left_s = None if until_s is None else max(0.0, until_s - time.monotonic())
                found = [key.data for key, _ in selector.select(left_s)]
            for one in filter(None, found):
                one.pass_on()
            woken = not found or None in found
        with contextlib.suppress(BlockingIOError):
            os.read(reader, 4096)

    before = {
        number: signal.signal(number, handler)
        for number, handler in (
            (signal.SIGINT, lambda number, _: stop.append(number)),
            (signal.SIGTERM, lambda number, _: stop.append(number)),
            (signal.SIGCHLD, lambda *_: None),
        )
    }
    descriptor = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield (lambda: bool(stop)), wait
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _dies_with(parent: int) -> Callable[[], None] | None:
    """Return a function for a new child to call first, so that it ends with its parent; Linux."""
    if sys.platform != "linux":
        return None
    # Loaded before the fork: between fork and exec nothing may wait for a lock.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended between the fork and the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return bind
