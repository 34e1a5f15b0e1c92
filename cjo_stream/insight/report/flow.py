"""Flows from journey to journey, as columns of a Sankey diagram."""

from __future__ import annotations

from typing import Final

from cjo_stream.insight.figure.figure import FLOWS_OF_JOURNEYS
from cjo_stream.insight.report.asking import Asking, Row
from cjo_stream.insight.report.content import Flow, Link, Node

WITHIN: Final = "7d"
WITHIN_MS: Final = 7 * 86_400_000
NOTHING: Final = "nothing more"
NO_OUTCOME: Final = "no outcome"
LINKS_MAX: Final = 40
"""Flows of a drawing; the others stand in the list."""


class Flows:
    """The flows of a layer, asked for once."""

    def __init__(self, asking: Asking) -> None:
        self._command = asking.command(f"flows --of journeys --within {WITHIN}")
        self.rows = asking.rows(FLOWS_OF_JOURNEYS, within=WITHIN_MS)
        self.outcomes = asking.again(FLOWS_OF_JOURNEYS, keys=["journey", "outcome"])
        self.nexts = asking.again(FLOWS_OF_JOURNEYS, keys=["journey", "next_journey"])
        self._befores = asking.again(FLOWS_OF_JOURNEYS, keys=["journey"])
        self._afters = asking.again(FLOWS_OF_JOURNEYS, keys=["next_journey"])

    def between(self) -> Flow:
        """Return the flow from each journey that ended to the next one."""
        columns = _Columns()
        for row in self.nexts:
            columns.add((0, row["journey"]), (1, row["next_journey"] or NOTHING), row)
        totals = {
            **{(0, row["journey"]): row["passages"] for row in self._befores},
            **{(1, row["next_journey"] or NOTHING): row["passages"] for row in self._afters},
        }
        return columns.flow("What comes after a journey", totals, self._command)

    def after(self, journey: str) -> Flow:
        """Return the flow from a journey, by its outcomes, to the next one."""
        columns = _Columns()
        totals = {(0, row["journey"]): row["passages"] for row in self._befores}
        for row in self.outcomes:
            if row["journey"] == journey:
                middle = (1, row["outcome"] or NO_OUTCOME)
                totals[middle] = row["passages"]
                columns.add((0, journey), middle, row)
        for row in self.rows:
            if row["journey"] == journey:
                middle = (1, row["outcome"] or NO_OUTCOME)
                columns.add(middle, (2, row["next_journey"] or NOTHING), row)
        for row in self.nexts:
            if row["journey"] == journey:
                totals[2, row["next_journey"] or NOTHING] = row["passages"]
        title = f"{journey}: how it ends, and what comes next"
        return columns.flow(title, totals, self._command)


_Key = tuple[int, str]


class _Columns:
    """Collects links, the largest of which are drawn."""

    def __init__(self) -> None:
        self._links: list[tuple[int, _Key, _Key]] = []

    def add(self, source: _Key, target: _Key, row: Row) -> None:
        self._links.append((row["passages"], source, target))

    def flow(self, title: str, totals: dict[_Key, int], command: str) -> Flow:
        ordered = sorted(self._links, key=lambda link: (-link[0], link[1:]))
        drawn = ordered[:LINKS_MAX]
        keys = dict.fromkeys(key for _, *ends in drawn for key in ends)
        nodes = sorted(keys, key=lambda key: (key[0], -totals[key], key[1]))
        place = {key: number for number, key in enumerate(nodes)}
        few = len(ordered) > LINKS_MAX
        return Flow(
            title,
            [Node(*key, totals[key]) for key in nodes],
            [Link(place[source], place[target], passages) for passages, source, target in drawn],
            command,
            f"The {LINKS_MAX} largest of {len(ordered)} flows are drawn; numbers at the names are "
            "of all." if few else "",
        )  # fmt: skip
