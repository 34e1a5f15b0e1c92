"""P: how likely a candidate is to be accepted."""

from __future__ import annotations

from cjo_stream.core.expression import Scope
from cjo_stream.core.program import Propensity
from cjo_stream.core.turn import Turn


def propensity(
    learnt: Propensity,
    scope: Scope,  # noqa: ARG001 - features are read in it
    turn: Turn,  # noqa: ARG001 - its program holds the weights
    action: str,  # noqa: ARG001 - weights are learnt for each action
    channel: str,  # noqa: ARG001 - and channel
) -> float | None:
    """Return a propensity that learns, 0..1: without weights what was believed at first."""
    return learnt.prior
