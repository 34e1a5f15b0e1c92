"""Features of a decision, hashed: from named values to a few small whole numbers.

    bias                every decision has feature 0
    text                one feature for `name=value`
    boolean             one for `name is true`, one for `name is false`
    number              one feature for name and bin: four bins to each doubling, by sign, and zero
    list                one for each of its first elements
    missing, object     one for `name`: a missing value may be informative, too

Numbers are binned because a weight times 40,000 would dominate all others, and because the logit
is seldom linear in a number: 33 and 34 share a bin, 30 and 60 are four bins apart.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from cjo_stream.core.expression import MISSING

DIMENSION: Final = 4_096
"""Features are numbers below this; a treatment's posterior has at most this many weights."""
FEATURES_MAX: Final = 32
"""Of one decision, the bias included; further features are left out."""
BIAS: Final = 0
_ELEMENTS_MAX: Final = 8


def features(named: Iterable[tuple[str, Any]]) -> list[int]:
    """Return the features of named values, each once, the bias first.

    A name is an expression as the definition has it (`profile.tier`), a value its result.

    >>> features([("profile.tier", "gold")]) == features([("profile.tier", "gold")])
    True
    >>> features([("age", 33)]) == features([("age", 34)]), len(features([]))
    (True, 1)
    """
    found = {BIAS: None}
    for name, value in named:
        elements = value[:_ELEMENTS_MAX] if type(value) is list and value else (value,)
        for element in elements:
            found[_hashed(_text(name, element))] = None
    return list(found)[:FEATURES_MAX]


def _text(name: str, value: Any) -> str:
    kind = type(value)
    if kind is str:
        return f"{name}={value}"
    if kind is bool:
        return f"{name} is {'true' if value else 'false'}"
    if kind is int or kind is float:
        return f"{name}~{_bin(value)}"
    return f"{name}?" if value is MISSING or kind is not list else f"{name}=[]"


def _bin(number: int | float) -> str:
    if not number or not math.isfinite(number):
        return "0"
    part, doublings = math.frexp(abs(number))
    quarter = int(part * 8.0) - 4
    return f"{'-' if number < 0 else ''}{doublings}.{quarter}"


@lru_cache(maxsize=65_536)
def _hashed(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % (DIMENSION - 1)
