"""Where the paths of changed groups part, counted by what each side has there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cjo_stream.governance.backtest.cause import LEARNT
from cjo_stream.governance.backtest.result import Change

KINDS_MAX: Final = 10_000
"""Ways to part that are told apart; the others count as one."""
NOTHING: Final = "nothing more"


class Parting(NamedTuple):
    """What each side has where the sequences part."""

    kind: str
    live: str
    candidate: str


OTHER: Final = Parting("other", "", "")


class Partings:
    """Counts changed groups."""

    def __init__(self) -> None:
        self.counts: Counter[Parting] = Counter()
        self.joined = 0
        """Groups with fewer customers on the candidate's side."""
        self.split = 0
        """Groups with more customers there."""
        self.learnt = 0
        """Groups that part by learnt propensity alone."""

    def add(self, change: Change) -> None:
        """Count a changed group."""
        self.joined += len(change.candidate) < len(change.live)
        self.split += len(change.candidate) > len(change.live)
        first = change.first
        self.learnt += LEARNT in first.because
        parting = Parting(first.kind, *_told(first.kind, first.live, first.candidate))
        if parting not in self.counts and len(self.counts) >= KINDS_MAX:
            parting = OTHER
        self.counts[parting] += 1


_Record = Mapping[str, Any] | None


def _told(kind: str, live: _Record, candidate: _Record) -> tuple[str, str]:
    """Return what each side has, in words; with the time's order if nothing else differs."""
    ours, theirs = _words(kind, live), _words(kind, candidate)
    if ours == theirs and live is not None and candidate is not None:
        is_later = candidate["time"] > live["time"]
        return ours, f"the same, {'later' if is_later else 'earlier'}"
    return ours, theirs


def _words(kind: str, record: _Record) -> str:
    if record is None:
        return NOTHING
    if kind == "transition":
        outcome = f", outcome {record['outcome']}" if record["outcome"] is not None else ""
        ends = f"{record['from'] or '·'} → {record['to'] or '·'}"
        return f"{record['journey']}: {ends} ({record['reason']}{outcome})"
    if kind == "action":
        chosen, journey = record["chosen"], record["journey"]
        of = f" in {journey['name']}" if journey is not None else ""
        held = f", {record['suppressed']}" if record.get("suppressed") else ""
        return f"{chosen['action']} on {chosen['channel']}{of}{held}"
    reason = f" ({record['reason']})" if record["reason"] is not None else ""
    types = ", ".join(sorted(one["type"] for one in record["identifiers"]))
    return f"{record['kind']}{reason}: {types}"
