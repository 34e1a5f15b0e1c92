"""The largest effects of a change, as sentences for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cjo_stream.core.text import moment_text
from cjo_stream.governance.backtest.result import Both, Hour, JourneyCounts, Peak, Summary, Volume

EFFECTS_MAX = 10


class Effect(NamedTuple):
    """One number that differs, and the sentence that says so."""

    live: int
    candidate: int
    sentence: str

    @property
    def size(self) -> int:
        """How large the difference is."""
        return abs(self.candidate - self.live)


def effects(summary: Summary) -> list[Effect]:
    """Return the numbers that differ, the largest difference first, at most EFFECTS_MAX."""
    found = [one for one in _effects(summary) if one.size]
    return sorted(found, key=lambda one: (-one.size, one.sentence))[:EFFECTS_MAX]


def by_action(summary: Summary) -> dict[tuple[str, str], Both[Volume]]:
    """Return the volumes of each channel and action, over all hours."""
    found: dict[tuple[str, str], Both[Volume]] = {}
    for one in summary.actions:
        key = one.channel, one.action
        sum_ = found.get(key, Both(Volume(), Volume()))
        found[key] = Both(_plus(sum_.live, one.live), _plus(sum_.candidate, one.candidate))
    return found


def change(live: int, candidate: int) -> str:
    """Return a difference with its sign, and as a share of live if there is one.

    >>> change(200, 150), change(0, 3)
    ('-50, -25.0 %', '+3')
    """
    share = f", {(candidate - live) / live:+.1%}".replace("%", " %") if live else ""
    return f"{candidate - live:+,}{share}"


def _plus(one: Volume, other: Volume) -> Volume:
    return Volume(one.sent + other.sent, one.suppressed + other.suppressed)


def _effects(summary: Summary) -> Iterator[Effect]:
    for (channel, action), both in by_action(summary).items():
        yield _told(
            both.live.sent, both.candidate.sent, f"Action {action} is sent on {channel}", "time"
        )
        yield _told(
            both.live.suppressed,
            both.candidate.suppressed,
            f"Action {action} on {channel} is chosen but not sent (shadow or holdout)",
            "time",
        )
    for peak in summary.peaks:
        yield _of_peak(peak)
    for cap in summary.caps:
        yield _told(
            cap.live.decisions, cap.candidate.decisions, f"Cap {cap.cap} stops something", "time"
        )
    for journey in summary.journeys:
        yield from _of_journey(journey)
    letters = summary.dead_letters
    yield _told(letters.live, letters.candidate, "There will be", "dead letter")
    customers = summary.customers
    yield _told(customers.live, customers.candidate, "The events belong to", "customer")


def _of_journey(one: JourneyCounts) -> Iterator[Effect]:
    live, candidate = one.live, one.candidate
    yield _told(live.entries, candidate.entries, f"Journey {one.journey} is entered", "time")
    yield _told(live.goals, candidate.goals, f"Journey {one.journey} reaches its goal", "time")
    for outcome in sorted(live.outcomes.keys() | candidate.outcomes.keys()):
        yield _told(
            live.outcomes.get(outcome, 0),
            candidate.outcomes.get(outcome, 0),
            f"Journey {one.journey} ends with outcome {outcome}",
            "time",
        )


def _of_peak(peak: Peak) -> Effect:
    def told(hour: Hour) -> str:
        at = f", at {moment_text(hour.hour)}" if hour.hour is not None else ""
        return f"{hour.sent:,}{at}"

    live, candidate = peak.live, peak.candidate
    return Effect(
        live.sent,
        candidate.sent,
        f"The busiest hour of {peak.channel} has {told(candidate)}, instead of {told(live)} "
        f"({change(live.sent, candidate.sent)}).",
    )


def _told(live: int, candidate: int, what: str, noun: str) -> Effect:
    plural = "" if candidate == 1 else "s"
    return Effect(
        live,
        candidate,
        f"{what} {candidate:,} {noun}{plural}, instead of {live:,} ({change(live, candidate)}).",
    )
