"""The questions: to an installation, and to its published records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from cjo_stream.core.catalogue import RecordKind
from cjo_stream.core.event import Identifier
from cjo_stream.core.message import ActorMessage
from cjo_stream.core.program.program import Program
from cjo_stream.definition import DefinitionSet
from cjo_stream.engine.hold import Hold
from cjo_stream.installation.answer import (
    Applied,
    Holding,
    Kept,
    Population,
    Refused,
    Status,
    Written,
)
from cjo_stream.installation.known import KnownSet
from cjo_stream.installation.unrecorded import Switched

Order = Callable[[str], ActorMessage]
"""Makes an order's message from the command id."""
Check = Callable[[bytes | None], None]
"""Raises if a new set may not follow the one in force, as it is stored; None: there is none."""
_Record = TypeVar("_Record")
_Answer = TypeVar("_Answer")


class Records(Protocol):
    """The published records, and the refused ones."""

    place: str
    """Where they are, for messages."""

    def read(self, type_: type[_Record]) -> Iterator[_Record]:
        """Yield the records of a kind, by its struct; those of each customer are in order."""

    def since(self, kind: RecordKind, position: Mapping[str, int]) -> Iterator[Written]:
        """Yield the records of a kind that went out after `position`: in each lane, in its order.

        `position` holds the `next` of the last record of each lane; an empty one is the beginning.
        Raises UsageError where the lanes are not those that the position is of, or records in
        between are gone.
        """

    def refused(self) -> Iterator[Refused]:
        """Yield the dead letters."""

    def switched(self) -> Sequence[Switched]:
        """Return which kinds of records the sets switched off, as far as it is known."""


class Installation(Protocol):
    """A running definition set, and its customers."""

    place: str
    """Where it is, for messages."""

    def status(self) -> Status:
        """Return the definition sets in force."""

    def apply(
        self,
        definitions: DefinitionSet,
        on_step: Callable[[str], None],
        check: Check,
        *,
        retire: bool = False,
    ) -> Applied:
        """Put a definition set in force, and return once it is; report each step to `on_step`.

        `check` is called with the set in force once no other `apply` can replace it. With
        `retire`, journeys whose files are gone are retired. Raises UsageError and DefinitionError
        if the set must not follow the one in force, and the errors of `check`.
        """

    def in_force(self) -> bytes | None:
        """Return the set in force, as it is stored; None before the first `apply`."""

    def sets(self) -> Sequence[KnownSet]:
        """Return the sets that are kept, the oldest first."""

    def former(self, number: int) -> bytes:
        """Return a set as it was stored; raises UsageError where it is not kept."""

    def population(self) -> Population | None:
        """Return the set in force and its customers; None before the first `apply`."""

    def program(self) -> Program:
        """Return the definitions in force."""

    def named(self, written: str) -> Identifier:
        """Return the identifier written `type:value`; raises UsageError."""

    def look(self, at: Identifier, order: Order, answer: type[_Answer]) -> _Answer:
        """Return the answer to an order that changes nothing; raises as `order`."""

    def order(self, at: Identifier, order: Order, answer: type[_Answer]) -> _Answer:
        """Carry out an order; return its answer.

        Raises NobodyError if no customer has the identifier, RetryError if it is moving to another
        customer, or if the order failed.
        """

    def holding(self) -> Holding:
        """Return what operators hold, and what waits."""

    def hold(self, hold: Hold) -> None:
        """Let commands wait; return once that is kept. `holding` says where it is in force."""

    def release(self, hold: Hold) -> None:
        """Take a hold back; return once that is kept."""

    def sweep(self) -> list[int]:
        """Remove overwritten values from every store; return the partitions that have not."""

    def unarchived(self, on_wait: Callable[[], None]) -> list[str]:
        """Wait until all earlier events are archived; return the topic/partitions that lag.

        `on_wait` is called while it waits.
        """

    def kept(self) -> Sequence[Kept]:
        """Return the places that still have earlier data."""
