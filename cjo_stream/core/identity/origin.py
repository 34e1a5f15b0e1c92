"""Whose stores may still hold, overwritten, what a customer was: for the day it is erased.

A customer who was absorbed is an alias of the one who did. One whom an unmerge made was held by
those it was parted from, and by whom they had absorbed.
"""

from __future__ import annotations

from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn


def origins_of_part(customer: Customer, turn: Turn) -> list[str]:
    """Return the origins of a customer who is parted from this one."""
    return join_origins([customer.id, *customer.aliases], customer.origins, turn)


def join_origins(one: list[str], other: list[str], turn: Turn) -> list[str]:
    """Return both, each once, the newest that there is room for."""
    return turn.newest(list(dict.fromkeys([*other, *one])), turn.bounds.origins, "origins")
