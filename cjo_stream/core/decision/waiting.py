"""Requests that wait for the end of quiet hours, and are then decided again.

A request is dropped, with a record in which every candidate is stopped by gate `ended`, when

- an event moves its instance out of the state that made the request, or ends the instance,
- the instance itself is removed,
- it is due, but has waited longer than the longest `expires` of its actions.

Moves by time or `always`, and ends that follow from them, leave the request waiting.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from cjo_stream.core import record
from cjo_stream.core.bounds import Bounds
from cjo_stream.core.decision.gate import ENDED
from cjo_stream.core.decision.holdout import joins_holdout
from cjo_stream.core.decision.request import (
    Request,
    candidates_of,
    count_stopped,
    decide,
    is_recorded,
)
from cjo_stream.core.event import Event
from cjo_stream.core.expression import Scope
from cjo_stream.core.program.action import Candidate
from cjo_stream.core.record import JourneyRef, Trigger
from cjo_stream.core.size import has_room
from cjo_stream.core.state import Customer, Instance, Waiting, next_id
from cjo_stream.core.turn import Turn


def ask(
    customer: Customer,
    instance: Instance,
    request: Request,
    own: dict[str, Any],
    scope: Scope,
    turn: Turn,
) -> None:
    """Decide a new request of an instance; `own` overrides the instance's data for it."""

    def waiting(due: int) -> Waiting:
        journey = request.journey
        return Waiting(
            due=due,
            asked=request.asked,
            journey=journey.name,
            version=journey.version,
            instance_id=journey.instance_id,
            state=journey.state,
            opened_at=instance.opened_at,
            first_at=turn.clock,
            event=_read_part(request.event, request.candidates),
            key=instance.key,
            holdout=request.holdout,
            own=own,
            data=None if instance.state is not None else dict(instance.data),
            anchor=request.anchor,
        )

    def may_wait() -> bool:
        return _may_wait(customer, contents(waiting(turn.clock)), turn.bounds)

    due = decide(customer, request, scope, turn, may_wait)
    if due is not None:
        customer.waiting.append(waiting(due))


def first_due(customer: Customer, clock: int) -> Waiting | None:
    """Return the first request due: by due time, journey name, age of instance, order asked."""
    due = [waiting for waiting in running(customer) if waiting.due <= clock]
    return min(due, key=_order, default=None)


def running(customer: Customer) -> Sequence[Waiting]:
    """Return the requests of journeys that are not paused."""
    paused = customer.paused
    if not paused:
        return customer.waiting
    return [one for one in customer.waiting if one.journey not in paused]


def decide_again(customer: Customer, waiting: Waiting, scope: Scope, turn: Turn) -> None:
    """Decide a due request again: all gates, with its event and the instance's data of now.

    If it must wait longer, it keeps its place in the order asked.
    """
    candidates = candidates_of(turn.program.candidates, waiting.asked)
    trigger = Trigger("timer", waiting.instance_id, None)
    longest_ms = max((candidate.action.expires_ms for candidate in candidates), default=0)
    if turn.clock - waiting.first_at > longest_ms:
        customer.waiting.remove(waiting)
        _record_drop(customer, waiting, candidates, trigger, turn)
        return
    request = Request(
        asked=waiting.asked,
        candidates=candidates,
        journey=_journey_of(waiting),
        trigger=trigger,
        event=waiting.event,
        data={**_data_of(customer, waiting), **waiting.own},
        key=waiting.key,
        holdout=waiting.holdout,
        anchor=waiting.anchor,
    )
    due = decide(customer, request, scope, turn)
    if due is not None:
        waiting.due = due
    else:
        customer.waiting.remove(waiting)


def of_instance(
    customer: Customer, instance_id: str, state: str | None = None
) -> Sequence[Waiting]:
    """Return the waiting requests of an instance; with `state`, only those made by that state."""
    if not customer.waiting:
        return ()
    return [
        waiting
        for waiting in customer.waiting
        if waiting.instance_id == instance_id and (state is None or waiting.state == state)
    ]


def drop(customer: Customer, doomed: Iterable[Waiting], trigger: Trigger, turn: Turn) -> None:
    """Drop waiting requests, in the order asked; each leaves a record."""
    for waiting in doomed:
        customer.waiting.remove(waiting)
        candidates = candidates_of(turn.program.candidates, waiting.asked)
        _record_drop(customer, waiting, candidates, trigger, turn)


def keep_data(customer: Customer, instance: Instance, turn: Turn) -> None:
    """Keep the data of an ended instance for its requests that still wait.

    If there is no room for it, they will be decided without it.
    """
    for waiting in of_instance(customer, instance.id):
        waiting.data = None
        if _has_room(customer, (waiting.own, instance.data, None), turn.bounds, besides=waiting):
            waiting.data = dict(instance.data)
        else:
            turn.count("cjo_state_bounds_total", "data")


def join_waiting(into: Customer, other: Customer, trigger: Trigger, turn: Turn) -> None:
    """Add the waiting requests of a customer that is merged into another.

    Holdouts are joined before: if either customer was held out, waiting requests are, too. A
    request without room is dropped.
    """
    came, other.waiting = other.waiting, []
    doomed: list[Waiting] = []
    for waiting in came:
        if _may_wait(into, contents(waiting), turn.bounds):
            into.waiting.append(waiting)
        else:
            turn.count("cjo_state_bounds_total", "waiting")
            doomed.append(waiting)
    into.waiting += doomed
    drop(into, doomed, trigger, turn)
    for waiting in into.waiting:
        waiting.holdout = waiting.holdout or joins_holdout(
            into, turn.program, waiting.journey, waiting.version
        )


def part_waiting(customer: Customer, new: Customer, anchors: frozenset[str]) -> None:
    """Move the requests that were anchored on these identifiers to a new customer."""
    new.waiting += [waiting for waiting in customer.waiting if waiting.anchor in anchors]
    customer.waiting = [w for w in customer.waiting if w.anchor not in anchors]


def _order(waiting: Waiting) -> tuple[int, str, int, int, str]:
    """Return the sort key of a request; ties keep the list's order, the order asked."""
    number = waiting.instance_id.rpartition("-i")[2]
    return (
        waiting.due,
        waiting.journey,
        waiting.opened_at,
        int(number) if number.isdecimal() else 0,
        waiting.instance_id,
    )


def _data_of(customer: Customer, waiting: Waiting) -> dict[str, Any]:
    for instance in customer.instances:
        if instance.id == waiting.instance_id:
            return instance.data
    return waiting.data or {}


def _read_part(event: Event | None, candidates: Iterable[Candidate]) -> Event | None:
    """Return an event with only the attributes that the candidates' expressions read."""
    if event is None:
        return None
    read = {name for candidate in candidates for name in candidate.action.event_reads}
    kept = {name: value for name, value in event.attributes.items() if name in read}
    return Event(event.type, event.time, kept, event.id, event.channel)


def contents(waiting: Waiting) -> tuple[Any, ...]:
    """Return the values that a waiting request keeps."""
    return waiting.own, waiting.data, waiting.event.attributes if waiting.event else None


def _may_wait(customer: Customer, kept: tuple[Any, ...], bounds: Bounds) -> bool:
    """Return whether one more request with these values may wait."""
    return len(customer.waiting) < bounds.waiting and _has_room(customer, kept, bounds)


def _has_room(
    customer: Customer, kept: tuple[Any, ...], bounds: Bounds, besides: Waiting | None = None
) -> bool:
    others = (contents(one) for one in customer.waiting if one is not besides)
    return has_room(kept, others, bounds.waiting_bytes, bounds.small_bytes)


def _journey_of(waiting: Waiting) -> JourneyRef:
    return JourneyRef(waiting.journey, waiting.version, waiting.instance_id, waiting.state)


def _record_drop(
    customer: Customer,
    waiting: Waiting,
    candidates: Collection[Candidate],
    trigger: Trigger,
    turn: Turn,
) -> None:
    decision_id = next_id(customer, "d")
    if is_recorded(waiting.asked, turn):
        turn.emit(
            record.Decision(
                decision_id=decision_id,
                customer_id=customer.id,
                time=turn.clock,
                trigger=trigger,
                request=waiting.asked,
                journey=_journey_of(waiting),
                candidates=[
                    record.Candidate(action=one.action.name, channel=one.channel, gate=ENDED)
                    for one in candidates
                ],
                chosen=None,
            )
        )
    if candidates:
        count_stopped({ENDED: len(candidates)}, turn)
