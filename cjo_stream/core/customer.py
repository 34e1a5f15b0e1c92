"""A customer: the order in which one event, or one due time, is handled (docs/journeys.md).

(0) identity: an event of an identifier that an unmerge took away is passed on to its customer
(1) an event id seen before is dropped
(2) the profile: facts, traits, consent, cases, outcomes
    then measures, and the open moments of predictions that wait for the event
(3) every live instance, by journey name, then oldest first
(4) every journey whose entry matches, by name
(5) raised events, each by (3) and (4); then timers that are already due when set; at each
    instant first its timers, then the requests that waited until it
(6) the moments of predictions that open with the event
"""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core.answer import Shown
from cjo_stream.core.canary.count import count_consent, count_traits
from cjo_stream.core.command.outcome import OUTCOME, join_outcome, note_outcome
from cjo_stream.core.command.window import close_windows, remove_over, reward_outcome
from cjo_stream.core.decision import waiting as requests
from cjo_stream.core.edge import Incarnation
from cjo_stream.core.event import Event, native
from cjo_stream.core.expression import MISSING
from cjo_stream.core.identity.absent import answer_locate
from cjo_stream.core.identity.forward import (
    is_event_passed_on,
    is_locate_passed_on,
    is_order_passed_on,
)
from cjo_stream.core.identity.member.membership import born, record_created
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.journey.measure import measure_event
from cjo_stream.core.journey.progress import due_timers, finish, running, show_all
from cjo_stream.core.message import (
    Deliver,
    Locate,
    Rebind,
    Show,
    identifier_key,
)
from cjo_stream.core.prediction import moment as moments
from cjo_stream.core.profile import trait as traits
from cjo_stream.core.profile.activity import count_event, remember_id, seen_before
from cjo_stream.core.profile.case import update_cases
from cjo_stream.core.profile.consent import record_consent, statement_text
from cjo_stream.core.profile.fact import set_fact
from cjo_stream.core.profile.identifier import note_members
from cjo_stream.core.profile.publication import mark_profile, publish_profile
from cjo_stream.core.record import DeadLetter, Reply
from cjo_stream.core.size import size_of
from cjo_stream.core.snapshot import predictions_now, snapshot, waiting_row
from cjo_stream.core.state import Customer, Overrun
from cjo_stream.core.timeline import EventEntry, event_entry, shown
from cjo_stream.core.turn import Due, Turn

_JSON = msgspec.json.Encoder()


def on_deliver(key: str, state: Customer | None, message: Deliver, turn: Turn) -> Customer | None:
    """Apply an event to its customer."""
    event, before = message.event, state
    if state is None:
        state = _born(key, message)
    elif is_event_passed_on(state, message, turn):
        return state
    if event.identifiers:
        turn.anchor = event.identifiers[0].hash
        if message.hops:
            turn.send(identifier_key(turn.anchor), Rebind(state.id, message.epoch))
    if event.type == OUTCOME and not seen_before(state, event, turn):
        joined = join_outcome(state, event, turn)
        if isinstance(joined, str):
            turn.count("cjo_events_total", event.channel or "", "refused")
            _dead_letter(event, joined, turn)
            return before
        event = joined
    if not state.is_recorded:
        record_created(state, event.id, turn)
    note_members(state, event)
    if not remember_id(state, event, turn):
        turn.count("cjo_events_total", event.channel or "", "repeated")
        return state
    _apply(state, event, turn)
    if state.profile_due is not None:
        publish_profile(state, turn)
    return state


def on_locate(key: str, state: Customer, message: Locate, turn: Turn) -> Customer:
    """Answer an identifier that this is its customer, or pass the question on after its events."""
    turn.changed = False
    if not is_locate_passed_on(state, message, turn):
        answer_locate(key, message, turn)
    return state


def on_show(key: str, state: Customer, message: Show, turn: Turn) -> Customer:
    """Answer an operator with the customer."""
    turn.changed = False
    if is_order_passed_on(state, message, turn):
        return state
    row = snapshot(state, turn.program, turn.clock, for_operators=True)
    if turn.program.predictions:
        row.predictions = predictions_now(state, turn.program, turn.clock, turn.model)
    answer = Shown(customer=row)
    if message.history:
        entries = turn.timelines.read(key, state.noted)
        beside = size_of(msgspec.to_builtins(answer))
        answer.history, answer.left_out = shown(entries, state.members, beside)
    turn.emit(Reply(command_id=message.command_id, body=answer))
    return state


def fire(customer: Customer, turn: Turn) -> None:
    """Fire everything due at the clock, in order, each with all that it causes."""
    outer = due_timers(customer, turn.clock)
    if outer or requests.first_due(customer, turn.clock) is not None:
        cascade = Cascade(customer, turn, None)
        finish(cascade, outer)
        cascade.close()
    turn.firing = Due.WINDOWS
    if customer.windows:
        close_windows(customer, turn)
    if customer.moments:
        moments.close_moments(customer, turn)
    turn.firing = Due.PROFILE
    publish_profile(customer, turn)


def drop_due(customer: Customer, failed: Due, turn: Turn) -> list[dict[str, Any]]:
    """Drop everything due of the kind that failed; return rows that describe it.

    Things due of other kinds fire when the clock moves next. If nothing of the failed kind is due,
    everything due is dropped, so that the failure cannot repeat.
    """
    dropped = _DROPS[failed](customer, turn)
    return dropped or [row for drop in _DROPS.values() for row in drop(customer, turn)]


def _drop_of_journeys(customer: Customer, turn: Turn) -> list[dict[str, Any]]:
    dropped: list[dict[str, Any]] = []
    for instance in running(customer):
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
    for waiting in [w for w in requests.running(customer) if w.due <= turn.clock]:
        customer.waiting.remove(waiting)
        row = msgspec.structs.asdict(waiting_row(waiting))
        dropped.append({"customer_id": customer.id, **row})
    return dropped


def _drop_windows(customer: Customer, turn: Turn) -> list[dict[str, Any]]:
    dropped: list[dict[str, Any]] = [
        {"customer_id": customer.id, "action_id": window.action_id, "due": window.closes_at}
        for window in remove_over(customer, turn)
    ]
    return dropped + [
        {"customer_id": customer.id, "prediction_id": moment.id, "due": moment.closes_at}
        for moment in moments.remove_over(customer, turn)
    ]


def _drop_profile(customer: Customer, turn: Turn) -> list[dict[str, Any]]:
    due = customer.profile_due
    if due is None or due > turn.clock:
        return []
    customer.profile_due = None
    return [{"customer_id": customer.id, "profile": True, "due": due}]


_DROPS = {
    Due.JOURNEYS: _drop_of_journeys,
    Due.WINDOWS: _drop_windows,
    Due.PROFILE: _drop_profile,
}


def wake_ms(customer: Customer) -> int | None:
    """Return when the next timer, waiting request, end of a window or moment, or profile is due.

    Clock in ms; None if nothing is.
    """
    first, rest = customer.profile_due, customer.overrun
    for instance in running(customer):
        for timer in instance.timers:
            due = timer.due if rest is None else _rested(timer.due, rest)
            if first is None or due < first:
                first = due
    if customer.waiting:
        for waiting in requests.running(customer):
            due = waiting.due if rest is None else _rested(waiting.due, rest)
            if first is None or due < first:
                first = due
    for window in customer.windows:
        if window.features is not None and (first is None or window.closes_at < first):
            first = window.closes_at
    for moment in customer.moments:
        if first is None or moment.closes_at < first:
            first = moment.closes_at
    return first


def _rested(due: int, rest: Overrun) -> int:
    """Return when a timer is due that may rest."""
    return max(due, rest.until) if due <= rest.at else due


# --- step 0: the customer of the event


def _born(key: str, message: Deliver) -> Customer:
    """Return a new customer; its one member is the anchor of its first event."""
    if not message.event.identifiers:
        return Customer(id=key[1:])
    anchor = message.event.identifiers[0]
    return born(key[1:], Incarnation(anchor.type, anchor.value, anchor.hash, message.epoch))


# --- step 2: the profile


def _apply(customer: Customer, event: Event, turn: Turn) -> None:
    cascade = Cascade(customer, turn, event)
    _update_profile(cascade, event)
    if customer.trials:
        count_traits(customer, turn)
    if event.type in turn.program.measures_on:
        measure_event(cascade, event)
    if event.time < turn.clock - turn.program.max_late_ms:
        cascade.late = True
    else:
        anchor = turn.anchor
        if customer.moments:
            moments.observe_event(customer, event, turn)
        show_all(cascade, event)
        finish(cascade)
        if event.type in turn.program.predictions_on:
            moments.open_moments(customer, event, cascade.listen(event), anchor, turn)
    cascade.close()
    count_event(customer, event)
    turn.count("cjo_events_total", event.channel or "", "late" if cascade.late else "applied")


def _update_profile(cascade: Cascade, event: Event) -> None:
    customer, turn = cascade.customer, cascade.turn
    program = turn.program
    scope = cascade.listen(event)
    if event.type == "cjo.profile":
        for name, value in event.attributes.items():
            set_fact(customer, name, value, event.time, turn)
        mark_profile(customer, turn)
    taken: dict[str, Any] = {}
    for trait in program.traits_on.get(event.type, ()):
        value = traits.update(customer, trait, event, scope, turn)
        if value is not MISSING:
            taken[trait.slot] = value
    if taken:
        mark_profile(customer, turn)
    body = EventEntry(event.type, event.time, event.id, event.channel, taken)
    if event.type == "cjo.consent":
        if record_consent(customer, event.attributes, event.time, turn):
            count_consent(customer, event.attributes, turn)
            body.said = statement_text(event.attributes)
            if not program.asks_for(event.attributes["purpose"]):
                turn.count("cjo_consent_ignored_total", "unasked")
        else:
            turn.count("cjo_consent_ignored_total", "unusable")
    turn.note(event_entry(turn.clock, turn.anchor, body))
    cases_on = program.cases_on
    if cases_on and (event.type in cases_on or customer.cases_era != program.cases_era):
        update_cases(customer, event, scope, turn)
    if event.type == OUTCOME:
        note_outcome(customer, event)
        reward_outcome(customer, event, turn)


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
