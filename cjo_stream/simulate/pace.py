"""When to let the next record go: at a rate, or at its time of arrival. Sleeping is the caller's.

Both take the clock and the sleep as arguments, so a test drives them by hand, and a command passes
`time.monotonic` or `time.time`, and `time.sleep` (or an event's `wait`, to be interrupted).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from cjo_stream.simulate.record import Simulated

LEAST_SLEEP_S = 0.002
"""A nap shorter than this costs more than it is worth: records go in small bunches instead."""


def at_rate(
    records: Iterable[Simulated],
    rate: float,
    now_s: Callable[[], float],
    sleep: Callable[[float], object],
) -> Iterator[Simulated]:
    """Yield `records` at `rate` a second from the first on; who falls behind is not hurried after.

    Time lost by more than a second (a caller that blocked) is not made up for by a burst.
    """
    began_s = now_s()
    for sent, record in enumerate(records):
        ahead_s = began_s + sent / rate - now_s()
        if ahead_s > LEAST_SLEEP_S:
            sleep(ahead_s)
        elif ahead_s < -1.0:
            began_s -= ahead_s
        yield record


def at_arrival(
    records: Iterable[Simulated],
    now_s: Callable[[], float],
    sleep: Callable[[float], object],
) -> Iterator[Simulated]:
    """Yield `records` when `now_s`, in seconds since the epoch, reaches their time of arrival.

    For traffic that starts now and whose `rate` is what shall arrive: event times are then real.
    """
    for record in records:
        ahead_s = record.arrives_ms / 1000 - now_s()
        if ahead_s > LEAST_SLEEP_S:
            sleep(ahead_s)
        yield record
