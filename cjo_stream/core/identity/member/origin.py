"""Origins: customers whose keys may still hold earlier states of this one. An erasure purges them.

Customers that this one absorbed are its aliases. A customer made by an unmerge also has origins:
the customer that it was parted from, and those that this had absorbed.
"""

from __future__ import annotations

from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn


def origins_of_part(customer: Customer, turn: Turn) -> list[str]:
    """Return the origins of a customer to be parted from this one."""
    return join_origins([customer.id, *customer.aliases], customer.origins, turn)


def join_origins(one: list[str], other: list[str], turn: Turn) -> list[str]:
    """Return the union; beyond the bound only the newest."""
    return turn.newest(list(dict.fromkeys([*other, *one])), turn.bounds.origins, "origins")
