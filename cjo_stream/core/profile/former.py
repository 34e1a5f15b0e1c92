"""State from definitions that are no longer in force. Nothing reads it any more.

    traits, facts    under slots that no trait or fact of the set in force has
    cases            of an earlier era, in which they were closed by other keys

It is dropped when the profile is published, in merges, and when a new value needs its room; not at
every event, which would cost more than the state does.
"""

from __future__ import annotations

from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer


def forget_former(customer: Customer, program: Program) -> None:
    """Drop state from definitions that are not in the set in force."""
    for kept, current in (
        (customer.facts, program.facts_in),
        (customer.traits, program.traits_in),
    ):
        if not kept.keys() <= current.keys():
            for slot in [slot for slot in kept if slot not in current]:
                del kept[slot]
    if customer.cases_era != program.cases_era:
        customer.cases, customer.cases_era = {}, program.cases_era
