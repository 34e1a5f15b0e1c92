"""A customer: the order of one event, and of one due time (definitions.md, section 4).

(1) an event id seen before is dropped
(2) the profile: facts, traits, consent, cases, outcomes
(3) every live instance, by journey name, then oldest first
(4) every journey whose entry matches, by name
(5) raised events, each by (3) and (4); then the timers that were set already due, and at each
    instant, after its timers, the requests that waited until then
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from cjo_stream.core.decision import waiting as requests
from cjo_stream.core.event import Event, native
from cjo_stream.core.expression import MISSING
from cjo_stream.core.identity.membership import record_identifiers
from cjo_stream.core.journey import instance as instances
from cjo_stream.core.journey.cascade import DUE_AT_ONCE_MAX, Cascade
from cjo_stream.core.journey.entry import try_enter
from cjo_stream.core.message import Deliver, Show
from cjo_stream.core.profile import trait as traits
from cjo_stream.core.profile.case import update_cases
from cjo_stream.core.profile.consent import record_consent
from cjo_stream.core.profile.fact import set_fact
from cjo_stream.core.profile.outcome import OUTCOME, join_outcome, note_outcome
from cjo_stream.core.profile.view import View
from cjo_stream.core.program import Program
from cjo_stream.core.record import DeadLetter, Reply
from cjo_stream.core.state import SEEN_MAX, Customer, Instance, Timer, Waiting
from cjo_stream.core.turn import Turn

_JSON = msgspec.json.Encoder()


def on_deliver(key: str, state: Customer | None, message: Deliver, turn: Turn) -> Customer | None:
    """Let an event have its whole effect on its customer."""
    event = message.event
    customer = state if state is not None else Customer(id=key[1:])
    if event.type == OUTCOME and not _seen_before(customer, event, turn):
        joined = join_outcome(customer, event, turn)
        if joined is None:
            turn.count("cjo_events_total", event.channel or "", "refused")
            _dead_letter(event, "an outcome that is not listed, or of no command of theirs", turn)
            return state
        event = joined
    record_identifiers(customer, event, turn)
    if _seen_before(customer, event, turn):
        turn.count("cjo_events_total", event.channel or "", "repeated")
        return customer
    _remember_id(customer, event, turn)
    cascade = Cascade(customer, turn, event)
    _update_profile(cascade, event)
    if event.time < turn.clock - turn.program.max_late_ms:
        cascade.late = True
    else:
        _show_all(cascade, event)
        _finish(cascade)
    cascade.close()
    _note_sight(customer, event)
    turn.count("cjo_events_total", event.channel or "", "late" if cascade.late else "applied")
    return customer


def on_show(_: str, state: Customer | None, message: Show, turn: Turn) -> Customer | None:
    """Answer an operator."""
    if state is None:
        turn.emit(Reply(command_id=message.command_id, body={"found": False}))
    else:
        row = snapshot(state, turn.program, turn.clock, timers=True)
        turn.emit(Reply(command_id=message.command_id, body={"found": True, "customer": row}))
    turn.changed = False
    return state


def fire(customer: Customer, turn: Turn) -> None:
    """Fire the timers that are due at the clock, in order, each with all that it causes."""
    outer = [t for i in customer.instances for t in i.timers if t.due <= turn.clock]
    cascade = Cascade(customer, turn, None)
    _finish(cascade, outer)
    cascade.close()


def drop_due(customer: Customer, turn: Turn) -> list[dict[str, Any]]:
    """Drop the timers and requests that are due, of which one failed; return what they were."""
    dropped: list[dict[str, Any]] = []
    for instance in customer.instances:
        for timer in [t for t in instance.timers if t.due <= turn.clock]:
            instance.timers.remove(timer)
            dropped.append(
                {
                    "customer_id": customer.id,
                    "journey": instance.journey,
                    "instance_id": instance.id,
                    "state": instance.state,
                    "due": timer.due,
                }
            )
    for waiting in [w for w in customer.waiting if w.due <= turn.clock]:
        customer.waiting.remove(waiting)
        dropped.append(
            {
                "customer_id": customer.id,
                "journey": waiting.journey,
                "instance_id": waiting.instance_id,
                "state": waiting.state,
                "due": waiting.due,
                "request": waiting.asked,
            }
        )
    return dropped


def wake_ms(customer: Customer) -> int | None:
    """Return the earliest due time of the customer's timers and waiting requests, or None."""
    due = [timer.due for instance in customer.instances for timer in instance.timers]
    due += [waiting.due for waiting in customer.waiting]
    return min(due, default=None)


def snapshot(
    customer: Customer, program: Program, now: int, timers: bool = False
) -> dict[str, Any]:
    """Return a row of customers.jsonl; with `timers`, each instance's due times too."""
    view = View(customer, program, now)
    values = {name: view.get(name) for name in program.traits}
    rows = []
    for instance in customer.instances:
        if instance.state is not None:
            row = {
                "journey": instance.journey,
                "version": instance.version,
                "instance_id": instance.id,
                "key": instance.key,
                "state": instance.state,
                "holdout": instance.holdout,
            }
            if timers:
                row["timers"] = sorted(timer.due for timer in instance.timers)
            rows.append(row)
    return {
        "customer_id": customer.id,
        "identifiers": {t: sorted(v) for t, v in sorted(customer.identifiers.items()) if v},
        "facts": {k: v[0] for k, v in sorted(customer.facts.items()) if v[0] is not None},
        "traits": {name: value for name, value in values.items() if value is not MISSING},
        "events": customer.events,
        "instances": rows,
    }


# --- steps 1 and 2: repeats, the profile


def _seen_before(customer: Customer, event: Event, turn: Turn) -> bool:
    if not event.own_id:
        return False
    since = turn.clock - turn.program.dedupe_ms
    at = customer.seen.get(f"{event.channel} {event.id}")
    return at is not None and at > since


def _remember_id(customer: Customer, event: Event, turn: Turn) -> None:
    if not event.own_id:
        return
    seen = customer.seen
    name = f"{event.channel} {event.id}"
    seen.pop(name, None)
    seen[name] = turn.clock
    since = turn.clock - turn.program.dedupe_ms
    while seen:
        oldest = next(iter(seen))
        if len(seen) <= SEEN_MAX and seen[oldest] > since:
            break
        if seen[oldest] > since:
            turn.count("cjo_state_bounds_total", "seen")
        del seen[oldest]


def _update_profile(cascade: Cascade, event: Event) -> None:
    customer, turn = cascade.customer, cascade.turn
    program = turn.program
    scope = cascade.listen(event)
    if event.type == "cjo.profile":
        for name, value in event.attributes.items():
            set_fact(customer, name, value, event.time, turn)
    for trait in program.traits_on.get(event.type, ()):
        traits.update(customer, trait, event, scope)
    if event.type == "cjo.consent" and not record_consent(customer, event.attributes, event.time):
        turn.count("cjo_consent_ignored_total")
    if program.opened or program.closed:
        update_cases(customer, event, scope, turn)
    if event.type == OUTCOME:
        note_outcome(customer, event)


def _note_sight(customer: Customer, event: Event) -> None:
    customer.events += 1
    if customer.first_seen is None or event.time < customer.first_seen:
        customer.first_seen = event.time
    if customer.last_seen is None or event.time >= customer.last_seen:
        customer.last_seen = event.time
        customer.last_channel = event.channel


def _dead_letter(event: Event, detail: str, turn: Turn) -> None:
    turn.count("cjo_dead_letters_total", "invalid")
    turn.emit(
        DeadLetter(
            reason="invalid",
            detail=detail,
            topic=event.topic,
            partition=event.partition,
            offset=event.offset,
            value=_JSON.encode(native(event)),
        )
    )


# --- steps 3 to 5: journeys, what they raise, what is due


def _show_all(cascade: Cascade, event: Event) -> None:
    program = cascade.turn.program
    for instance in list(cascade.customer.instances):
        journey = program.versions[(instance.journey, instance.version)]
        if journey.hears_every or event.type in journey.listens:
            instances.show(cascade, journey, instance, event)
    for journey in program.entries_on.get(event.type, ()):
        try_enter(cascade, journey, event)


def _finish(cascade: Cascade, outer: Sequence[Timer] = ()) -> None:
    """Handle what was raised, then what is due one by one, each with what it raises.

    `outer` are the timers that were due before; of those set on the way DUE_AT_ONCE_MAX fire.
    """
    customer, clock = cascade.customer, cascade.turn.clock
    left = DUE_AT_ONCE_MAX
    while True:
        while (raised := cascade.next_raised()) is not None:
            _show_all(cascade, raised)
        due = _first_due(customer, clock)
        waiting = requests.first_due(customer, clock) if customer.waiting else None
        if waiting is not None and (due is None or waiting.due < due[1].due):
            _decide_again(cascade, waiting)
            continue
        if due is None:
            break
        instance, timer = due
        is_outer = any(timer is t for t in outer)
        if not is_outer:
            if left == 0:
                break
            left -= 1
        cascade.begin_timer(instance.id, is_outer=is_outer)
        journey = cascade.turn.program.versions[(instance.journey, instance.version)]
        instances.fire(cascade, journey, instance, timer)
    instances.forget_unwatchable(cascade)


def _decide_again(cascade: Cascade, waiting: Waiting) -> None:
    cascade.begin_timer(waiting.instance_id, is_outer=True)
    scope = cascade.listen(waiting.event)
    requests.decide_again(cascade.customer, waiting, scope, cascade.turn)


def _first_due(customer: Customer, clock: int) -> tuple[Instance, Timer] | None:
    """Return the first timer due: by due time, journey name, oldest instance, order of writing."""
    best: tuple[Instance, Timer] | None = None
    for instance in customer.instances:
        for timer in instance.timers:
            if timer.due <= clock and (best is None or timer.due < best[1].due):
                best = (instance, timer)
    return best
