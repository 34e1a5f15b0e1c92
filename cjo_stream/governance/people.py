"""What becomes of live instances when a set comes into force: counted, customer by customer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from cjo_stream.core.duration import duration_text
from cjo_stream.core.event import Event
from cjo_stream.core.journey.rollout import MIGRATED, Fate, fate
from cjo_stream.core.program.journey import State, TimerRule
from cjo_stream.core.program.program import Program
from cjo_stream.core.standing import PRESENT, standing_of
from cjo_stream.core.state import Customer, Instance, Timer

_NO_EVENT = Event("", 0, {})
_Key = tuple[str, int, str, str]
Left = tuple[int, int]
"""The shortest and the longest time left of a timer, ms."""


class Fated(msgspec.Struct, frozen=True):
    """Live instances of one journey, version and state with the same fate (docs/governance.md)."""

    journey: str
    version: int
    state: str
    live: int
    customers: int | None
    fate: Literal["stay", "move", "end"]
    to: str | None
    timers: Literal["kept", "restarted"] | None
    outcome: str | None


class People(msgspec.Struct, frozen=True):
    """The impact of a set on customers. `changed`: those of whom an instance moves or ends.

    `left`: for each of `instances` that moves, what is left of its timers then, by timer.
    `customers` is None where customers cannot be read: `changed` counts instances then.
    """

    instances: list[Fated] = []
    left: list[dict[str, Left]] = []
    customers: int | None = 0
    changed: int = 0


class _Group:
    """The instances of one row."""

    def __init__(self, first: Fate) -> None:
        self.fate = first
        self.live = 0
        self.customers: set[str] = set()
        self.is_restarted = False
        self.left: dict[str, Left] = {}

    def add(self, customer: str, its: Fate, left: Iterable[tuple[str, int]]) -> None:
        self.live += 1
        self.customers.add(customer)
        self.is_restarted |= its.timers == "restarted"
        for timer, ms in left:
            low, high = self.left.get(timer, (ms, ms))
            self.left[timer] = min(low, ms), max(high, ms)


def people(customers: Iterable[Customer], program: Program, clock: int) -> People:
    """Return what a set does to these customers at the clock, ms; nothing is changed.

    One row a journey, version, state and fate. Its timers are `restarted` where those of one of
    the instances are.
    """
    groups: dict[_Key, _Group] = {}
    number = changed = 0
    for customer in customers:
        if standing_of(customer) not in PRESENT:
            continue
        number += 1
        fates = list(_fates(customer, program))
        changed += any(its.kind != "stay" for _, its in fates)
        for instance, its in fates:
            assert instance.state is not None
            key = (instance.journey, instance.version, instance.state, its.kind)
            group = groups.setdefault(key, _Group(its))
            group.add(customer.id, its, _left(instance, its, program, clock))
    ordered = sorted(groups.items(), key=lambda pair: pair[0])
    rows = [_row(key, group) for key, group in ordered]
    return People(rows, [group.left for _, group in ordered], number, changed)


def people_of_counts(
    living: Mapping[str, Mapping[int, Mapping[str, int]]], program: Program
) -> People:
    """Return what a set does to instances that are only counted, by journey, version and state.

    Of a canary that share of them is taken to be inside which it has, rounded. An instance is
    taken to have all timers of its state.
    """
    rows: list[Fated] = []
    for journey, versions in sorted(living.items()):
        for version, states in sorted(versions.items()):
            for state, live in sorted(states.items()):
                rows += _counted(journey, version, state, live, program)
    changed = sum(row.live for row in rows if row.fate != "stay")
    return People(rows, [{} for _ in rows], None, changed)


def _counted(
    journey: str, version: int, state: str, live: int, program: Program
) -> Iterator[Fated]:
    """Yield the rows of so many instances in one state."""
    stays = Fate("stay", version, to=state, timers="kept")
    new = program.journeys.get(journey)
    whole, share = program, 1.0
    if new is not None:
        share = new.canary
        all_inside = msgspec.structs.replace(new, canary=1.0)
        journeys = {**program.journeys, journey: all_inside}
        whole = msgspec.structs.replace(program, journeys=journeys)
    its = fate("", _typical(journey, version, state, program), whole)
    is_drawn = its.kind == "move" or its.outcome == MIGRATED
    inside = round(live * share) if is_drawn else live
    for one, number in ((its, inside), (stays, live - inside)):
        if number:
            yield Fated(
                journey, version, state, number, None, one.kind, one.to, one.timers, one.outcome
            )


def _typical(journey: str, version: int, state: str, program: Program) -> Instance:
    """Return an instance with all the timers of its state."""
    ran = program.versions.get((journey, version))
    rules = ran.states[state].timers if ran is not None and state in ran.states else ()
    timers = [Timer(0, ordinal) for ordinal in range(len(rules))]
    return Instance("", journey, version, None, state, 0, 0, {}, _NO_EVENT, timers)


def _fates(customer: Customer, program: Program) -> Iterator[tuple[Instance, Fate]]:
    for instance in customer.instances:
        if instance.state is not None:
            yield instance, fate(customer.id, instance, program)


def _row(key: _Key, group: _Group) -> Fated:
    journey, version, state, _ = key
    its = group.fate
    timers = its.timers
    if timers is not None and group.is_restarted:
        timers = "restarted"
    live, customers = group.live, len(group.customers)
    return Fated(journey, version, state, live, customers, its.kind, its.to, timers, its.outcome)


def _left(
    instance: Instance, its: Fate, program: Program, clock: int
) -> Iterator[tuple[str, int]]:
    """Yield what is left of the timers that an instance has after it moved, ms.

    Times that expressions give are not known before.
    """
    if its.kind != "move" or its.timers is None or its.to is None or instance.state is None:
        return
    old = _timers(program.versions[instance.journey, instance.version].states[instance.state])
    new = _timers(program.journeys[instance.journey].states[its.to])
    entered = instance.entered_at if its.to == instance.state else clock
    running = {old[timer.ordinal][0]: timer.due for timer in instance.timers}
    known = {name for name, _ in old}
    for name, rule in new:
        if name in running:
            yield name, max(0, running[name] - clock)
        elif name not in known and rule.after_ms is not None:
            yield name, max(0, entered + rule.after_ms - clock)


def _timers(state: State) -> list[tuple[str, TimerRule]]:
    return [(timer_name(rule), rule) for rule in state.timers]


def timer_name(rule: TimerRule) -> str:
    """Return what a timer is called: its length, or its expression."""
    if rule.after_ms is not None:
        return duration_text(rule.after_ms)
    assert rule.at is not None
    return rule.at.text
