"""What the shop's simulated people do: events by real person, in tables as a layer shows them.

No engine runs: who is who is known, and journeys are left out. `recorded` has the views of a layer
instead, with the records of a real run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import duckdb
import msgspec
import numpy as np

from cjo_stream.insight import connect
from cjo_stream.insight.layer.table import STAYED
from cjo_stream.simulate import Simulated, open_world
from cjo_stream.simulate.fault import Faults

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 1_767_571_200_000
"""Monday 2026-01-05, midnight."""
_TYPES: Final = {"text": "VARCHAR", "integer": "BIGINT", "flag": "BOOLEAN"}
Row = tuple[str, str, str, int]
"""Person, event type, channel, time."""
Transition = tuple[str, str, str, str | None, str | None, str, str | None, int]
"""Journey, instance, customer, from, to, reason, outcome, time."""


@lru_cache(maxsize=1)
def events(people: int, days: int, seed: int) -> tuple[Row, ...]:
    """Return the events of a world without faults of channels, in order of time."""
    world = open_world(
        "shop",
        people=people,
        seed=seed,
        start_ms=START_MS,
        duration_ms=days * DAY_MS,
        faults=Faults(late=0.0, repeated=0.0, malformed=0.0),
    )
    found = [
        (one.person, type_, one.channel, one.time_ms)
        for one in world.events()
        for type_ in _types(one)
    ]
    return tuple(sorted(found, key=lambda row: row[3]))


def _types(one: Simulated) -> Iterator[str]:
    value = msgspec.json.decode(one.value)
    if one.channel == "store":
        yield "order_placed" if value["sum"] >= 0 else "order_returned"
    elif one.channel == "parcel":
        yield f"parcel_{value['status'].lower()}"
    elif one.channel == "app":
        if value["type"] == "track":
            yield value["event"].lower().replace(" ", "_")
    else:
        yield value["type"]


def tables(rows: Iterable[Row], transitions: Iterable[Transition] = ()) -> Any:
    """Return a connection with the views that friction reads."""
    found = duckdb.connect(":memory:")
    _make(found, "event", ("customer_id", "type", "channel", "time"), list(rows))
    columns = (
        "journey", "instance_id", "customer_id", "from", "to", "reason", "outcome", "time"
    )  # fmt: skip
    _make(found, "transition", columns, list(transitions))
    found.execute(
        "CREATE TABLE outcome (customer_id VARCHAR, channel VARCHAR, outcome VARCHAR, time BIGINT)"
    )
    return with_stays(found)


def with_stays(found: Any) -> Any:
    """Return a connection over events, transitions and outcomes with what a layer has of stays."""
    columns = ", ".join(f'"{name}" {_TYPES[type_]}' for name, type_ in STAYED.columns.items())
    found.execute(
        f"""
        CREATE SCHEMA part;
        CREATE VIEW part.outcome AS FROM main.outcome;
        CREATE VIEW part."transition" AS
            SELECT *, 1 AS version, NULL::VARCHAR AS "key", false AS holdout
            FROM main."transition";
        CREATE TABLE part.stayed ({columns});
        CREATE VIEW part.unkept AS SELECT DISTINCT instance_id FROM part."transition";
        CREATE TABLE part.moved (instance_id VARCHAR, present VARCHAR);
        CREATE TABLE part.present (customer_id VARCHAR, present VARCHAR);
        """
    )
    found.execute(resources.files("cjo_stream.insight.view").joinpath("stay.sql").read_text())
    return found


def recorded(layer: str) -> tuple[list[Row], list[Transition]]:
    """Return the events and transitions of a layer, in order."""
    found = connect(layer)
    order = "ORDER BY time, lane, position"
    rows = found.execute(
        f"SELECT customer_id, type, channel, time FROM event WHERE customer_id IS NOT NULL {order}"
    ).fetchall()
    transitions = found.execute(
        'SELECT journey, instance_id, customer_id, "from", "to", reason, outcome, time '
        f"FROM transition {order}"
    ).fetchall()
    return rows, transitions


def _make(found: Any, table: str, names: tuple[str, ...], rows: list[Any]) -> None:
    columns = {
        name: np.array([row[place] for row in rows], dtype=np.int64 if name == "time" else object)
        for place, name in enumerate(names)
    }
    columns["position"] = np.arange(len(rows))
    found.register("rows", columns)
    listed = ", ".join(
        f'"{name}"::{"BIGINT" if name == "time" else "VARCHAR"} AS "{name}"' for name in names
    )
    found.execute(f"CREATE TABLE {table} AS SELECT {listed}, position, 'lane' AS lane FROM rows")
    found.unregister("rows")
