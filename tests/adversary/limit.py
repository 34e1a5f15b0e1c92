"""Limits of CPU time: what goes on for ever is a fault like any other."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

TRY_S: Final = 60
"""For one try while a fault is cut down."""


class EndlessError(BaseException):
    """A run does not end: no `Exception`, so that a task does not take it for a handler's."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise EndlessError in the main thread after so many seconds of CPU."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise EndlessError(f"still running after {seconds:.0f} s of CPU")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def failure_of(act: Callable[[], object]) -> str | None:
    """Return how a try fails, in a line or two; None where it holds."""
    try:
        with within(TRY_S):
            act()
    except (Exception, EndlessError) as error:
        return f"{type(error).__name__}: {error}"
    return None
