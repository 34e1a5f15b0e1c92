"""Published records (docs/records.md). Times are ms since the epoch, UTC.

Each is a plain struct; its JSON is the contract. `cut` names the fields that were cut because a
record was too large (`core.cut`); it is absent otherwise.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Cut = list[str] | msgspec.UnsetType


class JourneyRef(msgspec.Struct, gc=False):
    """The instance that asked for an action."""

    name: str
    """The journey's name."""
    version: int
    """The version that the instance runs."""
    instance_id: str
    """The instance's id."""
    state: str | None
    """The state whose step asked."""


class Address(msgspec.Struct, gc=False):
    """Where a channel reaches the customer."""

    type: str
    """The identifier type."""
    value: str
    """The identifier's value, normalised."""


class Action(msgspec.Struct, kw_only=True, gc=False):
    """One action command."""

    schema: Literal["cjo.action.v1"] = "cjo.action.v1"
    """The kind of record, and its version."""
    action_id: str
    """The command's id; the idempotency key, for the same log gives the same ids."""
    customer_id: str
    """The customer's id."""
    topology: str
    """The topology's name."""
    action: str
    """The action's name."""
    issue: str | None
    """The action's issue."""
    group: str | None
    """The action's group."""
    class_: str = msgspec.field(name="class")
    """The action's class."""
    channel: str
    """The channel's name."""
    template: str | None
    """The template that the channel fills."""
    payload: dict[str, Any]
    """The values for the template, by name."""
    address: Address | None
    """Where the channel reaches the customer."""
    issued_at: int
    """When the command was issued, ms."""
    expires_at: int
    """When the command lapses, ms. A later command is not sent."""
    decision_id: str
    """The decision that issued the command."""
    journey: JourneyRef | None
    """The instance that asked; null if none did."""
    cut: Cut = msgspec.UNSET
    """The fields that were shortened because the record was too large; absent otherwise."""


class Trigger(msgspec.Struct, gc=False):
    """What caused a decision or a transition."""

    kind: Literal["event", "timer", "raised"]
    """`event`: of a channel; `timer`; `raised`: by a step or by the engine."""
    id: str | None
    """The event's id; of a timer, the instance's id."""
    type: str | None
    """The event's type; null for a timer."""


class Candidate(msgspec.Struct, kw_only=True, gc=False):
    """One action on one of its channels, judged. A decision may have thousands of them."""

    action: str
    """The action's name."""
    channel: str
    """The channel's name."""
    gate: str | None
    """The first gate that stopped the candidate; null if it passed."""
    rule: str | None = None
    """The rule of that gate that stopped it, if the gate has rules."""
    P: float | None = None
    """Propensity: the probability of an acceptance; null if not weighed."""
    C: float | None = None
    """Context: 1 plus the weights whose condition held; null if not weighed."""
    V: float | None = None
    """The worth of an acceptance; null if not weighed."""
    L: float | None = None
    """Lever: 1 plus the levers of action, group and issue; null if not weighed."""
    priority: float | None = None
    """P x C x V x L; null if not weighed."""


class Choice(msgspec.Struct, gc=False):
    """The candidate that won."""

    action: str
    """The action's name."""
    channel: str
    """The channel's name."""


Suppressed = Literal["shadow", "holdout"]
"""Why a choice was not sent."""


class Decision(msgspec.Struct, kw_only=True, gc=False):
    """One decision record."""

    schema: Literal["cjo.decision.v1"] = "cjo.decision.v1"
    """The kind of record, and its version."""
    decision_id: str
    """The decision's id."""
    customer_id: str
    """The customer's id."""
    time: int
    """The clock at the decision, ms."""
    trigger: Trigger
    """What caused the decision."""
    request: dict[str, Any]
    """The request of the step: act or decide, as written."""
    journey: JourneyRef | None
    """The instance that asked."""
    candidates: list[Candidate]
    """Every candidate that was judged, in the order asked."""
    chosen: Choice | None
    """The candidate that won; null if none passed."""
    suppressed: Suppressed | None = None
    """Why the choice was not sent; null if it was sent, or if there is none."""
    probability: float | None = None
    """The probability with which the choice was made; null without a choice."""
    deferred_until: int | None = None
    """When a delayed request is decided again, ms; null if it does not wait."""
    model_version: int | None = None
    """The number of the learnt model in force; null before the first."""
    predictions: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    """The probabilities that guards and the decision read as `predict.NAME`, by name, from the
    event or timer on; absent if none did."""
    cut: Cut = msgspec.UNSET
    """The fields that were shortened because the record was too large; absent otherwise."""


class Reward(msgspec.Struct, kw_only=True, gc=False):
    """The result of one command: an acceptance, or none within its reward window."""

    schema: Literal["cjo.reward.v1"] = "cjo.reward.v1"
    """The kind of record, and its version."""
    decision_id: str
    """The decision that issued the command."""
    action_id: str
    """The command."""
    customer_id: str
    """The customer's id."""
    action: str
    """The action's name."""
    channel: str
    """The channel's name."""
    features: list[int] | None
    """The hashed features that the decision saw; null if the propensity does not learn."""
    probability: float | None
    """The probability with which the decision made this choice."""
    outcome: str | None
    """The acceptance, else the latest other outcome; null if none came."""
    value: float | None
    """The worth that the acceptance states; null if it states none."""
    reward: Literal[0, 1]
    """Whether it was accepted within its reward window: 1 or 0."""
    issued_at: int
    """When the command was issued, ms."""
    time: int
    """The clock when the reward window ended, ms; at the acceptance if nothing is learnt."""


Reason = Literal["entered", "moved", "goal", "exited", "ended", "merged", "refused"]


class Transition(msgspec.Struct, kw_only=True, gc=False):
    """One change of an instance's state."""

    schema: Literal["cjo.transition.v1"] = "cjo.transition.v1"
    """The kind of record, and its version."""
    transition_id: str
    """The transition's id."""
    customer_id: str
    """The customer's id."""
    journey: str
    """The journey's name."""
    version: int
    """The version that the instance runs."""
    instance_id: str | None
    """The instance's id; null for a refused entry."""
    key: Any
    """The instance's key; null for a journey without one."""
    from_: str | None = msgspec.field(name="from")
    """The state that was left; null at an entry."""
    to: str | None
    """The state that was entered; null if the instance left the journey."""
    reason: Reason
    """The kind of change."""
    outcome: str | None
    """The outcome with which the instance ended; null while it goes on."""
    time: int
    """When the state changed, ms."""
    trigger: Trigger
    """What caused the change."""
    holdout: bool
    """Whether the customer is held out of this journey."""
    cut: Cut = msgspec.UNSET
    """The fields that were shortened because the record was too large; absent otherwise."""


class IdentityChange(msgspec.Struct, kw_only=True, gc=False):
    """One change of a customer's identifiers."""

    schema: Literal["cjo.identity.v1"] = "cjo.identity.v1"
    """The kind of record, and its version."""
    kind: Literal["created", "linked", "refused", "merged", "detached", "unmerged", "erased"]
    """The kind of change."""
    customer_id: str
    """The customer's id."""
    absorbed: list[str] = []
    """Ids of the customers absorbed by this change; of `erased`, of all ever absorbed."""
    identifiers: list[Address] = []
    """The identifiers concerned; of `created` and `unmerged` first the one the id is made from."""
    event_id: str | None = None
    """The event that caused the change; null if an operator did."""
    reason: str | None = None
    """Why a link was refused or an identifier detached; of `unmerged`, the customer left."""
    time: int
    """The clock at the change, ms."""
    cut: Cut = msgspec.UNSET
    """The fields that were shortened because the record was too large; absent otherwise."""


class Profile(msgspec.Struct, kw_only=True, gc=False):
    """A customer's latest profile."""

    schema: Literal["cjo.profile.v1"] = "cjo.profile.v1"
    """The kind of record, and its version."""
    customer_id: str
    """The customer's id."""
    identifiers: dict[str, list[str]]
    """The customer's identifiers: values by type."""
    facts: dict[str, Any]
    """The facts that were set, by name. Defaults are not among them."""
    traits: dict[str, Any]
    """The traits, by name."""
    time: int
    """The clock when the profile was published, ms."""
    cut: Cut = msgspec.UNSET
    """The fields that were shortened because the record was too large; absent otherwise."""


class Withdrawal(msgspec.Struct, kw_only=True, gc=False):
    """The end of a customer's profile: a null value in the compacted topic."""

    customer_id: str
    """The id whose profile is withdrawn."""


class DeadLetter(msgspec.Struct, kw_only=True, gc=False):
    """A refused record; `value` is its original bytes, or the normalised event's JSON."""

    reason: str
    """Why the record was refused."""
    detail: str
    """The problem in words, without values of the customer."""
    topic: str
    """The topic that the record came from."""
    partition: int
    """Its partition there."""
    offset: int
    """Its offset there."""
    value: bytes
    """The original bytes; if the reason is `failed`, the normalised event."""
    key: bytes | None = None
    """The key of the record, unchanged."""


class Side(msgspec.Struct, gc=False):
    """The customers on one side of a canary's draw, as a guard counts them."""

    customers: int
    """The number of customers, or of instances for `goal_rate` and `exit_rate`."""
    value: float | None
    """The mean of the guard's metric; null without any."""


class Governance(msgspec.Struct, kw_only=True, gc=False):
    """A definition set came into force or reached sleeping customers, or a canary was decided."""

    schema: Literal["cjo.governance.v1"] = "cjo.governance.v1"
    """The kind of record, and its version."""
    kind: Literal["applied", "sweeping", "swept", "verdict"]
    """`applied`: a set is in force. `sweeping`: it begins to reach sleeping customers. `swept`: it
    has reached all. `verdict`: a guarded canary is decided."""
    topology: str
    """The topology's name."""
    set: int
    """The number of the definition set."""
    who: str | msgspec.UnsetType = msgspec.UNSET
    """Who applied the set; absent if nobody is named."""
    why: str | msgspec.UnsetType = msgspec.UNSET
    """The reason; absent if none is given."""
    records: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """The kinds of records that the set switches off, as its topology writes it; absent if it
    switches none off."""
    journey: str | msgspec.UnsetType = msgspec.UNSET
    """Of a verdict: the journey."""
    version: int | msgspec.UnsetType = msgspec.UNSET
    """Of a verdict: the version with the canary."""
    metric: str | msgspec.UnsetType = msgspec.UNSET
    """Of a verdict: the metric of the guard that tripped, or else of the first guard."""
    inside: Side | msgspec.UnsetType = msgspec.UNSET
    """Of a verdict: the customers inside the canary."""
    outside: Side | msgspec.UnsetType = msgspec.UNSET
    """Of a verdict: the customers outside."""
    interval: list[float] | msgspec.UnsetType = msgspec.UNSET
    """Of a verdict: the bounds of the difference, inside less outside; absent while one of the
    sides has fewer than 100."""
    verdict: Literal["back", "hold", "promote"] | msgspec.UnsetType = msgspec.UNSET
    """Of a verdict: nobody enters the version any more, its share stays, or everybody enters."""
    time: int
    """The clock when it happened, ms."""


class Prediction(msgspec.Struct, kw_only=True, gc=False):
    """A prediction whose outcome is known."""

    schema: Literal["cjo.prediction.v1"] = "cjo.prediction.v1"
    """The kind of record, and its version."""
    prediction_id: str
    """The prediction's id."""
    customer_id: str
    """The customer's id when the outcome was known."""
    predict: str
    """The prediction's name in the topology."""
    definition: str
    """A digest of what was predicted; another one once the prediction is redefined."""
    probability: float
    """The predicted probability that it comes true."""
    model_version: int
    """The number of the model that predicted; 0: the prior did."""
    features: list[int]
    """The hashed features at the moment of the prediction."""
    outcome: Literal[0, 1]
    """1: it came true."""
    opened_at: int
    """When it was predicted: the time of the event, ms."""
    time: int
    """The clock when the outcome was recorded, ms."""


class Measure(msgspec.Struct, kw_only=True, gc=False):
    """One event, as a measure of the topology takes it."""

    schema: Literal["cjo.measure.v1"] = "cjo.measure.v1"
    """The kind of record, and its version."""
    customer_id: str
    """The customer's id."""
    measure: str
    """The measure's name in the topology."""
    value: float
    """What was measured; 1 where the measure only counts."""
    time: int
    """When the event happened, ms."""
    trigger: Trigger
    """The event that was measured: of a channel, or raised. A raised event has the id of the event
    that led to it, null where time did."""
    journey: str | None
    """The journey's name; null for a measure per customer."""
    version: int | None
    """The version that the instance runs; null for a measure per customer."""
    instance_id: str | None
    """The instance's id; null for a measure per customer."""
    state: str | None
    """The state in which the event found the instance; null for other measures than per state, and
    for a goal that is reached after the end."""


class Reply(msgspec.Struct, kw_only=True, gc=False):
    """An answer to an operator's command, from the task that owns the state."""

    command_id: str
    """The operator's command."""
    partition: int = -1
    """The partition that answers."""
    body: Any
    """The answer."""
    cut: Cut = msgspec.UNSET
    """The fields that were shortened because the record was too large; absent otherwise."""


Record = (
    Action
    | Decision
    | Reward
    | Transition
    | IdentityChange
    | Profile
    | Withdrawal
    | DeadLetter
    | Governance
    | Reply
    | Prediction
    | Measure
)
