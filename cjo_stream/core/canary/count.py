"""The counts of a canary's guards at a customer: each value once, and each change of it.

An instance that enters while a canary is guarded carries the canary's version and its own side; a
customer keeps its own counts. New counts leave with the turn. All metrics but traits are counted
for each guarded canary, whatever its guards are.
"""

from __future__ import annotations

from typing import Any

from cjo_stream.core.message import Count
from cjo_stream.core.profile.trait import read
from cjo_stream.core.program.journey import Journey
from cjo_stream.core.state import Customer, Instance, Trial
from cjo_stream.core.turn import Turn
from cjo_stream.core.word import ConsentStatus, Metric

VALUE_MAX = 1e140
"""Largest value of a trait that counts as it is, either way."""
MARKETING = "marketing"
"""The purpose whose consent `unsubscribe_rate` is about."""
_Side = tuple[str, int, bool]
"""A journey, the version that is its canary, and whether the customer is inside."""
_UNSUBSCRIBED = frozenset((ConsentStatus.DENIED, ConsentStatus.REVOKED))


def count_entry(customer: Customer, instance: Instance, turn: Turn) -> None:
    """Count an instance that opens, and its customer if it is the first one."""
    now = turn.program.journeys.get(instance.journey)
    if now is None or now.guards is None:
        return
    instance.trial, instance.is_inside = now.version, instance.version == now.version
    for metric in (Metric.GOAL_RATE, Metric.EXIT_RATE):
        _count(turn, (instance.journey, instance.trial, instance.is_inside), metric, number=1)
    trial = customer.trials.get(instance.journey)
    if trial is not None and trial.version == now.version:
        return
    customer.trials = dict(_guarded(customer, turn))
    trial = customer.trials[instance.journey] = Trial(now.version, instance.is_inside)
    for metric in (Metric.UNSUBSCRIBE_RATE, Metric.DEAD_LETTERS):
        _count(turn, _of(instance.journey, trial), metric, number=1)
    _count_traits(customer, now, trial, turn)


def count_goal(instance: Instance, turn: Turn) -> None:
    """Count a goal that is marked."""
    _count_end(instance, Metric.GOAL_RATE, turn)


def count_exit(instance: Instance, turn: Turn) -> None:
    """Count an instance that ends by an exit rule."""
    _count_end(instance, Metric.EXIT_RATE, turn)


def count_consent(customer: Customer, attributes: dict[str, Any], turn: Turn) -> None:
    """Count a customer who denies or revokes marketing; once, on whatever channel."""
    if attributes.get("purpose") != MARKETING or attributes.get("status") not in _UNSUBSCRIBED:
        return
    for journey, trial in _guarded(customer, turn):
        if not trial.is_unsubscribed:
            trial.is_unsubscribed = True
            _count(turn, _of(journey, trial), Metric.UNSUBSCRIBE_RATE, total=1.0, squares=1.0)


def count_failure(customer: Customer, turn: Turn) -> None:
    """Count a dead letter `failed`."""
    for journey, trial in _guarded(customer, turn):
        trial.letters += 1
        squares = float(trial.letters**2 - (trial.letters - 1) ** 2)
        _count(turn, _of(journey, trial), Metric.DEAD_LETTERS, total=1.0, squares=squares)


def count_traits(customer: Customer, turn: Turn) -> None:
    """Count the changes of the traits that guards compare."""
    for journey, trial in _guarded(customer, turn):
        _count_traits(customer, turn.program.journeys[journey], trial, turn)


def join_trials(into: Customer, other: Customer, turn: Turn) -> None:
    """Take over another customer's trials; where both are counted, the other is no more."""
    for journey, trial in _guarded(other, turn):
        mine = into.trials.get(journey)
        if mine is None or mine.version != trial.version:
            into.trials[journey] = trial
            continue
        for metric, value in (
            (Metric.UNSUBSCRIBE_RATE, float(trial.is_unsubscribed)),
            (Metric.DEAD_LETTERS, float(trial.letters)),
            *trial.values.items(),
        ):
            side, squares = _of(journey, trial), -value * value
            _count(turn, side, metric, number=-1, total=-value, squares=squares)


def _guarded(customer: Customer, turn: Turn) -> list[tuple[str, Trial]]:
    """Return the customer's trials that are still undecided, by journey."""
    return [
        (journey, trial)
        for journey, trial in customer.trials.items()
        if (now := turn.program.journeys.get(journey)) is not None
        and now.guards is not None
        and now.version == trial.version
    ]


def _count_end(instance: Instance, metric: str, turn: Turn) -> None:
    if not instance.trial:
        return
    now = turn.program.journeys.get(instance.journey)
    if now is not None and now.guards is not None and now.version == instance.trial:
        side = instance.journey, instance.trial, instance.is_inside
        _count(turn, side, metric, total=1.0, squares=1.0)


def _count_traits(customer: Customer, journey: Journey, trial: Trial, turn: Turn) -> None:
    assert journey.guards is not None
    for guard in journey.guards.each:
        trait = turn.program.traits.get(guard.metric)
        value = read(customer, trait, turn.clock) if trait is not None else None
        if not isinstance(value, int | float):
            continue
        before, now = trial.values.get(guard.metric), _bounded(value)
        if now == before:
            continue
        trial.values[guard.metric] = now
        total, squares = now - (before or 0.0), now * now - (before or 0.0) * (before or 0.0)
        number = int(before is None)
        _count(turn, _of(journey.name, trial), guard.metric, number, total, squares)


def _bounded(value: int | float) -> float:
    """Return a value, or the nearest one whose square can be added up."""
    return float(max(-VALUE_MAX, min(VALUE_MAX, value)))


def _of(journey: str, trial: Trial) -> _Side:
    return journey, trial.version, trial.is_inside


def _count(
    turn: Turn,
    side: _Side,
    metric: str,
    number: int = 0,
    total: float = 0.0,
    squares: float = 0.0,
) -> None:
    turn.tallies.append(Count(*side, str(metric), number, float(total), float(squares)))
