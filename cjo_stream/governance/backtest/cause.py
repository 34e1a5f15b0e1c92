"""Why a group changed: the lines that were edited; beside them, learnt propensity alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cjo_stream.core.program.action import Propensity
from cjo_stream.core.program.program import Program

LEARNT: Final = "learnt propensity"
"""Stands beside the edited lines where two decisions differ in nothing but what was learnt."""

_OF_LEARNING: Final = {"P", "priority"}
_OF_CHOICE: Final = {
    "candidates",
    "chosen",
    "probability",
    "model_version",
    "predictions",
    "decision_id",
    "customer_id",
    "cut",
}
_Record = Mapping[str, Any]


class Causes:
    """Tells the causes of changes between two sets."""

    def __init__(self, edited: list[str], live: Program, candidate: Program) -> None:
        """`edited` are the lines that differ, as `path:line`."""
        self._edited = edited
        alike = _learning(live) & _learning(candidate)
        self._learning = {(action, channel) for action, channel, *_ in alike}

    def of(self, live: _Record | None, candidate: _Record | None) -> list[str]:
        """Return the causes of a group's change whose sequences part at two records."""
        if live is not None and candidate is not None and self._is_learnt(live, candidate):
            return [*self._edited, LEARNT]
        return self._edited

    def _is_learnt(self, live: _Record, candidate: _Record) -> bool:
        """Tell whether two decisions differ in nothing but learnt propensities."""
        if "candidates" not in live or "candidates" not in candidate:
            return False
        if _without(live, _OF_CHOICE) != _without(candidate, _OF_CHOICE):
            return False
        ours, theirs = live["candidates"], candidate["candidates"]
        if len(ours) != len(theirs):
            return False
        found = False
        for one, other in zip(ours, theirs, strict=True):
            if _without(one, _OF_LEARNING) != _without(other, _OF_LEARNING):
                return False
            if one["P"] != other["P"]:
                found = True
                if (one["action"], one["channel"]) not in self._learning:
                    return False
        return found


def _without(record: _Record, names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def _learning(program: Program) -> set[tuple[str, str, float, tuple[str, ...]]]:
    """Return the treatments whose propensity learns, with what it learns by."""
    return {
        (
            candidate.action.name,
            candidate.channel,
            candidate.propensity.prior,
            tuple(feature.text for feature in candidate.propensity.features),
        )
        for candidates in program.candidates.values()
        for candidate in candidates
        if isinstance(candidate.propensity, Propensity)
    }
