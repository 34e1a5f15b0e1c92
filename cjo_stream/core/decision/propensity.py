"""P, the probability that a candidate is accepted, if it is learnt."""

from __future__ import annotations

from cjo_stream.core.expression import Scope
from cjo_stream.core.learning.feature import features
from cjo_stream.core.learning.posterior import treatment_name
from cjo_stream.core.learning.thompson import Table, fixed_table, posterior_table
from cjo_stream.core.learning.weight import NOTHING_KNOWN, Weights
from cjo_stream.core.program.action import Candidate, Propensity
from cjo_stream.core.turn import Turn


def propensity(
    learnt: Propensity, scope: Scope, turn: Turn, action: str, channel: str
) -> float | None:
    """Return a learnt propensity, 0..1: by the model in force, else the definition's prior."""
    weights = _weights(turn, action, channel)
    return weights.propensity(learnt.prior, features_of(learnt, scope))


def features_of(learnt: Propensity, scope: Scope) -> list[int]:
    """Return the hashed features of a decision; their names are the expressions as written."""
    return features((one.text, one.evaluate(scope)) for one in learnt.features)


def spread_of(candidate: Candidate, p: float, scope: Scope, turn: Turn) -> Table:
    """Return the posterior of a candidate's propensity; if that does not learn, `p` alone."""
    learnt = candidate.propensity
    if not isinstance(learnt, Propensity):
        return fixed_table(p)
    weights = _weights(turn, candidate.action.name, candidate.channel)
    return posterior_table(weights, learnt.prior, features_of(learnt, scope))


def _weights(turn: Turn, action: str, channel: str) -> Weights:
    if turn.model is None:
        return NOTHING_KNOWN
    return turn.model.weights(treatment_name(action, channel))
