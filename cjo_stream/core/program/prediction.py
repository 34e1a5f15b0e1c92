"""Predictions that a topology declares."""

from __future__ import annotations

import msgspec

from cjo_stream.core.expression import Expression


class PredictionRule(msgspec.Struct, frozen=True, kw_only=True):
    """What is predicted, at which events.

    It comes true if within the time one of `events` comes, or the goal of the journey `goal` is
    reached; with `is_without`, if none of `events` comes.
    """

    name: str
    definition: str
    """A digest of all that decides about outcomes. What was learnt is kept under it, so that a
    prediction that is redefined begins with its prior again."""
    on: frozenset[str]
    when: Expression | None = None
    events: frozenset[str] = frozenset()
    is_without: bool = False
    goal: str | None = None
    within_ms: int
    prior: int | float
    features: tuple[Expression, ...] = ()
