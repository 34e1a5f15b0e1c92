"""What an installation answers, as data."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from cjo_stream.core.answer import Failed, Nobody
from cjo_stream.core.event import Identifier
from cjo_stream.errors import RetryError, UsageError

_Answer = TypeVar("_Answer")


class Applied(msgspec.Struct, frozen=True):
    """What `apply` did. `changed` is False where this very set was in force already.

    `behind`: topic/partition that intake still routes by another set; none while intake runs.
    """

    number: int
    changed: bool
    behind: tuple[str, ...] = ()


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Which definition set runs where. Numbers are 0 before the first `apply`."""

    topology: str | None
    applied: int
    """The set in force."""
    begun: int
    """The highest set; above `applied` where an `apply` was broken off."""
    partitions: dict[int, int | None]
    """The active set of each partition; None where no task answered."""
    intake: dict[str, int] = {}
    """By topic/partition, the set by which its records are routed."""
    libraries: list[str] = []
    """Where this machine's data libraries differ from those of the applied set, in words."""


class Kept(msgspec.Struct, frozen=True):
    """A place that still holds what it held before an erasure, and until when.

    `kept_ms` is None where time does not decide; `how` says it in words.
    """

    place: str
    """A topic, a file or a folder."""
    holds: str
    kept_ms: int | None
    how: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dead letter; `topic`, `partition` and `offset` name the record that was refused."""

    time: int | None = None
    """When it was refused, ms; None where the file of a run does not say."""
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    value: str
    """As text; what is no UTF-8 is replaced."""


class Written(msgspec.Struct, frozen=True):
    """One record that went out, and its place."""

    lane: str
    """Of records in one order: a partition of one topic, or a file."""
    next: int
    """Where the lane goes on after it."""
    value: bytes
    """JSON."""


def answered(body: Any, at: Identifier, answer: type[_Answer]) -> _Answer:
    """Return the answer to an order about the customer of `at`, from a reply's body.

    Raises UsageError where no customer has the identifier, RetryError where it is on its way to
    another customer, or the order failed.
    """
    if "error" in body:
        failed = msgspec.convert(body, Failed)
        raise RetryError(
            f"the command failed ({failed.error}) and changed nothing. This is a fault of "
            "cjo-stream: the worker's log says where; report that, and give the command again "
            "with the release that mends it"
        )
    if body.get("found") is False:
        if msgspec.convert(body, Nobody).changed is True:
            raise RetryError(
                f"this {at.type} is just going to another customer, nothing was done; try again"
            )
        raise UsageError(
            f"nobody is known by this {at.type}: is it written as its channel sends it, and "
            "CJO_TENANT_KEY what it was when the events came?"
        )
    return msgspec.convert(body, answer)
