"""The gates, in the order in which they are checked (docs/decisions.md).

Each gate is one row of `GATES`: its name, its check, the classes that it may stop, and whether it
may stop a candidate at all, by the definitions alone. A candidate has the names of those that may
(`gates_of`), so the others are not checked. A check returns None for a candidate that passes, else
a `Stop` with the rule that stopped it.

A cap stops class `transactional` only if it names that class: by default a cap covers all classes
but this one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from cjo_stream.core.decision.arbitration import weigh
from cjo_stream.core.decision.propensity import CHANNEL
from cjo_stream.core.decision.situation import Situation
from cjo_stream.core.expression import Expression
from cjo_stream.core.program.action import Candidate
from cjo_stream.core.program.policy import Policy
from cjo_stream.core.word import HELD_BACK, ActionClass

HOLDOUT: Final = "holdout"
QUIET_HOURS: Final = "quiet_hours"
PRIORITY: Final = "priority"
ENDED: Final = "ended"
"""Not in the list: the gate recorded for all candidates of a waiting request that is dropped."""


class Stop(msgspec.Struct, frozen=True, gc=False):
    """The answer of a gate that stops a candidate. `rule` None: the gate has only one rule."""

    rule: str | None = None


STOP: Final = Stop()


class Gate(NamedTuple):
    """A gate; it is checked only for candidates of `classes` that it `may_stop`."""

    name: str
    check: Callable[[Situation, Candidate], Stop | None]
    may_stop: Callable[[Candidate, Policy], bool]
    classes: frozenset[str] = frozenset(ActionClass)


def _holdout(situation: Situation, _: Candidate) -> Stop | None:
    return STOP if situation.is_held_out() else None


def _eligible(situation: Situation, candidate: Candidate) -> Stop | None:
    return _condition(situation, candidate.action.eligible)


def _applicable(situation: Situation, candidate: Candidate) -> Stop | None:
    return _condition(situation, candidate.action.applicable)


def _suitable(situation: Situation, candidate: Candidate) -> Stop | None:
    return _condition(situation, candidate.action.suitable)


def _condition(situation: Situation, condition: Expression | None) -> Stop | None:
    if condition is None:
        return None
    holds = situation.conditions.get(condition)
    if holds is None:
        holds = condition.holds(situation.scope)
        if CHANNEL not in condition.reads:
            situation.conditions[condition] = holds
    return None if holds else STOP


def _address(situation: Situation, candidate: Candidate) -> Stop | None:
    type_ = candidate.address
    return None if type_ is not None and situation.is_reached(type_) else STOP


def _consent(situation: Situation, candidate: Candidate) -> Stop | None:
    rule = situation.consent_stop(candidate.action.class_, candidate.channel)
    return None if rule is None else Stop(rule)


def _service_gate(situation: Situation, candidate: Candidate) -> Stop | None:
    is_blocked = candidate.action.class_ in situation.policy.blocked_by_case
    return STOP if is_blocked and situation.has_case() else None


def _limits(situation: Situation, candidate: Candidate) -> Stop | None:
    if candidate.action.limits:
        rule = situation.own_pause(candidate.action)
        if rule is not None:
            return Stop(rule)
    for place in candidate.limits:
        if situation.is_limit_paused(place):
            return Stop(situation.policy.limits[place].rule)
    return None


def _caps(situation: Situation, candidate: Candidate) -> Stop | None:
    for place in candidate.caps:
        if situation.is_cap_full(place):
            return Stop(situation.policy.caps[place].rule)
    return None


def _quiet_hours(situation: Situation, candidate: Candidate) -> Stop | None:
    window = situation.quiet(candidate.channel)
    return None if window is None else Stop(window.rule)


def _priority(situation: Situation, candidate: Candidate) -> Stop | None:
    factors = weigh(candidate, situation.scope, situation.turn, situation.known)
    situation.factors = factors
    return STOP if factors.priority is None else None


GATES: Final = (
    Gate(
        HOLDOUT,
        _holdout,
        lambda _, policy: policy.holdout > 0,
        frozenset((ActionClass.MARKETING,)),
    ),
    Gate("eligible", _eligible, lambda one, _: one.action.eligible is not None),
    Gate("applicable", _applicable, lambda one, _: one.action.applicable is not None),
    Gate("suitable", _suitable, lambda one, _: one.action.suitable is not None),
    Gate("address", _address, lambda *_: True),
    Gate("consent", _consent, lambda one, policy: one.action.class_ in policy.consent, HELD_BACK),
    Gate(
        "service_gate",
        _service_gate,
        lambda one, policy: one.action.class_ in policy.blocked_by_case,
        HELD_BACK,
    ),
    Gate("limits", _limits, lambda one, _: bool(one.action.limits or one.limits)),
    Gate("caps", _caps, lambda one, _: bool(one.caps)),
    Gate(QUIET_HOURS, _quiet_hours, lambda one, policy: one.channel in policy.quiet, HELD_BACK),
    Gate(PRIORITY, _priority, lambda *_: True),
)
_CHECKS: Final = {gate.name: gate.check for gate in GATES}


def gates_of(candidate: Candidate, policy: Policy) -> tuple[str, ...]:
    """Return the names of the gates that may stop a candidate, in order."""
    return tuple(
        gate.name
        for gate in GATES
        if candidate.action.class_ in gate.classes and gate.may_stop(candidate, policy)
    )


def first_stop(
    situation: Situation, candidate: Candidate, *, is_act: bool
) -> tuple[str, Stop] | None:
    """Return the name and the answer of the first gate that stops a candidate, or None.

    The scope holds the candidate's channel. If the gate `priority` was reached, the factors are in
    `situation.factors`. `act`, which requests one action, has no such gate: it is the last one.
    """
    gates = candidate.gates[:-1] if is_act else candidate.gates
    for name in gates:
        stop = _CHECKS[name](situation, candidate)
        if stop is not None:
            return name, stop
    return None
