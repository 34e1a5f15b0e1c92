"""Worlds with and without defects: what is found, what is false, how late.

A defect counts as found where a finding at one of its places began, and was detected, within a day
of its start. A finding is false where it began more than a day before any defect, or where under
half of its customers are affected.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cjo_stream.insight.friction.finding import Finding, findings
from tests.friction.defect import (
    LEAST,
    SPECS,
    STATES,
    Defect,
    draw,
    first_day,
    into_events,
    into_records,
    starts,
)
from tests.friction.shop import DAY_MS, HOUR_MS, START_MS, Row, Transition, events, tables

EVERY_HOURS = 84
WARM_DAYS = 9


class Told(NamedTuple):
    """What became of one defect."""

    defect: Defect
    affected: int
    """On the first day."""
    delay_h: float | None
    """From its start until it was detected; None: it was not found."""


class Judged(NamedTuple):
    """What became of a world."""

    told: list[Told]
    found: int
    false: list[Finding]


def clean_weeks(seed: int, people: int, days: int) -> Iterator[list[Finding]]:
    """Yield the findings of each week of a world without defects, once there is a baseline."""
    found = findings(tables(events(people, days, seed)))
    for week in range((days - WARM_DAYS) // 7):
        begin = START_MS + (WARM_DAYS + 7 * week) * DAY_MS
        yield [one for one in found if begin <= one.detected < begin + 7 * DAY_MS]


def with_events(seed: int, people: int, days: int) -> Judged:
    """Return what becomes of defects in the events of a world."""
    rows: Sequence[Row] = events(people, days, seed)
    specs = random.Random(seed).sample(SPECS, len(SPECS))
    put: list[tuple[Defect, dict[str, int]]] = []
    used: set[str] = set()
    for start_ms in starts(days, EVERY_HOURS, seed):
        for spec in list(specs):
            defect = draw(seed * 100 + len(put), start_ms, spec)
            rows_after, affected = into_events(rows, defect)
            specs.remove(spec)
            if not used & defect.places and first_day(defect, affected) >= LEAST:
                rows = rows_after
                put.append((defect, affected))
                used |= defect.places
                break
    return _judge(put, findings(tables(rows)))


def with_records(seed: int, rows: Sequence[Row], transitions: Sequence[Transition]) -> Judged:
    """Return what becomes of defects in the records of a run of three weeks."""
    states = random.Random(seed).sample(STATES, len(STATES))
    put: list[tuple[Defect, dict[str, int]]] = []
    journeys: set[str] = set()
    now = list(transitions)
    for start_ms in starts(21, EVERY_HOURS, seed):
        for kind, state in list(states):
            states.remove((kind, state))
            defect = draw(seed * 100 + len(put), start_ms, (kind, state, state))
            after, affected = into_records(now, defect)
            if state not in journeys and first_day(defect, affected) >= LEAST:
                now = after
                put.append((defect, affected))
                journeys.add(state)
                break
    return _judge(put, findings(tables(rows, now)))


def _judge(put: Sequence[tuple[Defect, dict[str, int]]], found: Sequence[Finding]) -> Judged:
    told = [
        Told(defect, first_day(defect, affected), _delay(defect, found))
        for defect, affected in put
    ]
    false = []
    for one in found:
        struck = {
            who
            for defect, affected in put
            if defect.start_ms - DAY_MS <= one.began
            for who in affected
        }
        if len(struck & set(one.customers)) * 2 < len(one.customers):
            false.append(one)
    return Judged(told, len(found), false)


def _delay(defect: Defect, found: Sequence[Finding]) -> float | None:
    delays = [
        (one.detected - defect.start_ms) / HOUR_MS
        for one in found
        if one.place in defect.places
        and abs(one.began - defect.start_ms) <= DAY_MS
        and defect.start_ms < one.detected <= defect.start_ms + DAY_MS
    ]
    return min(delays, default=None)
