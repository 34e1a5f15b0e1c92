"""The queries of all dashboards, asked again and again while the drill runs."""

from __future__ import annotations

import math
import threading
from typing import Final, NamedTuple

from cjo_stream.telemetry.monitoring.board import BOARDS
from cjo_stream.telemetry.monitoring.board.panel import RATE
from tests.drill.watching import Watching

PAUSE_S: Final = 4.0
RATE_S: Final = 20
"""What Grafana takes as the interval of rates here: some scrapes."""


class Asked(NamedTuple):
    """One query of one panel."""

    board: str
    panel: str
    expr: str

    def __str__(self) -> str:
        return f"{self.board}, {self.panel}: {self.expr}"


QUERIES: Final = tuple(
    Asked(board.name, panel.title, query.expr.replace(RATE, f"[{RATE_S}s]"))
    for board in BOARDS
    for panel in board.panels
    for query in panel.queries
)


NEEDS: Final = {
    "Guarded canaries": "canary-worse",
    "Held commands": "commands-expired",
    "Webhooks: requests made again": "endpoint-away",
}
"""Panels that have data only in a drill with this fault."""


class Panels(threading.Thread):
    """Asks each query until it is closed; `silent` are those that never had a value."""

    def __init__(self, watching: Watching) -> None:
        super().__init__(daemon=True)
        self.silent = set(QUERIES)
        self._watching = watching
        self._closing = threading.Event()

    def run(self) -> None:
        while not self._closing.wait(PAUSE_S):
            for query in sorted(self.silent):
                try:
                    found = self._watching.query(query.expr)
                except OSError:  # Prometheus is away, which is a fault of its own
                    break
                if any(not math.isnan(float(one["value"][1])) for one in found):
                    self.silent.discard(query)

    def close(self) -> None:
        """Ask no more."""
        self._closing.set()
        self.join()
