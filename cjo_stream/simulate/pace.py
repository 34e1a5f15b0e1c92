"""Paces records: at a rate, or by their times of arrival.

Clock and sleep are arguments, so that tests control them. A command passes `time.monotonic` or
`time.time`, and `time.sleep` (or an event's `wait`, which can be interrupted).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from cjo_stream.simulate.record import Simulated

LEAST_SLEEP_S = 0.002
"""Shorter sleeps cost more than they gain: records are sent in small batches instead."""


def in_steps(
    sleep: Callable[[float], object], step_s: float, on_step: Callable[[float], object]
) -> Callable[[float], None]:
    """Return a sleep that wakes every `step_s` to call `on_step` with the seconds that are left.

    So whoever waits long for a record can say so, and sees what fails meanwhile.
    """

    def sleep_in_steps(seconds: float) -> None:
        while seconds > step_s:
            sleep(step_s)
            seconds -= step_s
            on_step(seconds)
        sleep(seconds)

    return sleep_in_steps


def at_rate(
    records: Iterable[Simulated],
    rate: float,
    now_s: Callable[[], float],
    sleep: Callable[[float], object],
) -> Iterator[Simulated]:
    """Yield `records` at `rate` a second, from the first record on.

    After a delay of more than a second (the caller blocked) there is no burst to catch up.
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

    This is for traffic that starts now, at the `rate` that shall arrive: its event times are real.
    """
    for record in records:
        ahead_s = record.arrives_ms / 1000 - now_s()
        if ahead_s > LEAST_SLEEP_S:
            sleep(ahead_s)
        yield record
