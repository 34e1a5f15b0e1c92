"""Events before which the one is missing that nearly always precedes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from cjo_stream.insight.friction.event import DAY_MS, Events, Flags, Integers
from cjo_stream.insight.friction.line import Pair

_WITHIN_MS: Final = 3 * DAY_MS
_KNOWN_MS: Final = 4 * DAY_MS
_RARE: Final = 0.1


class Skip(NamedTuple):
    """Events of a type, and whether the type that precedes them is missing within three days."""

    before: str
    after: str
    at: Integers
    is_skipped: Flags


def skips(events: Events, pairs: Sequence[Pair], warm_until: int) -> Iterator[Skip]:
    """Yield those that were rare in the last four days of the first week."""
    of = {(events.kinds[one.before].type, events.kinds[one.after].type) for one in pairs}
    for before, after in sorted(of, key=lambda one: f"event:{one[0]} {one[1]}"):
        if before == after:
            continue
        at = events.by_type[events.types.index(after)]
        latest = events.latest(events.by_type[events.types.index(before)], at)
        ago = events.time[at] - events.time[latest]
        is_skipped = (latest < 0) | (ago > _WITHIN_MS)
        known = (events.time[at] >= warm_until - _KNOWN_MS) & (events.time[at] <= warm_until)
        if known.any() and np.mean(is_skipped[known]) <= _RARE:
            yield Skip(before, after, at, is_skipped)
