"""The gates, in the order in which a candidate meets them (docs/decisions.md).

A gate returns None for a candidate that passes; for one that it stops, the rule that did it, or
"" where the gate has none to tell. `act` knows no priority: it goes through all but the last.

Class `transactional` passes `holdout`, `consent`, `service_gate`, `quiet_hours`, and every cap
that does not name it: such a cap's coverage has all other classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cjo_stream.core.decision.arbitration import CHANNEL, weigh
from cjo_stream.core.decision.situation import Situation
from cjo_stream.core.expression import Expression
from cjo_stream.core.program import Action, Candidate
from cjo_stream.core.word import ActionClass

QUIET_HOURS = "quiet_hours"
ENDED = "ended"
"""No gate of the list: where all candidates of a waiting request stand that is dropped."""

Gate = Callable[[Situation, Candidate], str | None]


def _holdout(situation: Situation, candidate: Candidate) -> str | None:
    held = candidate.action.class_ == ActionClass.MARKETING and situation.is_held_out()
    return "" if held else None


def _eligible(situation: Situation, candidate: Candidate) -> str | None:
    return _condition(situation, candidate.action, "eligible", candidate.action.eligible)


def _applicable(situation: Situation, candidate: Candidate) -> str | None:
    return _condition(situation, candidate.action, "applicable", candidate.action.applicable)


def _suitable(situation: Situation, candidate: Candidate) -> str | None:
    return _condition(situation, candidate.action, "suitable", candidate.action.suitable)


def _condition(
    situation: Situation, action: Action, name: str, condition: Expression | None
) -> str | None:
    if condition is None:
        return None
    if CHANNEL in condition.reads:
        return None if condition.holds(situation.scope) else ""
    known = situation.conditions
    holds = known.get((action.name, name))
    if holds is None:
        holds = known[action.name, name] = condition.holds(situation.scope)
    return None if holds else ""


def _address(situation: Situation, candidate: Candidate) -> str | None:
    type_ = candidate.address
    return None if type_ is not None and situation.is_reached(type_) else ""


def _consent(situation: Situation, candidate: Candidate) -> str | None:
    consented = situation.is_consented(candidate.action.class_, candidate.channel)
    return None if consented else ""


def _service_gate(situation: Situation, candidate: Candidate) -> str | None:
    is_blocked = candidate.action.class_ in situation.policy.blocked_by_case
    return "" if is_blocked and situation.has_case() else None


def _limits(situation: Situation, candidate: Candidate) -> str | None:
    if candidate.action.limits:
        rule = situation.own_pause(candidate.action)
        if rule is not None:
            return rule
    for place in candidate.limits:
        if situation.is_limit_paused(place):
            return situation.policy.limits[place].rule
    return None


def _caps(situation: Situation, candidate: Candidate) -> str | None:
    for place in candidate.caps:
        if situation.is_cap_full(place):
            return situation.policy.caps[place].name
    return None


def _quiet_hours(situation: Situation, candidate: Candidate) -> str | None:
    if candidate.action.class_ == ActionClass.TRANSACTIONAL:
        return None
    window = situation.quiet(candidate.channel)
    return None if window is None else window.rule


def _priority(situation: Situation, candidate: Candidate) -> str | None:
    factors = weigh(candidate, situation.scope, situation.turn, situation.weighed)
    situation.factors = factors
    return "" if factors.priority is None else None


GATES: tuple[tuple[str, Gate], ...] = (
    ("holdout", _holdout),
    ("eligible", _eligible),
    ("applicable", _applicable),
    ("suitable", _suitable),
    ("address", _address),
    ("consent", _consent),
    ("service_gate", _service_gate),
    ("limits", _limits),
    ("caps", _caps),
    (QUIET_HOURS, _quiet_hours),
    ("priority", _priority),
)
GATES_OF_ACT = GATES[:-1]


def first_stop(
    gates: Sequence[tuple[str, Gate]], situation: Situation, candidate: Candidate
) -> tuple[str, str] | None:
    """Return the first gate that stops a candidate, and its rule ("": none); None for none.

    The scope's channel is the candidate's. What the gate `priority` found, whether it stopped the
    candidate or not, is in `situation.factors`.
    """
    for name, gate in gates:
        rule = gate(situation, candidate)
        if rule is not None:
            return name, rule
    return None
