"""What `doctor` finds: one thing each, and what to do about it."""

from __future__ import annotations

import enum

import msgspec


class Level(enum.StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """It matters only to who needs it."""
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    area: str
    level: Level
    what: str
    do: str = ""
    """What to do; empty only where nothing needs to be done."""


def ok(area: str, what: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(area, Level.OK, what)


def note(area: str, what: str, do: str) -> Finding:
    """Return a finding that matters only to who needs it."""
    return Finding(area, Level.NOTE, what, do)


def problem(area: str, what: str, do: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding(area, Level.PROBLEM, what, do)
