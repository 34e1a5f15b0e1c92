"""The shop's sources, and their formats: native, Segment, and two kinds of mapped rows.

The functions for rows are the inverse of the maps in `topologies/shop/topology.yaml`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cjo_stream.simulate.shop.population import anonymous_id
from cjo_stream.simulate.source import Source
from cjo_stream.simulate.wire import encode, native, rfc3339


@lru_cache(256)
def _spoken(type_: str) -> str:
    """Return an event's name as Segment's specification spells it: `Order Placed`."""
    return type_.replace("_", " ").title()


@lru_cache(256)
def _camel(name: str) -> str:
    """Return a trait's name as Segment's specification spells it: `firstName`."""
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def segment(
    id_: str, type_: str, time_ms: int, identifiers: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    """Return Segment's `track`, or `identify` for an event `cjo.profile`."""
    device = identifiers["device"]
    context: dict[str, Any] = {"device": {"id": device, "type": "ios"}}
    call: dict[str, Any] = {
        "messageId": id_,
        "timestamp": rfc3339(time_ms),
        "anonymousId": anonymous_id(device),
        "context": context,
    }
    if "user_id" in identifiers:
        call["userId"] = identifiers["user_id"]
    if "email" in identifiers:
        context["traits"] = {"email": identifiers["email"]}
    if type_ == "cjo.profile":
        call["type"] = "identify"
        call["traits"] = {_camel(name): value for name, value in attributes.items()}
    else:
        call["type"] = "track"
        call["event"] = _spoken(type_)
        call["properties"] = attributes
    return encode(call)


def receipt(
    id_: str, type_: str, time_ms: int, identifiers: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    """Return a till's receipt; returned goods have a negative total."""
    sign = -1 if type_ == "order_returned" else 1
    row = {
        "receipt": id_,
        "ts": rfc3339(time_ms),
        "card": identifiers.get("loyalty_id"),
        "mail": identifiers.get("email"),
        "sum": sign * attributes["total"],
        "store": attributes["store"],
    }
    return encode({name: value for name, value in row.items() if value is not None})


def scan(
    id_: str, type_: str, time_ms: int, identifiers: dict[str, str], attributes: dict[str, Any]
) -> bytes:
    """Return a carrier's scan."""
    row = {
        "scan": id_,
        "at": rfc3339(time_ms),
        "status": type_.removeprefix("parcel_").upper(),
        "order": attributes["order_id"],
        "customer": identifiers.get("user_id"),
        "mail": identifiers.get("email"),
        "days_late": attributes.get("days_late"),
    }
    return encode({name: value for name, value in row.items() if value is not None})


SOURCES = {
    "web": Source(native, 20, 400, "cookie"),
    "app": Source(segment, 300, 3_000, "device"),
    "store": Source(receipt, 1_000, 60_000, "store"),
    "parcel": Source(scan, 1_000, 30_000, "order_id"),
    "email": Source(native, 1_000, 5_000),
    "desk": Source(native, 500, 2_000),
}
"""By channel of the shop."""
