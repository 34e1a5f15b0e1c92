"""The report on friction: where customers fare worse than before, since when, and whom it met."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from cjo_stream.insight.friction.finding import Finding, findings
from cjo_stream.insight.friction.series import COMPLAINTS
from cjo_stream.insight.friction.span import first_look
from cjo_stream.insight.report import word
from cjo_stream.insight.report.asking import Asking
from cjo_stream.insight.report.content import (
    Bar,
    Bars,
    Block,
    Box,
    Cell,
    Findings,
    Report,
    Section,
    Sentence,
    Table,
)

SHOWN_MAX: Final = 10
"""Findings with a section of their own."""


def friction(asking: Asking, value: str | None, complaints: Sequence[str]) -> Report:
    """Return the report: the findings that were detected in the period.

    `value` is TYPE.ATTRIBUTE; without it nothing is said of lost value.
    """
    found = list(detected(asking, value, complaints))
    command = command_of(asking, value, complaints)
    missing = list(asking.missing())
    if value is None:
        missing.append("lost value: --value TYPE.ATTRIBUTE names what is of value")
    first = first_look(asking.connection)
    if first is not None:
        missing.append(
            f"a baseline takes some days: nothing can be found before {word.minute(first)} UTC"
        )
    return Report(
        title="Friction",
        period=asking.period.text,
        as_of=asking.manifest.until,
        missing=missing,
        boxes=[
            Box("Findings", f"{len(found):,}", "places where customers fare worse than before")
        ],
        sections=[
            Section("What was found", [Findings(sentences(found, command))]),
            *([Section("By customers", _overview(found, command))] if found else []),
            *(_of_one(one, command) for one in found[:SHOWN_MAX]),
        ],
    )


def detected(asking: Asking, value: str | None, complaints: Sequence[str]) -> Iterator[Finding]:
    """Yield the findings that were detected in the period."""
    begin, end = asking.period
    for one in findings(asking.connection, value, complaints or COMPLAINTS):
        if (begin is None or begin <= one.detected) and (end is None or one.detected < end):
            yield one


def command_of(asking: Asking, value: str | None, complaints: Sequence[str]) -> str:
    """Return the command that prints the findings."""
    words = ["friction", *([] if value is None else ["--value", value])]
    words += [word for one in complaints for word in ("--complaint", one)]
    return asking.command(shlex.join(words))


def sentences(found: Sequence[Finding], command: str) -> list[Sentence]:
    """Return a sentence for each finding, with how many customers it met."""
    return [
        Sentence(
            f"{one.sentence}; {word.many(len(one.customers), 'customer')}{_lost(one)}.", command
        )
        for one in found
    ]


def _lost(one: Finding) -> str:
    return "" if one.lost_value is None else f", {one.lost_value:,.0f} of value lost"


def _overview(found: Sequence[Finding], command: str) -> list[Block]:
    bars = [
        Bar(f"{one.finding}. {one.place}", len(one.customers), f"{len(one.customers):,}")
        for one in found
    ]
    rows: list[list[Cell]] = [
        [one.place, one.kind, word.minute(one.began), word.minute(one.detected),
         len(one.customers), "" if one.lost_value is None else f"{one.lost_value:,.0f}"]
        for one in found
    ]  # fmt: skip
    columns = ["place", "kind", "since (UTC)", "found (UTC)", "#customers", "#value lost"]
    return [
        Bars("Customers in whom it shows", bars, command),
        Table("Findings", columns, rows, command),
    ]


def _of_one(one: Finding, command: str) -> Section:
    steps: list[list[Cell]] = [[word.minute(at), step] for at, step in one.path]
    table = Table(f"For example, customer {one.example}", ["time (UTC)", "step"], steps, command)
    return Section(f"{one.finding}. {one.place}", [table], f"{one.sentence}.")
