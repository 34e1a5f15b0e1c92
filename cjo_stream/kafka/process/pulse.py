"""Signs of life of a process, and the conclusions: is it ready, would a restart help.

    sign     given by                             not ready after      a restart helps after
    beat     code that works, or waits properly   -                    the limit, without outages
    turn     the loop, with each round            TURNED_WITHIN_S      -
    answer   the broker, asked now and then       ANSWERED_WITHIN_S    never
                                                  of silence; at once
                                                  if a question fails

So an outage of the broker makes a process unready, but never calls for a restart: no other process
could do better. The time that a call waits for an unreachable broker does not count against it.
"""

from __future__ import annotations

from typing import Final

import msgspec

ANSWERED_WITHIN_S: Final = 6.0
"""Three times the pause between two questions to the broker: one slow answer is no outage."""
TURNED_WITHIN_S: Final = 10.0
"""More than any step takes while the broker answers."""


class Pulse(msgspec.Struct):
    """When each sign was last seen; all times are of one clock, in seconds."""

    beat_s: float
    turned_s: float
    answered_s: float
    away_s: float = float("-inf")
    """When a question to the broker last failed."""


def begin(now_s: float) -> Pulse:
    """Return the pulse of a process that begins, as if all signs had just been seen."""
    return Pulse(now_s, now_s, now_s)


def beat(pulse: Pulse, now_s: float) -> None:
    """Note that the process works, or waits properly."""
    pulse.beat_s = now_s


def turn(pulse: Pulse, now_s: float) -> None:
    """Note that the process's loop begins a round."""
    pulse.beat_s = pulse.turned_s = now_s


def answer(pulse: Pulse, now_s: float) -> None:
    """Note that the broker answered."""
    pulse.answered_s = now_s


def no_answer(pulse: Pulse, now_s: float) -> None:
    """Note that a question to the broker failed."""
    pulse.away_s = now_s


def away(pulse: Pulse, now_s: float) -> str | None:
    """Return that the broker does not answer; None if it does."""
    silent_s = now_s - pulse.answered_s
    if pulse.away_s > pulse.answered_s or silent_s > ANSWERED_WITHIN_S:
        return f"the broker has not answered for {silent_s:.0f} s"
    return None


def not_ready(pulse: Pulse, now_s: float) -> str | None:
    """Return why the process does no work now; None if it works."""
    if (said := away(pulse, now_s)) is not None:
        return said
    still_s = now_s - pulse.turned_s
    if still_s > TURNED_WITHIN_S:
        return f"it has taken no work for {still_s:.0f} s"
    return None


def hangs(pulse: Pulse, now_s: float, limit_s: float) -> str | None:
    """Return the problem that a restart would mend; None if there is none."""
    still_s = now_s - max(pulse.beat_s, pulse.away_s)
    if still_s > limit_s:
        return f"the event loop has not turned for {still_s:.0f} s while the broker answers"
    return None
