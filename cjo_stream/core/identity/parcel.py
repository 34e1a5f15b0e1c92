"""A customer's whole state on its way to another customer's partition, in pieces."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cjo_stream.core.state import Customer
from cjo_stream.core.timeline import TimelineEntry, newest
from cjo_stream.core.turn import Turn


class Parcel(msgspec.Struct, array_like=True):
    """A customer and its timeline."""

    customer: Customer
    timeline: list[TimelineEntry]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Parcel)


def join_timeline(key: str, into: Customer, parcel: Parcel, turn: Turn) -> None:
    """Add a parcel's timeline to that of the customer at actor `key`; keep the newest entries."""
    if into.noted + len(parcel.timeline) <= turn.bounds.timeline:
        turn.timelines.extend(key, into.noted, parcel.timeline)
        into.noted += len(parcel.timeline)
    else:
        entries = [*turn.timelines.read(key, into.noted), *parcel.timeline]
        entries = newest(entries, turn.bounds.timeline)
        turn.timelines.replace(key, into.noted, entries)
        into.noted = len(entries)


def pack(parcel: Parcel, piece_bytes: int) -> list[bytes]:
    """Return the parcel as msgpack, in pieces of at most `piece_bytes`."""
    whole = _ENCODER.encode(parcel)
    return [whole[start : start + piece_bytes] for start in range(0, len(whole), piece_bytes)]


def unpack(pieces: Sequence[bytes]) -> Parcel:
    """Return the parcel; `pieces` are all its pieces, in order."""
    parcel = _DECODER.decode(b"".join(pieces))
    _ = parcel.customer.commands  # undecoded, they would keep the whole parcel in memory
    return parcel
