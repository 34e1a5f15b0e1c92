"""What would become of live instances if a set came into force: counted, customer by customer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from cjo_stream.core.duration import duration_text
from cjo_stream.core.journey.rollout import Fate, fate
from cjo_stream.core.program.journey import State, TimerRule
from cjo_stream.core.program.program import Program
from cjo_stream.core.standing import PRESENT, standing_of
from cjo_stream.core.state import Customer, Instance

_Key = tuple[str, int, str, str]
Left = tuple[int, int]
"""The shortest and the longest time left of a timer, ms."""


class Fated(msgspec.Struct, frozen=True):
    """Live instances of one journey, version and state with the same fate (docs/governance.md)."""

    journey: str
    version: int
    state: str
    live: int
    customers: int
    fate: Literal["stay", "move", "end"]
    to: str | None
    timers: Literal["kept", "restarted"] | None
    outcome: str | None


class People(msgspec.Struct, frozen=True):
    """The impact of a set on customers. `changed`: those of whom an instance moves or ends.

    `left`, for each of `instances`: of one that moves, what is left of its timers then, by timer;
    of one that stays, its timers that came due in a pause which ends: nothing is left of these.
    """

    instances: list[Fated] = []
    left: list[dict[str, Left]] = []
    customers: int = 0
    changed: int = 0


class Foreseen(msgspec.Struct, frozen=True):
    """The answer to `Foresee`.

    `after` is the key of the last customer looked at, None if no other follows; `error` says why
    the set was not tried.
    """

    people: People = People()
    after: str | None = None
    error: str | None = None


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
            if its.kind == "stay" and instance.journey in customer.paused:
                group.add(customer.id, its, _missed(instance, program, clock))
            else:
                group.add(customer.id, its, _left(instance, its, program, clock))
    ordered = sorted(groups.items(), key=lambda pair: pair[0])
    rows = [_row(key, group) for key, group in ordered]
    return People(rows, [group.left for _, group in ordered], number, changed)


def together(parts: Iterable[People]) -> People:
    """Return the impact on the customers of all parts; no customer is in two of them."""
    rows: dict[_Key, Fated] = {}
    left: dict[_Key, dict[str, Left]] = {}
    number = changed = 0
    for part in parts:
        number += part.customers
        changed += part.changed
        for row, times in zip(part.instances, part.left, strict=True):
            key = (row.journey, row.version, row.state, row.fate)
            rows[key] = _sum(rows[key], row) if key in rows else row
            found = left.setdefault(key, {})
            for timer, (low, high) in times.items():
                lowest, highest = found.get(timer, (low, high))
                found[timer] = min(low, lowest), max(high, highest)
    keys = sorted(rows)
    return People([rows[key] for key in keys], [left[key] for key in keys], number, changed)


def _sum(one: Fated, other: Fated) -> Fated:
    timers = "restarted" if "restarted" in (one.timers, other.timers) else one.timers
    live, customers = one.live + other.live, one.customers + other.customers
    return msgspec.structs.replace(one, live=live, customers=customers, timers=timers)


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


def _missed(instance: Instance, program: Program, clock: int) -> Iterator[tuple[str, int]]:
    """Yield the timers that came due while a journey was paused, where the pause ends: none left.

    They fire at once.
    """
    if instance.journey in program.paused or instance.state is None:
        return
    rules = program.versions[instance.journey, instance.version].states[instance.state].timers
    for timer in instance.timers:
        if timer.due <= clock:
            yield timer_name(rules[timer.ordinal]), 0


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
