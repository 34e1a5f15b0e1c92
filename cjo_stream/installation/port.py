"""The questions: of an installation, and of the records that it sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from cjo_stream.core.catalogue import RecordKind
from cjo_stream.core.event import Identifier
from cjo_stream.core.message import ActorMessage
from cjo_stream.definition import DefinitionSet
from cjo_stream.installation.answer import Applied, Kept, Refused, Status, Written

Order = Callable[[str], ActorMessage]
"""Makes the message of an order from the id of the command."""
_Record = TypeVar("_Record")
_Answer = TypeVar("_Answer")


class Records(Protocol):
    """The records that went out, and what was refused."""

    place: str
    """Where they are, for people."""

    def read(self, type_: type[_Record]) -> Iterator[_Record]:
        """Yield the records of a kind, by its struct: those of one customer in their order."""

    def since(self, kind: RecordKind, position: Mapping[str, int]) -> Iterator[Written]:
        """Yield the records of a kind that went out after `position`: in each lane, in its order.

        `position` holds the `next` of the last record of each lane; an empty one is the beginning.
        Raises UsageError where the lanes are not those that the position is of, or records in
        between are gone.
        """

    def refused(self) -> Iterator[Refused]:
        """Yield the dead letters."""


class Installation(Protocol):
    """A definition set at work, and its customers."""

    place: str
    """Where it is, for people."""

    def status(self) -> Status:
        """Return which definition set runs where."""

    def apply(self, definitions: DefinitionSet, on_step: Callable[[str], None]) -> Applied:
        """Let a definition set govern, and return when it does; `on_step` is told each step.

        Raises UsageError and DefinitionError for a set that may not follow the one in force.
        """

    def named(self, written: str) -> Identifier:
        """Return the identifier written `type:value`; raises UsageError."""

    def look(self, at: Identifier, order: Order, answer: type[_Answer]) -> _Answer:
        """Return the answer to an order that changes nothing; raises as `order`."""

    def order(self, at: Identifier, order: Order, answer: type[_Answer]) -> _Answer:
        """Have an order carried out; return its answer.

        Raises UsageError where no customer has the identifier, RetryError where it is on its way
        to another customer, or the order failed.
        """

    def sweep(self) -> list[int]:
        """Let every store forget what was overwritten; return the partitions that have not."""

    def kept(self) -> Sequence[Kept]:
        """Return what still holds what was written before."""
