"""The standing of a customer: what a message meets at its id.

The table of handlers (`core/actor.py`) names the handler of each message in each standing, so that
no handler has to check the standing itself.
"""

from __future__ import annotations

import enum
from typing import Final

from cjo_stream.core.state import Customer


class Standing(enum.Enum):
    """The standing of a customer."""

    __hash__ = object.__hash__  # an enum's own hashes the name, by a function of Python

    NOBODY = "nobody"
    """It has no state yet."""
    UNSEEDED = "unseeded"
    """An unmerge made it, and its state is on its way."""
    ROOT = "root"
    """It is present, and no change of its membership is under way."""
    FROZEN = "frozen"
    """It has asked a smaller customer to absorb it, and waits for the answer."""
    RESERVING = "reserving"
    """It has accepted a greater customer, whose state is on its way."""
    SEEDING = "seeding"
    """An unmerge parted others from it, and their state is on its way to them."""
    REDIRECT = "redirect"
    """Another customer has absorbed it."""
    ERASED = "erased"


CHANGING: Final = frozenset({Standing.FROZEN, Standing.RESERVING, Standing.SEEDING})
"""A change of membership is under way; the next waits until it is done."""
PRESENT: Final = CHANGING | {Standing.ROOT, Standing.UNSEEDED}
"""There is a customer with a state of its own."""


def standing_of(customer: Customer | None) -> Standing:
    """Return the standing of a customer."""
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
