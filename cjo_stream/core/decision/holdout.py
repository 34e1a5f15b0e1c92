"""Holdouts: customers left out on purpose, so that the others can be compared with them.

Drawn once, by a stable hash of the customer and the holdout's name, then kept: whatever its share
becomes later, nobody changes groups. Where a definition has no holdout nobody is held out by it;
what was drawn counts again where a later one has.
"""

from __future__ import annotations

from cjo_stream.core.draw import share
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer

UNIVERSAL = "*"
"""The name of the policy's; the others bear their journeys' names."""


def is_held_out(customer: Customer, name: str, portion: float) -> bool:
    """Return whether the customer is held out; `portion` is the share to draw by, 0..1."""
    if not portion:
        return False
    held = customer.holdouts.get(name)
    if held is None:
        held = share(customer.id, name, "holdout") < portion
        customer.holdouts[name] = held
    return held


def join_holdouts(into: Customer, other: Customer) -> None:
    """Keep "held out" where either was, and note where the two were drawn differently."""
    mixed = {*into.mixed, *other.mixed}
    for name, held in other.holdouts.items():
        mine = into.holdouts.get(name)
        if mine is not None and mine != held:
            mixed.add(name)
        into.holdouts[name] = held or bool(mine)
    into.mixed = sorted(mixed)


def part_holdouts(customer: Customer, fresh: Customer) -> None:
    """Leave a fresh customer in the groups that the members were in before."""
    fresh.holdouts, fresh.mixed = dict(customer.holdouts), list(customer.mixed)


def joins_holdout(customer: Customer, program: Program, journey: str, version: int) -> bool:
    """Return whether a merge holds out what runs by a version: held out on either side is so.

    A version without a holdout holds nobody out.
    """
    running = program.versions.get((journey, version))
    has_one = running is not None and running.holdout > 0
    return has_one and customer.holdouts.get(journey, False)
