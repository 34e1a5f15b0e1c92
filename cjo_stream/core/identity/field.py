"""The table of a customer's fields: how each joins, parts, is erased, is bounded.

Merge, unmerge and erasure walk the table from the top, so each handles every field that has a row;
a test fails for a field without one. To add a field, give it a row here; its `joins` and `parts`
belong to the room of the field.

    joins     how the field of another customer is added in a merge. A merge is a join: its result
              does not depend on the order in which customers meet. Counters are added, ids and
              histories united by id, statements taken by the latest time, traits joined by their
              own rules
    parts     which part of the field leaves with the members that an unmerge gives to a fresh
              customer: the part that came with events of their identifiers (`anchor`)
    erased    `STAYS` or `EMPTIED`
    bounds    names of `core.bounds`, and whether a customer is within them
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream.core.bounds import Bounds
from cjo_stream.core.canary.count import join_trials
from cjo_stream.core.command.history import join_commands, part_commands
from cjo_stream.core.command.window import join_windows, part_windows
from cjo_stream.core.decision.holdout import join_holdouts, part_holdouts
from cjo_stream.core.decision.waiting import contents as contents_of_request
from cjo_stream.core.decision.waiting import join_waiting, part_waiting
from cjo_stream.core.edge import Edge
from cjo_stream.core.identity.forward import join_moved, join_parted, note_parted
from cjo_stream.core.identity.member.apart import forgive, join_apart
from cjo_stream.core.identity.member.evidence import add_evidence, part_evidence, spare_evidence
from cjo_stream.core.identity.member.membership import (
    has_room_for,
    join_members,
    part_members,
    record_created,
)
from cjo_stream.core.identity.member.origin import join_origins, origins_of_part
from cjo_stream.core.identity.parcel import Parcel, join_timeline
from cjo_stream.core.journey.cascade import Cascade
from cjo_stream.core.journey.history import bytes_of_histories, join_histories, part_histories
from cjo_stream.core.journey.join import join_instances, part_instances
from cjo_stream.core.journey.step import contents
from cjo_stream.core.message import Link, Propose, seed_of
from cjo_stream.core.prediction.moment import join_moments, part_moments
from cjo_stream.core.profile.activity import (
    join_activity,
    join_ids,
    part_activity,
    part_ids,
)
from cjo_stream.core.profile.case import join_cases, part_cases
from cjo_stream.core.profile.consent import join_consent, part_consent
from cjo_stream.core.profile.fact import join_facts, part_facts
from cjo_stream.core.profile.publication import mark_profile
from cjo_stream.core.profile.trait import join_traits, part_traits
from cjo_stream.core.size import large_bytes
from cjo_stream.core.state import Customer, Instance
from cjo_stream.core.timeline import TimelineEntry
from cjo_stream.core.turn import Turn


class Joining(msgspec.Struct):
    """A merge, by `edge`, of the state in `parcel` into the customer at actor `key`."""

    key: str
    into: Customer
    parcel: Parcel
    edge: Edge
    cascade: Cascade
    turn: Turn

    @property
    def other(self) -> Customer:
        """The absorbed customer."""
        return self.parcel.customer


class Parting(msgspec.Struct):
    """An unmerge: the members `hashes`, with their timeline entries, move to `fresh`."""

    customer: Customer
    fresh: Customer
    hashes: list[str]
    anchors: frozenset[str]
    leaving: list[TimelineEntry]
    staying: list[TimelineEntry]
    turn: Turn


class Erased(enum.Enum):
    """What an erasure does to a field."""

    EMPTIED = "emptied"
    STAYS = "stays"
    """It has no personal data, and is needed to pass late messages on."""


class Fields(NamedTuple):
    """One or more fields that join and part together.

    `is_of_events`: they are filled by the customer's events, so a customer without events has
    nothing to join.
    """

    names: tuple[str, ...]
    joins: Callable[[Joining], None]
    parts: Callable[[Parting], None]
    erased: Erased = Erased.EMPTIED
    bounds: tuple[str, ...] = ()
    is_within: Callable[[Customer, Bounds], bool] = lambda *_: True
    is_of_events: bool = True


def join(joining: Joining) -> None:
    """Join the state of another customer into one."""
    for joins in _JOINS if joining.other.is_recorded else _JOINS_WITHOUT_EVENTS:
        joins(joining)


def part(parting: Parting) -> None:
    """Move the state of the leaving members to their fresh customer."""
    for fields in FIELDS:
        fields.parts(parting)


def empty(customer: Customer) -> None:
    """Empty every field that does not survive an erasure."""
    blank = Customer(id=customer.id)
    for fields in FIELDS:
        if fields.erased is Erased.EMPTIED:
            for name in fields.names:
                setattr(customer, name, getattr(blank, name))


def beyond_bounds(customer: Customer, bounds: Bounds) -> list[str]:
    """Return the fields that exceed their bounds; any field is a fault of the code."""
    return [
        name
        for fields in FIELDS
        if not fields.is_within(customer, bounds)
        for name in fields.names
    ]


def _stays(_: Joining | Parting) -> None:
    """Leave the field with its customer."""


def _join_apart(joining: Joining) -> None:
    if joining.edge.command_id:  # an operator's link overrides the marks
        forgive(joining.into.apart, joining.other.apart)
    join_apart(joining.into.apart, joining.other.apart, joining.turn)


def _join_origins(joining: Joining) -> None:
    into = joining.into
    into.origins = join_origins(into.origins, joining.other.origins, joining.turn)


def _part_origins(parting: Parting) -> None:
    parting.fresh.origins = origins_of_part(parting.customer, parting.turn)


def _join_aliases(joining: Joining) -> None:
    into, other, turn = joining.into, joining.other, joining.turn
    if other.is_recorded:
        aliases = [*into.aliases, other.id, *other.aliases]
        into.aliases = turn.newest(aliases, turn.bounds.aliases, "aliases")


def _part_aliases(parting: Parting) -> None:
    customer, anchors = parting.customer, parting.anchors
    parting.fresh.aliases = [id_ for id_ in customer.aliases if seed_of(id_) in anchors]
    customer.aliases = [id_ for id_ in customer.aliases if seed_of(id_) not in anchors]


def _join_revision(joining: Joining) -> None:
    """Unite the paused journeys; both customers have been brought up to the set in force."""
    into, other = joining.into, joining.other
    into.paused = sorted({*into.paused, *other.paused})


def _part_revision(parting: Parting) -> None:
    parting.fresh.revision = parting.customer.revision
    parting.fresh.paused = list(parting.customer.paused)


def _part_apart(parting: Parting) -> None:
    parting.fresh.apart = dict(parting.customer.apart)


def _part_is_recorded(parting: Parting) -> None:
    parting.fresh.is_recorded = True


def _has_room_for_instances(customer: Customer, bounds: Bounds) -> bool:
    of_kind: dict[tuple[str, bool], int] = {}
    for one in customer.instances:
        kind = (one.journey, one.state is not None)
        of_kind[kind] = of_kind.get(kind, 0) + 1
    most = {True: bounds.live, False: bounds.watched}
    return (
        len(customer.instances) <= bounds.instances
        and all(number <= most[is_live] for (_, is_live), number in of_kind.items())
        and _is_within(_contents(customer.instances), bounds.instances_bytes, bounds.small_bytes)
    )


def _contents(instances: Iterable[Instance]) -> Iterable[Any]:
    return map(contents, instances)


def _is_within(values: Iterable[Any], most: int, small: int) -> bool:
    return large_bytes(values, small) <= most


def _is_numbers(kept: Any) -> bool:
    """Return whether a trait keeps numbers alone: those have room at every bound."""
    parts = kept.values() if type(kept) is dict else [kept]
    return all(type(part) in (int, float) for part in parts)


def _has_room_in_queue(customer: Customer, bounds: Bounds) -> bool:
    queue = customer.membership.queue if customer.membership is not None else []
    return sum(isinstance(one, Link | Propose) for one in queue) <= bounds.queue


FIELDS: Final = (
    # --- who it is
    Fields(("id",), _stays, _stays, Erased.STAYS, is_of_events=False),
    Fields(("redirect", "erased_at"), _stays, _stays, is_of_events=False),
    Fields(
        ("membership",),
        _stays,
        _stays,
        bounds=("queue", "queue_characters"),
        is_within=_has_room_in_queue,
        is_of_events=False,
    ),
    Fields(
        ("is_recorded",),
        lambda j: record_created(j.into, j.edge.event_id, j.turn),
        _part_is_recorded,
        is_of_events=False,
    ),
    Fields(("counter",), _stays, _stays),
    # --- what its events brought
    Fields(
        ("traits",),
        lambda j: join_traits(j.into, j.other, j.turn),
        lambda p: part_traits(p.customer, p.fresh, p.leaving, p.staying, p.turn),
        bounds=("traits_bytes", "traits_small_bytes"),
        is_within=lambda c, b: _is_within(
            (kept for kept in c.traits.values() if not _is_numbers(kept)),
            b.traits_bytes,
            b.traits_small_bytes,
        ),
    ),
    # after the traits, whose join needs `first_seen`, and whose parting needs `events`
    Fields(
        ("events", "first_seen", "last_seen", "last_channel"),
        lambda j: join_activity(j.into, j.other),
        lambda p: part_activity(p.customer, p.fresh, p.leaving, p.staying),
    ),
    Fields(
        ("seen",),
        lambda j: join_ids(j.into, j.other, j.turn),
        lambda p: part_ids(p.customer, p.fresh, p.anchors),
        bounds=("seen",),
        is_within=lambda c, b: len(c.seen) <= b.seen,
    ),
    Fields(
        ("facts",),
        lambda j: join_facts(j.into, j.other, j.turn),
        lambda p: part_facts(p.customer, p.fresh, p.anchors),
        bounds=("facts_bytes", "small_bytes"),
        is_within=lambda c, b: _is_within(
            (one.value for one in c.facts.values()), b.facts_bytes, b.small_bytes
        ),
    ),
    Fields(
        ("consent",),
        lambda j: join_consent(j.into, j.other, j.turn),
        lambda p: part_consent(p.customer, p.fresh, p.anchors),
        bounds=("statements",),
        is_within=lambda c, b: sum(map(len, c.consent.values())) <= b.statements,
    ),
    Fields(
        ("cases", "cases_era"),
        lambda j: join_cases(j.into, j.other, j.turn),
        lambda p: part_cases(p.customer, p.fresh, p.anchors),
        bounds=("cases",),
        is_within=lambda c, b: len(c.cases) <= b.cases,
    ),
    # before the waiting requests and the instances, which joined holdouts may hold out
    Fields(
        ("holdouts", "mixed"),
        lambda j: join_holdouts(j.into, j.other),
        lambda p: part_holdouts(p.customer, p.fresh),
    ),
    Fields(
        ("histories",),
        lambda j: join_histories(j.into, j.other, j.turn),
        lambda p: part_histories(p.customer, p.fresh, p.anchors),
        bounds=("keys", "histories_bytes"),
        is_within=lambda c, b: (
            all(len(keys) <= b.keys for keys in c.histories.values())
            and bytes_of_histories(c) <= b.histories_bytes
        ),
    ),
    Fields(
        ("held_commands",),
        lambda j: join_commands(j.into, j.other, j.turn),
        lambda p: part_commands(p.customer, p.fresh, p.anchors),
        bounds=("commands", "commands_aged"),
        is_within=lambda c, b: len(c.commands) <= b.commands,
    ),
    Fields(
        ("waiting",),
        lambda j: join_waiting(j.into, j.other, j.cascade.trigger, j.turn),
        lambda p: part_waiting(p.customer, p.fresh, p.anchors),
        bounds=("waiting", "waiting_bytes"),
        is_within=lambda c, b: (
            len(c.waiting) <= b.waiting
            and _is_within(map(contents_of_request, c.waiting), b.waiting_bytes, b.small_bytes)
        ),
    ),
    Fields(
        ("windows",),
        lambda j: join_windows(j.into, j.other, j.turn),
        lambda p: part_windows(p.customer, p.fresh, p.anchors),
        bounds=("windows",),
        is_within=lambda c, b: len(c.windows) <= b.windows,
    ),
    Fields(
        ("moments",),
        lambda j: join_moments(j.into, j.other, j.turn),
        lambda p: part_moments(p.customer, p.fresh, p.anchors),
        bounds=("moments",),
        is_within=lambda c, b: len(c.moments) <= b.moments,
    ),
    Fields(
        ("instances",),
        lambda j: join_instances(j.cascade, j.other),
        lambda p: part_instances(p.customer, p.fresh, p.anchors),
        bounds=("instances", "live", "watched", "instances_bytes"),
        is_within=_has_room_for_instances,
    ),
    Fields(("trials",), lambda j: join_trials(j.into, j.other, j.turn), _stays),
    Fields(("overrun",), _stays, _stays),
    Fields(("revision", "paused"), _join_revision, _part_revision),
    Fields(
        ("noted",),  # with the timeline, which an unmerge divides before the fields part
        lambda j: join_timeline(j.key, j.into, j.parcel, j.turn),
        _stays,
        bounds=("timeline",),
    ),
    # --- its members
    Fields(
        ("members",),
        lambda j: join_members(j.into.members, j.other.members),
        lambda p: part_members(p.customer, p.fresh, p.hashes),
        bounds=("members", "members_characters"),
        is_within=lambda c, b: len(c.members) <= 1 or has_room_for(c.members, b),
        is_of_events=False,
    ),
    Fields(
        ("evidence",),
        lambda j: add_evidence(j.into, j.other.evidence, j.edge, j.turn),
        lambda p: part_evidence(p.customer, p.fresh, p.anchors),
        bounds=("evidence",),
        is_within=lambda c, b: (
            len(c.evidence) <= b.evidence or spare_evidence(c.members, c.evidence) is None
        ),
        is_of_events=False,
    ),
    Fields(
        ("apart",),
        _join_apart,
        _part_apart,
        bounds=("apart",),
        is_within=lambda c, b: len(c.apart) <= b.apart,
        is_of_events=False,
    ),
    Fields(
        ("origins",),
        _join_origins,
        _part_origins,
        bounds=("origins",),
        is_within=lambda c, b: len(c.origins) <= b.origins,
        is_of_events=False,
    ),
    Fields(
        ("moved",),
        lambda j: join_moved(j.into, j.other, j.turn),
        _stays,  # `part_members` notes the members that leave
        Erased.STAYS,
        bounds=("remembered",),
        is_within=lambda c, b: len(c.moved) <= b.remembered,
        is_of_events=False,
    ),
    # after the commands, and before the aliases, by which commands that came back are recognised
    Fields(
        ("parted",),
        lambda j: join_parted(j.into, j.other, j.turn),
        lambda p: note_parted(p.customer, p.fresh, p.turn),
        Erased.STAYS,
        bounds=("remembered",),
        is_within=lambda c, b: len(c.parted) <= b.remembered,
        is_of_events=False,
    ),
    Fields(
        ("aliases",),
        _join_aliases,
        _part_aliases,
        bounds=("aliases",),
        is_within=lambda c, b: len(c.aliases) <= b.aliases,
        is_of_events=False,
    ),
    # --- its publication
    Fields(
        ("profile_at", "profile_due"),
        lambda j: mark_profile(j.into, j.turn),
        lambda p: mark_profile(p.customer, p.turn),
        is_of_events=False,
    ),
)
_JOINS: Final = tuple(one.joins for one in FIELDS if one.joins is not _stays)
_JOINS_WITHOUT_EVENTS: Final = tuple(
    one.joins for one in FIELDS if one.joins is not _stays and not one.is_of_events
)
