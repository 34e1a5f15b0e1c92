"""How a customer stands: what a message finds at its id.

The table of handlers (`core/actor.py`) says for each message in which standings it is handled, and
what happens in the others. No handler asks these things of a customer's state itself.
"""

from __future__ import annotations

import enum
from typing import Final

from cjo_stream.core.state import Customer


class Standing(enum.Enum):
    """How a customer stands."""

    NOBODY = "nobody"
    """No message for this id has left anything yet."""
    UNSEEDED = "unseeded"
    """An unmerge made it, and its state is on its way."""
    ROOT = "root"
    """It has members, and no change of them is under way."""
    FROZEN = "frozen"
    """It has asked a smaller customer to absorb it, and waits for the answer."""
    RESERVING = "reserving"
    """It has let in a greater customer whose state is on its way."""
    SEEDING = "seeding"
    """An unmerge parted others from it, and their state is on its way to them."""
    REDIRECT = "redirect"
    """Another customer has absorbed it."""
    ERASED = "erased"


CHANGING: Final = frozenset({Standing.FROZEN, Standing.RESERVING, Standing.SEEDING})
"""A change of membership is under way; the next waits until it is done."""
PRESENT: Final = CHANGING | {Standing.ROOT, Standing.UNSEEDED}
"""Somebody is there."""


def standing_of(customer: Customer | None) -> Standing:
    """Return how a customer stands."""
    if customer is None:
        return Standing.NOBODY
    if customer.redirect:
        return Standing.REDIRECT
    if customer.erased_at is not None:
        return Standing.ERASED
    membership = customer.membership
    if membership is None:
        return Standing.ROOT
    if not membership.is_seeded:
        return Standing.UNSEEDED
    if membership.pending is not None:
        return Standing.FROZEN
    if membership.reserved:
        return Standing.RESERVING
    return Standing.SEEDING if membership.seeding else Standing.ROOT
