"""What the run asks of a share, and what the share tells."""

from __future__ import annotations

from typing import Final

import msgspec

from cjo_stream.core.event import Event
from cjo_stream.embedded.output import Line
from cjo_stream.embedded.rows import Waiting
from cjo_stream.engine.port import RawRecord
from cjo_stream.ingest.noted import Noted

Count = tuple[str, ...]
"""A counter: its metric and labels."""
Origin = tuple[str, int, int]
"""Where an event came from: topic, partition, offset."""
Place = tuple[int, int, str]
"""A cascade's place in the run: its clock, the entry that it began with, and the actor whose time
came. Time comes before the entries of the same clock, and has `TIMED` for an entry."""
TIMED: Final = -1
Cascade = tuple[int, int, str, list[Line]]
"""A place, and the lines of the cascade there."""

# --- asked


class Begin(msgspec.Struct, array_like=True, tag="begin"):
    """Open the engine of a share under a definition set."""

    share: int
    shares: int
    """How many there are."""
    content: bytes
    profiles: bool
    looks: tuple[int, int, int]
    """When Python looks for cycles: the thresholds of its collector."""
    actors_bytes: int
    """Of memory, for its actors."""
    tenant_key: bytes | None = None
    """By which it decodes records; None if it is never asked to."""


class Decode(msgspec.Struct, array_like=True, tag="decode"):
    """Decode some records."""

    records: list[RawRecord]


class Take(msgspec.Struct, array_like=True, tag="take"):
    """The entries of all shares: where they are, and the owner of each."""

    path: str
    owners: bytes


class Go(msgspec.Struct, array_like=True, tag="go"):
    """Process the entries before `end`, and what comes due up to `clock`, if there is a time."""

    end: int
    clock: int | None


class Learn(msgspec.Struct, array_like=True, tag="learn"):
    """Put a model in force."""

    clock: int
    frames: list[bytes]


class Tally(msgspec.Struct, array_like=True, tag="count"):
    """Tell what was counted."""


class Show(msgspec.Struct, array_like=True, tag="show"):
    """Tell the customers as they are at a clock."""

    clock: int


Asked = Begin | Decode | Take | Go | Learn | Tally | Show


# --- told


class Ready(msgspec.Struct, array_like=True, tag="ready"):
    """What was asked is done, and there is nothing to tell of it."""


class Decoded(msgspec.Struct, array_like=True, tag="decoded"):
    """What records decode to."""

    events: list[list[Event]]
    """By record; none of one that was refused, or that its format passes over."""
    refused: dict[int, tuple[str, str, bool]]
    """By record, counted from 0: reason, detail, whether that may change."""
    noted: Noted


class Done(msgspec.Struct, array_like=True, tag="done"):
    """What a round has caused."""

    cascades: list[Cascade]
    lessons: list[tuple[str, bytes]]
    """Records that the run may learn from: kind and value."""
    next_due: int | None
    examples: list[tuple[Count, Origin, Place]]


class Counted(msgspec.Struct, array_like=True, tag="counted"):
    """What a share has counted."""

    counts: list[tuple[Count, float]]
    events: dict[str, int]


class Rows(msgspec.Struct, array_like=True, tag="rows"):
    """Some customers, in order: id and line of each; after the last ones, what all wait for."""

    lines: list[tuple[str, bytes]]
    waiting: Waiting | None = None


class Failed(msgspec.Struct, array_like=True, tag="failed"):
    """The share cannot go on."""

    text: str


Told = Ready | Decoded | Done | Counted | Rows | Failed

encode = msgspec.msgpack.Encoder().encode
decode_asked = msgspec.msgpack.Decoder(Asked).decode
decode_line = msgspec.msgpack.Decoder(Line).decode
decode_told = msgspec.msgpack.Decoder(Told).decode
