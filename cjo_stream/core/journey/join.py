"""Joins the instances of two customers, and parts them again."""

from __future__ import annotations

from collections.abc import Iterable

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.decision import waiting as requests
from cjo_stream.core.decision.holdout import joins_holdout
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.journey.instance import count_live
from cjo_stream.core.journey.record import record
from cjo_stream.core.journey.step import contents
from cjo_stream.core.size import size_of
from cjo_stream.core.state import Customer, Instance
from cjo_stream.core.text import key_text
from cjo_stream.core.word import Reentry


def join_instances(cascade: Cascade, other: Customer) -> None:
    """Add the other customer's instances, by id, to those of the cascade's customer.

    If a key of a journey would have two live instances, the one that entered more states (then the
    older) stays, and the other ends with reason `merged`.
    """
    customer, turn = cascade.customer, cascade.turn
    count_live(other, turn, by=1)
    known = {instance.id for instance in customer.instances}
    found = customer.instances + [one for one in other.instances if one.id not in known]
    # Sorting is stable: of equal journey and age, this customer's come first.
    customer.instances = sorted(found, key=lambda one: (one.journey, one.opened_at))
    for instance in customer.instances:
        instance.holdout = instance.holdout or joins_holdout(
            customer, turn.program, instance.journey, instance.version
        )
    for loser, winner in _doubles(cascade, customer.instances):
        winner.goal_marked = winner.goal_marked or loser.goal_marked
        _end_merged(cascade, loser)
    for surplus in _surplus(customer.instances, turn.bounds):
        turn.count("cjo_state_bounds_total", "instances")
        if surplus.state is None:
            customer.instances.remove(surplus)
        else:
            _end_merged(cascade, surplus)


def part_instances(customer: Customer, fresh: Customer, anchors: frozenset[str]) -> None:
    """Move the instances whose opening event was anchored on these identifiers."""
    fresh.instances = [one for one in customer.instances if one.anchor in anchors]
    customer.instances = [one for one in customer.instances if one.anchor not in anchors]


def _doubles(cascade: Cascade, instances: list[Instance]) -> list[tuple[Instance, Instance]]:
    """Return (the one that ends, the one that stays) for every key with two live instances."""
    versions = cascade.turn.program.versions
    doubles: list[tuple[Instance, Instance]] = []
    live: dict[tuple[str, str], Instance] = {}
    for instance in instances:
        journey = versions.get((instance.journey, instance.version))
        if instance.state is None or journey is None or journey.entry.reentry is Reentry.ALWAYS:
            continue
        key = "" if instance.key is None else "=" + key_text(instance.key)
        held = live.get((instance.journey, key))
        if held is None:
            live[instance.journey, key] = instance
        elif instance.entered > held.entered:
            doubles.append((held, instance))
            live[instance.journey, key] = instance
        else:
            doubles.append((instance, held))
    return doubles


def _surplus(instances: Iterable[Instance], bounds: Bounds) -> list[Instance]:
    """Return the instances beyond the bounds, by number for each journey and in all, and by size.

    Live instances have precedence over ended ones still watched; then those that entered more
    states; then the older.
    """
    surplus: list[Instance] = []
    numbers: dict[tuple[str, bool], int] = {}
    kept, left = 0, bounds.instances_bytes
    for one in sorted(instances, key=lambda i: (i.state is None, -i.entered, i.opened_at)):
        kind = (one.journey, one.state is None)
        numbers[kind] = numbers.get(kind, 0) + 1
        size = size_of(contents(one))
        size = size if size > bounds.small_bytes else 0
        most = bounds.watched if one.state is None else bounds.live
        if numbers[kind] > most or kept == bounds.instances or size > left:
            surplus.append(one)
        else:
            kept, left = kept + 1, left - size
    return surplus


def _end_merged(cascade: Cascade, instance: Instance) -> None:
    customer, turn = cascade.customer, cascade.turn
    waiting = requests.of_instance(customer, instance.id)
    requests.drop(customer, waiting, cascade.trigger, turn)
    count_live(Customer(id=customer.id, instances=[instance]), turn, by=-1)
    record(cascade, instance, "merged", from_=instance.state, to=None, time=turn.clock)
    turn.count("cjo_journey_ends_total", instance.journey, "merged")
    customer.instances.remove(instance)
