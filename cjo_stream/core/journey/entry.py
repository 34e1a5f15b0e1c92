"""Opens instances."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.canary.count import count_entry
from cjo_stream.core.decision.holdout import is_held_out
from cjo_stream.core.draw import share
from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, evaluate_all
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.journey.history import may_reenter, note_entry
from cjo_stream.core.journey.instance import enter, follow_always
from cjo_stream.core.journey.record import record
from cjo_stream.core.journey.step import fits
from cjo_stream.core.program.journey import Journey
from cjo_stream.core.state import Customer, Instance, next_id
from cjo_stream.core.text import key_text
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Reentry

CANARY = "canary"
"""The name of the draw that decides who is inside."""
KEY_CHARACTERS_MAX = 1_000
"""With a longer key no instance opens. An identifier's value may be as long."""


def try_enter(cascade: Cascade, journey: Journey, event: Event) -> None:
    """Open an instance if the journey's `entry` matches and its re-entry rule allows it."""
    customer, turn, entry = cascade.customer, cascade.turn, journey.entry
    scope = cascade.listen(event)
    if entry.when is not None and not entry.when.holds(scope):
        return
    if not may_enter(customer.id, journey):
        return
    key = None
    if entry.key is not None:
        key = entry.key.evaluate(scope)
        if key is MISSING or type(key) not in (str, int, float, bool):
            return
        if type(key) is str and len(key) > KEY_CHARACTERS_MAX:
            turn.count("cjo_state_bounds_total", "keys")
            return
    at = min(event.time, turn.clock)
    live = [i for i in customer.instances if i.journey == journey.name and i.state is not None]
    if entry.reentry is not Reentry.ALWAYS and any(_same(i.key, key) for i in live):
        turn.count("cjo_journey_refusals_total", journey.name, "live")
        return
    if not may_reenter(customer, journey, key, at):
        turn.count("cjo_journey_refusals_total", journey.name, "reentry")
        return
    if len(live) >= cascade.turn.bounds.live or not _open(cascade, journey, key, event, at):
        turn.count("cjo_journey_refusals_total", journey.name, "bound")
        _refuse(cascade, journey, key, event, at)


def may_enter(customer_id: str, journey: Journey) -> bool:
    """Return whether the customer enters this version, and not the one beside it.

    The draw depends on customer and journey alone, so a greater share of a canary adds customers.
    """
    low, high = journey.entrants
    return (low, high) == (0.0, 1.0) or low <= share(customer_id, journey.name, CANARY) < high


def _open(cascade: Cascade, journey: Journey, key: Any, event: Event, at: int) -> bool:
    """Open an instance; return False if the customer has no room for it."""
    customer = cascade.customer
    anchor = cascade.turn.anchor
    instance = _instance(customer, journey, key, event, at, "", anchor)
    scope = cascade.listen(event)
    if key is not None:
        scope.key = key
    instance.data = evaluate_all(journey.data, scope)
    if not _make_room(customer, instance, cascade.turn):
        return False
    instance.id = next_id(customer, "i")
    _insert(customer, instance)
    note_entry(customer, instance, at, cascade.turn)
    count_entry(customer, instance, cascade.turn)
    cascade.turn.count("cjo_journey_entries_total", journey.name, str(journey.version))
    enter(cascade, journey, instance, journey.initial, at)
    follow_always(cascade, journey, instance)
    return True


def _make_room(customer: Customer, instance: Instance, turn: Turn) -> bool:
    """Return whether an instance fits; ended instances still watched are removed to make room."""
    while not (
        len(customer.instances) < turn.bounds.instances
        and fits(instance, customer.instances, turn.bounds)
    ):
        watched = next((one for one in customer.instances if one.state is None), None)
        if watched is None:
            return False
        customer.instances.remove(watched)
        turn.count("cjo_state_bounds_total", "watched")
    return True


def _refuse(cascade: Cascade, journey: Journey, key: Any, event: Event, at: int) -> None:
    instance = _instance(cascade.customer, journey, key, event, at, "", "")
    record(cascade, instance, "refused", from_=None, to=None, time=at)


def _instance(
    customer: Customer,
    journey: Journey,
    key: Any,
    event: Event,
    at: int,
    id_: str,
    anchor: str,
) -> Instance:
    read = journey.entry_reads
    kept = {name: value for name, value in event.attributes.items() if name in read}
    return Instance(
        id=id_,
        journey=journey.name,
        version=journey.version,
        key=key,
        state=None,
        opened_at=at,
        entered_at=at,
        data={},
        entry=Event(event.type, event.time, kept, event.id, event.channel),
        holdout=is_held_out(customer, journey.name, journey.holdout),
        anchor=anchor,
    )


def _insert(customer: Customer, instance: Instance) -> None:
    """Insert an instance; they are sorted by journey name, then oldest first."""
    instances = customer.instances
    at = len(instances)
    while at and instances[at - 1].journey > instance.journey:
        at -= 1
    instances.insert(at, instance)


def _same(a: Any, b: Any) -> bool:
    return (a is None and b is None) or (
        a is not None and b is not None and key_text(a) == key_text(b)
    )
