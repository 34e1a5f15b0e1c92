"""Customers under whose keys a store may still hold what this customer was: to be purged with it.

An absorbed customer is an alias of the one that absorbed it. A customer that an unmerge made was
part of the customer it left, and of those that this one had absorbed.
"""

from __future__ import annotations

from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn


def origins_of_part(customer: Customer, turn: Turn) -> list[str]:
    """Return the origins of a customer that is parted from this one."""
    return join_origins([customer.id, *customer.aliases], customer.origins, turn)


def join_origins(one: list[str], other: list[str], turn: Turn) -> list[str]:
    """Return both, each once, the newest that there is room for."""
    return turn.newest(list(dict.fromkeys([*other, *one])), turn.bounds.origins, "origins")
