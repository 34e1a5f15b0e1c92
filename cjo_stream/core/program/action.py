"""Actions, their treatments, and the candidates that a request judges."""

from __future__ import annotations

import msgspec

from cjo_stream.core.expression import Expression
from cjo_stream.core.program.policy import Limit
from cjo_stream.core.word import ActionClass


class Propensity(msgspec.Struct, frozen=True, kw_only=True):
    """A propensity that learns: its prior, and its features."""

    prior: int | float
    features: tuple[Expression, ...] = ()


class Treatment(msgspec.Struct, frozen=True, kw_only=True):
    """An action on one channel. `propensity` None: the action's."""

    channel: str
    template: str | None = None
    payload: dict[str, Expression] = {}
    propensity: Propensity | Expression | None = None


class Weight(msgspec.Struct, frozen=True, kw_only=True):
    """Percent added to an action's priority while `when` is true."""

    when: Expression
    percent: int | float


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One action. `treatments` are in the order written."""

    name: str
    issue: str | None = None
    group: str | None = None
    owner: str | None = None
    class_: ActionClass = ActionClass.MARKETING
    value: Expression | None = None
    """None: 1."""
    lever: int | float = 0.0
    """Percent."""
    eligible: Expression | None = None
    applicable: Expression | None = None
    suitable: Expression | None = None
    context: tuple[Weight, ...] = ()
    propensity: Propensity | Expression | None = None
    """None: 1."""
    limits: tuple[Limit, ...] = ()
    expires_ms: int
    treatments: dict[str, Treatment]
    event_reads: frozenset[str] = frozenset()
    """Attributes of the request's event that the action's expressions read."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An action on one of its channels, with the policy's rules for this pair."""

    action: Action
    channel: str
    address: str | None
    """The identifier type by which the channel reaches a customer; None: it reaches nobody."""
    propensity: Propensity | Expression | None = None
    lever: int | float = 1.0
    """L: 1 + the levers of action, group and issue / 100, at least 0."""
    caps: tuple[int, ...] = ()
    """Indexes in the policy's `caps` of the caps that cover it."""
    limits: tuple[int, ...] = ()
    """Indexes in the policy's `limits` of the limits that cover it."""
    gates: tuple[str, ...] = ()
    """The gates that may stop it, in order (`core/decision/gate.gates_of`)."""
