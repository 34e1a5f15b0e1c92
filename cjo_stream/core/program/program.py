"""The whole definition set, with indexes by event type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from cjo_stream.core.program.action import Action, Candidate
from cjo_stream.core.program.journey import Journey
from cjo_stream.core.program.measure import MeasureRule
from cjo_stream.core.program.policy import Policy
from cjo_stream.core.program.prediction import PredictionRule
from cjo_stream.core.program.recording import Recording
from cjo_stream.core.program.topology import (
    Blocked,
    CaseRule,
    Channel,
    Fact,
    IdentifierType,
    Trait,
)
from cjo_stream.core.word import AttributeType

ENGINE_TYPES: Final = frozenset(("journey.entered", "journey.ended", "journey.goal"))
"""The types that the engine raises where some journey listens."""
Version = tuple[str, int]
"""A journey's name, and the number of one of its versions."""
VERDICTS_MAX: Final = 1 << 20
"""More than the verdicts of guards that an installation ever has."""


def revision_of(number: int, verdicts: int) -> int:
    """Return the revision of a set with so many verdicts; a later set has a higher one."""
    return number * VERDICTS_MAX + verdicts


def entered_on(versions: Mapping[tuple[str, int], Journey]) -> dict[str, tuple[Journey, ...]]:
    """Return the versions that customers enter, by the type of the event, in order of name."""
    found: dict[str, list[Journey]] = {}
    for journey in versions.values():
        low, high = journey.entrants
        for type_ in sorted(journey.entry.on) if low < high else ():
            found.setdefault(type_, []).append(journey)
    return {type_: tuple(journeys) for type_, journeys in found.items()}


def heard_on(versions: Mapping[Version, Journey]) -> dict[str, frozenset[Version]]:
    """Return the versions whose instances may move by an event, by its type."""
    always = heard_always(versions)
    types = set[str]().union(*(journey.listens for journey in versions.values()))
    return {
        type_: always | {key for key, journey in versions.items() if type_ in journey.listens}
        for type_ in sorted(types)
    }


def heard_always(versions: Mapping[Version, Journey]) -> frozenset[Version]:
    """Return the versions whose instances may move by an event of any type."""
    return frozenset(key for key, journey in versions.items() if journey.hears_every)


def raised_for(
    entries_on: Mapping[str, tuple[Journey, ...]], versions: Mapping[tuple[str, int], Journey]
) -> frozenset[str]:
    """Return the types of ENGINE_TYPES for which some version listens."""
    heard = set(entries_on).union(*(journey.listens for journey in versions.values()))
    return ENGINE_TYPES & heard


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A whole definition set."""

    number: int = 0
    verdicts: int = 0
    """How many verdicts of guards it takes into account, of all there ever were."""
    who: str | None = None
    """Who applied it."""
    why: str | None = None
    """What for."""
    topology: str
    about: str | None = None
    timezone: str = "UTC"
    region: str | None = None
    dedupe_ms: int = 7 * 86_400_000
    grace_ms: int = 300_000
    max_late_ms: int = 86_400_000
    reward_window_ms: int = 7 * 86_400_000
    recording: Recording = Recording()
    channels: dict[str, Channel]
    identifiers: dict[str, IdentifierType]
    """By type, strongest first."""
    former: dict[str, IdentifierType] = {}
    """Types declared only by earlier sets, of which customers still have identifiers."""
    blocked: tuple[Blocked, ...] = ()
    """The topology's own; those built in are in `ingest/placeholder.py`."""
    events: dict[str, dict[str, AttributeType]] | None = None
    """The attributes of declared event types, by type; None where none are declared."""
    facts: dict[str, Fact] = {}
    facts_in: dict[str, Fact] = {}
    """By slot, in order of name."""
    traits: dict[str, Trait] = {}
    predictions: dict[str, PredictionRule] = {}
    measures: dict[str, MeasureRule] = {}
    """By name, in order of name."""
    opened: tuple[CaseRule, ...] = ()
    closed: tuple[CaseRule, ...] = ()
    cases_on: frozenset[str] = frozenset()
    """The event types that may open or close a case."""
    cases_era: int = 0
    """Cases of another era do not count."""
    journeys: dict[str, Journey] = {}
    """The current version of each, by name, in order of name, without drafts."""
    versions: dict[tuple[str, int], Journey] = {}
    """Every version that may still have live instances, the current ones included."""
    actions: dict[str, Action] = {}
    """By name, in order of name."""
    policy: Policy = Policy()
    candidates: dict[str, tuple[Candidate, ...]] = {}
    """By action, in order of name; those of an action in the order of its treatments."""
    traits_on: dict[str, tuple[Trait, ...]] = {}
    traits_in: dict[str, Trait] = {}
    """By slot."""
    predictions_on: dict[str, tuple[PredictionRule, ...]] = {}
    """By event type, in the order written."""
    measures_on: dict[str, tuple[MeasureRule, ...]] = {}
    """By event type, in order of name."""
    entries_on: dict[str, tuple[Journey, ...]] = {}
    """By event type, journeys in order of name."""
    heard_on: dict[str, frozenset[Version]] = {}
    """By event type, the versions whose instances may move by such an event."""
    heard_always: frozenset[Version] = frozenset()
    """Those whose instances may move by an event of any type."""
    paused: frozenset[str] = frozenset()
    """The journeys that are paused."""
    retired: frozenset[str] = frozenset()
    """The journeys that are retired, also those whose file is gone."""
    raised_on: frozenset[str] = frozenset()
    """Those of journey.entered, journey.ended and journey.goal that some journey listens for."""
    purposes: frozenset[str] | None = None
    """The purposes of consent that the policy or an expression asks for; None: it may be any."""

    def asks_for(self, purpose: str) -> bool:
        """Return whether a statement about a purpose can have an effect."""
        return self.purposes is None or purpose in self.purposes

    @property
    def revision(self) -> int:
        """By which customers are known to live under it, or a later one."""
        return revision_of(self.number, self.verdicts)

    def is_shadow(self, journey: str, version: int) -> bool:
        """Return whether a version of a journey runs in shadow now."""
        found = self.versions.get((journey, version))
        return found is not None and found.is_shadow

    def identifier_type(self, name: str) -> IdentifierType:
        """Return the declaration of a type; of a former type only its rank is kept."""
        return self.identifiers.get(name) or self.former[name]
