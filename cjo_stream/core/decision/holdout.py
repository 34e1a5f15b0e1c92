"""Holdouts: customers left out on purpose, so that the others can be compared with them.

A customer's group is drawn once, by a stable hash of the customer and the holdout's name, and then
kept, even if the share changes. Without a holdout in the definition nobody is held out; if a later
version has one again, the groups drawn before hold.
"""

from __future__ import annotations

from cjo_stream.core.draw import share
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer

UNIVERSAL = "*"
"""The name of the policy's holdout; the others have the names of their journeys."""


def is_held_out(customer: Customer, name: str, portion: float) -> bool:
    """Return whether the customer is held out; `portion` is the share held out, 0..1."""
    if not portion:
        return False
    held = customer.holdouts.get(name)
    if held is None:
        held = share(customer.id, name, "holdout") < portion
        customer.holdouts[name] = held
    return held


def join_holdouts(into: Customer, other: Customer) -> None:
    """Hold out where either customer was, and note holdouts in which their groups differed."""
    mixed = {*into.mixed, *other.mixed}
    for name, held in other.holdouts.items():
        mine = into.holdouts.get(name)
        if mine is not None and mine != held:
            mixed.add(name)
        into.holdouts[name] = held or bool(mine)
    into.mixed = sorted(mixed)


def part_holdouts(customer: Customer, fresh: Customer) -> None:
    """Give a fresh customer the groups of the customer that its members left."""
    fresh.holdouts, fresh.mixed = dict(customer.holdouts), list(customer.mixed)


def joins_holdout(customer: Customer, program: Program, journey: str, version: int) -> bool:
    """Return whether, after a merge, instances and requests of this version are held out.

    They are if either customer was. A version without a holdout holds nobody out.
    """
    running = program.versions.get((journey, version))
    has_one = running is not None and running.holdout > 0
    return has_one and customer.holdouts.get(journey, False)
