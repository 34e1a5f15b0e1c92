"""Measures that a topology names."""

from __future__ import annotations

from typing import Final

import msgspec

from cjo_stream.core.expression import Expression
from cjo_stream.core.word import Per

VALUE_MAX: Final = 1e15
"""Larger numbers are no amounts, and sums of them would lose all others."""


class MeasureRule(msgspec.Struct, frozen=True, kw_only=True):
    """What an event of one of the types `on` is measured as. `value` None: it counts 1."""

    name: str
    on: frozenset[str]
    when: Expression | None = None
    value: Expression | None = None
    per: Per = Per.CUSTOMER
