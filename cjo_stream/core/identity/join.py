"""The state of two customers becomes one: a join, whatever the order in which they meet.

Counters, histories and timelines by id; facts, consents and cases by latest time; traits by their
own rule; journeys by instance id.
"""

from __future__ import annotations

from cjo_stream.core.command.history import join_commands
from cjo_stream.core.command.window import join_windows
from cjo_stream.core.decision.holdout import join_holdouts
from cjo_stream.core.decision.waiting import join_waiting
from cjo_stream.core.edge import Edge
from cjo_stream.core.identity.parcel import Parcel
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.journey.history import join_histories
from cjo_stream.core.journey.join import join_instances
from cjo_stream.core.profile.activity import join_sights
from cjo_stream.core.profile.case import join_cases
from cjo_stream.core.profile.consent import join_consent
from cjo_stream.core.profile.fact import join_facts
from cjo_stream.core.profile.former import forget_former
from cjo_stream.core.profile.trait import join_traits
from cjo_stream.core.record import Trigger
from cjo_stream.core.state import Customer
from cjo_stream.core.timeline import newest
from cjo_stream.core.turn import Turn


def join(key: str, customer: Customer, parcel: Parcel, edge: Edge, turn: Turn) -> None:
    """Join the state of `parcel` into `customer`; identifiers and links are not looked at."""
    other = parcel.customer
    forget_former(customer, turn.program)
    forget_former(other, turn.program)
    join_traits(customer, other, turn)
    join_sights(customer, other, turn)
    join_facts(customer, other, turn)
    join_consent(customer, other, turn)
    join_cases(customer, other, turn)
    join_holdouts(customer, other)
    join_histories(customer, other, turn)
    join_commands(customer, other, turn)
    cascade = Cascade(customer, turn, None)
    cascade.trigger = Trigger("event", edge.event_id, edge.event_type)
    join_waiting(customer, other, cascade.trigger, turn)
    join_windows(customer, other, turn)
    join_instances(cascade, other)
    cascade.close()
    if customer.noted + len(parcel.timeline) <= turn.bounds.timeline:
        for entry in parcel.timeline:
            turn.timelines.append(key, customer.noted, entry)
            customer.noted += 1
    else:
        entries = [*turn.timelines.read(key, customer.noted), *parcel.timeline]
        entries = newest(entries, turn.bounds.timeline)
        turn.timelines.replace(key, customer.noted, entries)
        customer.noted = len(entries)
