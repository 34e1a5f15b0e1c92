"""Records out: what the outside sees (docs/records.md). Times are ms since the epoch, UTC.

Each is a plain struct whose JSON is the contract; `Effect` is a record on its way to a topic.
`cut` names the fields that are not whole where a record was too large (`core.cut`); else it is
not there.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Cut = list[str] | msgspec.UnsetType


class JourneyRef(msgspec.Struct):
    """The instance that asked for an action."""

    name: str
    version: int
    instance_id: str
    state: str | None


class Address(msgspec.Struct):
    """Where a channel reaches the customer."""

    type: str
    value: str


class Action(msgspec.Struct, kw_only=True):
    """One action command."""

    schema: Literal["cjo.action.v1"] = "cjo.action.v1"
    action_id: str
    customer_id: str
    topology: str
    action: str
    issue: str | None
    group: str | None
    class_: str = msgspec.field(name="class")
    channel: str
    template: str | None
    payload: dict[str, Any]
    address: Address | None
    issued_at: int
    expires_at: int
    decision_id: str
    journey: JourneyRef | None
    cut: Cut = msgspec.UNSET


class Trigger(msgspec.Struct):
    """What caused a decision or a transition."""

    kind: Literal["event", "timer", "raised"]
    id: str | None
    type: str | None


class Candidate(msgspec.Struct, kw_only=True, gc=False):
    """One action with one of its treatments, judged. There may be thousands a decision."""

    action: str
    channel: str
    gate: str | None
    rule: str | None = None
    P: float | None = None
    C: float | None = None
    V: float | None = None
    L: float | None = None
    priority: float | None = None


class Choice(msgspec.Struct):
    """The candidate that won."""

    action: str
    channel: str


class Decision(msgspec.Struct, kw_only=True):
    """One decision record."""

    schema: Literal["cjo.decision.v1"] = "cjo.decision.v1"
    decision_id: str
    customer_id: str
    time: int
    trigger: Trigger
    request: dict[str, Any]
    journey: JourneyRef | None
    candidates: list[Candidate]
    chosen: Choice | None
    suppressed: Literal["shadow", "holdout"] | None = None
    probability: float | None = None
    deferred_until: int | None = None
    model_version: int | None = None
    cut: Cut = msgspec.UNSET


class Reward(msgspec.Struct, kw_only=True):
    """What came of one command: an acceptance, or none within its reward window."""

    schema: Literal["cjo.reward.v1"] = "cjo.reward.v1"
    decision_id: str
    action_id: str
    customer_id: str
    action: str
    channel: str
    features: list[int] | None
    """Hashed, as the decision saw them; None where the propensity does not learn."""
    probability: float | None
    """With which the decision made this choice."""
    outcome: str | None
    """The acceptance, or the latest outcome of another kind; None: nothing was heard."""
    value: float | None
    """What the acceptance said that it is worth, if it did."""
    reward: Literal[0, 1]
    issued_at: int
    time: int
    """The stream clock at the window's end; at the acceptance, where nothing is learnt."""


Reason = Literal["entered", "moved", "goal", "exited", "ended", "merged", "refused"]


class Transition(msgspec.Struct, kw_only=True):
    """One change of an instance's state."""

    schema: Literal["cjo.transition.v1"] = "cjo.transition.v1"
    transition_id: str
    customer_id: str
    journey: str
    version: int
    instance_id: str | None
    key: Any
    from_: str | None = msgspec.field(name="from")
    to: str | None
    reason: Reason
    outcome: str | None
    time: int
    trigger: Trigger
    holdout: bool
    cut: Cut = msgspec.UNSET


class IdentityChange(msgspec.Struct, kw_only=True):
    """One change of who is who."""

    schema: Literal["cjo.identity.v1"] = "cjo.identity.v1"
    kind: Literal["created", "linked", "refused", "merged", "detached", "unmerged", "erased"]
    customer_id: str
    absorbed: list[str] = []
    identifiers: list[Address] = []
    event_id: str | None = None
    reason: str | None = None
    time: int
    cut: Cut = msgspec.UNSET


class Profile(msgspec.Struct, kw_only=True):
    """A customer's latest profile."""

    schema: Literal["cjo.profile.v1"] = "cjo.profile.v1"
    customer_id: str
    identifiers: dict[str, list[str]]
    facts: dict[str, Any]
    traits: dict[str, Any]
    time: int
    cut: Cut = msgspec.UNSET


class Withdrawal(msgspec.Struct, kw_only=True):
    """A customer's profile is no more: a null value in the compacted topic."""

    customer_id: str


class DeadLetter(msgspec.Struct, kw_only=True):
    """What was refused, and why; `value` is the original bytes or the normalised event's JSON."""

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    value: bytes
    key: bytes | None = None


class Reply(msgspec.Struct, kw_only=True):
    """An answer to an operator's command, from the task that owns the state."""

    command_id: str
    partition: int = -1
    body: Any
    cut: Cut = msgspec.UNSET


Record = (
    Action
    | Decision
    | Reward
    | Transition
    | IdentityChange
    | Profile
    | Withdrawal
    | DeadLetter
    | Reply
)
