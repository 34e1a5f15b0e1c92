"""Numbers that JSON has not: 32-bit floats, decimals."""

from __future__ import annotations

import math
import struct
from typing import Final

from cjo_stream.errors import InputError

SCALE_MAX: Final = 1_000
DECIMAL_BYTES_MAX: Final = 128
"""Of an unscaled number: 308 digits, which is what a 64-bit float reaches, too."""

_FLOAT = struct.Struct("f")


def shortest(value: float) -> float | None:
    """Return the shortest decimal that stands for a 32-bit float, as its producer wrote it.

    None for NaN and infinities, which JSON has not.

    >>> shortest(0.10000000149011612)
    0.1
    """
    if not math.isfinite(value):
        return None
    packed = _FLOAT.pack(value)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if abs(short) < _LARGEST and _FLOAT.pack(short) == packed:
            return short
    return float(f"{value:.9g}")


_LARGEST = 3.4028234e38
"""Beyond it, rounding could leave the range of 32 bits."""


def decimal(data: bytes, scale: int) -> int | float:
    r"""Return the decimal of an unscaled number, big-endian; a whole one as int.

    Raises InputError where it is too long, or its scale is no number of places.

    >>> decimal(b"\x04\xd3", 2), decimal(b"\x04\xb0", 2)
    (12.35, 12)
    """
    if abs(scale) > SCALE_MAX:
        raise InputError("malformed", f"a decimal of more than {SCALE_MAX} places")
    if len(data) > DECIMAL_BYTES_MAX:
        raise InputError("malformed", f"a decimal of more than {DECIMAL_BYTES_MAX} bytes")
    unscaled = int.from_bytes(data, "big", signed=True)
    whole, fraction = divmod(unscaled, 10 ** max(scale, 0))
    if fraction:
        return float(f"{unscaled}E-{scale}")
    return whole if scale >= 0 else unscaled * int(10**-scale)
