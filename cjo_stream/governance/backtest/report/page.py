"""The page: what changed in numbers, the largest effects, then plots and tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cjo_stream.core.text import moment_text
from cjo_stream.governance.backtest.effect import by_action, change, effects
from cjo_stream.governance.backtest.report.parting import Partings
from cjo_stream.governance.backtest.report.plot import bars, lines
from cjo_stream.governance.backtest.result import ActionsOfHour, Both, Hour, Summary
from cjo_stream.insight.estimate import EFFECTIVE_MIN, Estimate, Evaluation
from cjo_stream.insight.page.document import boxes, section, write_page
from cjo_stream.insight.page.style import SCRIPT
from cjo_stream.insight.page.table import Cell, table, text

BARS_MAX: Final = 20
PLOTS_MAX: Final = 12
LINES_MAX: Final = 100
"""Edited lines that are shown."""


def write_report(path: Path, summary: Summary, partings: Partings) -> None:
    """Write the page."""
    body = "".join(_sections(summary, partings))
    write_page(path, "Backtest", body, script=SCRIPT)


def _sections(summary: Summary, partings: Partings) -> Iterator[str]:
    yield _head(summary, partings)
    yield _effects(summary)
    yield _edited(summary)
    yield _partings(summary, partings)
    yield _actions(summary)
    yield _hours(summary)
    yield _caps(summary)
    yield _journeys(summary)
    yield _unreached(summary)
    yield _value(summary.value)
    yield _input(summary)


def _head(summary: Summary, partings: Partings) -> str:
    share = summary.changed / summary.groups if summary.groups else 0.0
    numbers = [
        ("Customers, live", f"{summary.customers.live:,}"),
        ("Customers, candidate", f"{summary.customers.candidate:,}"),
        ("Changed", f"{summary.changed:,} ({share:.1%})".replace("%", " %")),
        ("Only other commands", f"{summary.commands:,}"),
        ("Joined", f"{partings.joined:,}"),
        ("Split", f"{partings.split:,}"),
    ]
    if partings.learnt:
        numbers.append(("By learnt propensity alone", f"{partings.learnt:,}"))
    return (
        "<p>Live and candidate over the same events. <em>Changed</em> counts groups of customers "
        "whose actions or transitions differ, or who are joined or split.</p>\n" + boxes(numbers)
    )


def _effects(summary: Summary) -> str:
    found = effects(summary)
    if not found:
        return section("The largest effects", "<p>No number differs.</p>\n")
    items = "".join(f"<li>{text(one.sentence)}</li>\n" for one in found)
    return section("The largest effects", f"<ol>\n{items}</ol>\n")


def _edited(summary: Summary) -> str:
    if not summary.edited:
        return section("Edited lines", "<p>The two sets mean the same.</p>\n")
    items = "".join(f"<li><code>{text(one)}</code></li>\n" for one in summary.edited[:LINES_MAX])
    number = len(summary.edited)
    more = f"<p>The first {LINES_MAX} of {number:,} lines.</p>\n" if number > LINES_MAX else ""
    return section("Edited lines", f"<ul>\n{items}</ul>\n{more}")


def _partings(summary: Summary, partings: Partings) -> str:
    if not summary.changed:
        return section("Where paths part", "<p>Nowhere.</p>\n")
    rows = [(*parting, number) for parting, number in partings.counts.most_common()]
    return section(
        "Where paths part",
        "<p>Each changed group counts once, at the earliest place where its sides differ.</p>\n",
        table("First differences", ("kind", "live", "candidate", "#groups"), rows),
    )


def _actions(summary: Summary) -> str:
    volumes = by_action(summary)
    if not volumes:
        return section("Actions", "<p>Nothing was chosen on either side.</p>\n")
    ranked = sorted(
        (
            (f"{action} on {channel}", both.live.sent, both.candidate.sent)
            for (channel, action), both in volumes.items()
        ),
        key=lambda row: (-abs(row[2] - row[1]), -row[1], row[0]),
    )
    rows: list[list[Cell]] = [
        [
            channel,
            action,
            both.live.sent,
            both.candidate.sent,
            both.candidate.sent - both.live.sent,
            both.live.suppressed,
            both.candidate.suppressed,
        ]
        for (channel, action), both in sorted(volumes.items())
    ]
    columns = (
        "channel",
        "action",
        "#sent, live",
        "#sent, candidate",
        "#difference",
        "#suppressed, live",
        "#suppressed, candidate",
    )
    return section(
        "Actions",
        _KEY,
        bars("Sent, by action: where most differs", ranked[:BARS_MAX]),
        table("Actions by channel and action", columns, rows),
    )


_KEY: Final = (
    '<p class="key soft"><span class="live">live</span>'
    '<span class="candidate">candidate</span></p>'
)


def _hours(summary: Summary) -> str:
    if not summary.peaks:
        return ""
    hours: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
    for one in summary.actions:
        for sent, volume in zip(hours.setdefault(one.channel, ({}, {})), _both(one), strict=True):
            sent[one.hour] = sent.get(one.hour, 0) + volume
    plots = [lines(f"Sent on {channel}", *sent) for channel, sent in sorted(hours.items())]
    rows: list[list[Cell]] = [
        [
            peak.channel,
            *_hour(peak.live),
            *_hour(peak.candidate),
            change(peak.live.sent, peak.candidate.sent),
        ]
        for peak in summary.peaks
    ]
    columns = ("channel", "#live", "at", "#candidate", "at", "#difference")
    return section(
        "Busiest hours",
        "<p>Hours are in UTC. summary.json has the actions of every hour.</p>\n",
        table("The busiest hour of each channel", columns, rows),
        _KEY,
        *plots[:PLOTS_MAX],
    )


def _both(one: ActionsOfHour) -> tuple[int, int]:
    return one.live.sent, one.candidate.sent


def _hour(hour: Hour) -> tuple[Cell, Cell]:
    return hour.sent, moment_text(hour.hour) if hour.hour is not None else None


def _caps(summary: Summary) -> str:
    rows: list[list[Cell]] = [
        [
            one.cap,
            one.live.decisions,
            one.candidate.decisions,
            one.live.customers,
            one.candidate.customers,
        ]
        for one in summary.caps
    ]
    if not rows:
        return section("Caps reached", "<p>No cap stopped anything on either side.</p>\n")
    columns = (
        "cap",
        "#decisions, live",
        "#decisions, candidate",
        "#customers, live",
        "#customers, candidate",
    )
    return section(
        "Caps reached",
        table("Decisions in which a cap stopped something, and their customers", columns, rows),
    )


def _journeys(summary: Summary) -> str:
    rows: list[tuple[str, str, int, int, int]] = []
    for one in summary.journeys:
        live, candidate = one.live, one.candidate
        outcomes = sorted(live.outcomes.keys() | candidate.outcomes.keys())
        for what, before, after in (
            ("entered", live.entries, candidate.entries),
            ("goal", live.goals, candidate.goals),
            *(
                (f"outcome {name}", live.outcomes.get(name, 0), candidate.outcomes.get(name, 0))
                for name in outcomes
            ),
        ):
            rows.append((one.journey, what, before, after, after - before))
    if not rows:
        return section("Goals and outcomes", "<p>No journey was entered on either side.</p>\n")
    columns = ("journey", "what", "#live", "#candidate", "#difference")
    return section("Goals and outcomes", table("Goals and outcomes by journey", columns, rows))


def _unreached(summary: Summary) -> str:
    title = "What no event reached"
    if not summary.unreached:
        return section(title, "<p>The events reached all that they could.</p>\n")
    rows: list[list[Cell]] = [[one.at, one.why] for one in summary.unreached]
    return section(title, table("Parts of the candidate", ("at", "why"), rows))


def _value(value: Evaluation | None) -> str:
    if value is None:
        return ""
    if not value.is_enough:
        inner = (
            f"<p>There is no estimate: the {value.cases:,} choices of live whose reward window is "
            f"over weigh as much as {value.effective:,.0f} under the candidate, and below "
            f"{EFFECTIVE_MIN:,.0f} an estimate would look like knowledge.</p>\n"
        )
    else:
        estimates = (
            ("earned by live", value.logged),
            ("candidate, IPW", value.ipw),
            ("candidate, SNIPW", value.snipw),
            ("candidate, DR", value.dr),
        )
        inner = (
            f"<p>From the {value.cases:,} choices of live whose reward window is over; their "
            f"effective number under the candidate is {value.effective:,.0f}.</p>\n"
            + table(
                "Value a choice, with 95 % intervals",
                ("policy", "#value", "#from", "#to"),
                [(name, *_interval(one)) for name, one in estimates if one is not None],
            )
        )
    return section("Value of the candidate's arbitration", inner)


def _interval(one: Estimate) -> tuple[float, float, float]:
    return one.value, one.low, one.high


def _input(summary: Summary) -> str:
    counted: tuple[tuple[str, Both[int]], ...] = (
        ("events", summary.events),
        ("late", summary.late),
        ("repeated", summary.repeated),
        ("dead letters", summary.dead_letters),
        ("transitions", summary.transitions),
        ("decisions", summary.decisions),
        ("commands", summary.sent),
        ("customers", summary.customers),
    )
    rows = [
        (name, both.live, both.candidate, both.candidate - both.live) for name, both in counted
    ]
    columns = ("what", "#live", "#candidate", "#difference")
    return section("What both sides read and wrote", table("Totals", columns, rows))
