"""The processes of a run, one a share.

None outlives the run: each ends when its connection does, also where the run was killed. Ctrl-C is
for the run alone, which then ends them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Final, Protocol, TypeVar

from cjo_stream.embedded.cores import wire
from cjo_stream.embedded.cores.share import serve
from cjo_stream.errors import InvariantError, RetryError, StopError

END_WITHIN_S: Final = 5.0

_Answer = TypeVar("_Answer", bound=wire.Told)


class Crew(Protocol):
    """All shares of a run; each answers in the order in which it is asked."""

    @property
    def size(self) -> int:
        """How many there are."""

    def ask(self, asked: wire.Asked) -> None:
        """Ask all shares."""

    def ask_one(self, share: int, asked: wire.Asked) -> None:
        """Ask one share, which has told all that it was asked for; raises where it cannot."""

    def next(self, share: int, kind: type[_Answer]) -> _Answer:
        """Return what a share tells next; raises where it cannot."""

    def close(self) -> None:
        """End them."""


class Processes:
    """A crew of processes."""

    def __init__(self, begin: Callable[[int], wire.Begin], shares: int) -> None:
        """Start them; `begin` says how each share opens."""
        context = multiprocessing.get_context("spawn")
        # The first process would start it, and it lets SIGINT through again.
        resource_tracker.ensure_running()
        self._connections: list[Connection] = []
        self._processes: list[SpawnProcess] = []
        try:
            for share in range(shares):
                ours, theirs = context.Pipe()
                process = context.Process(target=serve, args=(theirs,), daemon=True)
                with _deaf():
                    process.start()
                theirs.close()
                self._connections.append(ours)
                self._processes.append(process)
                self.ask_one(share, begin(share))
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._processes)

    def ask(self, asked: wire.Asked) -> None:
        """Ask all shares."""
        for share in range(self.size):
            self.ask_one(share, asked)

    def ask_one(self, share: int, asked: wire.Asked) -> None:
        """Ask one share, which has told all that it was asked for.

        Otherwise each might wait until the other takes what it sends.
        """
        try:
            self._connections[share].send_bytes(wire.encode(asked))
        except OSError:
            raise self._lost(share) from None

    def next(self, share: int, kind: type[_Answer]) -> _Answer:
        """Return what a share tells next.

        Raises StopError where the share cannot go on, RetryError where its process is gone.
        """
        try:
            told = wire.decode_told(self._connections[share].recv_bytes())
        except (EOFError, OSError):
            raise self._lost(share) from None
        if isinstance(told, wire.Failed):
            raise _stopped(told.text)
        if not isinstance(told, kind):
            raise InvariantError(f"a share told {type(told).__name__}, not {kind.__name__}")
        return told

    def close(self) -> None:
        """End the processes."""
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(END_WITHIN_S)
            if process.exitcode is None:
                process.kill()

    def _lost(self, share: int) -> Exception:
        """Return the error for a process that is gone; it may have said why before."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                told = wire.decode_told(self._connections[share].recv_bytes())
                if isinstance(told, wire.Failed):
                    return _stopped(told.text)
        process = self._processes[share]
        process.join(END_WITHIN_S)
        code = process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return RetryError(
            f"one of the {self.size} processes of this run ended ({how}), and its share of the "
            "customers is lost. Give the command again with --force, which begins anew; where "
            "memory was short, with fewer --cores"
        )


def _stopped(why: str) -> StopError:
    return StopError(f"a process of this run could not go on: {why}")


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Let a process that is started meanwhile never hear Ctrl-C; here it comes a moment later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
