"""The output of a simulation: raw records, and the truth about the people behind them."""

from __future__ import annotations

import msgspec


class Simulated(msgspec.Struct, frozen=True):
    """One raw record as a channel would send it.

    `time_ms` is when it happened, `arrives_ms` when the record arrives; `key` is the Kafka key
    that such a source would use, `value` the bytes in the channel's own format, `person` the name
    of the real person. `fault` is `late`, `repeated`, `malformed`, or empty. `is_outcome`: it is
    the outcome of a command, has that command's channel, and belongs on the topic of outcomes.
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
    """One person: their own identifiers, and those that they share with others.

    Values are normalised as by the topology.
    """

    person: str
    identifiers: dict[str, list[str]]
    shared: dict[str, list[str]]
