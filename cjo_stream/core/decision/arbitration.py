"""Arbitration: the choice among the candidates that passed, the best one or one to explore.

    priority = P x C x V x L

    P  propensity of the treatment, else of the action, else 1; from 0 to 1
    C  1 + the sum of the context weights whose condition holds, in percent / 100
    V  value of the action, else 1
    L  1 + the sum of the levers of action, group and issue, in percent / 100, at least 0

A factor that is not a finite number, or a P outside its range, is missing. Then the priority is
missing, too, and the gate `priority` stops the candidate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from cjo_stream.core.decision.propensity import CHANNEL, Known, propensity
from cjo_stream.core.draw import share
from cjo_stream.core.expression import MISSING, Expression, Scope
from cjo_stream.core.expression.value import NUMBERS, fault
from cjo_stream.core.learning import thompson
from cjo_stream.core.program.action import Action, Candidate, Propensity
from cjo_stream.core.turn import Turn


class Factors(NamedTuple):
    """The factors of one candidate; a missing one is None."""

    propensity: float | None
    context: float | None
    value: float | None
    lever: float | None
    priority: float | None


UNWEIGHED = Factors(None, None, None, None, None)


class Passed(NamedTuple):
    """A candidate that passed every gate. `place` is its index among the candidates.

    If the policy draws from posteriors, `spread` is the posterior of P, and `factor` is C x V x L.
    """

    place: int
    priority: float
    value: float
    action: str
    channel: str
    spread: thompson.Table | None = None
    factor: float = 1.0


def weigh(candidate: Candidate, scope: Scope, turn: Turn, known: Known) -> Factors:
    """Return the factors of a candidate; the scope holds its channel."""
    action = candidate.action
    found = known.worth.get(action.name)
    if found is None:
        found = (_context(action, scope), _value(action, scope))
        if action.value is None or CHANNEL not in action.value.reads:
            known.worth[action.name] = found
    c, v = found
    p, lever = _propensity(candidate, scope, turn, known), candidate.lever
    if p is None or c is None or v is None:
        return Factors(p, c, v, lever, None)
    return Factors(p, c, v, lever, _finite(p * c * v * lever))


def best(passed: Sequence[Passed]) -> Passed:
    """Return the candidate of highest priority; ties go by higher value, then by name."""
    return min(passed, key=lambda one: (-one.priority, -one.value, one.action, one.channel))


def choose(passed: Sequence[Passed], explore: float, decision_id: str) -> tuple[Passed, float]:
    """Return the choice, and the probability with which it was made.

    With probability `explore` the choice is uniform among all; otherwise it is the best.
    """
    first = best(passed)
    if not explore:
        return first, 1.0
    chosen = first
    if share(decision_id, "explore") < explore:
        chosen = passed[int(share(decision_id, "choice") * len(passed))]
    by_chance = explore / len(passed)
    return chosen, by_chance + (1 - explore if chosen is first else 0.0)


def draw(passed: Sequence[Passed], decision_id: str) -> tuple[Passed, float]:
    """Return a choice drawn from the posteriors, and the probability with which it was made.

    Each candidate is as likely to be chosen as it is to be the best under the posteriors. Ties go
    as in `best`.
    """
    ordered = sorted(passed, key=lambda one: (-one.value, one.action, one.channel))
    tables = [(one.spread, one.factor) for one in ordered if one.spread is not None]
    drawn = thompson.choose(decision_id, tables)
    return ordered[drawn.place], drawn.probability


def _context(action: Action, scope: Scope) -> float | None:
    percent = 0.0
    for weight in action.context:
        if weight.when.holds(scope):
            percent += weight.percent
    return _finite(1 + percent / 100)


def _value(action: Action, scope: Scope) -> float | None:
    return 1.0 if action.value is None else number_of(action.value, scope)


def _propensity(candidate: Candidate, scope: Scope, turn: Turn, known: Known) -> float | None:
    held = candidate.propensity
    if held is None:
        return 1.0
    if isinstance(held, Propensity):
        p: float | None = propensity(candidate, held, scope, turn, known)
    else:
        p = number_of(held, scope)
    return p if p is not None and 0 <= p <= 1 else None


def number_of(expression: Expression, scope: Scope) -> float | None:
    """Return the value if it is a finite number, else None; other types count as a type error."""
    value = expression.evaluate(scope)
    if value is MISSING:
        return None
    if type(value) not in NUMBERS:
        fault(scope)
        return None
    return _finite(float(value))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
