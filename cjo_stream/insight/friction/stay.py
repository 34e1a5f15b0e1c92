"""Stays in a state: all are counted, those of a state are opened when a finding may show in them.

DuckDB does both on another core, while NumPy is at the events.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import numpy as np

from cjo_stream.ingest.parquet import import_pyarrow
from cjo_stream.insight.friction.event import HOUR_MS, ORDINALS, coded, numbered
from cjo_stream.insight.friction.hazard import Waits, line
from cjo_stream.insight.friction.line import (
    LIMITS_MS,
    OPEN,
    OPEN_MS,
    Named,
    Opened,
    hourly,
    lengths_by_hour,
)
from cjo_stream.insight.friction.span import Span, grouped

_TARGET: Final = """
CASE
    WHEN reason = 'exited' THEN
        CASE WHEN is_reached THEN 'goal ' ELSE 'exit ' END || coalesce(outcome, '')
    WHEN reason <> 'merged' THEN "next"
END
"""
_CLASS: Final = " ".join(
    f'WHEN "until" - since < {limit} THEN {number}' for number, limit in enumerate(LIMITS_MS)
)
# `moved` of part.stays would take an instance of each stay, which are many texts.
_NEWER: Final = """
CREATE OR REPLACE TEMP TABLE friction_newer AS SELECT * FROM part.counted('part.newly');
CREATE OR REPLACE TEMP VIEW friction_stay AS
SELECT * FROM part.still UNION ALL SELECT * FROM friction_newer;
"""
_COUNTED: Final = f"""
SELECT journey || '.' || state AS place, journey, state, {_TARGET} AS target, since, "until",
    "class", times, units
FROM (
    SELECT journey, state, reason, outcome, "next", reached <= "until" AS is_reached,
        since // {HOUR_MS} AS since, coalesce("until" // {HOUR_MS}, {OPEN}) AS "until",
        CASE {_CLASS} ELSE {len(LIMITS_MS)} END AS "class", times, count(*) AS units
    FROM friction_stay
    GROUP BY ALL
)
ORDER BY ALL
"""
_OPENED: Final = f"""
SELECT coalesce(m.present, p.present, s.customer_id) AS customer_id, since,
    coalesce("until", {OPEN_MS}) AS "until", {_TARGET} AS target, times
FROM (
    SELECT *, reached <= "until" AS is_reached FROM friction_stay
    WHERE journey = $journey AND state = $state
) AS s
LEFT JOIN part.moved AS m ON m.instance_id = s.instance_id
LEFT JOIN part.present AS p ON p.customer_id = s.customer_id
"""


class State(NamedTuple):
    """A state, by its names."""

    journey: str
    state: str


class Stays:
    """All stays, as counts; `close` it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection.cursor()
        self._thread = ThreadPoolExecutor(1)
        self._opened: dict[str, Future[Opened]] = {}
        self.counted: Future[Any] = self._thread.submit(self._count)

    def close(self) -> None:
        """Open no more places."""
        self._thread.shutdown(cancel_futures=True)

    def open(self, place: str, states: list[State]) -> Future[Opened]:
        """Let the stays of a place be opened."""
        if place not in self._opened:
            self._opened[place] = self._thread.submit(self._open, states)
        return self._opened[place]

    def _count(self) -> Any:
        self._connection.execute(_NEWER)
        return self._connection.sql(_COUNTED).to_arrow_table()

    def _open(self, states: list[State]) -> Opened:
        pyarrow, _ = import_pyarrow()
        found = pyarrow.concat_tables(
            self._connection.sql(_OPENED, params=one._asdict()).to_arrow_table() for one in states
        )
        who, customers = numbered(found["customer_id"])
        target, targets = coded(found["target"])
        since, until, times = (found[name].to_numpy() for name in ("since", "until", "times"))
        return Opened(who, customers, since, until, target, targets, times)


class _Units(NamedTuple):
    stays: Stays
    place: str
    states: list[State]

    def ask(self) -> None:
        self.stays.open(self.place, self.states)

    @property
    def all(self) -> Opened:
        return self.stays.open(self.place, self.states).result()


def states(stays: Stays, span: Span) -> Iterator[Named]:
    """Yield the line of each state."""
    table = stays.counted.result()
    columns = ("since", "until", "class", "times", "units")
    found = {name: table[name].to_numpy() for name in columns}
    found["since"], found["until"] = (found[one] - span.from_hour for one in ("since", "until"))
    found["target"], names = coded(table["target"])
    found["place"], places = coded(table["place"])
    found["journey"], journeys = coded(table["journey"])
    found["state"], states = coded(table["state"])
    for place, rows in grouped(found, "place"):
        named = (names[one] for one in np.unique(rows["target"]).tolist())
        targets = sorted(one for one in named if one is not None)
        codes = np.array([targets.index(one) if one in targets else -1 for one in names])
        target = codes[rows["target"]]
        units = rows["units"].astype(np.float64)
        waits = Waits(rows["since"], rows["until"], target, units)
        ended = target >= 0
        lengths = lengths_by_hour(span, rows["until"][ended], rows["class"][ended], units[ended])
        entered = {
            one: hourly(span, rows["since"][fits], units[fits])
            for one in (1, *ORDINALS)
            if (fits := rows["times"] == one).any()
        }
        of = set(zip(rows["journey"].tolist(), rows["state"].tolist(), strict=True))
        opened = _Units(
            stays,
            places[place],
            [State(journeys[one], states[other]) for one, other in sorted(of)],
        )
        name, counted = places[place], line(waits, span.hours)
        yield Named(name, name, None, None, targets, counted, lengths, opened, entered)
