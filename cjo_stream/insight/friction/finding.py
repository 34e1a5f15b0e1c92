"""Findings: alarms with their customers, ranked, each with a sentence that says what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from cjo_stream.insight.friction.event import DAY_MS, Events, read_events
from cjo_stream.insight.friction.series import COMPLAINTS, Series, of_events, of_states
from cjo_stream.insight.friction.shown import (
    Asked,
    Worth,
    customers_of,
    paths_of,
    read_value,
)
from cjo_stream.insight.friction.span import Span, open_span
from cjo_stream.insight.friction.stay import Stays
from cjo_stream.insight.friction.watch import Alarm, Watch, Watched, watched

VIEWS: Final = ("event", "stay", "transition", "outcome")
"""Those that are read."""
CUSTOMERS_MIN: Final = 5
"""In whom a finding has to show when it is detected."""
_SAID: Final = {
    "repeats": "{place}: customers repeat it {what}, {counted} where {expected} were expected",
    "loop": "{place}: customers come back {what}, {counted} where {expected} were expected",
    "error": "{place}: {counted} customers a day or part of it, where {expected} were expected",
    "failures": "{place}: {counted} commands failed, where {expected} were expected",
    "dwell": "{place}: customers wait longer than they did",
    "drop": "{place}: {counted} customers come so far, where {expected} were expected",
    "skipped": "{place}: it is missing before {counted} {what}, where {expected} were expected",
    "silence": "{place}: nobody comes so far, where {expected} were expected",
    "slow": "{place}: customers wait longer than they did",
    "complaints": "{place}: {counted} complaints follow it, where {expected} were expected",
    "exits": "{place}: {counted} customers leave ({what}), where {expected} were expected",
}
_LONG: Final = ": {counted} waits of {what}, where {expected} were expected"
_LEFT: Final = ": {counted} have left it, where {expected} were expected"


class Finding(msgspec.Struct, frozen=True):
    """A place where customers fare worse than customers did there before.

    Times are ms of event time. `until` is behind the last hour in which it shows, `customers` are
    those in whom it shows. `counted`, `expected` and `chance` are what was seen when it was
    detected. `path` are steps of one customer, with their times.
    """

    finding: int
    kind: str
    place: str
    began: int
    detected: int
    until: int
    customers: list[str]
    lost_value: float | None
    sentence: str
    counted: float
    expected: float
    chance: float
    example: str
    path: list[tuple[int, str]]


def findings(
    connection: Any, value: str | None = None, complaints: Sequence[str] = COMPLAINTS
) -> list[Finding]:
    """Return the findings in a layer, most customers first; with a value, most lost first.

    `connection` is one of `cjo_stream.insight.connect`. `value` is TYPE.ATTRIBUTE; without it
    nothing is said of lost value. Raises UsageError where no event has a number there.
    """
    of_value = None if value is None else read_value(connection, value)
    read = read_events(connection)
    with closing(Stays(connection)) as stays, ThreadPoolExecutor(1) as beside:
        events = Events(read)
        span = open_span(connection, events)
        if span is None or span.hours <= 0:
            return []
        of_stays = beside.submit(_watched, of_states(stays, span, complaints))
        of_others = _watched(of_events(connection, events, span, complaints))
        watch = Watch([*of_stays.result(), *of_others], span.hours)
        worth = None if of_value is None else Worth(connection, events, of_value)
        found = list(_findings(connection, events, span, watch, worth))
    found.sort(key=lambda one: (-(one.lost_value or 0), -len(one.customers), one.began, one.place))
    asked = [Asked(one.example, one.began - DAY_MS, one.until) for one in found]
    return [
        msgspec.structs.replace(one, finding=number, path=path)
        for number, (one, path) in enumerate(
            zip(found, paths_of(connection, events, asked), strict=True), start=1
        )
    ]


def _watched(series: Iterable[Series]) -> list[Watched]:
    found = []
    for one in map(watched, series):
        if one.is_suspect:
            for units in one.series.shown.lines:
                units.ask()
        found.append(one)
    return found


def _findings(
    connection: Any, events: Events, span: Span, watch: Watch, worth: Worth | None
) -> Iterator[Finding]:
    """Yield the findings in order of time."""

    def accept(alarm: Alarm) -> bool:
        return len(customers_of(connection, events, span, alarm, alarm.hour + 1)) >= CUSTOMERS_MIN

    for alarm in watch.alarms(accept):
        customers = customers_of(connection, events, span, alarm, alarm.ended)
        detected = int(span.comes[alarm.hour + 1])
        yield _finding(span, alarm, customers, detected, worth)


def _finding(
    span: Span, alarm: Alarm, customers: list[str], detected: int, worth: Worth | None
) -> Finding:
    """Return a finding that has no number and no path yet: these are of all findings."""
    series = alarm.series
    counted, expected = alarm.counts(alarm.hour + 1)
    began, until = span.ms(alarm.began), span.ms(alarm.ended)
    kind = "silence" if series.kind == "drop" and counted == 0 else series.kind
    return Finding(
        finding=0,
        kind=kind,
        place=series.place,
        began=began,
        detected=detected,
        until=until,
        customers=customers,
        lost_value=None if worth is None else worth.lost(customers, began, until),
        sentence=_sentence(kind, alarm, counted, expected, began),
        counted=counted,
        expected=round(expected, 1),
        chance=alarm.chance,
        example=customers[0],
        path=[],
    )


def _sentence(kind: str, alarm: Alarm, counted: float, expected: float, began: int) -> str:
    text = _SAID[kind]
    if kind in ("dwell", "slow"):
        text += _LONG if alarm.series.shown.table == "long" else _LEFT
    since = datetime.fromtimestamp(began / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    return (
        text.format(
            place=alarm.series.place,
            what=alarm.series.what,
            counted=f"{counted:,.0f}",
            expected=f"{expected:,.1f}",
        )
        + f", since {since} UTC"
    )
