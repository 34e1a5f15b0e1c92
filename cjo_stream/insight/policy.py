"""Candidate policies, applied to recorded decisions: the probability of each choice.

A policy can choose only among the candidates that passed the gates at the time. Constant numbers
of a topology replace the recorded ones; an expression, a learnt propensity or a context weight
cannot be evaluated again without the customer, so their recorded values are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from cjo_stream.core.decision.arbitration import Passed, best, number_of
from cjo_stream.core.expression import Expression, Scope
from cjo_stream.core.program import action as definition
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Candidate, Decision

Treatment = tuple[str, str]
"""(action, channel)"""
Policy = Callable[[Decision], Mapping[Treatment, float]]
"""Probabilities of choices; the rest up to 1 is the probability of choosing nothing."""


def passed(decision: Decision) -> list[Candidate]:
    """Return the candidates that no gate stopped, in the order recorded."""
    return [candidate for candidate in decision.candidates if candidate.gate is None]


def treatment(candidate: Candidate) -> Treatment:
    """Return a candidate's treatment."""
    return candidate.action, candidate.channel


def uniform(decision: Decision) -> dict[Treatment, float]:
    """Choose uniformly among the candidates that passed."""
    found = passed(decision)
    return {treatment(candidate): 1.0 / len(found) for candidate in found}


def fixed(action: str, channel: str) -> Policy:
    """Return the policy that chooses one treatment if it passed, else nothing."""

    def choose(decision: Decision) -> dict[Treatment, float]:
        wanted = (action, channel)
        return {wanted: 1.0} if wanted in map(treatment, passed(decision)) else {}

    return choose


def arbitrated(program: Program) -> Policy:
    """Return the policy that arbitrates by a definition set's numbers.

    It never chooses a candidate that is not in the set. If the set's policy draws from posteriors,
    the best candidate is chosen instead, because records have no posteriors.
    """
    numbers = {
        (candidate.action.name, candidate.channel): _numbers(candidate)
        for candidates in program.candidates.values()
        for candidate in candidates
    }
    explore = program.policy.explore

    def choose(decision: Decision) -> dict[Treatment, float]:
        found = []
        for place, recorded in enumerate(passed(decision)):
            mine = numbers.get(treatment(recorded))
            if mine is None:
                continue
            p = recorded.P if mine.propensity is None else mine.propensity
            v = recorded.V if mine.value is None else mine.value
            if p is not None and v is not None and recorded.C is not None:
                priority = p * recorded.C * v * mine.lever
                found.append(Passed(place, priority, v, *treatment(recorded)))
        if not found:
            return {}
        first = best(found)
        by_chance = explore / len(found)
        return {
            (one.action, one.channel): by_chance + (1.0 - explore if one is first else 0.0)
            for one in found
        }

    return choose


class _Numbers(NamedTuple):
    """A definition set's constants for a candidate; None: the number depends on the customer."""

    propensity: float | None
    value: float | None
    lever: float


def _numbers(candidate: definition.Candidate) -> _Numbers:
    return _Numbers(
        _constant(candidate.propensity), _constant(candidate.action.value), candidate.lever
    )


def _constant(held: definition.Propensity | Expression | None) -> float | None:
    if held is None:
        return 1.0
    if isinstance(held, definition.Propensity) or not held.is_constant:
        return None
    return number_of(held, Scope(now=0))
