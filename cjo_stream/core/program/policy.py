"""The policy, for all journeys: caps, limits, quiet hours, consent, holdout."""

from __future__ import annotations

import msgspec

from cjo_stream.core.word import Consent, Period, Then


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """The commands that a cap or a limit covers; None: all."""

    classes: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    issues: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    actions: frozenset[str] | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of the policy; decision records name it by `rule`."""

    rule: str
    coverage: Coverage


class Cap(Rule, frozen=True, kw_only=True):
    """At most `most` commands in a calendar period, or in a sliding window in ms."""

    most: int
    per: Period | int


class Limit(Rule, frozen=True, kw_only=True):
    """`count` such outcomes within `per_ms` (None: ever) start a pause (None: for ever)."""

    outcome: str
    count: int = 1
    per_ms: int | None = None
    pause_ms: int | None = None


class QuietWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Local minutes of the day, `[start, end)`; past midnight where `start` is later than `end`.

    `days` are the weekdays (0 is Monday) on which it begins. `rule` says it in words.
    """

    rule: str
    days: frozenset[int]
    start_minute: int
    end_minute: int
    then: Then


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The rules for all journeys. Levers are in the candidates."""

    caps: tuple[Cap, ...] = ()
    limits: tuple[Limit, ...] = ()
    quiet: dict[str, tuple[QuietWindow, ...]] = {}
    """By channel."""
    consent: dict[str, Consent] = {}
    """By class; a class without an entry needs no consent."""
    blocked_by_case: frozenset[str] = frozenset()
    """Classes that are stopped while a service case is open."""
    holdout: int | float = 0.0
    """Share of customers in the universal holdout, 0..1."""
    explore: int | float = 0.0
    """Probability that a decision chooses uniformly, 0..1."""
    thompson: bool = False
    """Whether choices are drawn from the posteriors."""
    week_starts: int = 0
    """0 is Monday."""
