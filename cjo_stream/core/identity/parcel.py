"""A customer's whole state on its way to another customer's partition, in pieces."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cjo_stream.core.state import Customer
from cjo_stream.core.timeline import Entry


class Parcel(msgspec.Struct, array_like=True):
    """A customer with the timeline."""

    customer: Customer
    timeline: list[Entry]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Parcel)


def pack(parcel: Parcel, piece_bytes: int) -> list[bytes]:
    """Return the parcel as bytes, cut into pieces of at most so many."""
    whole = _ENCODER.encode(parcel)
    return [whole[start : start + piece_bytes] for start in range(0, len(whole), piece_bytes)]


def unpack(pieces: Sequence[bytes]) -> Parcel:
    """Return the parcel of all its pieces, in order."""
    return _DECODER.decode(b"".join(pieces))
