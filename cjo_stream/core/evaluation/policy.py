"""Another policy, put before a decision as it was recorded: how likely it chooses what.

A policy can only choose among the candidates that passed the gates then. A topology's numbers are
laid over the recorded ones where they are numbers; an expression, a learnt propensity or a context
weight cannot be asked again without the customer, so what was recorded of them stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cjo_stream.core.record import Candidate, Decision

Treatment = tuple[str, str]
"""(action, channel)"""
Policy = Callable[[Decision], Mapping[Treatment, float]]
"""Probabilities of choices; what is missing to 1 is the probability of choosing nothing."""


def passed(decision: Decision) -> list[Candidate]:
    """Return the candidates that no gate stopped, in the order recorded."""
    return [candidate for candidate in decision.candidates if candidate.gate is None]


def treatment(candidate: Candidate) -> Treatment:
    """Return what a candidate is."""
    return candidate.action, candidate.channel


def uniform(decision: Decision) -> dict[Treatment, float]:
    """Choose each candidate that passed as often as any other."""
    found = passed(decision)
    return {treatment(candidate): 1.0 / len(found) for candidate in found}


def fixed(action: str, channel: str) -> Policy:
    """Return the policy that chooses one treatment wherever it passed, else nothing."""

    def choose(decision: Decision) -> dict[Treatment, float]:
        wanted = (action, channel)
        return {wanted: 1.0} if wanted in map(treatment, passed(decision)) else {}

    return choose
