"""The bodies of replies: the answers of tasks and customers to operators, as data."""

from __future__ import annotations

from typing import Any

import msgspec


class InstanceRow(msgspec.Struct):
    """One live instance."""

    journey: str
    version: int
    instance_id: str
    key: Any
    state: str
    holdout: bool
    timers: list[int] | msgspec.UnsetType = msgspec.UNSET
    """When its timers are due, ms."""


class WaitingRow(msgspec.Struct):
    """One request that waits for quiet hours to end."""

    request: dict[str, Any]
    journey: str
    instance_id: str
    state: str | None
    due: int


class ConsentRow(msgspec.Struct):
    """A latest statement of consent; `channel` may be `*`."""

    purpose: str
    channel: str
    status: str
    time: int
    by: str | None
    """The identifier that it came with, `type:value`; None if that has left the customer."""


class CaseRow(msgspec.Struct):
    """An open service case; the key is empty for the nameless one."""

    key: str
    opened_at: int


class CustomerRow(msgspec.Struct):
    """A customer: a line of customers.jsonl. What may be unset is for operators only."""

    customer_id: str
    identifiers: dict[str, list[str]]
    facts: dict[str, Any]
    traits: dict[str, Any]
    events: int
    instances: list[InstanceRow]
    consent: list[ConsentRow] | msgspec.UnsetType = msgspec.UNSET
    open_cases: list[CaseRow] | msgspec.UnsetType = msgspec.UNSET
    waiting: list[WaitingRow] | msgspec.UnsetType = msgspec.UNSET
    absorbed: list[str] | msgspec.UnsetType = msgspec.UNSET
    """Ids of customers that were merged into this one."""
    predictions: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    """Probabilities now, by the model in force; unset if nothing is predicted."""


class Shown(msgspec.Struct, kw_only=True):
    """The answer to Show."""

    found: bool = True
    customer: CustomerRow
    history: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
    """Entries of the timeline, oldest first: `at`, `kind`, and the body under the kind's name."""
    left_out: int | msgspec.UnsetType = msgspec.UNSET
    """How many older entries the answer had no room for."""


class Tied(msgspec.Struct):
    """The answer to Tie; `reason` says why the identifiers stay apart."""

    linked: bool
    reason: str | msgspec.UnsetType = msgspec.UNSET


class LeavingInstance(msgspec.Struct):
    """An instance that moves to the new customer."""

    journey: str
    key: Any
    state: str


class Leaving(msgspec.Struct):
    """Identifiers that become a customer of their own, and the state that moves with them."""

    identifiers: list[str]
    instances: list[LeavingInstance]
    facts: list[str]
    commands: int
    customer_id: str | msgspec.UnsetType = msgspec.UNSET
    """Their new customer, once the unmerge is done."""


class Unlinked(msgspec.Struct, kw_only=True):
    """The answer to Unlink: the links that are, or would be, taken back."""

    found: bool = True
    customer_id: str
    done: bool
    links: list[tuple[str, str]]
    leaving: list[Leaving]


class Removed(msgspec.Struct):
    """How much is held of a customer."""

    identifiers: dict[str, int]
    """Their number by type."""
    absorbed_customers: int
    events: int
    facts: int
    traits: int
    consents: int
    journey_instances: int
    commands: int
    timeline_entries: int


class Erased(msgspec.Struct, kw_only=True):
    """The answer to Erase: what is, or would be, removed."""

    found: bool = True
    customer_id: str
    done: bool
    removed: Removed
    erased_at: int | msgspec.UnsetType = msgspec.UNSET


class Nobody(msgspec.Struct):
    """The answer if no customer has the identifier.

    `changed`: the identifier has just left a customer, and its new one is not known here yet.
    """

    found: bool = False
    changed: bool | msgspec.UnsetType = msgspec.UNSET


class Failed(msgspec.Struct):
    """The answer to an order whose handler failed: the type of the error."""

    error: str


# --- of tasks


class Stored(msgspec.Struct):
    """A definition set, or a part of a model, was stored."""

    stored: int


class GuardRow(msgspec.Struct):
    """What a guard has counted on the two sides of a canary: how many, and the mean."""

    metric: str
    inside: int
    inside_value: float | None
    outside: int
    outside_value: float | None


class CanaryRow(msgspec.Struct):
    """A guarded canary; `verdict` is None before one."""

    journey: str
    version: int
    share: float
    verdict: str | None = None
    guards: list[GuardRow] = []


class SetInForce(msgspec.Struct):
    """The definition set in force; `error` says why it is not the requested one.

    `live`: how many instances are live, by journey, version and state. `reached`: how many
    sleeping customers the set has reached so far; None: all. `canaries`: those of the set, from
    the first partition. `verdicts`: all there ever were, as (journey, version, verdict).
    """

    active: int
    error: str | None
    live: dict[str, dict[int, dict[str, int]]] = {}
    reached: int | None = None
    canaries: list[CanaryRow] = []
    verdicts: list[tuple[str, int, str]] = []


class ModelInForce(msgspec.Struct):
    """The model in force; `error` says why it is not the requested one."""

    model: int
    error: str | None


class Swept(msgspec.Struct):
    """The task removes overwritten values from its store's log and buffers."""

    swept: bool = True
