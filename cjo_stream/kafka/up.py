"""All Kafka processes of one machine under one supervisor: intake, workers, dispatch, learn.

Each child is started again when it ends, at once the first time, then with doubling pauses; one
that has run for a minute begins anew. A signal ends all, the stages in the order of the data, so
that what is in flight still flows out. A child ends with its supervisor, however that ends: Linux
kills it (PR_SET_PDEATHSIG), and what it was doing is done again by its successor.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

PAUSE_FIRST_S: Final = 0.5
PAUSE_MAX_S: Final = 30.0
STEADY_S: Final = 60.0
"""A child that ran for so long is well: its next end starts the pauses anew."""
STOP_WITHIN_S: Final = 20.0
"""For the children of one stage to end in order, before they are killed."""

USAGE_EXIT: Final = 2
"""The exit code of a process that was called wrongly: calling it again is no use."""

PR_SET_PDEATHSIG: Final = 1

_LOG = logging.getLogger(__name__)


class Child(msgspec.Struct, frozen=True):
    """One process to keep running. Children of a lower `stage` are stopped first."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = {}
    stage: int = 0


class _Running:
    """A child, its process when it has one, and when it may be started next."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.started_s = 0.0
        self.due_s: float | None = 0.0
        """None: not to be started any more."""
        self._pause_s = 0.0

    def start(self, now_s: float) -> None:
        """Start the process."""
        self.process = subprocess.Popen(  # noqa: S603 - our own program, with our own arguments
            self.child.arguments,
            env={**os.environ, **self.child.environment},
            stdin=subprocess.DEVNULL,
            # A Ctrl-C on the terminal is the supervisor's to hand on, in its order.
            start_new_session=True,
            preexec_fn=_dies_with(os.getpid()),
        )
        self.started_s = now_s
        _LOG.info("%s: started, process %d", self.child.name, self.process.pid)

    def ended(self, code: int, now_s: float) -> None:
        """Note that the process has ended, and when to start it again."""
        self.process = None
        if now_s - self.started_s >= STEADY_S:
            self._pause_s = 0.0
        if code == USAGE_EXIT:
            self.due_s = None
            _LOG.error("%s: ended with code 2, it is called wrongly; not again", self.child.name)
            return
        self.due_s = now_s + self._pause_s
        _LOG.warning(
            "%s: ended with code %d; again in %.1f s", self.child.name, code, self._pause_s
        )
        self._pause_s = min(max(2 * self._pause_s, PAUSE_FIRST_S), PAUSE_MAX_S)


def children(
    program: Sequence[str],
    workers: int,
    slot: str,
    metrics_port: int | None,
) -> list[Child]:
    """Return intake, `workers` workers, dispatch and learn, each with its own metrics port.

    `program` is how this program is called, with its own options, up to the name of a command.
    """
    planned = [("intake", "intake", 0)]
    planned += [(f"worker-{number}", "worker", 1) for number in range(workers)]
    planned += [("dispatch", "dispatch", 2), ("learn", "learn", 3)]
    result = []
    for number, (name, command, stage) in enumerate(planned):
        environment = {}
        if command == "worker":
            environment["CJO_SLOT"] = f"{slot}-{number - 1}"
        if metrics_port:
            environment["CJO_METRICS_PORT"] = str(metrics_port + number)
        result.append(Child(name, (*program, command), environment, stage))
    return result


def supervise(
    wanted: Sequence[Child], on_state: Callable[[Mapping[str, int | None]], None] | None = None
) -> int:
    """Keep the children running until SIGINT or SIGTERM; returns the exit code: 0, or 2.

    2 is returned when a child says that it is called wrongly: then all are ended. `on_state` is
    told the process id of each child (None: not running) whenever that changes.
    """
    running = [_Running(child) for child in wanted]
    with _wakeups() as (stopping, wait):
        while not stopping():
            now_s = time.monotonic()
            changed = _tend(running, now_s)
            if changed and on_state is not None:
                on_state({r.child.name: r.process.pid if r.process else None for r in running})
            if any(r.due_s is None for r in running):
                break
            dues = [r.due_s for r in running if r.process is None and r.due_s is not None]
            wait(max(0.0, min(dues) - now_s) if dues else None)
        _stop(running, wait)
    return USAGE_EXIT if any(r.due_s is None for r in running) else 0


def _tend(running: list[_Running], now_s: float) -> bool:
    """Take note of children that ended, start those that are due; return whether any changed."""
    changed = False
    for one in running:
        if one.process is not None and (code := one.process.poll()) is not None:
            one.ended(code, now_s)
            changed = True
        if one.process is None and one.due_s is not None and one.due_s <= now_s:
            one.start(now_s)
            changed = True
    return changed


def _stop(running: list[_Running], wait: Callable[[float | None], None]) -> None:
    """End all children, stage by stage; kill those that take too long."""
    for stage in sorted({one.child.stage for one in running}):
        alive = [one for one in running if one.child.stage == stage and one.process is not None]
        for one in alive:
            _signal(one, signal.SIGTERM)
        until_s = time.monotonic() + STOP_WITHIN_S
        while alive and (left_s := until_s - time.monotonic()) > 0:
            alive = [one for one in alive if one.process and one.process.poll() is None]
            if alive:
                wait(min(left_s, 1.0))
        for one in alive:
            _LOG.warning(
                "%s: takes more than %.0f s to end: killed", one.child.name, STOP_WITHIN_S
            )
            _signal(one, signal.SIGKILL)
            if one.process:
                one.process.wait()


def _signal(one: _Running, number: signal.Signals) -> None:
    if one.process is not None:
        with contextlib.suppress(ProcessLookupError):
            one.process.send_signal(number)


@contextlib.contextmanager
def _wakeups() -> Iterator[tuple[Callable[[], bool], Callable[[float | None], None]]]:
    """Yield `stopping()` and `wait(seconds)`, which a signal or a child's end cuts short."""
    stop: list[int] = []
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wait(seconds: float | None) -> None:
        select.select([reader], [], [], seconds)
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
    """Return what a new child does first, so that it ends when its parent does; Linux only."""
    if sys.platform != "linux":
        return None
    # Loaded before the fork: between fork and exec nothing may wait for a lock.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended between the fork and the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return bind
