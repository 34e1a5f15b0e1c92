"""P, the probability that a candidate is accepted, if it is learnt."""

from __future__ import annotations

from typing import Final

from cjo_stream.core.expression import Expression, Scope
from cjo_stream.core.learning.feature import features
from cjo_stream.core.learning.posterior import treatment_name
from cjo_stream.core.learning.thompson import Table, fixed_table, posterior_table
from cjo_stream.core.learning.weight import NOTHING_KNOWN, Weights
from cjo_stream.core.program.action import Candidate, Propensity
from cjo_stream.core.turn import Turn

CHANNEL: Final = ("candidate", "channel")
"""The path by which an expression reads the candidate's channel. An expression that does not read
it has the same value on all channels."""


class Known:
    """What was computed for one candidate of a decision, and is the same for others."""

    __slots__ = ("features", "worth")

    def __init__(self) -> None:
        self.worth: dict[str, tuple[float | None, float | None]] = {}
        """C and V by action, if they are the same on all its channels."""
        self.features: dict[tuple[Expression, ...], list[int]] = {}
        """By their expressions, if they are the same on all channels."""


def propensity(
    candidate: Candidate, learnt: Propensity, scope: Scope, turn: Turn, known: Known
) -> float:
    """Return a learnt propensity, 0..1: by the model in force, else the definition's prior."""
    return _weights(turn, candidate).propensity(
        learnt.prior, _known_features(learnt, scope, known)
    )


def spread_of(candidate: Candidate, p: float, scope: Scope, turn: Turn, known: Known) -> Table:
    """Return the posterior of a candidate's propensity; if that does not learn, `p` alone."""
    learnt = candidate.propensity
    if not isinstance(learnt, Propensity):
        return fixed_table(p)
    weights = _weights(turn, candidate)
    return posterior_table(weights, learnt.prior, _known_features(learnt, scope, known))


def features_of(learnt: Propensity, scope: Scope) -> list[int]:
    """Return the hashed features of a decision; their names are the expressions as written."""
    return features((one.text, one.evaluate(scope)) for one in learnt.features)


def _known_features(learnt: Propensity, scope: Scope, known: Known) -> list[int]:
    found = known.features.get(learnt.features)
    if found is None:
        found = features_of(learnt, scope)
        if not any(CHANNEL in one.reads for one in learnt.features):
            known.features[learnt.features] = found
    return found


def _weights(turn: Turn, candidate: Candidate) -> Weights:
    if turn.model is None:
        return NOTHING_KNOWN
    return turn.model.weights(treatment_name(candidate.action.name, candidate.channel))
