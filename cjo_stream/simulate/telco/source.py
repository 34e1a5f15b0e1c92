"""The telco's sources: native, and the rows of the network's and the billing system.

The functions for rows are the inverse of the maps in `topologies/telco/topology.yaml`.
"""

from __future__ import annotations

from typing import Any

from cjo_stream.simulate.source import Source
from cjo_stream.simulate.wire import encode, native, rfc3339


def alarm(
    id_: str, type_: str, time_ms: int, identifiers: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    """Return a row of the network's fault system."""
    state = type_.removeprefix("fault_").upper()
    row = {"row": id_, "at": rfc3339(time_ms), "state": state, "line": identifiers["line"]}
    row |= {"contract": identifiers["account"], "ticket": attributes["fault_id"]}
    return encode(row | {"area": attributes["area"]})


def bill(
    id_: str, type_: str, time_ms: int, identifiers: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    """Return a row of the billing system."""
    kind = type_.removeprefix("bill_").upper()
    row = {"row": id_, "ts": rfc3339(time_ms), "kind": kind, "account": identifiers["account"]}
    return encode(row | {"bill": attributes["bill_id"], "amount": attributes["amount"]})


SOURCES = {
    "portal": Source(native, 20, 400, "cookie"),
    "app": Source(native, 200, 2_000, "device"),
    "crm": Source(native, 500, 3_000, "account"),
    "sales": Source(native, 1_000, 20_000),
    "network": Source(alarm, 1_000, 10_000, "line"),
    "billing": Source(bill, 1_000, 30_000, "account"),
}
"""By channel of the telco."""
