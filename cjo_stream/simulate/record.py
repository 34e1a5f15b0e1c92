"""What a simulation gives: raw records, and the truth about the people behind them."""

from __future__ import annotations

import msgspec


class Simulated(msgspec.Struct, frozen=True):
    """One raw record as a channel would send it.

    `time_ms` is when it happened, `arrives_ms` when the record reaches us; `key` is the Kafka key
    that such a source would use, `value` the bytes in the channel's own format, `person` who it
    really was. `fault` names what was done to it: `late`, `repeated`, `malformed`, or nothing.
    `is_outcome`: it says what came of a command, bears that command's channel, and belongs on the
    topic of outcomes.
    """

    channel: str
    time_ms: int
    arrives_ms: int
    key: bytes | None
    value: bytes
    person: str
    fault: str = ""
    is_outcome: bool = False


class Truth(msgspec.Struct, frozen=True):
    """One person: the identifiers that are theirs, and those they share with others.

    Values are written as the topology's normalisers write them.
    """

    person: str
    identifiers: dict[str, list[str]]
    shared: dict[str, list[str]]
