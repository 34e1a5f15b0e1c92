"""Customers that must not be linked again: both keep a mark of the same name, with its side."""

from __future__ import annotations

import hashlib

from cjo_stream.core.edge import Evidence
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn


def are_apart(one: dict[str, int], other: dict[str, int]) -> bool:
    """Return whether the two have opposite sides of a mark."""
    return any(name in other and other[name] != side for name, side in one.items())


def forgive(one: dict[str, int], other: dict[str, int]) -> None:
    """Remove the marks of which the two have opposite sides."""
    for name in [name for name, side in one.items() if other.get(name, side) != side]:
        del one[name], other[name]


def keep_apart(link: Evidence, customers: list[Customer], turn: Turn) -> None:
    """Mark the customers of a link's two ends, so that they are never linked again."""
    one = next((c for c in customers if link.a in c.members), None)
    other = next((c for c in customers if link.b in c.members), None)
    if one is not None and other is not None and one is not other:
        # A digest, so that neither side keeps an identifier of the other.
        text = f"{link.a}:{link.b}:{turn.clock}"
        name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        one.apart[name], other.apart[name] = 0, 1
        for side in (one, other):
            turn.drop_oldest(side.apart, turn.bounds.apart, "apart")


def join_apart(into: dict[str, int], others: dict[str, int], turn: Turn) -> None:
    """Add the other customer's marks."""
    into.update(others)
    turn.drop_oldest(into, turn.bounds.apart, "apart")
