"""How far a run has come."""

from __future__ import annotations

import msgspec


class Progress(msgspec.Struct):
    """The numbers of a run that is under way."""

    records: int
    """Read so far, repeated and refused ones too."""
    transitions: int
    actions: dict[str, int]
    event_time: int
    wall_seconds: float
