"""What a run could not use, from what its tasks and its decoder count (summary.json).

Each count that means "not as you meant" has a place in `PLACES`; a test fails for one without.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.embedded.absent import AbsentSummary, absent_in
from cjo_stream.embedded.driven import Driven
from cjo_stream.embedded.undeclared import UndeclaredSummary, undeclared_in
from cjo_stream.embedded.unread import METRIC, Attributes, Counts, Place, UnreadSummary, unread_in
from cjo_stream.ingest import Decoder

_FACTS: Final = "cjo_facts_ignored_total"
_FIELDS: Final = "cjo_fields_ignored_total"
_IDENTIFIERS: Final = "cjo_identifiers_ignored_total"
_ERRORS: Final = "cjo_expression_errors_total"
_EVENTS: Final = "cjo_events_total"
_ENTRIES: Final = "cjo_journey_refusals_total"
_CONSENT: Final = "cjo_consent_ignored_total"
_MEASURES: Final = "cjo_measures_ignored_total"
_CASES: Final = "cjo_cases_ignored_total"
_SKIPPED: Final = "cjo_records_skipped_total"
_BOUNDS: Final = "cjo_state_bounds_total"
_NAMES_MAX: Final = 5

PLACES: Final = {
    METRIC: "unread",
    _ERRORS: "expression_errors",
    _FACTS: "ignored",
    _IDENTIFIERS: "ignored",
    _CONSENT: "ignored",
    _BOUNDS: "ignored",
    _ENTRIES: "ignored",
    _MEASURES: "ignored",
    _CASES: "ignored",
    _SKIPPED: "ignored",
    _FIELDS: "ignored",
    _EVENTS: "ignored",
    "cjo_dead_letters_total": "refused",
    "cjo_events_undeclared_total": "undeclared",
}
"""The field of summary.json in which each such count is shown."""
AS_MEANT: Final = {
    _EVENTS: ("applied", "late", "repeated", "refused"),
    _ENTRIES: ("live", "reentry"),
}
"""Last labels of counts that are as a topology means it, or have a figure of their own: late and
repeated events, and dead letters."""


class IgnoredSummary(msgspec.Struct, frozen=True):
    """What had no effect for one reason (summary.json)."""

    what: str
    """identifier, fact, consent, case, event, field, entry, measure, record or bound."""
    name: str
    """The identifier's type, the fact, the event's channel, the journey, the measure,
    the bound."""
    reason: str
    times: int
    file: str | None = None
    """Of an example."""
    line: int | None = None


class ErrorSummary(msgspec.Struct, frozen=True):
    """Type errors of one definition's expressions (summary.json)."""

    definition: str
    errors: int
    file: str | None = None
    """Of an example."""
    line: int | None = None


class Notices(msgspec.Struct, frozen=True):
    """What a run could not use."""

    unread: list[UnreadSummary] = []
    expression_errors: list[ErrorSummary] = []
    ignored: list[IgnoredSummary] = []
    undeclared: list[UndeclaredSummary] | msgspec.UnsetType = msgspec.UNSET
    absent: list[AbsentSummary] | msgspec.UnsetType = msgspec.UNSET
    """Columns that no row had; they are not counted."""


def notices(runtime: Driven, attributes: Attributes, decoder: Decoder | None = None) -> Notices:
    """Return what a runtime, and the decoder of its events, could not use since the last call.

    `attributes` are those of the events.
    """
    counts, examples = runtime.take_counts(), runtime.examples()
    return _notices(counts, examples, attributes, runtime.program, decoder)


def notices_of(decoder: Decoder, attributes: Attributes, program: Program) -> Notices:
    """Return what the decoder of a program alone could not use since the last call."""
    return _notices({}, {}, attributes, program, decoder)


def _notices(
    counts: dict[tuple[str, ...], float],
    examples: dict[tuple[str, ...], Place],
    attributes: Attributes,
    program: Program | None,
    decoder: Decoder | None,
) -> Notices:
    given: Collection[str] = ()
    names: dict[tuple[str, ...], list[str]] = {
        (_FACTS, "", "unknown"): _unknown_facts(attributes, program),
    }
    if decoder is not None:
        for key, by in decoder.take_counts().items():
            counts[key] = counts.get(key, 0) + by
        examples |= decoder.examples
        given = decoder.given
        of_names = {(_IDENTIFIERS, "", "undeclared"): decoder.identifiers.undeclared}
        for key, counted in (of_names | decoder.fields.names).items():
            names[key] = [name for name, _ in counted.most_common()]
    return Notices(
        list(unread_in(counts, examples, attributes, program, given)),
        [
            ErrorSummary(key[1], int(errors), *_where(examples.get(key)))
            for key, errors in sorted(counts.items())
            if key[0] == _ERRORS
        ],
        list(_ignored_in(counts, examples, names)),
        msgspec.UNSET
        if program is None or program.events is None
        else list(undeclared_in(counts, examples)),
        (decoder is not None and list(absent_in(decoder))) or msgspec.UNSET,
    )


def _unknown_facts(attributes: Attributes, program: Program | None) -> list[str]:
    known = program.facts if program is not None else {}
    return [name for name in attributes.names("cjo.profile") if name not in known]


def _ignored_in(
    counts: Counts,
    examples: Mapping[tuple[str, ...], Place],
    names: Mapping[tuple[str, ...], list[str]],
) -> Iterator[IgnoredSummary]:
    """Yield what was ignored; `names` are those that no label has, by count."""
    for key, times in sorted(counts.items()):
        metric, *labels = key
        if PLACES.get(metric) != "ignored" or (labels and labels[-1] in AS_MEANT.get(metric, ())):
            continue
        what, name, reason = _read(metric, labels)
        if not name:
            name = _some(names.get(key, []))
        yield IgnoredSummary(what, name, reason, int(times), *_where(examples.get(key)))


def _read(metric: str, labels: list[str]) -> tuple[str, str, str]:
    """Return what was ignored, its name and the reason."""
    if metric == _BOUNDS:
        return "bound", labels[0], "full"
    if metric == _CONSENT:
        return "consent", "", labels[0]
    if metric == _FIELDS:
        return "field", "", labels[1]
    if metric == _MEASURES:
        return "measure", labels[0], "no number"
    if metric == _CASES:
        return "case", labels[0], "no key"
    what = {
        _FACTS: "fact",
        _IDENTIFIERS: "identifier",
        _EVENTS: "event",
        _ENTRIES: "entry",
        _SKIPPED: "record",
    }
    return what[metric], labels[0], labels[1]


def _some(names: list[str]) -> str:
    return ", ".join([*names[:_NAMES_MAX], *(["…"] if len(names) > _NAMES_MAX else [])])


def _where(place: Place | None) -> tuple[str, int] | tuple[None, None]:
    return (place[0], place[2]) if place is not None else (None, None)
