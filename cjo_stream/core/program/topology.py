"""The declarations of a topology: channels, identifier types, facts, traits, cases."""

from __future__ import annotations

from typing import Any

import msgspec

from cjo_stream.core.expression import Expression
from cjo_stream.core.word import Codec, CommandFormat, FactType, Format, NormalForm, TraitKind

_ERA_MARK = "~"
"""A character that no name contains."""


def slot(name: str, era: int) -> str:
    """Return the slot under which customers keep a trait or fact in its `era`.

    An era ends when the trait or fact is redefined or removed (definition/era.py). The values kept
    before are then under another slot, so that the new definition does not read them.

    >>> slot("spend", 0), slot("spend", 2)
    ('spend', 'spend~2')
    """
    return f"{name}{_ERA_MARK}{era}" if era else name


def name_of_slot(slot_: str) -> str:
    """Return the name of the trait or fact that is kept under a slot."""
    return slot_.partition(_ERA_MARK)[0]


class RowMap(msgspec.Struct, frozen=True, kw_only=True):
    """How a row becomes an event, or with `each` as many as that list has elements."""

    type: Expression
    time: Expression
    id: Expression | None = None
    identifiers: dict[str, Expression] = {}
    attributes: dict[str, Expression] = {}
    each: Expression | None = None


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """The source of a channel's raw events. `maps` are for formats of rows only."""

    topic: str
    prefixed: bool = False
    """Whether the installation's topic prefix comes before `topic`: only before a default name."""
    format: Format = Format.NATIVE
    maps: tuple[RowMap, ...] = ()
    registry: Codec | None = None
    """How its topic's records are written by the schemas of a registry; None: they are not."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel: `input` brings its events; `output` takes its commands.

    `address` is the identifier type by which the channel reaches a customer.
    """

    name: str
    input: Input | None = None
    output: str | None = None
    """Topic of action commands."""
    output_prefixed: bool = True
    """Whether the installation's topic prefix comes before `output`."""
    address: str | None = None
    format: CommandFormat = CommandFormat.JSON
    """The form of its commands."""


class IdentifierType(msgspec.Struct, frozen=True, kw_only=True):
    """One type of identifier; a lower `rank` is stronger."""

    type: str
    rank: int
    limit: int = 5
    per_ms: int | None = None
    normalise: NormalForm | None = None
    shared_after: int | None = None
    """A value seen with more than this many distinct values of type `counts` is shared."""
    counts: str | None = None
    """The strongest type, or the one named by `of`; None without `shared_after`."""


class Blocked(msgspec.Struct, frozen=True):
    """A value of identifiers that names nobody; or a pattern, which many have."""

    type: str | None
    """None: of every type."""
    value: str | None
    """In lower case."""
    pattern: str | None = None
    """Of RE2; it may stand anywhere in a value, in any case."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A declared fact."""

    name: str
    type: FactType
    default: Any = None
    slot: str
    """The slot under which customers keep it."""


class Trait(msgspec.Struct, frozen=True, kw_only=True):
    """A value kept per customer over events."""

    name: str
    kind: TraitKind
    on: frozenset[str]
    when: Expression | None = None
    value: Expression | None = None
    """None for COUNT."""
    per_ms: int | None = None
    keep: int = 50
    slot: str
    """The slot under which customers keep it."""


class CaseRule(msgspec.Struct, frozen=True, kw_only=True):
    """Opens, or closes, a service case."""

    on: frozenset[str]
    when: Expression | None = None
    key: Expression | None = None
    """None: the customer's one nameless case."""
