"""The conclusion of a guard from its counts."""

from __future__ import annotations

from typing import Final

import msgspec

from cjo_stream.core.canary.interval import Interval, Sample, difference

ALPHA: Final = 0.05
"""The highest probability with which any guard ever stops a canary that does no harm."""


class Comparison(msgspec.Struct, frozen=True):
    """A guard's two groups, compared. `interval` is None while they are too small."""

    inside: Sample
    outside: Sample
    interval: Interval | None
    is_worse: bool
    """Whether the guard trips."""


def compare(
    inside: Sample,
    outside: Sample,
    *,
    guards: int,
    worse_than: float,
    is_lower_worse: bool,
) -> Comparison:
    """Return a guard's groups compared; `guards` share the error of the canary.

    The guard trips where the interval excludes 0 and the estimate is worse by more than
    `worse_than`, relative to the value outside.
    """
    interval = difference(inside, outside, ALPHA / guards)
    is_worse = False
    if interval is not None:
        beyond = worse_than * abs(outside.mean or 0.0)
        if is_lower_worse:
            is_worse = interval.high < 0 and interval.estimate < -beyond
        else:
            is_worse = interval.low > 0 and interval.estimate > beyond
    return Comparison(inside, outside, interval, is_worse)
