"""Faults between a channel and the engine: late, repeated and broken records."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from cjo_stream.simulate.record import Simulated

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

BROKEN = (
    lambda value: value[: len(value) // 2],  # cut off on the way
    lambda _value: b"[1, 2, 3]",  # JSON, but no object
    lambda _value: b"\xff\xfe<event/>",  # not even UTF-8
    lambda _value: b'{"type": "page_viewed"}',  # without time and customer
)
"""Each turns good bytes into a value that every format refuses."""


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of records, 0..1, with each fault; a record has at most one.

    A late record comes one to 36 hours late; a tenth of them two to four days late. A repeated
    record comes again within ten minutes, byte for byte. `malformed` adds a broken record beside
    the good one, so no event is lost.
    """

    late: float = 0.01
    repeated: float = 0.01
    malformed: float = 0.002

    @property
    def any(self) -> float:
        """The share of records with a fault."""
        return self.late + self.repeated + self.malformed

    def spoil(self, good: Simulated, random: Callable[[], float]) -> Iterator[Simulated]:
        """Yield the records that arrive in place of `good`; the fault is drawn by the shares."""
        draw = random() * self.any
        if draw < self.late:
            delay_ms = HOUR_MS + int(random() * 35 * HOUR_MS)
            if random() < 0.1:
                delay_ms = 2 * DAY_MS + int(random() * 2 * DAY_MS)
            yield msgspec.structs.replace(
                good, arrives_ms=good.arrives_ms + delay_ms, fault="late"
            )
            return
        yield good
        again_ms = good.arrives_ms + 1 + int(random() * 600_000)
        if draw < self.late + self.repeated:
            yield msgspec.structs.replace(good, arrives_ms=again_ms, fault="repeated")
        else:
            broken = BROKEN[int(random() * len(BROKEN))](good.value)
            yield msgspec.structs.replace(
                good, arrives_ms=again_ms, value=broken, fault="malformed"
            )
