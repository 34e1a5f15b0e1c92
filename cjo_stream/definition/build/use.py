"""The event types and attributes that definitions name, noted while they compile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from cjo_stream.core.expression import Expression
from cjo_stream.definition.grammar.item import Fields, Item, Pair

Types = frozenset[str] | None
"""Event types that may have led to a place; None if they are not known."""


class Named(NamedTuple):
    """An event type, at a character of a scalar."""

    item: Item
    name: str
    offset: int = 0


class Reading(NamedTuple):
    """An expression that reads `event` or `entry` (its `root`), which is of one of some types."""

    item: Item
    expression: Expression
    root: str
    types: Types


class Given(NamedTuple):
    """An attribute that a `map` gives to events of one of some types."""

    pair: Pair
    expression: Expression | None
    """None if it does not compile."""
    types: Types
    names: frozenset[str]
    """Of all attributes of that map."""


@dataclass
class Uses:
    """What is named, in the order met."""

    types: list[Named] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    expressions: list[Item] = field(default_factory=list)

    def hear(self, items: list[Item]) -> frozenset[str]:
        """Return the event types of a list, and note them."""
        self.types += (Named(item, item.value) for item in items)
        return frozenset(item.value for item in items)

    def on(self, fields: Fields) -> frozenset[str]:
        """Return the event types under `on`, and note them."""
        return self.hear(fields.items("on"))

    def read(
        self, item: Item | None, expression: Expression | None, root: str, types: Types
    ) -> None:
        """Note an expression, if there is one."""
        if item is not None and expression is not None:
            self.readings.append(Reading(item, expression, root, types))
