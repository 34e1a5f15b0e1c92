"""What a new definition set does to a customer's instances (docs/changes.md).

`fate` says what becomes of one live instance; `bring_up` does it for a customer, at the clock:

1. requests and instances of retired journeys end, and instances that their journey's new version
   ends (`migrate: exit`);
2. instances that continue in the new version (`migrate: follow`) change version, and state where
   the map says so; no step of a journey runs;
3. what these ends raise is shown; then all timers that are due fire, with those that came due
   while their journey was paused. None of them enters a state before the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from cjo_stream.core.decision import waiting as requests
from cjo_stream.core.journey import instance as instances
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.journey.entry import may_enter
from cjo_stream.core.journey.instance import timers_of
from cjo_stream.core.journey.progress import due_timers, finish
from cjo_stream.core.program.journey import Journey, State, TimerRule
from cjo_stream.core.program.program import Program
from cjo_stream.core.state import Customer, Instance, Timer
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import Migrate

MIGRATED = "migrated"
RETIRED = "retired"


class Fate(msgspec.Struct, frozen=True):
    """What becomes of a live instance.

    `stay`: it goes on in its version. `move`: it goes on in `version`, in state `to`; if that is
    final, it ends there with `outcome`. `end`: it ends with `outcome`, in no state. `timers`: of
    an instance that goes on, whether all its timers go on and none is added.
    """

    kind: Literal["stay", "move", "end"]
    version: int
    to: str | None = None
    outcome: str | None = None
    timers: Literal["kept", "restarted"] | None = None


def asks(program: Program, before: Program) -> bool:
    """Return whether a set may concern instances that live when it comes into force."""
    return bool(program.paused or program.retired or before.paused) or any(
        journey.migrate is not Migrate.DRAIN for journey in program.journeys.values()
    )


def concerns(customer: Customer, program: Program) -> bool:
    """Return whether a set changes something of a customer when it comes into force."""
    return (
        bool(customer.paused or _paused(customer, program))
        or any(_is_retired(program, waiting.journey) for waiting in customer.waiting)
        or any(_is_concerned(customer, instance, program) for instance in customer.instances)
    )


def _is_concerned(customer: Customer, instance: Instance, program: Program) -> bool:
    if instance.state is None:
        return _is_retired(program, instance.journey)
    return fate(customer.id, instance, program).kind != "stay"


def fate(customer_id: str, instance: Instance, program: Program) -> Fate:
    """Return what a set does to a live instance when it comes into force."""
    state = instance.state
    assert state is not None
    stays = Fate("stay", instance.version, to=state, timers="kept")
    if _is_retired(program, instance.journey):
        return Fate("end", instance.version, outcome=RETIRED)
    new = program.journeys.get(instance.journey)
    if new is None or new.version == instance.version or new.migrate is Migrate.DRAIN:
        return stays
    if not may_enter(customer_id, msgspec.structs.replace(new, entrants=(0.0, new.canary))):
        return stays
    if new.migrate is Migrate.EXIT:
        return Fate("end", instance.version, outcome=MIGRATED)
    to = new.map.get(state, state)
    if to not in new.states:
        return stays  # it came there after the set had been checked
    if new.states[to].end is not None:
        return Fate("move", new.version, to=to, outcome=new.states[to].end)
    old = program.versions[instance.journey, instance.version]
    carried = dict(_carried(old.states[state], new.states[to]))
    is_kept = all(timer.ordinal in carried for timer in instance.timers) and not _added(
        new.states[to], carried
    )
    return Fate("move", new.version, to=to, timers="kept" if is_kept else "restarted")


def catch_up(customer: Customer, turn: Turn) -> None:
    """Bring up a customer whose state was on its way when sets came into force.

    Its instances are counted as live while it is brought up, and not afterwards.
    """
    in_force = turn.program
    missed = [one for one in turn.since(customer.revision) if concerns(customer, one)]
    if missed:
        instances.count_live(customer, turn, by=1)
        for program in missed:
            turn.program = program
            bring_up(customer, turn)
        instances.count_live(customer, turn, by=-1)
        turn.program = in_force
    customer.revision = in_force.revision


def bring_up(customer: Customer, turn: Turn) -> None:
    """Do what the set in force asks for at a customer who lived before it."""
    program = turn.program
    cascade = Cascade(customer, turn, None)
    cascade.earliest = turn.clock
    customer.paused = _paused(customer, program)
    fates = [
        (one, fate(customer.id, one, program) if one.state is not None else None)
        for one in customer.instances
    ]
    for instance, its in fates:
        cascade.begin_timer(instance.id, instance.anchor, is_outer=True)
        if its is None:
            if _is_retired(program, instance.journey):
                instances.forget(cascade, instance)
        elif its.kind == "end":
            assert its.outcome is not None
            instances.end(cascade, instance, its.outcome, is_watched=its.outcome == MIGRATED)
        elif its.kind == "move":
            _follow(cascade, program.journeys[instance.journey], instance, its)
    _drop_retired(cascade)
    finish(cascade, due_timers(customer, turn.clock))
    cascade.close()


def _is_retired(program: Program, journey: str) -> bool:
    """Return whether a journey is retired; also one whose file is gone."""
    return journey in program.retired


def _paused(customer: Customer, program: Program) -> list[str]:
    """Return the paused journeys of which a customer has instances or requests."""
    if not program.paused:
        return []
    present = {instance.journey for instance in customer.instances}
    present |= {waiting.journey for waiting in customer.waiting}
    return sorted(present & program.paused)


def _drop_retired(cascade: Cascade) -> None:
    """Drop the requests that instances of retired journeys have left."""
    customer, program = cascade.customer, cascade.turn.program
    for waiting in [w for w in customer.waiting if _is_retired(program, w.journey)]:
        cascade.begin_timer(waiting.instance_id, waiting.anchor, is_outer=True)
        requests.drop(customer, (waiting,), cascade.trigger, cascade.turn)


def _follow(cascade: Cascade, new: Journey, instance: Instance, its: Fate) -> None:
    """Let an instance go on in the new version; no step runs."""
    before = instance.state
    assert before is not None
    assert its.to is not None
    old = cascade.turn.program.versions[instance.journey, instance.version].states[before]
    to = new.states[its.to]
    instances.change_version(cascade, new, instance, to)
    if to.end is not None:
        return
    carried = dict(_carried(old, to))
    kept = [
        Timer(timer.due, carried[timer.ordinal])
        for timer in instance.timers
        if timer.ordinal in carried
    ]
    added = timers_of(cascade, instance, _added(to, carried))
    instance.timers = sorted(kept + added, key=lambda timer: timer.ordinal)


def _carried(old: State, new: State) -> Iterator[tuple[int, int]]:
    """Yield (ordinal before, ordinal now) of the timers that both states have.

    A timer is known again by its kind and its length or expression; of equal ones by their order.
    """
    places: dict[tuple[str, int | str], list[int]] = {}
    for ordinal, rule in enumerate(new.timers):
        places.setdefault(_kind_of(rule), []).append(ordinal)
    for ordinal, rule in enumerate(old.timers):
        same = places.get(_kind_of(rule))
        if same:
            yield ordinal, same.pop(0)


def _added(state: State, carried: dict[int, int]) -> list[tuple[int, TimerRule]]:
    """Return the timers of a state, with their ordinals, that the state before did not have."""
    known = set(carried.values())
    return [(n, rule) for n, rule in enumerate(state.timers) if n not in known]


def _kind_of(rule: TimerRule) -> tuple[str, int | str]:
    if rule.after_ms is not None:
        return "after", rule.after_ms
    assert rule.at is not None
    return "at", rule.at.meaning
