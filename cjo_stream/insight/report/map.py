"""The map of a journey: its states with their stays, and the passages between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cjo_stream.insight.report.asking import Asking, Row
from cjo_stream.insight.report.content import Edge, Map, State

LEGEND: Final = (
    "A card is a state: the stays that ended, with the time that half of them and nine in ten did "
    "not exceed; then each way out, with its passages and the time that half of them took."
)


def map_of(
    asking: Asking,
    journey: str,
    version: int,
    dwell: Sequence[Row],
    spectrum: Sequence[Row],
    flows: Sequence[Row],
    arrivals: Sequence[Row],
) -> Map:
    """Return the map of a version.

    From rows of `dwell`, `spectrum`, and `flows --of states`: these also counted by `to`.
    """
    passages = _of(spectrum, journey, version)
    entered = {
        row["to"]: row["passages"]
        for row in _of(flows, journey, version)
        if row["reason"] == "entered"
    }
    stays = {row["state"]: row for row in _of(dwell, journey, version)}
    edges = [
        Edge(row["from"], row["to"], row["passages"], row["p50_ms"], row["p90_ms"])
        for row in sorted(passages, key=lambda row: (-row["passages"], row["to"] or ""))
    ]
    ends = (one.target for one in edges)
    names = dict.fromkeys(name for name in (*entered, *stays, *ends) if name is not None)
    arrived = {row["to"]: row["passages"] for row in _of(arrivals, journey, version)}
    states = [
        _state(name, entered.get(name, 0), arrived.get(name, 0), stays.get(name)) for name in names
    ]
    title = f"{journey}, version {version}"
    return Map(title, states, edges, asking.command("spectrum"), LEGEND)


def _state(name: str, entries: int, arrivals: int, stay: Row | None) -> State:
    if stay is None:
        return State(name, entries, arrivals, None)
    return State(name, entries, arrivals, stay["count"], stay["p50_ms"], stay["p90_ms"])


def main_path(journey: str, flows: Sequence[Row]) -> list[str]:
    """Return the states of the most trodden way from the entry, as long as people stay in them."""
    moves = [row for row in flows if row["journey"] == journey]
    begins = [row for row in moves if row["reason"] == "entered"]
    path: list[str] = []
    here = max(begins, key=lambda row: row["passages"])["to"] if begins else None
    while here is not None:
        path.append(here)
        ways = [
            row
            for row in moves
            if row["from"] == here and row["reason"] == "moved" and row["to"] not in path
        ]
        here = max(ways, key=lambda row: row["passages"])["to"] if ways else None
    return path


def _of(rows: Sequence[Row], journey: str, version: int) -> list[Row]:
    return [row for row in rows if row["journey"] == journey and row["version"] == version]
