"""The bodies of replies: what tasks and customers answer to operators, as data."""

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


class CustomerRow(msgspec.Struct):
    """What is known of a customer: a line of customers.jsonl; an operator sees more of it."""

    customer_id: str
    identifiers: dict[str, list[str]]
    facts: dict[str, Any]
    traits: dict[str, Any]
    events: int
    instances: list[InstanceRow]
    waiting: list[WaitingRow] | msgspec.UnsetType = msgspec.UNSET
    absorbed: list[str] | msgspec.UnsetType = msgspec.UNSET
    """Ids of customers that were merged into this one."""


class Shown(msgspec.Struct, kw_only=True):
    """The answer to Show."""

    found: bool = True
    customer: CustomerRow
    history: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
    """Entries of the timeline, oldest first: `at`, `kind`, and the body under its kind."""
    left_out: int | msgspec.UnsetType = msgspec.UNSET
    """Older entries that the answer had no room for."""


class Tied(msgspec.Struct):
    """The answer to Tie; `reason` says why they stay apart."""

    linked: bool
    reason: str | msgspec.UnsetType = msgspec.UNSET


class LeavingInstance(msgspec.Struct):
    """An instance that leaves with a component."""

    journey: str
    key: Any
    state: str


class Leaving(msgspec.Struct):
    """Identifiers that become a customer of their own, with what goes along."""

    identifiers: list[str]
    instances: list[LeavingInstance]
    facts: list[str]
    commands: int
    customer_id: str | msgspec.UnsetType = msgspec.UNSET
    """Their customer from here on, once it is done."""


class Unlinked(msgspec.Struct, kw_only=True):
    """The answer to Unlink: what is, or would be, taken back."""

    found: bool = True
    customer_id: str
    done: bool
    links: list[tuple[str, str]]
    leaving: list[Leaving]


class Removed(msgspec.Struct):
    """What is held of a customer, in numbers."""

    identifiers: dict[str, int]
    """By type."""
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
    """The answer for an identifier that no customer has; `changed`: it is on its way to one."""

    found: bool = False
    changed: bool | msgspec.UnsetType = msgspec.UNSET


class Failed(msgspec.Struct):
    """The answer for an order whose handler failed: the type of the error."""

    error: str


# --- of tasks


class Stored(msgspec.Struct):
    """A definition set, or a part of a model, was stored."""

    stored: int


class SetInForce(msgspec.Struct):
    """Which definition set is in force, and why not the one asked for."""

    active: int
    error: str | None


class ModelInForce(msgspec.Struct):
    """Which model is in force, and why not the one asked for."""

    model: int
    error: str | None


class Swept(msgspec.Struct):
    """The task forgets what was overwritten."""

    swept: bool = True
