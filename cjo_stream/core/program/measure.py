"""Measures that a topology names."""

from __future__ import annotations

import msgspec

from cjo_stream.core.expression import Expression
from cjo_stream.core.word import Per


class MeasureRule(msgspec.Struct, frozen=True, kw_only=True):
    """What an event of one of the types `on` is measured as. `value` None: it counts 1."""

    name: str
    on: frozenset[str]
    when: Expression | None = None
    value: Expression | None = None
    per: Per = Per.CUSTOMER
