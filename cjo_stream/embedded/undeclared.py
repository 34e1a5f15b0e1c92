"""What the events of a run had that the topology's `events` does not declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from cjo_stream.core.word import Undeclared
from cjo_stream.embedded.unread import Counts, Place

METRIC: Final = "cjo_events_undeclared_total"


class UndeclaredSummary(msgspec.Struct, frozen=True):
    """What events of one channel had that is not declared (summary.json)."""

    channel: str
    """Empty: of outcomes that name none."""
    event: str
    """The declared event type; empty where the type itself is not declared."""
    attribute: str
    """The declared attribute whose values are of another type; else empty."""
    reason: Undeclared
    times: int
    file: str
    """Of an example."""
    line: int


def undeclared_in(
    counts: Counts, examples: Mapping[tuple[str, ...], Place]
) -> Iterator[UndeclaredSummary]:
    """Yield what events had beyond what is declared."""
    for key, times in sorted(counts.items()):
        if key[0] == METRIC:
            channel, event, attribute, reason = key[1:]
            file, _, line = examples[key]
            yield UndeclaredSummary(
                channel, event, attribute, Undeclared(reason), int(times), file, line
            )
