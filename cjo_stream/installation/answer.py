"""The answers of an installation, as data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from cjo_stream.core.answer import CanaryRow, Failed, Nobody
from cjo_stream.core.event import Identifier
from cjo_stream.core.program.journey import Guard
from cjo_stream.core.record import Side
from cjo_stream.core.word import CanaryEnd
from cjo_stream.engine.hold import Hold, Shelf
from cjo_stream.engine.prospect import People
from cjo_stream.errors import NobodyError, RetryError
from cjo_stream.installation.known import KnownSet

_Answer = TypeVar("_Answer")


class Decided(msgspec.Struct, frozen=True):
    """A verdict on a guarded canary: the fields of its governance record, and its bound."""

    journey: str
    version: int
    set: int
    verdict: str
    """back, hold or promote."""
    time: int
    metric: str
    inside: Side
    outside: Side
    interval: list[float] | None = None
    """The bounds of the difference, inside less outside; None while a side has too few values."""
    worse_than: float | None = None
    """Of the guard of that metric: by which share of the value outside it may be worse."""

    @property
    def has_tripped(self) -> bool:
        """Whether the guard of that metric decided; else `then` did, at the end of `for`."""
        inside, outside = self.inside.value, self.outside.value
        if self.verdict != CanaryEnd.BACK or self.interval is None:
            return False
        if inside is None or outside is None:
            return False
        guard = Guard(metric=self.metric, worse_than=self.worse_than or 0)
        low, high = self.interval
        worse = outside - inside if guard.is_lower_worse else inside - outside
        is_apart = high < 0 if guard.is_lower_worse else low > 0
        return is_apart and worse > guard.worse_than * abs(outside)


class Applied(msgspec.Struct, frozen=True):
    """The result of `apply`. `changed` is False if the same set was already in force.

    `behind`: topic/partition that intake still routes by an earlier set, None where nobody can
    tell.
    """

    number: int
    changed: bool
    behind: tuple[str, ...] | None = ()


class Population(msgspec.Struct, frozen=True, kw_only=True):
    """The set in force, and the customers who live by it.

    `content` is the set as it is stored, with the verdicts of guards since; `living` is how many
    instances may live when the next one comes into force, by journey, version and state; None:
    any. `foresee` returns the impact of another set, as it would be stored, on the customers.
    """

    content: bytes
    living: dict[str, dict[int, dict[str, int]]] | None
    foresee: Callable[[bytes], People]


class TakenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of which a state has taken rows."""

    path: str | None
    """Where it was found last; None for standard input."""
    bytes: int
    """How much of its content, unpacked, was taken."""
    digest: str
    """SHA-256 of that, in hex."""
    line: int
    """The last line of that; of Parquet the last row."""
    rows: int
    refused: int
    """Of the rows."""
    is_given_up: bool = False
    """Whether the rest of it was given up after a kill; its rows are then not known."""


UNTIL_RELEASED: Final = "until they are released: `cjo-stream release`"
"""How long held commands are kept."""


class Held(msgspec.Struct, frozen=True):
    """A hold, and how many commands it is of wait."""

    channel: str
    """Empty: any."""
    action: str
    """Empty: any."""
    who: str
    why: str
    at: int
    """When, ms."""
    waiting: int


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What operators hold, and what waits."""

    holds: list[Held] = []
    """The oldest first."""
    waiting: int = 0
    """How many commands wait."""
    leaving: int = 0
    """How many of these no hold is of any more: they are being sent."""
    sent: int = 0
    """How many waited and were sent."""
    expired: int = 0
    """How many waited until it was too late for them."""
    behind: list[int] = []
    """The partitions in which not all holds and releases are known to be in force."""
    unheeding: list[str] = []
    """The topic/partitions that `webhook` reads, and in which they are not known to be."""


def holding_of(
    holds: Sequence[Hold],
    shelves: Collection[Shelf],
    behind: Sequence[int] = (),
    unheeding: Sequence[str] = (),
) -> Holding:
    """Return what is held, and what waits on shelves."""
    which = frozenset(hold.which for hold in holds)
    return Holding(
        holds=[
            Held(
                hold.which.channel,
                hold.which.action,
                hold.who,
                hold.why,
                hold.at,
                sum(shelf.number(hold.which) for shelf in shelves),
            )
            for hold in holds
        ],
        waiting=sum(shelf.number() for shelf in shelves),
        leaving=sum(shelf.number(without=which) for shelf in shelves),
        sent=sum(shelf.sent for shelf in shelves),
        expired=sum(shelf.expired for shelf in shelves),
        behind=list(behind),
        unheeding=list(unheeding),
    )


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The definition sets in force. Numbers are 0 before the first `apply`."""

    topology: str | None
    applied: int
    """The set in force."""
    begun: int
    """The highest set; it is above `applied` if an `apply` was interrupted."""
    sets: list[KnownSet] = []
    """The sets that are kept, the oldest first."""
    partitions: dict[int, int | None]
    """The active set of each partition; None if no task answered."""
    intake: dict[str, int] | None = {}
    """By topic/partition, the set that routes its records; None where nobody can tell."""
    instances: dict[str, dict[int, dict[str, int]]] = {}
    """How many instances are live, by journey, version and state."""
    canaries: list[CanaryRow] = []
    """The guarded canaries in force, with the counts of their guards, and the verdicts."""
    rolling_out: dict[int, int] = {}
    """By partition where the set has not reached all sleeping customers yet: how many it has."""
    libraries: list[str] = []
    """How this machine's data libraries differ from those of the applied set, in words."""
    holding: Holding = Holding()
    """What operators hold, and how many commands wait."""
    files: list[TakenFile] = []
    """Of a state folder: the files that runs have taken, in the order in which they took them."""
    engine: str
    """The engine where this is asked, `compiled` or `python`; `cjo_build_info` has each process's.

    It is `compiled` with the compiled wheel (docs/operations.md).
    """


class Kept(msgspec.Struct, frozen=True):
    """A place that still has data from before an erasure, and for how long.

    `kept_ms` is None if the retention is not a time; `how` describes it in words.
    """

    place: str
    """A topic, a file or a folder."""
    holds: str
    kept_ms: int | None
    how: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dead letter; `topic`, `partition` and `offset` are those of the refused record."""

    time: int | None = None
    """When it was refused, ms; None in the file of a run, which has no such time."""
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    value: str
    """As text; bytes that are not UTF-8 are replaced."""


class Left(msgspec.Struct, frozen=True):
    """Dead letters that were chosen and not sent, of one cause."""

    reason: str
    detail: str
    """Why they would be refused again, or cannot be sent."""
    number: int


class Redriven(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the dead letters that an operator chose to send again."""

    sent: int
    """How many were sent, or would be."""
    edited: int = 0
    """How many of them an edit has changed."""
    failed: int = 0
    """How many of them had failed inside the engine, which may happen again."""
    before: int = 0
    """How many were sent by an earlier command."""
    left: list[Left] = []
    """Most first."""
    letters: dict[str, int] = {}
    """All dead letters, by reason."""
    unread: dict[str, int] = {}
    """How often an expression could not use a value, by option and field."""
    file: str | None = None
    """Of a run's letters: the file of the records."""


class Sent(NamedTuple):
    """How many dead letters are sent; of them, how many are edited, and how many had failed."""

    number: int
    edited: int
    failed: int


def redriven_of(
    sent: Sent,
    before: int,
    left: Mapping[tuple[str, str], int],
    letters: Mapping[str, int],
    unread: Mapping[tuple[str, str, str], int],
    file: str | None = None,
) -> Redriven:
    """Return it of counts: by reason and detail; by reason; by option, field and fault."""
    found = [Left(*why, number) for why, number in left.items()]
    return Redriven(
        sent=sent.number,
        edited=sent.edited,
        failed=sent.failed,
        before=before,
        left=sorted(found, key=lambda one: (-one.number, one.reason, one.detail)),
        letters=dict(sorted(letters.items())),
        unread={f"{option}: {field}": number for (option, field, _), number in unread.items()},
        file=file,
    )


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

    Raises NobodyError if no customer has the identifier, RetryError if it is moving to another
    customer, or if the order failed.
    """
    if "error" in body:
        failed = msgspec.convert(body, Failed)
        raise RetryError(
            f"the command failed ({failed.error}) and changed nothing. This is a fault of "
            "cjo-stream: the worker's log shows where; report it, and repeat the command with the "
            "release that fixes it"
        )
    if body.get("found") is False:
        if msgspec.convert(body, Nobody).changed is True:
            raise RetryError(
                f"this {at.type} is moving to another customer, and nothing was done; try again"
            )
        raise NobodyError(
            f"no customer has this {at.type}: write it as its channel sends it, and check that "
            "CJO_TENANT_KEY is the key that the events came with"
        )
    return msgspec.convert(body, answer)
