"""One instance: its moves by events and timers.

show    goal, exits, the state's `on`, the journey's `on`, `always`      (docs/journeys.md)
fire    one timer of its state
move    leave, do, enter, always, timers                              ("Taking a transition")
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cjo_stream.core.canary.count import count_exit, count_goal
from cjo_stream.core.decision import waiting as requests
from cjo_stream.core.decision.holdout import joins_holdout
from cjo_stream.core.draw import share
from cjo_stream.core.event import Event
from cjo_stream.core.expression import Expression
from cjo_stream.core.journey.cascade import ALWAYS_MAX, EARLIEST_MS, Cascade
from cjo_stream.core.journey.history import note_end
from cjo_stream.core.journey.record import announce, record
from cjo_stream.core.journey.step import enter_scope, run_steps
from cjo_stream.core.prediction.moment import observe_goal
from cjo_stream.core.program.journey import Journey, Split, State, Step, TimerRule, Transition
from cjo_stream.core.record import Reason
from cjo_stream.core.state import Customer, Instance, Timer
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Past

LIVE = "cjo_journey_instances"
"""The number of instances in each state of each version: counted up and down."""

LATEST_MS = 253_402_300_799_999
"""The end of the year 9999; a timer with a later time is not set."""


def count_live(customer: Customer, turn: Turn, by: int) -> None:
    """Count the customer's live instances into (1) or out of (-1) this partition's metric."""
    for instance in customer.instances:
        if instance.state is not None:
            _count_state(turn, instance, instance.state, by)


def _count_state(turn: Turn, instance: Instance, state: str, by: int = 1) -> None:
    turn.count(LIVE, instance.journey, str(instance.version), state, by=by)


def show(cascade: Cascade, journey: Journey, instance: Instance, event: Event) -> None:
    """Show an event to one instance."""
    turn = cascade.turn
    listens = event.type in journey.listens
    if instance.state is None:
        if listens:
            _mark_goal(cascade, journey, instance, event)
        return
    state = journey.states[instance.state]
    if not listens and not state.always:
        return
    too_old = event.time < instance.entered_at - turn.program.grace_ms
    if listens:
        _mark_goal(cascade, journey, instance, event)
        if _has_ended(instance):
            return
    if too_old:
        cascade.late = cascade.late or listens
        return
    at = max(min(event.time, turn.clock), instance.entered_at)
    if not (listens and _take_first(cascade, journey, instance, state, event, at)):
        _follow_always(cascade, journey, instance, at)


def _has_ended(instance: Instance) -> bool:
    return instance.state is None


def fire(cascade: Cascade, journey: Journey, instance: Instance, timer: Timer) -> None:
    """Fire a timer of the instance's state; if its `when` is false, it lapses."""
    assert instance.state is not None
    instance.timers.remove(timer)
    transition = journey.states[instance.state].timers[timer.ordinal].transition
    if _holds(cascade, instance, transition.when):
        at = max(timer.due, instance.entered_at, cascade.earliest)
        if _take(cascade, journey, instance, transition, at):
            follow_always(cascade, journey, instance)


def enter(cascade: Cascade, journey: Journey, instance: Instance, name: str, at: int) -> None:
    """Enter a state: record, run steps; a final state ends the instance.

    `follow_always` starts the timers later.
    """
    before = instance.state
    state = journey.states[name]
    instance.state, instance.entered_at = name, at
    instance.entered += 1
    if before is not None:
        _count_state(cascade.turn, instance, before, by=-1)
    if state.end is not None:
        record(cascade, instance, "ended", from_=before, to=name, time=at, outcome=state.end)
        if before is None:
            announce(cascade, instance, "journey.entered", name)
        run_steps(cascade, instance, state.enter, name)
        _close(cascade, instance, at, state.end)
        return
    reason: Reason = "moved" if before is not None else "entered"
    _count_state(cascade.turn, instance, name)
    record(cascade, instance, reason, from_=before, to=name, time=at)
    if before is None:
        announce(cascade, instance, "journey.entered", name)
    run_steps(cascade, instance, state.enter, name)


def follow_always(cascade: Cascade, journey: Journey, instance: Instance) -> None:
    """Follow `always` from the state just entered, then start the timers of the last state."""
    _follow_always(cascade, journey, instance, instance.entered_at, entered=True)


def end(cascade: Cascade, instance: Instance, outcome: str, *, is_watched: bool) -> None:
    """End an instance by a new definition set: its requests are dropped, no step runs.

    `is_watched`: its goal may still be marked.
    """
    state, at = instance.state, cascade.turn.clock
    assert state is not None
    _drop_requests(cascade, instance)
    instance.timers = []
    instance.entered_at = at
    _count_state(cascade.turn, instance, state, by=-1)
    record(cascade, instance, "exited", from_=state, to=None, time=at, outcome=outcome)
    _close(cascade, instance, at, outcome, is_watched=is_watched)


def forget(cascade: Cascade, instance: Instance) -> None:
    """Remove an ended instance: its requests are dropped, and its goal is watched no more."""
    _drop_requests(cascade, instance)
    cascade.customer.instances.remove(instance)


def _drop_requests(cascade: Cascade, instance: Instance) -> None:
    doomed = requests.of_instance(cascade.customer, instance.id)
    requests.drop(cascade.customer, doomed, cascade.trigger, cascade.turn)


def change_version(cascade: Cascade, new: Journey, instance: Instance, to: State) -> None:
    """Let an instance go on in another version, in state `to`, at the clock; no step runs.

    In a state of the same name that is not final it has been since it entered the one before.
    """
    customer, turn, before = cascade.customer, cascade.turn, instance.state
    assert before is not None
    _count_state(turn, instance, before, by=-1)
    instance.version = new.version
    instance.holdout = joins_holdout(customer, turn.program, new.name, new.version)
    for waiting in requests.of_instance(customer, instance.id):
        waiting.version, waiting.state, waiting.holdout = new.version, to.name, instance.holdout
    instance.state = to.name
    if to.name != before or to.end is not None:
        instance.entered_at = turn.clock
        instance.entered += 1
        reason: Reason = "moved" if to.end is None else "ended"
        record(
            cascade, instance, reason, from_=before, to=to.name, time=turn.clock, outcome=to.end
        )
    if to.end is None:
        _count_state(turn, instance, to.name)
    else:
        instance.timers = []
        _close(cascade, instance, turn.clock, to.end)


def _mark_goal(cascade: Cascade, journey: Journey, instance: Instance, event: Event) -> None:
    goal = journey.goal
    if goal is None or instance.goal_marked or event.type not in goal.on:
        return
    if event.time < instance.opened_at:
        return
    if goal.within_ms is None:
        if instance.state is None:
            return
    elif event.time > instance.opened_at + goal.within_ms:
        return
    if not _holds(cascade, instance, goal.when):
        return
    instance.goal_marked = True
    count_goal(instance, cascade.turn)
    state = instance.state
    record(cascade, instance, "goal", from_=state, to=state, time=event.time)
    if cascade.customer.moments:
        observe_goal(cascade.customer, instance.journey, event.time, cascade.turn)
    announce(cascade, instance, "journey.goal", state)
    if goal.exit and state is not None:
        at = max(min(event.time, cascade.turn.clock), instance.entered_at)
        _exit(cascade, journey, instance, at, "goal", goal.do)
    else:
        run_steps(cascade, instance, goal.do, state)
    if instance.state is None and instance in cascade.customer.instances:
        cascade.customer.instances.remove(instance)


def _take_first(
    cascade: Cascade,
    journey: Journey,
    instance: Instance,
    state: State,
    event: Event,
    at: int,
) -> bool:
    """Take the first exit or transition that matches; return whether it left the state."""
    for rule in journey.exit:
        if event.type in rule.on and _holds(cascade, instance, rule.when):
            count_exit(instance, cascade.turn)
            _exit(cascade, journey, instance, at, rule.as_, rule.do)
            return True
    for transition in (*state.on.get(event.type, ()), *journey.on.get(event.type, ())):
        if _holds(cascade, instance, transition.when):
            left = _take(cascade, journey, instance, transition, at, by_event=True)
            if left:
                follow_always(cascade, journey, instance)
            return left
    return False


def _take(
    cascade: Cascade,
    journey: Journey,
    instance: Instance,
    transition: Transition,
    at: int,
    *,
    by_event: bool = False,
) -> bool:
    """Take a transition; return whether it left the state.

    A transition `by_event`, not by time or `always`, drops the waiting requests of the state it
    leaves; one to a final state drops all of the instance's.
    """
    state = instance.state
    assert state is not None
    if transition.to is None:
        run_steps(cascade, instance, transition.do, state)
        return False
    to = _target(cascade, instance, transition.to)
    made_by = None if journey.states[to].end is not None else state
    doomed = requests.of_instance(cascade.customer, instance.id, made_by) if by_event else ()
    instance.timers = []
    if leave := journey.states[state].leave:
        run_steps(cascade, instance, leave, to)
    if doomed:
        requests.drop(cascade.customer, doomed, cascade.trigger, cascade.turn)
    run_steps(cascade, instance, transition.do, to)
    enter(cascade, journey, instance, to, at)
    return True


def _exit(
    cascade: Cascade,
    journey: Journey,
    instance: Instance,
    at: int,
    outcome: str,
    do: Sequence[Step],
) -> None:
    """End the instance by an exit rule or its goal: leave the state, run the rule's `do`."""
    state = instance.state
    assert state is not None
    doomed = requests.of_instance(cascade.customer, instance.id)
    instance.timers = []
    if leave := journey.states[state].leave:
        run_steps(cascade, instance, leave, None)
    if doomed:
        requests.drop(cascade.customer, doomed, cascade.trigger, cascade.turn)
    run_steps(cascade, instance, do, None)
    instance.entered_at = at
    _count_state(cascade.turn, instance, state, by=-1)
    record(cascade, instance, "exited", from_=state, to=None, time=at, outcome=outcome)
    _close(cascade, instance, at, outcome)


def _follow_always(
    cascade: Cascade, journey: Journey, instance: Instance, at: int, *, entered: bool = False
) -> None:
    """Follow `always` until no condition is true; states are entered at `at`.

    The timers of the last state start if it was entered here, or just before (`entered`).
    """
    moves = 0
    while instance.state is not None:
        always = journey.states[instance.state].always
        if not always:
            break
        step = next((t for t in always if _holds(cascade, instance, t.when)), None)
        if step is None:
            break
        if moves == ALWAYS_MAX:
            cascade.report_loop()
            break
        moves += 1
        if not _take(cascade, journey, instance, step, at):
            break
        entered = True
    if entered and instance.state is not None:
        _start_timers(cascade, journey, instance)


def _start_timers(cascade: Cascade, journey: Journey, instance: Instance) -> None:
    assert instance.state is not None
    rules = journey.states[instance.state].timers
    instance.timers = timers_of(cascade, instance, enumerate(rules))


def timers_of(
    cascade: Cascade, instance: Instance, rules: Iterable[tuple[int, TimerRule]]
) -> list[Timer]:
    """Return the timers that an instance starts by these rules of its state.

    Each rule has its ordinal among the state's rules.
    """
    clock = cascade.turn.clock
    timers = []
    for ordinal, rule in rules:
        if rule.after_ms is not None:
            due = instance.entered_at + rule.after_ms
        else:
            assert rule.at is not None
            enter_scope(cascade, instance)
            value = rule.at.evaluate(cascade.scope)
            if type(value) not in (int, float):
                continue
            due = max(int(value), EARLIEST_MS)
            if due < clock and rule.past is Past.SKIP:
                continue
        if due <= LATEST_MS:
            timers.append(Timer(due, ordinal))
    return timers


def _close(
    cascade: Cascade, instance: Instance, at: int, outcome: str, *, is_watched: bool = True
) -> None:
    """Note that the instance has ended; keep it only if its goal may still be marked."""
    customer, turn = cascade.customer, cascade.turn
    requests.keep_data(customer, instance, turn)
    state, instance.state = instance.state, None
    turn.count("cjo_journey_ends_total", instance.journey, outcome)
    journey = turn.program.versions[(instance.journey, instance.version)]
    note_end(customer, instance, at, turn)
    goal = journey.goal
    if not is_watched or goal is None or instance.goal_marked or goal.within_ms is None:
        customer.instances.remove(instance)
    else:
        _forget_watched(cascade, instance.journey)
    announce(cascade, instance, "journey.ended", state, outcome)


def _forget_watched(cascade: Cascade, journey: str) -> None:
    """Drop the oldest ended instances of a journey, still watched, beyond the bound."""
    customer = cascade.customer
    watched = [i for i in customer.instances if i.journey == journey and i.state is None]
    for oldest in watched[: max(0, len(watched) - cascade.turn.bounds.watched)]:
        customer.instances.remove(oldest)
        cascade.turn.count("cjo_state_bounds_total", "watched")


def forget_unwatchable(cascade: Cascade) -> None:
    """Drop ended instances whose goal cannot be marked any more, even by a late event."""
    turn, customer = cascade.turn, cascade.customer
    for instance in customer.instances:
        if instance.state is None:
            break
    else:
        return
    since = turn.clock - turn.program.max_late_ms
    kept = []
    for instance in customer.instances:
        if instance.state is None:
            journey = turn.program.versions.get((instance.journey, instance.version))
            within = journey.goal.within_ms if journey is not None and journey.goal else None
            if within is None or instance.opened_at + within < since:
                continue
        kept.append(instance)
    customer.instances = kept


def _target(cascade: Cascade, instance: Instance, to: str | Split) -> str:
    if isinstance(to, str):
        return to
    total = sum(branch.weight for branch in to.branches)
    drawn = total * share(cascade.customer.id, instance.journey, instance.state or "")
    for branch in to.branches:
        drawn -= branch.weight
        if drawn < 0:
            return branch.to
    return to.branches[-1].to


def _holds(cascade: Cascade, instance: Instance, when: Expression | None) -> bool:
    if when is None:
        return True
    enter_scope(cascade, instance)
    return when.holds(cascade.scope)
