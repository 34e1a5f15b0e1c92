"""The figures over the views, and how each counts its list."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, Final, NamedTuple

_CUSTOMERS: Final = "count(DISTINCT customer_id)"


class Figure(NamedTuple):
    """One figure: its key columns, and what is counted for each key.

    `keys`: by name, the expression over the list. `measures` likewise, an aggregate.
    """

    query: str
    """The list's file, without `.sql`."""
    views: tuple[str, ...]
    """Those that the query reads."""
    keys: tuple[str, ...]
    measures: Mapping[str, str]
    split: str = ""
    """The key that has a row for all its values, too."""
    order: str = "ALL"


def _nearest(share: float, of: str = "ms") -> str:
    """Return the quantile by nearest rank: the least value that so many do not exceed."""
    return f"quantile_disc({of}, {share})"


_QUANTILES: Final = (0.5, 0.75, 0.9, 0.95, 0.99)
PEOPLE: Final = Figure(
    "people",
    ("stay",),
    ("at", "journey", "version", "state"),
    {"customers": _CUSTOMERS, "instances": "count(*)"},
)
FLOWS_OF_STATES: Final = Figure(
    "flows_of_states",
    ("transition",),
    ("journey", "version", "from", "to", "reason"),
    {"passages": "count(*)", "customers": _CUSTOMERS},
)
FLOWS_OF_JOURNEYS: Final = Figure(
    "flows_of_journeys",
    ("transition",),
    ("journey", "outcome", "next_journey"),
    {"passages": "count(*)", "customers": _CUSTOMERS},
)
DWELL: Final = Figure(
    "dwell",
    ("stay", "transition"),
    ("journey", "version", "state"),
    {
        "count": "count(*)",
        "mean_ms": "avg(ms)",
        "min_ms": "min(ms)",
        "max_ms": "max(ms)",
        **{f"p{round(share * 100)}_ms": _nearest(share) for share in _QUANTILES},
    },
)
OUTCOMES: Final = Figure(
    "outcomes",
    ("transition", "stay"),
    ("journey", "version", "what", "outcome", "holdout"),
    {"count": "count(*)", "customers": _CUSTOMERS},
    split="holdout",
)
GOALS: Final = Figure(
    "goals",
    ("transition",),
    ("journey", "version", "holdout"),
    {
        "entered": "count(*)",
        "reached": "count(*) FILTER (reached)",
        "goal_rate": "avg(reached::INTEGER)",
        "customers": _CUSTOMERS,
        "reached_by": f"{_CUSTOMERS} FILTER (reached)",
    },
    split="holdout",
)
MEASURES: Final = Figure(
    "measures",
    ("measure",),
    ("measure", "journey", "version", "state"),
    {
        "count": "count(*)",
        "customers": _CUSTOMERS,
        "sum": "fsum(value)",
        "mean": "fsum(value) / count(*)",
        "min": "min(value)",
        "max": "max(value)",
    },
)
SPECTRUM: Final = Figure(
    "spectrum",
    ("stay",),
    ("journey", "version", "from", "to"),
    {
        "passages": "count(*)",
        "customers": _CUSTOMERS,
        **{
            f"p{round(share * 100)}_ms": _nearest(share, "ended - began")
            for share in (0.5, 0.75, 0.9)
        },
    },
)
DFG: Final = Figure(
    "process_dfg",
    ("event",),
    ("from", "to"),
    {"count": "count(*)", "mean_ms": "avg(ms)"},
    order='count DESC, "from", "to"',
)
VARIANTS: Final = Figure(
    "process_variants",
    ("event",),
    ("variant",),
    {"count": "count(*)"},
    order="count DESC, variant",
)
ENDS: Final = Figure(
    "process_ends",
    ("event",),
    ("what", "activity"),
    {"count": "count(*)"},
    order="what DESC, count DESC, 2",
)
AUTOMATION: Final = Figure(
    "automation",
    ("event", "action"),
    ("after", "steps"),
    {
        "count": "count(*)",
        "customers": _CUSTOMERS,
        "mean_ms": "avg(ms)",
        "total_ms": "sum(ms)::BIGINT",
    },
    order='total_ms DESC, count DESC, "after", steps',
)
THROUGHPUT: Final = Figure("process_throughput", ("event",), (), {})
_OF_THROUGHPUT: Final = {
    **{str(share): _nearest(share) for share in _QUANTILES},
    "min": "min(ms)",
    "max": "max(ms)",
    "mean": "avg(ms)",
}


def open_list(
    connection: Any, figure: Figure, parameters: Mapping[str, Any], around: str = "{list}"
) -> None:
    """Make the list of a figure, as the table `list`; `around` is a query over it.

    The columns by which a row is found as of then (`then_…`) are not in the table.
    """
    text = resources.files(__package__).joinpath(f"{figure.query}.sql").read_text()
    query = around.replace("{list}", text)
    used = {name: value for name, value in parameters.items() if f"${name}" in query}
    shown = "COLUMNS(lambda c: NOT starts_with(c, 'then_'))"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE list AS SELECT {shown} FROM ({query})", used)


def counting(figure: Figure) -> str:
    """Return the query that counts the table `list`."""
    if figure is THROUGHPUT:
        rows = f"({_ROWS_OF_THROUGHPUT})"
        return f"SELECT quantile, ms FROM {rows} WHERE ms IS NOT NULL ORDER BY place"
    keys = [f'"{key}"' for key in figure.keys]
    columns = [*keys, *(f'{what} AS "{name}"' for name, what in figure.measures.items())]
    grouping = ", ".join(keys) or "()"
    if figure.split:
        of_all = ", ".join(f'"{key}"' for key in figure.keys if key != figure.split)
        grouping = f"GROUPING SETS (({of_all}), ({grouping}))"
    return f"SELECT {', '.join(columns)} FROM list GROUP BY {grouping} ORDER BY {figure.order}"


def without_customer(connection: Any, period: Mapping[str, int | None]) -> int:
    """Return how many events of a period have no identifier, and so no customer."""
    found: tuple[int] = connection.execute(
        'SELECT count(*) FROM "event" WHERE customer_id IS NULL '
        'AND ($from IS NULL OR "time" >= $from) AND ($until IS NULL OR "time" < $until)',
        dict(period),
    ).fetchone()
    return found[0]


_ROWS_OF_THROUGHPUT: Final = " UNION ALL ".join(
    f"SELECT {place} AS place, '{name}' AS quantile, {what} AS ms FROM list"
    for place, (name, what) in enumerate(_OF_THROUGHPUT.items())
)
