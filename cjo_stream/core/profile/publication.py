"""The published profile: one record after a change, at most once in PAUSE_MS.

Changes within the pause are published together at its end, so a burst of events makes two records.
"""

from __future__ import annotations

from cjo_stream.core.profile.fact import known_facts
from cjo_stream.core.profile.former import forget_former
from cjo_stream.core.profile.identifier import values_of
from cjo_stream.core.profile.trait import known_traits
from cjo_stream.core.record import Profile, Withdrawal
from cjo_stream.core.state import Customer
from cjo_stream.core.turn import Turn

PAUSE_MS = 300_000


def mark_profile(customer: Customer, turn: Turn) -> None:
    """Mark the profile as changed since it was published, if the customer has been recorded.

    Where profiles are switched off, nothing is marked.
    """
    if not turn.program.recording.profile:
        return
    if customer.profile_due is None and customer.is_recorded:
        at = customer.profile_at
        customer.profile_due = turn.clock if at is None else max(turn.clock, at + PAUSE_MS)


def publish_profile(customer: Customer, turn: Turn) -> None:
    """Publish the profile if it is due."""
    due = customer.profile_due
    if due is None or due > turn.clock:
        return
    customer.profile_due = None
    if not turn.program.recording.profile:
        return  # it was marked before they were switched off
    customer.profile_at = turn.clock
    forget_former(customer, turn.program)
    turn.emit(
        Profile(
            customer_id=customer.id,
            identifiers=values_of(customer),
            facts=known_facts(customer, turn.program),
            traits=known_traits(customer, turn.program, turn.clock),
            time=turn.clock,
        )
    )


def withdraw_profile(customer: Customer, turn: Turn) -> None:
    """Emit a tombstone for a published profile: the customer is absorbed, or erased."""
    if customer.profile_at is not None:
        turn.emit(Withdrawal(customer_id=customer.id))
