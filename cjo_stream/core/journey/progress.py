"""What an event, or the clock, moves at one customer: steps 3 to 5 of docs/journeys.md.

show_all    an event to every live instance, then to every entry
finish      raised events, then due timers and requests one by one, each with what it raises

Instances and requests of paused journeys (`Customer.paused`) are not due.
"""

from __future__ import annotations

from collections.abc import Sequence

from cjo_stream.core.decision import waiting as requests
from cjo_stream.core.event import Event
from cjo_stream.core.journey import instance as instances
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.journey.entry import try_enter
from cjo_stream.core.journey.measure import measure_event
from cjo_stream.core.program.program import ENGINE_TYPES
from cjo_stream.core.state import Customer, Instance, Timer, Waiting


def due_timers(customer: Customer, clock: int) -> list[Timer]:
    """Return the timers that are due."""
    return [t for one in running(customer) for t in one.timers if t.due <= clock]


def running(customer: Customer) -> Sequence[Instance]:
    """Return the instances of journeys that are not paused."""
    paused = customer.paused
    if not paused:
        return customer.instances
    return [one for one in customer.instances if one.journey not in paused]


def show_all(cascade: Cascade, event: Event) -> None:
    """Show an event to every live instance, then to every entry."""
    program = cascade.turn.program
    hearing = program.heard_on.get(event.type, program.heard_always)
    if hearing:
        for instance in list(cascade.customer.instances):
            version = (instance.journey, instance.version)
            if version in hearing:
                instances.show(cascade, program.versions[version], instance, event)
    for journey in program.entries_on.get(event.type, ()):
        try_enter(cascade, journey, event)


def finish(cascade: Cascade, outer: Sequence[Timer] = ()) -> None:
    """Handle raised events, then due timers and requests one by one, each with what it raises.

    `outer` are the timers that were due at the start. Of timers set meanwhile, at most
    `due_at_once` fire.
    """
    customer, clock = cascade.customer, cascade.turn.clock
    left = cascade.turn.bounds.due_at_once
    while True:
        while (raised := cascade.next_raised()) is not None:
            if raised.type not in ENGINE_TYPES:  # those are measured where they come about
                measure_event(cascade, raised)
            show_all(cascade, raised)
        due = _first_due(customer, clock, None if left else outer)
        waiting = requests.first_due(customer, clock) if customer.waiting else None
        if waiting is not None and (due is None or waiting.due < due[1].due):
            cascade.turn.timers += 1
            _decide_again(cascade, waiting)
            continue
        if due is None:
            break
        instance, timer = due
        is_outer = any(timer is t for t in outer)
        if not is_outer:
            left -= 1
        cascade.turn.timers += 1
        cascade.begin_timer(instance.id, instance.anchor, is_outer=is_outer)
        journey = cascade.turn.program.versions[(instance.journey, instance.version)]
        instances.fire(cascade, journey, instance, timer)
    rest = None if left else _first_due(customer, clock)
    if rest is not None:
        cascade.overrun(rest[1].due)
    else:
        customer.overrun = None
    instances.forget_unwatchable(cascade)


def _decide_again(cascade: Cascade, waiting: Waiting) -> None:
    cascade.begin_timer(waiting.instance_id, waiting.anchor, is_outer=True)
    scope = cascade.listen(waiting.event)
    requests.decide_again(cascade.customer, waiting, scope, cascade.turn)


def _first_due(
    customer: Customer, clock: int, of: Sequence[Timer] | None = None
) -> tuple[Instance, Timer] | None:
    """Return the first timer due: by due time, journey name, age of instance, order written.

    `of` restricts the search to these timers; None searches all.
    """
    best: tuple[Instance, Timer] | None = None
    for instance in running(customer):
        for timer in instance.timers:
            if timer.due > clock or (best is not None and timer.due >= best[1].due):
                continue
            if of is None or any(timer is one for one in of):
                best = (instance, timer)
    return best
