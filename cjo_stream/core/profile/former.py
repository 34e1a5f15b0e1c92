"""What a customer keeps of definitions that are no longer in force: nothing reads it.

    traits, facts    under slots that no trait or fact of the set in force has
    cases            of an era in which they were closed by other keys

It is forgotten when the profile is published, in merges, and where it takes the room of a new
value; not at each event, where it is not in the way otherwise.
"""

from __future__ import annotations

from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer


def forget_former(customer: Customer, program: Program) -> None:
    """Drop what was made by definitions that the set in force does not have."""
    current = {fact.slot for fact in program.facts.values()}
    for slot in [slot for slot in customer.facts if slot not in current]:
        del customer.facts[slot]
    for slot in [slot for slot in customer.traits if slot not in program.traits_in]:
        del customer.traits[slot]
    if customer.cases_era != program.cases_era:
        customer.cases, customer.cases_era = {}, program.cases_era
